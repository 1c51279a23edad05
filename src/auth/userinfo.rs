//! What a page may know of its user, without seeing a token.
//!
//! The members that users of oauth2-proxy know keep their names.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::RelyingParty;
use super::caller::Caller;
use crate::pages::no_store;
use crate::policy::subject::Subject;
use crate::types::{Body, full};

impl RelyingParty {
    /// Answers `userinfo` for whoever it is.
    #[must_use]
    pub fn userinfo(&self, caller: &Caller) -> Response<Body> {
        let subject = caller.subject();
        let body = json!({
            "user": subject.user,
            "sub": caller.sub(),
            "email": subject.email,
            "groups": subject.groups,
            "preferredUsername": subject.preferred_username.or(subject.username),
            "claims": self.shown_claims(caller.sub(), &subject),
            "expires_at": caller.expires().0,
        });
        let mut response = no_store(StatusCode::OK, full(body.to_string()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// The claims that pages may know, under the names that Cognito gives them.
    fn shown_claims(&self, sub: &str, subject: &Subject<'_>) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".into(), json!(sub));
        for (name, value) in [
            ("cognito:username", subject.username),
            ("email", subject.email),
            ("preferred_username", subject.preferred_username),
        ] {
            if let Some(value) = value {
                claims.insert(name.into(), json!(value));
            }
        }
        if !subject.groups.is_empty() {
            claims.insert("cognito:groups".into(), json!(subject.groups));
        }
        for (name, value) in subject.kept.iter().filter(|(name, _)| self.kept.shows(name)) {
            claims.insert(name.clone(), serde_json::from_str(value).unwrap_or(Value::Null));
        }
        claims
    }
}
