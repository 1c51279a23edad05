//! Who the user is, from what the verified tokens claim.

use crate::clock::UnixTime;
use crate::cognito::claims::{AccessClaims, IdClaims};
use crate::config::{Config, ForwardBearer};
use crate::secret::Secret;
use crate::session::{Identity, Session};

use serde_json::{Map, Value};

/// Kept of every user, under names of their own.
const ALWAYS: [&str; 5] = ["sub", "cognito:username", "email", "cognito:groups", "preferred_username"];

/// What a session keeps of the tokens beside what it always keeps.
#[derive(Clone, Debug)]
pub struct Kept {
    claims: Vec<String>,
    /// Those of them that pages may know.
    shown: Vec<String>,
    /// The whole token.
    id_token: bool,
    /// It is what the app gets.
    forwards_id_token: bool,
    /// What the id token does not say is looked for at userInfo.
    userinfo: bool,
}

impl Kept {
    /// What somebody asks for: `session.claims`, and whatever the app is told.
    pub fn new(config: &Config) -> Self {
        let shown = &config.session.claims;
        let mut claims: Vec<String> = Vec::new();
        for name in shown.iter().map(String::as_str).chain(config.forward.claims()) {
            if !ALWAYS.contains(&name) && claims.iter().all(|known| known != name) {
                claims.push(name.to_owned());
            }
        }
        let forwards_id_token = config.forward.bearer == ForwardBearer::Id;
        Self {
            claims,
            shown: shown.clone(),
            id_token: config.session.store_id_token || forwards_id_token,
            forwards_id_token,
            userinfo: config.session.userinfo,
        }
    }

    /// True where userInfo is asked too.
    pub fn asks_userinfo(&self) -> bool {
        self.userinfo
    }

    /// Adds what userInfo says and the id token does not.
    pub fn complete(&self, id: &mut IdClaims, userinfo: Map<String, Value>) {
        let text = |name: &str| userinfo.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        id.email = id.email.take().or_else(|| text("email").map(str::to_owned));
        let name = id.preferred_username.take();
        id.preferred_username = name.or_else(|| text("preferred_username").map(str::to_owned));
        for (name, value) in userinfo {
            id.all.entry(name).or_insert(value);
        }
    }

    /// Adds what was known before and the id token does not say, where userInfo cannot be asked for it.
    pub fn complete_from(&self, id: &mut IdClaims, known: &Identity) {
        id.email = id.email.take().or_else(|| known.email.clone());
        id.preferred_username = id.preferred_username.take().or_else(|| known.preferred_username.clone());
        for (name, json) in &known.claims {
            if let (None, Ok(value)) = (id.all.get(name), serde_json::from_str(json)) {
                id.all.insert(name.clone(), value);
            }
        }
    }

    /// The id token's claims, and the access token's where the id token has none.
    pub fn identity(&self, mut id: IdClaims, access: &AccessClaims) -> Identity {
        let mut claim = |name: &String| id.all.remove(name).or_else(|| access.all.get(name).cloned());
        let claims =
            self.claims.iter().filter_map(|name| Some((name.clone(), claim(name)?.to_string()))).collect();
        Identity {
            claims,
            sub: id.sub,
            username: id.username.or_else(|| access.username.clone()),
            email: id.email,
            groups: if id.groups.is_empty() { access.groups.clone() } else { id.groups },
            preferred_username: id.preferred_username,
        }
    }

    /// Those of a token that speaks for itself, as name and JSON text.
    pub fn of_access_token(&self, access: &AccessClaims) -> Vec<(String, String)> {
        let claim = |name: &String| Some((name.clone(), access.all.get(name)?.to_string()));
        self.claims.iter().filter_map(claim).collect()
    }

    /// The token, where it is kept.
    pub fn id_token(&self, token: Secret) -> Option<Secret> {
        self.id_token.then_some(token)
    }

    /// When the tokens are over that the app gets.
    pub fn expires(&self, id: &IdClaims, access: &AccessClaims) -> UnixTime {
        if self.forwards_id_token { access.expires.min(id.expires) } else { access.expires }
    }

    /// True where a refresh without an id token is of no use.
    pub fn needs_id_token(&self) -> bool {
        self.forwards_id_token
    }

    /// True for a session from before an id token was forwarded: the app cannot be told of it as it is.
    pub fn is_missed_by(&self, session: &Session) -> bool {
        self.forwards_id_token && session.id_token.is_none()
    }

    /// True for what a page may know of its user.
    pub fn shows(&self, claim: &str) -> bool {
        self.shown.iter().any(|shown| shown == claim)
    }
}
