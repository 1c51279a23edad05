//! A session, as rules judge it and as apps are told of it.

use crate::policy::subject::Subject;
use crate::session::Session;

/// Who the session belongs to.
#[must_use]
pub fn of(session: &Session) -> Subject<'_> {
    let identity = &session.identity;
    Subject {
        user: Some(&identity.sub),
        username: identity.username.as_deref(),
        email: identity.email.as_deref(),
        preferred_username: identity.preferred_username.as_deref(),
        groups: &identity.groups,
        auth_time: session.auth_time,
        access_token: &session.access_token,
        id_token: session.id_token.as_ref(),
        kept: &identity.claims,
    }
}
