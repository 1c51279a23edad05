//! How long a session may last, by what is sealed inside it: a cookie's `Max-Age` is the browser's to ignore.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::session::Session;

/// A use is written down at most once in this part of the idle time-out, so that few answers set a cookie.
const TOUCHES: u32 = 10;

/// The ends that a session has beside that of its refresh token, which is opaque and tells nothing of its own.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// From the sign-in on.
    max: Duration,
    /// From the last use on.
    idle: Option<Duration>,
}

impl Lifetimes {
    #[must_use]
    pub fn new(max: Duration, idle: Option<Duration>) -> Self {
        Self { max, idle }
    }

    /// True where the session has lasted or lain idle for too long.
    #[must_use]
    pub fn have_ended(&self, session: &Session, now: UnixTime) -> bool {
        self.left(session, now).is_zero()
    }

    /// True where a use at `now` must be written down.
    #[must_use]
    pub fn want_touch(&self, session: &Session, now: UnixTime) -> bool {
        self.idle.is_some_and(|idle| session.touched.until(now) >= idle / TOUCHES)
    }

    /// How long the session still has where nothing is done with it, and so how long a browser need keep it.
    #[must_use]
    pub fn left(&self, session: &Session, now: UnixTime) -> Duration {
        let by_age = now.until(session.created.plus(self.max));
        let by_use = self.idle.map(|idle| now.until(session.touched.plus(idle)));
        by_use.map_or(by_age, |by_use| by_use.min(by_age))
    }

    /// When it is over for what was begun under it: with its access token, or by its age. An open connection counts as
    /// use.
    #[must_use]
    pub fn latest(&self, session: &Session) -> UnixTime {
        session.access_expires.min(session.created.plus(self.max))
    }
}
