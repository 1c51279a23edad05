//! Who sends a request: what rules look at, and what apps are told.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::clock::UnixTime;
use crate::secret::Secret;

/// A user with a session, or whoever brings a token of their own. Everything here was verified already.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// `sub`. Absent for a program that comes in its own name (RFC 6749 §4.4).
    pub user: Option<&'a str>,
    /// `cognito:username`.
    pub username: Option<&'a str>,
    pub email: Option<&'a str>,
    /// `preferred_username`.
    pub preferred_username: Option<&'a str>,
    /// `cognito:groups`.
    pub groups: &'a [String],
    /// When the user last proved who they are.
    pub auth_time: Option<UnixTime>,
    pub access_token: &'a Secret,
    /// Where it is kept.
    pub id_token: Option<&'a Secret>,
    /// Claims of the id token that are kept, as name and JSON text.
    pub kept: &'a [(String, String)],
}

/// The claims that are there by themselves.
const OWN: [&str; 6] =
    ["sub", "cognito:username", "username", "email", "preferred_username", "cognito:groups"];

impl Subject<'_> {
    /// A claim by its name at Cognito: of the id token where it is kept, else of the access token.
    ///
    /// Costs the parsing of what holds it, so only for what somebody asks for.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Value> {
        let is_known = OWN.contains(&name) || self.kept.iter().any(|(kept, _)| kept == name);
        if is_known { self.kept_claim(name) } else { payload(self.access_token)?.remove(name) }
    }

    /// As [`Subject::claim`], of what is at hand: no token is looked into.
    #[must_use]
    pub fn kept_claim(&self, name: &str) -> Option<Value> {
        let text = |text: Option<&str>| text.map(|text| Value::String(text.to_owned()));
        match name {
            "sub" => text(self.user),
            "cognito:username" | "username" => text(self.username),
            "email" => text(self.email),
            "preferred_username" => text(self.preferred_username),
            "cognito:groups" => (!self.groups.is_empty()).then(|| Value::from(self.groups)),
            _ => serde_json::from_str(&self.kept.iter().find(|(kept, _)| kept == name)?.1).ok(),
        }
    }

    /// What the access token permits (RFC 6749 §3.3).
    #[must_use]
    pub fn scopes(&self) -> Vec<String> {
        let scope = payload(self.access_token).and_then(|mut claims| claims.remove("scope"));
        let scope = scope.as_ref().and_then(Value::as_str).unwrap_or_default();
        scope.split_ascii_whitespace().map(str::to_owned).collect()
    }
}

/// The claims of a token that was verified when it came.
fn payload(token: &Secret) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}
