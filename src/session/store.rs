//! Where sessions are kept, whichever place that is.

use std::time::Duration;

use http::HeaderValue;

use crate::cookie::chunk::TooLarge;
use crate::cookie::read::RequestCookies;
use crate::session::Session;
use crate::session::cookie_store::CookieStore;

/// Keeps sessions: all of them the same way.
#[derive(Clone, Debug)]
pub enum Store {
    Cookie(CookieStore),
}

/// What the cookies of a request amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// There is no cookie of ours.
    None,
    /// There is a session.
    Session(Held),
    /// There is a cookie of ours, and no session comes of it: to be cleared, and otherwise as if there were none.
    Invalid,
}

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub session: Box<Session>,
    /// False where an older key sealed it, so that it wants saving anew.
    pub current_key: bool,
}

/// The place where sessions are kept cannot be asked, so that nobody knows whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session store cannot be reached")]
pub struct StoreUnavailable;

/// Why a session is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl Store {
    /// The cookie's effective name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Cookie(store) => store.name(),
        }
    }

    /// The session that `cookies` hold or stand for.
    pub async fn load(&self, cookies: &RequestCookies) -> Result<Loaded, StoreUnavailable> {
        match self {
            Self::Cookie(store) => Ok(store.load(cookies)),
        }
    }

    /// Keeps a session that begins, and gives the lines for the browser.
    pub async fn begin(
        &self,
        session: &Session,
        cookies: &RequestCookies,
        left: Duration,
    ) -> Result<Vec<HeaderValue>, SaveError> {
        match self {
            Self::Cookie(store) => Ok(store.save(session, cookies, left)?),
        }
    }

    /// The lines that give the browser a session that goes on, with newer tokens or a later end.
    ///
    /// # Errors
    /// [`TooLarge`] where all the cookies that a browser may be given would not hold it.
    pub fn go_on(
        &self,
        session: &Session,
        cookies: &RequestCookies,
        left: Duration,
    ) -> Result<Vec<HeaderValue>, TooLarge> {
        match self {
            Self::Cookie(store) => store.save(session, cookies, left),
        }
    }

    /// Forgets the session. The cookie store has nothing to forget: a copy of a cookie is as good as the cookie.
    pub async fn end(&self, _held: &Held) -> Result<(), StoreUnavailable> {
        match self {
            Self::Cookie(_) => Ok(()),
        }
    }

    /// The lines that take every cookie of ours out of the browser.
    #[must_use]
    pub fn clear(&self, cookies: &RequestCookies) -> Vec<HeaderValue> {
        match self {
            Self::Cookie(store) => store.clear(cookies),
        }
    }
}
