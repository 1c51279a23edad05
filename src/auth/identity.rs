//! Who the user is, from what the verified tokens claim.

use crate::cognito::claims::{AccessClaims, IdClaims};
use crate::session::Identity;

/// The id token's claims, and the access token's where the id token has none.
pub(super) fn identity(id: IdClaims, access: &AccessClaims) -> Identity {
    Identity {
        sub: id.sub,
        username: id.username.or_else(|| access.username.clone()),
        email: id.email,
        groups: if id.groups.is_empty() { access.groups.clone() } else { id.groups },
        preferred_username: id.preferred_username,
        claims: Vec::new(),
    }
}
