//! The end of serving: begun once, seen by everyone, over at a deadline.

use std::time::Duration;

use tokio::sync::watch;

/// How long connections may take to end by themselves.
const DRAIN: Duration = Duration::from_secs(30);

/// Begins the end.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Learns of the end. Every listener and every connection holds one.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A trigger, and what learns of it.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Listeners stop accepting; connections end with the answer under way. A trigger that is dropped does the
    /// same.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Waits for the end to begin.
    pub async fn begun(&mut self) {
        // An error says that the trigger is gone, which is an end too.
        let _ = self.0.wait_for(|begun| *begun).await;
    }

    /// True once the end has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits as long as a drain may take.
    pub(super) async fn deadline(&self) {
        tokio::time::sleep(DRAIN).await;
    }
}
