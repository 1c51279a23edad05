//! All sessions of one user, for whoever looks after the gate.

use super::RelyingParty;
use crate::session::store::{Listed, StoreUnavailable};

impl RelyingParty {
    /// The sessions of a user; `None` where they live in cookies, and nobody knows of them.
    pub async fn sessions_of(&self, sub: &str) -> Result<Option<Vec<Listed>>, StoreUnavailable> {
        self.store.list(sub).await
    }

    /// Signs a user out everywhere, and says how many sessions there were.
    ///
    /// Their refresh tokens are sealed, and live on at Cognito until somebody revokes them there.
    pub async fn sign_out_everywhere(&self, sub: &str) -> Result<Option<usize>, StoreUnavailable> {
        let Some(ended) = self.store.end_all(sub).await? else { return Ok(None) };
        for id in &ended {
            self.signed_out.insert(*id);
            self.watched.signed_out(*id);
        }
        tracing::info!(sub, sessions = ended.len(), "signed out everywhere");
        Ok(Some(ended.len()))
    }
}
