//! Who the request comes from, as the app sees it; and the client's own claims to that, removed.

use std::fmt::Write as _;

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::session::Session;

const USER: HeaderName = HeaderName::from_static("x-forwarded-user");
const EMAIL: HeaderName = HeaderName::from_static("x-forwarded-email");
const GROUPS: HeaderName = HeaderName::from_static("x-forwarded-groups");
const PREFERRED_USERNAME: HeaderName = HeaderName::from_static("x-forwarded-preferred-username");

/// Sets the bearer token (RFC 6750 §2.1) and the identity headers; an absent claim is an absent header.
pub fn set(headers: &mut HeaderMap, session: &Session) {
    let bearer = format!("Bearer {}", session.access_token.expose());
    // A verified JWT is base64url and dots, so there always is a header value.
    if let Ok(mut value) = HeaderValue::from_str(&bearer) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let identity = &session.identity;
    let groups = identity.groups.iter().map(|group| encoded(group, true)).collect::<Vec<_>>().join(",");
    let claims = [
        (USER, Some(encoded(&identity.sub, false))),
        (EMAIL, identity.email.as_deref().map(|text| encoded(text, false))),
        (GROUPS, (!identity.groups.is_empty()).then_some(groups)),
        (PREFERRED_USERNAME, identity.shown_name().map(|text| encoded(text, false))),
    ];
    for (name, value) in claims {
        if let Some(value) = value.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
}

/// True for every header that an app might take for a statement about the user, in every spelling.
///
/// Servers in front of apps fold names: `X_Forwarded_User` and `X.Forwarded.User` are one with
/// `X-Forwarded-User` to a WSGI or CGI app.
pub(super) fn speaks_of_the_user(name: &HeaderName) -> bool {
    const EXACT: [&str; 6] = [
        "authorization",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-forwarded-access-token",
    ];
    const BEGINNINGS: [&str; 2] = ["x-auth-request-", "x-amzn-oidc-"];
    EXACT.iter().any(|exact| name.as_str().len() == exact.len() && begins(name, exact))
        || BEGINNINGS.iter().any(|beginning| begins(name, beginning))
}

/// True where `name` begins with `beginning`, `_` and `.` being as good as `-`.
pub(super) fn begins(name: &HeaderName, beginning: &str) -> bool {
    let folded = name.as_str().bytes().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { b });
    name.as_str().len() >= beginning.len() && folded.zip(beginning.bytes()).all(|(a, b)| a == b)
}

/// A claim as a header value: what is not printable ASCII as percent-encoded UTF-8, and so the percent sign.
///
/// In a list the comma too, so that a group cannot pass for two; and a space at either end, which receivers
/// trim, so that ` admins` cannot pass for `admins`.
fn encoded(text: &str, in_list: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        let trimmed = byte == b' ' && (at == 0 || at + 1 == text.len());
        let plain = matches!(byte, b' '..=b'~') && byte != b'%' && !trimmed && !(in_list && byte == b',');
        if plain {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_18_a_claim_never_reaches_a_header_raw() {
        assert_eq!(encoded("a\r\nX-Evil: 1\0", false), "a%0D%0AX-Evil: 1%00");
        assert_eq!(encoded("Zoë, 100%", false), "Zo%C3%AB, 100%25");
        assert_eq!(encoded("a,b", true), "a%2Cb");
    }

    #[test]
    fn case_13_every_spelling_of_an_identity_header_is_one() {
        for name in [
            "x_forwarded_user",
            "x.forwarded.user",
            "x-forwarded_user",
            "x_auth.request-anything",
            "authorization",
        ] {
            assert!(speaks_of_the_user(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["x-forwarded-users", "x-user", "accept", "x-auth-request"] {
            assert!(!speaks_of_the_user(&HeaderName::from_static(name)), "{name}");
        }
    }
}
