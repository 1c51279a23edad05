//! Who sends a request on to the app.

use std::pin::Pin;
use std::sync::Arc;

use super::bearer::Bearer;
use super::renewal::Renewal;
use super::{RelyingParty, subject};
use crate::clock::UnixTime;
use crate::policy::subject::Subject;
use crate::secret::Secret;
use crate::session::Session;

/// Somebody whom a request may be judged by.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A browser's user, and what the browser is to be told of the session.
    Session { session: Arc<Session>, renewal: Renewal },
    /// Whoever brings a token of their own.
    Bearer { bearer: Arc<Bearer>, token: Secret },
}

impl Caller {
    /// As rules judge it and as apps are told of it.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Session { session, .. } => subject::of(session),
            Self::Bearer { bearer, token } => bearer.subject(token),
        }
    }

    /// The session that a cookie brought, which a browser sends unasked.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Session { session, .. } => Some(session),
            Self::Bearer { .. } => None,
        }
    }

    /// What is decided about a request of theirs that goes on, as a label.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Session { .. } => "forward",
            Self::Bearer { .. } => "bearer",
        }
    }

    /// When what they came by is over.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        match self {
            Self::Session { session, .. } => session.access_expires,
            Self::Bearer { bearer, .. } => bearer.expires,
        }
    }

    /// The `sub` of their token, for the log.
    #[must_use]
    pub fn sub(&self) -> &str {
        match self {
            Self::Session { session, .. } => &session.identity.sub,
            Self::Bearer { bearer, .. } => &bearer.sub,
        }
    }
}

impl RelyingParty {
    /// A future that resolves when what `caller` came by is over.
    pub fn over(&self, caller: &Caller) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match caller {
            Caller::Session { session, .. } => Box::pin(self.session_over(session)),
            Caller::Bearer { bearer, .. } => Box::pin(self.bearer_over(bearer)),
        }
    }
}
