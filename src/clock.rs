//! Wall-clock time, from the system or from a hand that a test turns.
//!
//! Every decision that depends on the time (expiry, margins, what is remembered for how long) asks a
//! [`Clock`], so that a test moves an hour in no time and never sleeps for luck.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The longest sleep at once: the machine's clock may be set while somebody waits for a time of it.
const NAP: Duration = Duration::from_secs(30);

/// Seconds since 1970-01-01T00:00:00Z, as JWTs count them (RFC 7519 §2, `NumericDate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// The time `by` later; it stays at the end of time rather than wrapping round.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `self` to `later`; zero where `later` is not later.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells the time. Clones share the hand, so one turn moves every holder.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<i64>>),
}

impl Clock {
    /// The machine's own clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] turns it.
    #[must_use]
    pub fn manual(start: UnixTime) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start.0))))
    }

    /// The time now, in whole seconds.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
            }
            Source::Manual(hand) => UnixTime(*hand.borrow()),
        }
    }

    /// Turns a manual clock forward; the machine's own clock does not move.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hand) = &self.0 {
            hand.send_modify(|now| *now += i64::try_from(by.as_secs()).unwrap_or(0));
        }
    }

    /// Waits until it is `at`, to the second; a manual clock is waited for without a delay.
    pub async fn reach(&self, at: UnixTime) {
        match &self.0 {
            Source::System => {
                while self.now() < at {
                    tokio::time::sleep(self.now().until(at).min(NAP)).await;
                }
            }
            Source::Manual(hand) => {
                // The sender lives in `self`, so this does not fail.
                let _ = hand.subscribe().wait_for(|now| *now >= at.0).await;
            }
        }
    }
}
