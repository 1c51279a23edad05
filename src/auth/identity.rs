//! Who the user is, from what the verified tokens claim.

use crate::cognito::claims::{AccessClaims, IdClaims};
use crate::secret::Secret;
use crate::session::Identity;

/// Kept of every user, under names of their own.
const ALWAYS: [&str; 5] = ["sub", "cognito:username", "email", "cognito:groups", "preferred_username"];

/// What a session keeps of an id token beside what it always keeps.
#[derive(Clone, Debug)]
pub struct Kept {
    claims: Vec<String>,
    id_token: bool,
}

impl Kept {
    /// Claims by name, and perhaps the whole token.
    pub fn new(claims: &[String], id_token: bool) -> Self {
        let further = claims.iter().filter(|name| !ALWAYS.contains(&name.as_str()));
        Self { claims: further.cloned().collect(), id_token }
    }

    /// The id token's claims, and the access token's where the id token has none.
    pub fn identity(&self, mut id: IdClaims, access: &AccessClaims) -> Identity {
        let claims =
            self.claims.iter().filter_map(|name| Some((name.clone(), id.all.remove(name)?.to_string())));
        Identity {
            claims: claims.collect(),
            sub: id.sub,
            username: id.username.or_else(|| access.username.clone()),
            email: id.email,
            groups: if id.groups.is_empty() { access.groups.clone() } else { id.groups },
            preferred_username: id.preferred_username,
        }
    }

    /// The token, where it is kept.
    pub fn id_token(&self, token: Secret) -> Option<Secret> {
        self.id_token.then_some(token)
    }
}
