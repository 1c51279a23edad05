//! The signals that end a process: in order SIGINT and SIGTERM, at once SIGQUIT.

use std::io;

use tokio::signal::unix::{self, SignalKind, signal};

/// Ends at the first of them after this was called, and names it. For the inside of a runtime.
///
/// # Errors
/// Where the process cannot listen to signals.
pub fn end_signal() -> io::Result<impl Future<Output = &'static str>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}

/// A signal that ends the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Terminate,
    Quit,
}

/// Listens to all of them, for as long as it lives and longer: none has its usual effect any more.
///
/// The first process of a container has no usual effects; there a signal that nobody listens to is lost.
#[derive(Debug)]
pub struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    quit: unix::Signal,
}

impl Signal {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Quit => "SIGQUIT",
        }
    }
}

impl Signals {
    /// For the inside of a runtime.
    ///
    /// # Errors
    /// Where the process cannot listen to signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.quit.recv() => Signal::Quit,
        }
    }

    /// Waits for the one that does not wait.
    pub async fn quit(&mut self) {
        self.quit.recv().await;
    }
}
