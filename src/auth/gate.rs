//! The decision: does this request go on to the app, and as whom?

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::bearer::{BearerRefused, Brought};
use super::caller::Caller;
use super::refresh::Freshness;
use super::renewal::Renewal;
use super::{RelyingParty, RequestHead};
use crate::clock::UnixTime;
use crate::cookie::read::{Named, RequestCookies};
use crate::cookie::write;
use crate::session::Session;
use crate::session::store::{Held, Loaded, SaveError, StoreUnavailable, Stored};

/// How soon after a sign-in a visit without a session shows that another sign-in would not help.
const MARK: Duration = Duration::from_secs(30);

/// What is decided about a request.
#[derive(Debug)]
pub enum Admission {
    /// It goes on, where this somebody may.
    Forward(Caller),
    /// Nobody is signed in. The lines end cookies that are of no use any more, for an answer that may set any.
    Login { expired: Vec<HeaderValue> },
    /// A sign-in has just succeeded, and there is no session to go on with: another would only go round.
    CookieLost,
    /// A token was brought that lets nobody in.
    Refused(BearerRefused),
    /// It cannot be decided now.
    Unavailable(Unavailable),
}

/// Why it cannot be decided at the moment whether a request goes on.
#[derive(Clone, Copy, Debug)]
pub enum Unavailable {
    /// The session needs a refresh that cannot be had.
    Refresh { retry_after: Duration },
    /// Cognito's signing keys are not known, so that a client's token cannot be verified.
    Keys,
    /// Whether there is a session cannot be known.
    Store(StoreUnavailable),
}

impl RelyingParty {
    /// Decides who sends a request: whoever the token says that it brings, else whoever the session cookie says. A refresh,
    /// where one is due, begins here, and where the access token has run out it ends here too.
    pub async fn admit(&self, head: &RequestHead<'_>) -> Admission {
        match self.bearers.read(head.headers).await {
            Brought::Nothing => self.admit_session(head.cookies).await,
            Brought::Good { bearer, token } => Admission::Forward(Caller::Bearer { bearer, token }),
            Brought::Bad(refused) => Admission::Refused(refused),
            Brought::Unknown => Admission::Unavailable(Unavailable::Keys),
        }
    }

    async fn admit_session(&self, cookies: &RequestCookies) -> Admission {
        let loaded = match self.store.load(cookies).await {
            Err(unavailable) => return Admission::Unavailable(Unavailable::Store(unavailable)),
            Ok(Loaded::Session(held)) => Some(held),
            // Not `over`: what was signed out here is not lost.
            Ok(Loaded::Gone(id)) if self.signed_out.contains(&id) => {
                return Admission::Login { expired: self.store.clear(cookies) };
            }
            Ok(Loaded::Gone(_) | Loaded::Invalid) => None,
            Ok(Loaded::None) if self.has_just_signed_in(cookies) => return Admission::CookieLost,
            Ok(Loaded::None) => return Admission::Login { expired: Vec::new() },
        };
        // Whatever ended a session that has just begun would end the next one too: chunks that the browser
        // dropped, a replica with other keys, tokens that were over on arrival.
        let login = || Admission::Login { expired: self.store.clear(cookies) };
        let over = || if self.has_just_signed_in(cookies) { Admission::CookieLost } else { login() };
        let now = self.clock.now();
        let living = loaded.filter(|held| !self.lifetimes.have_ended(&held.session, now));
        let Some(held) = living else {
            return over();
        };
        // The next session has another id, so that nothing goes round.
        if self.signed_out.contains(&held.session.id) {
            return login();
        }
        let (session, renewal) = match self.refresher.fresh(&held).await {
            // What is about to be replaced is not written down.
            Freshness::Current { coming: true } => {
                let must =
                    self.refresher.is_lost_uncarried() || self.lifetimes.want_touch(&held.session, now);
                (Arc::from(held.session), if must { Renewal::Awaited } else { Renewal::Perhaps })
            }
            // What an older key sealed is sealed anew, so that the key can leave the ring one day.
            Freshness::Current { coming: false } => match self.touched(held, now).await {
                Some(it) => it,
                None => return login(),
            },
            Freshness::Renewed(session) => (session, Renewal::Now),
            Freshness::Ended => return over(),
            Freshness::Unavailable { retry_after } => {
                return Admission::Unavailable(Unavailable::Refresh { retry_after });
            }
        };
        self.watched.seen(session.id, self.lifetimes.latest(&session));
        Admission::Forward(Caller::Session { session, renewal })
    }

    /// The session, and what the browser is to be told; `None` where it has been signed out elsewhere.
    async fn touched(&self, held: Held, now: UnixTime) -> Option<(Arc<Session>, Renewal)> {
        let touch = self.lifetimes.want_touch(&held.session, now);
        if !touch && held.current_key {
            return Some((Arc::from(held.session), Renewal::None));
        }
        let mut session = held.session.clone();
        if touch {
            session.touched = now;
        }
        match self.store.touch(&held, &session, self.lifetimes.left(&session, now)).await {
            Ok(Stored::Gone) => None,
            // Not written down: the next request does that.
            Ok(Stored::Outrun) | Err(_) => Some((Arc::from(held.session), Renewal::None)),
            Ok(Stored::Stored) => Some((Arc::from(session), Renewal::Now)),
        }
    }

    /// The session as it is kept, refreshed or not; `None` where there is none to go on with.
    pub async fn current_session(
        &self,
        cookies: &RequestCookies,
    ) -> Result<Option<Box<Session>>, StoreUnavailable> {
        let Loaded::Session(Held { session, .. }) = self.store.load(cookies).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let alive = session.access_expires > now || session.refresh_token.is_some();
        let over = self.signed_out.contains(&session.id) || self.lifetimes.have_ended(&session, now);
        Ok((alive && !over).then_some(session))
    }

    /// Keeps a session that begins, and gives the lines for the browser, counted.
    pub(super) async fn begin_session(
        &self,
        session: &Session,
        cookies: &RequestCookies,
    ) -> Result<Vec<HeaderValue>, SaveError> {
        let left = self.lifetimes.left(session, self.clock.now());
        Ok(self.counted(self.store.begin(session, cookies, left).await?))
    }

    pub(super) fn counted(&self, lines: Vec<HeaderValue>) -> Vec<HeaderValue> {
        let pair =
            |line: &HeaderValue| line.as_bytes().split(|byte| *byte == b';').next().map_or(0, <[u8]>::len);
        self.metrics.session_stored(lines.iter().map(pair).sum());
        lines
    }

    /// Marks a browser that has just signed in, so that a session cookie that does not stick is noticed.
    pub(super) fn sign_in_mark(&self) -> HeaderValue {
        write::set(&self.attributes, &self.mark_name(), &self.clock.now().to_string(), MARK)
    }

    /// Ends the mark.
    pub(super) fn end_sign_in_mark(&self) -> HeaderValue {
        write::clear(&self.attributes, &self.mark_name())
    }

    fn mark_name(&self) -> String {
        format!("{}-check", self.store.name())
    }

    fn has_just_signed_in(&self, cookies: &RequestCookies) -> bool {
        let name = self.mark_name();
        let Named::One(mark) = cookies.named(&name) else {
            return false;
        };
        let marked = str::from_utf8(mark).ok().and_then(|text| text.parse().ok()).map(UnixTime);
        marked.is_some_and(|at| at <= self.clock.now() && at.until(self.clock.now()) < MARK)
    }
}
