//! The end of serving: begun once, seen by everyone, over at a deadline.

use std::time::Duration;

use tokio::sync::watch;

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Clients are asked to go elsewhere, and served until they do.
    Draining,
    /// Nobody is accepted any more; what is under way is finished.
    Ending,
}

/// Begins the end.
#[derive(Debug)]
pub struct Trigger(watch::Sender<Phase>);

/// Learns of the end. Every listener and every connection holds one.
#[derive(Clone, Debug)]
pub struct Shutdown {
    phase: watch::Receiver<Phase>,
    timeout: Duration,
}

/// A trigger, and what learns of it. What is under way may take `timeout` once nobody is accepted any more.
#[must_use]
pub fn channel(timeout: Duration) -> (Trigger, Shutdown) {
    let (sender, phase) = watch::channel(Phase::Serving);
    (Trigger(sender), Shutdown { phase, timeout })
}

impl Trigger {
    /// Answers ask clients to close from now on; whoever comes is still served.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Listeners stop accepting; connections end with the answer under way. A trigger that is dropped does the
    /// same.
    pub fn end(&self) {
        self.advance(Phase::Ending);
    }

    fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|current| {
            let further = phase > *current;
            *current = phase.max(*current);
            further
        });
    }
}

impl Shutdown {
    /// Waits for the end to begin.
    pub async fn begun(&mut self) {
        // An error says that the trigger is gone, which is an end too.
        let _ = self.phase.wait_for(|phase| *phase >= Phase::Draining).await;
    }

    /// Waits until nobody is accepted any more.
    pub async fn ending(&mut self) {
        let _ = self.phase.wait_for(|phase| *phase == Phase::Ending).await;
    }

    /// True once the end has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining || self.is_abandoned()
    }

    /// True once nobody is accepted any more.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        *self.phase.borrow() == Phase::Ending || self.is_abandoned()
    }

    /// Waits as long as what is under way may take.
    pub(super) async fn deadline(&self) {
        tokio::time::sleep(self.timeout).await;
    }

    fn is_abandoned(&self) -> bool {
        self.phase.has_changed().is_err()
    }
}
