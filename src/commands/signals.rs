//! The signals that end a process in order: SIGINT and SIGTERM.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

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
