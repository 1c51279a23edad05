//! What apps are told of who sends a request: plain headers, under whatever names they go.

use std::fmt::Write as _;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use super::subject::Subject;

/// The headers that tell an app who sends a request: those of one deployment.
#[derive(Clone, Debug)]
pub struct AppHeaders {
    user: HeaderName,
    email: HeaderName,
    groups: HeaderName,
    preferred_username: HeaderName,
}

/// Headers to set, each name once; what is not known of somebody is not there.
pub type Told = Vec<(HeaderName, HeaderValue)>;

impl AppHeaders {
    /// For an app behind the gate.
    #[must_use]
    pub fn for_apps() -> Self {
        Self {
            user: HeaderName::from_static("x-forwarded-user"),
            email: HeaderName::from_static("x-forwarded-email"),
            groups: HeaderName::from_static("x-forwarded-groups"),
            preferred_username: HeaderName::from_static("x-forwarded-preferred-username"),
        }
    }

    /// For a gateway, which hands them on.
    #[must_use]
    pub fn for_gateways() -> Self {
        Self {
            user: HeaderName::from_static("x-auth-request-user"),
            email: HeaderName::from_static("x-auth-request-email"),
            groups: HeaderName::from_static("x-auth-request-groups"),
            preferred_username: HeaderName::from_static("x-auth-request-preferred-username"),
        }
    }

    /// What is said of `subject`: the bearer token (RFC 6750 §2.1), marked sensitive, and the claims.
    #[must_use]
    pub fn of(&self, subject: &Subject<'_>) -> Told {
        let one = |text: &str| HeaderValue::try_from(encoded(text, false)).ok();
        let groups = subject.groups.iter().map(|group| encoded(group, true)).collect::<Vec<_>>().join(",");
        let shown_name = subject.preferred_username.or(subject.username);
        let values = [
            (&self.user, subject.user.and_then(one)),
            (&self.email, subject.email.and_then(one)),
            (&self.groups, HeaderValue::try_from(groups).ok().filter(|groups| !groups.is_empty())),
            (&self.preferred_username, shown_name.and_then(one)),
            (&AUTHORIZATION, bearer(subject)),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name.clone(), value?))).collect()
    }
}

/// A verified JWT is base64url and dots, so there always is one.
fn bearer(subject: &Subject<'_>) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", subject.access_token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
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
}
