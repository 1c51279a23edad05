//! The signals that end a process in order: SIGINT and SIGTERM.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Catches the signals from the moment it is made.
#[derive(Debug)]
pub struct EndSignals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    /// # Errors
    /// Where the process cannot listen to signals.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Waits for one, and names it.
    #[must_use]
    pub fn wait(mut self) -> &'static str {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
            }
        })
    }
}
