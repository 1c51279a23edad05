//! The userInfo endpoint: claims that an access token opens (OpenID Connect Core 1.0 §5.3).
//!
//! See "The userInfo endpoint" in Amazon Cognito's developer guide. Every value is a text there, flags too.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};

use super::token::{GrantError, TokenClient};
use crate::secret::Secret;

/// An id token's worth of claims is well below this.
const LIMIT: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);

impl TokenClient {
    /// What Cognito says of the user whose access token this is. It is not signed: `sub` is for the caller to compare.
    pub async fn userinfo(&self, access_token: &Secret) -> Result<Map<String, Value>, GrantError> {
        let request = self.http.get(&self.userinfo_url).bearer_auth(access_token.expose());
        let unavailable =
            |fault: &dyn std::fmt::Display| GrantError::Unavailable(format!("userInfo: {fault}"));
        let reply = self.http.fetch(request, LIMIT, TIMEOUT).await.map_err(|error| unavailable(&error))?;
        if reply.status != StatusCode::OK {
            return Err(unavailable(&format_args!("it answered {}", reply.status)));
        }
        let mut claims: Map<String, Value> =
            serde_json::from_slice(&reply.body).map_err(|_| unavailable(&"its answer is not JSON"))?;
        for (_, value) in claims.iter_mut().filter(|(name, _)| name.ends_with("_verified")) {
            match value.as_str() {
                Some("true") => *value = Value::Bool(true),
                Some("false") => *value = Value::Bool(false),
                _ => {}
            }
        }
        Ok(claims)
    }
}
