//! A token that a client brought, and that lets nobody in.

use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use super::Look;
use crate::auth::RelyingParty;
use crate::auth::bearer::BearerRefused;

/// When the signing keys may be there.
const RETRY: Duration = Duration::from_secs(5);

/// What the answer asks for (RFC 6750 §3).
#[must_use]
pub fn challenge(rp: &RelyingParty, refused: &BearerRefused) -> Option<HeaderValue> {
    // Neither a scope nor any of these reasons has a quote or a backslash in it.
    let parameters = match refused {
        BearerRefused::Repeated => format!("error=\"invalid_token\", error_description=\"{refused}\""),
        BearerRefused::Token(reason) => format!("error=\"invalid_token\", error_description=\"{reason}\""),
        BearerRefused::Scope(needed) => format!("error=\"insufficient_scope\", scope=\"{needed}\""),
    };
    HeaderValue::try_from(format!("Bearer realm=\"{}\", {parameters}", rp.public_url())).ok()
}

pub(super) fn look(rp: Option<&RelyingParty>, refused: &BearerRefused) -> Look {
    let look = match refused {
        BearerRefused::Repeated | BearerRefused::Token(_) => {
            Look::new(StatusCode::UNAUTHORIZED, "Invalid token", "The token that was sent is not accepted.")
        }
        BearerRefused::Scope(_) => {
            let text = "The token that was sent does not permit this.";
            Look::new(StatusCode::FORBIDDEN, "Insufficient scope", text)
        }
    };
    match rp.and_then(|rp| challenge(rp, refused)) {
        Some(challenge) => look.header(WWW_AUTHENTICATE, challenge),
        None => look,
    }
}

pub(super) fn keys_unavailable() -> Look {
    let text = "Whether the token is good cannot be told at the moment. Please try again shortly.";
    let title = "The sign-in service cannot be reached";
    Look::new(StatusCode::SERVICE_UNAVAILABLE, title, text).retry_after(RETRY)
}
