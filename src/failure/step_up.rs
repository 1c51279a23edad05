//! What somebody is told who has to prove anew who they are (RFC 9470).

use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use super::Look;
use crate::auth::{RelyingParty, RequestHead};

/// What the 401 asks for (RFC 9470 §3): a proof that is no older than this.
#[must_use]
pub fn challenge(rp: &RelyingParty, max_age: Duration) -> Option<HeaderValue> {
    let text = format!(
        "Bearer realm=\"{}\", error=\"insufficient_user_authentication\", \
         error_description=\"A more recent sign-in is required\", max_age=\"{}\"",
        rp.public_url(),
        max_age.as_secs()
    );
    // An origin is visible ASCII without quotes, so there always is a value.
    HeaderValue::try_from(text).ok()
}

/// For a program, and for a script, which sends its browser to the `login_url`; a token that a client brings is not made
/// here.
pub(super) fn look(
    rp: Option<&RelyingParty>,
    head: &RequestHead<'_>,
    max_age: Duration,
    by_session: bool,
) -> Look {
    let mut look = Look::new(
        StatusCode::UNAUTHORIZED,
        "A recent sign-in is required",
        if by_session {
            "You are signed in, and this needs you to sign in once more."
        } else {
            "The access token is of a sign-in that is too long ago for this."
        },
    );
    if let Some(challenge) = rp.and_then(|rp| challenge(rp, max_age)) {
        look = look.header(WWW_AUTHENTICATE, challenge);
    }
    look.login_url = rp.filter(|_| by_session).map(|rp| rp.step_up_url(head, max_age));
    look
}
