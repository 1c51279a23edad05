//! A session as values of headers, under whatever names they go.

use std::fmt::Write as _;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Session;

/// The bearer token and the claims; an absent claim is an absent value.
#[derive(Clone, Debug)]
pub struct HeaderValues {
    /// `Bearer` and the access token (RFC 6750 §2.1), marked sensitive.
    pub bearer: Option<HeaderValue>,
    /// `sub`.
    pub user: Option<HeaderValue>,
    pub email: Option<HeaderValue>,
    /// Joined by commas.
    pub groups: Option<HeaderValue>,
    /// `preferred_username`, else the user name.
    pub preferred_username: Option<HeaderValue>,
}

impl HeaderValues {
    #[must_use]
    pub fn of(session: &Session) -> Self {
        // A verified JWT is base64url and dots, so there always is a bearer.
        let bearer = HeaderValue::try_from(format!("Bearer {}", session.access_token.expose()));
        let bearer = bearer.ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        let identity = &session.identity;
        let one = |text: &str| HeaderValue::try_from(encoded(text, false)).ok();
        let groups = identity.groups.iter().map(|group| encoded(group, true)).collect::<Vec<_>>().join(",");
        Self {
            bearer,
            user: one(&identity.sub),
            email: identity.email.as_deref().and_then(one),
            groups: (!groups.is_empty())
                .then_some(groups)
                .and_then(|groups| HeaderValue::try_from(groups).ok()),
            preferred_username: identity.shown_name().and_then(one),
        }
    }

    /// Sets the bearer, and the claims under `names`: those of user, email, groups and preferred user name.
    pub fn insert(self, headers: &mut HeaderMap, names: [HeaderName; 4]) {
        let claims = [self.user, self.email, self.groups, self.preferred_username];
        for (name, value) in names.into_iter().zip(claims).chain([(AUTHORIZATION, self.bearer)]) {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
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
