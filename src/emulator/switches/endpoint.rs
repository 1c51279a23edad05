//! Which endpoint a request is for, and what is remembered of it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

/// What can be counted, failed, delayed or held. Written in snake case in JSON: `token_refresh`.
///
/// A request to the token endpoint is both [`Endpoint::Token`] and the one of its grant type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /oauth2/authorize`
    Authorize,
    /// `GET` and `POST /login`
    Login,
    /// `POST /oauth2/token`, whatever the grant type
    Token,
    /// `POST /oauth2/token` with `grant_type=authorization_code`
    TokenCode,
    /// `POST /oauth2/token` with `grant_type=refresh_token`
    TokenRefresh,
    /// `POST /oauth2/revoke`
    Revoke,
    /// `GET /oauth2/userInfo`
    Userinfo,
    /// `GET /logout`
    Logout,
    /// `GET /POOLID/.well-known/jwks.json`
    Jwks,
    /// `GET /POOLID/.well-known/openid-configuration`
    Discovery,
    /// `GET /error`
    Error,
}

impl Endpoint {
    /// Every endpoint, for counters that show zeros too.
    pub const ALL: [Self; 11] = [
        Self::Authorize,
        Self::Login,
        Self::Token,
        Self::TokenCode,
        Self::TokenRefresh,
        Self::Revoke,
        Self::Userinfo,
        Self::Logout,
        Self::Jwks,
        Self::Discovery,
        Self::Error,
    ];

    pub(in crate::emulator) fn at(path: &str, pool_id: &str) -> Option<Self> {
        Some(match path {
            "/oauth2/authorize" => Self::Authorize,
            "/login" => Self::Login,
            "/oauth2/token" => Self::Token,
            "/oauth2/revoke" => Self::Revoke,
            "/oauth2/userInfo" => Self::Userinfo,
            "/logout" => Self::Logout,
            "/error" => Self::Error,
            _ => match path.strip_prefix('/')?.strip_prefix(pool_id)? {
                "/.well-known/jwks.json" => Self::Jwks,
                "/.well-known/openid-configuration" => Self::Discovery,
                _ => return None,
            },
        })
    }

    /// The endpoint by which the token endpoint's grant type is told apart.
    pub(in crate::emulator) fn of_grant(body: &[u8]) -> Option<Self> {
        let (_, grant_type) = form_urlencoded::parse(body).find(|(name, _)| name == "grant_type")?;
        match grant_type.as_ref() {
            "authorization_code" => Some(Self::TokenCode),
            "refresh_token" => Some(Self::TokenRefresh),
            _ => None,
        }
    }
}

/// A request as it came in, the client's secrets included: it is for tests to look at.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    /// A header's value, where it is there once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// A field of a form-encoded body.
    #[must_use]
    pub fn form(&self, name: &str) -> Option<String> {
        field(&self.body, name)
    }

    /// A parameter of the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        field(self.uri.query().unwrap_or_default().as_bytes(), name)
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.uri)
    }
}

fn field(encoded: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(encoded).find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}
