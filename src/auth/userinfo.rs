//! What a page may know of its user, without seeing a token.
//!
//! The members that users of oauth2-proxy know keep their names.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::RelyingParty;
use crate::pages::no_store;
use crate::session::{Identity, Session};
use crate::types::{Body, full};

impl RelyingParty {
    /// Answers `userinfo` for whoever is signed in.
    #[must_use]
    pub fn userinfo(&self, session: &Session) -> Response<Body> {
        let identity = &session.identity;
        let body = json!({
            "user": identity.sub,
            "sub": identity.sub,
            "email": identity.email,
            "groups": identity.groups,
            "preferredUsername": identity.shown_name(),
            "claims": self.shown_claims(identity),
            "expires_at": session.access_expires.0,
        });
        let mut response = no_store(StatusCode::OK, full(body.to_string()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// The claims that pages may know, under the names that Cognito gives them.
    fn shown_claims(&self, identity: &Identity) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".into(), json!(identity.sub));
        for (name, value) in [
            ("cognito:username", &identity.username),
            ("email", &identity.email),
            ("preferred_username", &identity.preferred_username),
        ] {
            if let Some(value) = value {
                claims.insert(name.into(), json!(value));
            }
        }
        if !identity.groups.is_empty() {
            claims.insert("cognito:groups".into(), json!(identity.groups));
        }
        for (name, value) in identity.claims.iter().filter(|(name, _)| self.kept.shows(name)) {
            claims.insert(name.clone(), serde_json::from_str(value).unwrap_or(Value::Null));
        }
        claims
    }
}
