//! What the answer to an admitted request tells the browser of its session.

use std::sync::Arc;

use http::HeaderValue;

use super::RelyingParty;
use crate::cookie::chunk::TooLarge;
use crate::cookie::read::RequestCookies;
use crate::session::Session;

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing: the browser's cookie is as it should be.
    None,
    /// The session, which is not what the cookie holds.
    Now,
    /// What a refresh brings that runs beside the request, where it has brought it by then.
    Perhaps,
    /// As [`Renewal::Perhaps`], and the browser should not be without it: the answer waits, a second at most.
    Awaited,
}

/// What an answer may be given, as far as it is known before there is one.
#[derive(Debug)]
pub struct Prepared {
    session: Arc<Session>,
    renewal: Renewal,
    lines: Vec<HeaderValue>,
}

impl RelyingParty {
    /// Makes the lines that are known already; to be called before the request has any effect.
    ///
    /// # Errors
    /// [`TooLarge`] where the session can be used and not be kept.
    pub fn prepare(
        &self,
        session: &Arc<Session>,
        renewal: Renewal,
        cookies: &RequestCookies,
    ) -> Result<Prepared, TooLarge> {
        let lines = match renewal {
            Renewal::Now => self.lines(session, cookies)?,
            Renewal::None | Renewal::Perhaps | Renewal::Awaited => Vec::new(),
        };
        Ok(Prepared { session: Arc::clone(session), renewal, lines })
    }

    /// The lines for an answer whose head is there: of the newest state of the session that is known by now.
    ///
    /// None of one that was signed out while the answer was under way.
    pub async fn renewed(&self, prepared: Prepared, cookies: &RequestCookies) -> Vec<HeaderValue> {
        let Prepared { session, renewal, lines } = prepared;
        if renewal == Renewal::Awaited {
            self.refresher.landed(session.id).await;
        }
        if renewal == Renewal::None || self.signed_out.contains(&session.id) {
            return Vec::new();
        }
        // What it brings must not meet older tokens that come later.
        if self.refresher.is_refreshing(session.id) {
            return Vec::new();
        }
        let (session, lines) = match self.refresher.newer(&session) {
            // Where it is too large, the log tells, and the next request is refused before it has any effect.
            Some(newer) => {
                let lines = self.lines(&newer, cookies).unwrap_or_default();
                (newer, lines)
            }
            None => (session, lines),
        };
        if lines.is_empty() {
            return lines;
        }
        self.refresher.carried(&session);
        self.counted(lines)
    }

    fn lines(&self, session: &Session, cookies: &RequestCookies) -> Result<Vec<HeaderValue>, TooLarge> {
        self.store.go_on(session, cookies, self.lifetimes.left(session, self.clock.now()))
    }
}
