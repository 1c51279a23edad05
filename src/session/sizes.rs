//! What makes a session large, for whoever has to make it smaller. No value of a claim, and no token, is shown.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::Session;

/// The claims that are named; the others are small.
const NAMED: usize = 8;

/// Prints a session's tokens by their length, and the largest claims of each.
#[derive(Debug)]
pub(super) struct Sizes<'a>(pub(super) &'a Session);

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        token(f, "access token", self.0.access_token.expose())?;
        if let Some(refresh) = &self.0.refresh_token {
            write!(f, "; refresh token {} B", refresh.expose().len())?;
        }
        if let Some(id) = &self.0.id_token {
            token(f, "; id token", id.expose())?;
        }
        let groups: usize = self.0.identity.groups.iter().map(String::len).sum();
        write!(f, "; groups {groups} B")?;
        let claims = &self.0.identity.claims;
        claims.iter().try_for_each(|(name, json)| write!(f, "; claim {name:?} {} B", json.len()))
    }
}

fn token(f: &mut fmt::Formatter<'_>, kind: &str, token: &str) -> fmt::Result {
    write!(f, "{kind} {} B", token.len())?;
    let largest = largest_claims(token);
    for (at, (name, size)) in largest.iter().enumerate() {
        // Quoted, since a name is somebody else's text.
        write!(f, "{} {name:?} {size} B", if at == 0 { " with" } else { "," })?;
    }
    Ok(())
}

/// Names and lengths of a token's largest claims, the largest first; none where its payload is not to be read.
fn largest_claims(token: &str) -> Vec<(String, usize)> {
    let payload = token.split('.').nth(1).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let claims: Map<String, Value> =
        payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let size = |value: &Value| value.to_string().len();
    let mut sizes: Vec<_> = claims.into_iter().map(|(name, value)| (name, size(&value))).collect();
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sizes.truncate(NAMED);
    sizes
}
