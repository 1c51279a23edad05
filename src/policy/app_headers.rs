//! What apps are told of who sends a request, in plain headers, and which headers a client may send them.

use std::fmt::Write as _;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::header_claims::claim;
use super::header_names::is_same;
use super::reserved_headers::Claim;
use super::subject::Subject;
use crate::config::{Forward, ForwardBearer, Preset};

/// The headers that tell an app who sends a request: those of one deployment.
#[derive(Clone, Debug)]
pub struct AppHeaders {
    bearer: ForwardBearer,
    /// No two under one name.
    headers: Vec<(HeaderName, Said)>,
    /// Reserved headers that clients may send all the same, in this spelling alone.
    allowed: Vec<HeaderName>,
}

/// What a request's headers are judged by, beside their names.
#[derive(Clone, Copy, Debug)]
pub struct HeaderSource {
    /// The request comes from one of `listen.trusted_proxies`, which may say whose address it has seen.
    pub is_trusted_proxy: bool,
}

/// What a header says.
#[derive(Clone, Debug)]
enum Said {
    User,
    Email,
    Groups,
    /// `preferred_username`, else the user name.
    ShownName,
    AccessToken,
    /// A claim, by its name at Cognito.
    Claim(String),
}

/// Headers to set, each name once; what is not known of somebody is not there.
pub type Told = Vec<(HeaderName, HeaderValue)>;

/// Those that users of oauth2-proxy know, which an app gets from it and from a gateway that asks it.
const OF_APPS: [&str; 4] =
    ["x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username"];
const OF_GATEWAYS: [&str; 4] = [
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
];

impl AppHeaders {
    /// `asked`: for a gateway, which hands them on, in place of an app behind the gate.
    #[must_use]
    pub fn new(forward: &Forward, asked: bool) -> Self {
        let names = if asked { OF_GATEWAYS } else { OF_APPS };
        let preset: Vec<(&'static str, Said)> = match forward.preset {
            Preset::Oauth2Proxy => {
                names.into_iter().zip([Said::User, Said::Email, Said::Groups, Said::ShownName]).collect()
            }
            Preset::Alb => {
                vec![("x-amzn-oidc-identity", Said::User), ("x-amzn-oidc-accesstoken", Said::AccessToken)]
            }
            Preset::None => Vec::new(),
        };
        let preset = preset.into_iter().map(|(name, said)| (HeaderName::from_static(name), said));
        let mapped = |name: &HeaderName| forward.headers.iter().any(|mapped| mapped.name == *name);
        let mut headers: Vec<_> = preset.filter(|(name, _)| !mapped(name)).collect();
        let further = forward.headers.iter().cloned();
        headers.extend(further.map(|mapped| (mapped.name, Said::Claim(mapped.claim))));
        Self { bearer: forward.bearer, headers, allowed: forward.allowed.clone() }
    }

    /// What is said of `subject`. A token that is asked for and not there is not replaced by another.
    #[must_use]
    pub fn of(&self, subject: &Subject<'_>) -> Told {
        let bearer = match self.bearer {
            ForwardBearer::Access => Some(subject.access_token),
            ForwardBearer::Id => subject.id_token,
            ForwardBearer::None => None,
        };
        let bearer = bearer.and_then(|token| secret(&format!("Bearer {}", token.expose())));
        let mut told = Vec::with_capacity(1 + self.headers.len());
        told.extend(bearer.map(|value| (AUTHORIZATION, value)));
        for (name, said) in &self.headers {
            told.extend(said.of(subject).map(|value| (name.clone(), value)));
        }
        told
    }

    /// True where the app gets a client's header of this name, or a proxy's in front of the gate.
    ///
    /// The gate's own names are taken from everyone, in every spelling. So are reserved names, except those of
    /// `forward.allow_request_headers` and the client's address from a trusted proxy.
    #[must_use]
    pub fn admit(&self, name: &HeaderName, source: HeaderSource) -> bool {
        if self.is_own(name) {
            return false;
        }
        match claim(name) {
            None => true,
            Some(_) if self.allowed.contains(name) => true,
            Some(Claim::ClientAddress) => source.is_trusted_proxy,
            Some(
                Claim::Path
                | Claim::Method
                | Claim::Route
                | Claim::ClientCertificate
                | Claim::User
                | Claim::Cgi
                | Claim::Framing,
            ) => false,
        }
    }

    /// True for a name under which the gate itself tells the app something of the user, in every spelling.
    #[must_use]
    pub fn is_own(&self, name: &HeaderName) -> bool {
        self.headers.iter().any(|(own, _)| is_same(name, own.as_str()))
    }

    /// Removes the gate's own names.
    pub fn take_from(&self, headers: &mut HeaderMap) {
        let forged: Vec<HeaderName> = headers.keys().filter(|name| self.is_own(name)).cloned().collect();
        for name in forged {
            headers.remove(name);
        }
    }
}

impl Said {
    fn of(&self, subject: &Subject<'_>) -> Option<HeaderValue> {
        let text = match self {
            Self::User => encoded(subject.user?, false),
            Self::Email => encoded(subject.email?, false),
            Self::Groups => list(subject.groups.iter().map(String::as_str)),
            Self::ShownName => encoded(subject.preferred_username.or(subject.username)?, false),
            Self::AccessToken => return secret(subject.access_token.expose()),
            Self::Claim(name) => shown(&subject.kept_claim(name)?),
        };
        HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())
    }
}

/// A verified JWT is base64url and dots, so there always is a value; marked, so that nothing prints it.
fn secret(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(token).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A claim as text: lists joined by commas, what has members as JSON; empty for what is as good as absent.
fn shown(claim: &Value) -> String {
    match claim {
        Value::Null => String::new(),
        Value::String(text) => encoded(text, false),
        Value::Array(items) => {
            let items = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            list(items.collect::<Vec<_>>().iter().map(String::as_str))
        }
        other => encoded(&other.to_string(), false),
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.map(|item| encoded(item, true)).collect::<Vec<_>>().join(",")
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
    use serde_json::json;

    use super::*;
    use crate::config::MappedHeader;

    #[test]
    fn case_18_a_claim_never_reaches_a_header_raw() {
        assert_eq!(encoded("a\r\nX-Evil: 1\0", false), "a%0D%0AX-Evil: 1%00");
        assert_eq!(encoded("Zoë, 100%", false), "Zo%C3%AB, 100%25");
        assert_eq!(encoded("a,b", true), "a%2Cb");
        assert_eq!(
            shown(&json!(["a,b", " c", 7, null, true, ["d", "e"]])),
            "a%2Cb,%20c,7,null,true,[\"d\"%2C\"e\"]"
        );
        assert_eq!(shown(&json!({ "a": "b\r\nc", "d": [1, 2] })), "{\"a\":\"b\\r\\nc\",\"d\":[1,2]}");
        assert_eq!((shown(&json!(7.5)), shown(&json!(false))), ("7.5".to_owned(), "false".to_owned()));
    }

    fn with_tenant(allowed: Vec<HeaderName>) -> AppHeaders {
        let mapped =
            MappedHeader { name: HeaderName::from_static("x-tenant"), claim: "custom:tenant".to_owned() };
        let forward =
            Forward { bearer: ForwardBearer::Access, preset: Preset::None, headers: vec![mapped], allowed };
        AppHeaders::new(&forward, false)
    }

    const CLIENT: HeaderSource = HeaderSource { is_trusted_proxy: false };

    #[test]
    fn case_13_a_mapped_name_is_taken_from_trailers_in_every_spelling() {
        let mut trailers = HeaderMap::new();
        for name in ["x-tenant", "x_tenant", "x.tenant", "x!tenant", "x-tenants", "x-ten"] {
            trailers.append(HeaderName::from_static(name), HeaderValue::from_static("forged"));
            trailers.append(HeaderName::from_static(name), HeaderValue::from_static("twice"));
        }
        with_tenant(Vec::new()).take_from(&mut trailers);
        let mut left: Vec<&str> = trailers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-ten", "x-tenants"]);
    }

    #[test]
    fn case_13_and_102_every_spelling_of_an_identity_header_is_one() {
        let headers = with_tenant(Vec::new());
        for name in [
            "x_forwarded_user",
            "x.forwarded.user",
            "x-forwarded_user",
            "x!forwarded^user",
            "x+forwarded~user",
            "x--forwarded-user-",
            "x_auth.request-anything",
            "authorization",
            "x|tenant",
        ] {
            assert!(!headers.admit(&HeaderName::from_static(name), CLIENT), "{name}");
        }
        for name in ["x-user", "accept", "x-auth-request", "x-tenants"] {
            assert!(headers.admit(&HeaderName::from_static(name), CLIENT), "{name}");
        }
    }

    #[test]
    fn case_101_an_allowed_name_is_allowed_as_it_is_spelled_and_never_for_the_gates_own() {
        let allowed = ["x-forwarded-prefix", "x-tenant"].map(HeaderName::from_static).to_vec();
        let headers = with_tenant(allowed);
        let admitted = |name: &str| headers.admit(&HeaderName::try_from(name).unwrap(), CLIENT);
        assert!(admitted("x-forwarded-prefix"));
        assert!(!admitted("x_forwarded_prefix") && !admitted("x--forwarded-prefix"));
        assert!(!admitted("x-tenant"));
    }

    #[test]
    fn case_101_a_trusted_proxy_says_whose_address_it_has_seen_and_nothing_else() {
        let headers = with_tenant(Vec::new());
        let proxy = HeaderSource { is_trusted_proxy: true };
        let admitted = |name: &str, source| headers.admit(&HeaderName::try_from(name).unwrap(), source);
        assert!(admitted("true-client-ip", proxy) && !admitted("true-client-ip", CLIENT));
        for name in [
            "x-http-method-override",
            "script-name",
            "client-cert",
            "remote-user",
            "server-name",
            "transfer_encoding",
        ] {
            assert!(!admitted(name, proxy), "{name}");
        }
    }
}
