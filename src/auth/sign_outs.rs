//! Sign-outs at other replicas, which hold here as well.

use std::sync::Arc;
use std::time::Duration;

use super::RelyingParty;
use crate::clock::UnixTime;
use crate::session::SessionId;

/// How long a copy of a cookie outlives its sign-out at another replica, as a rule.
const PAUSE: Duration = Duration::from_secs(1);

impl RelyingParty {
    /// Follows what other replicas tell, where they do; never ends.
    pub async fn follow_sign_outs(&self) {
        loop {
            for (id, until) in self.store.sign_outs().await {
                self.signed_out_elsewhere(id, until);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn signed_out_elsewhere(&self, id: SessionId, until: UnixTime) {
        if until <= self.clock.now() || !self.signed_out.insert_until(id, until) {
            return;
        }
        self.watched.signed_out(id);
        let newest = self.refresher.forget(id);
        tracing::debug!(session = %id, "signed out at another replica");
        // The one that it was signed out at may not know of this.
        if let Some(token) = newest.and_then(|newest| newest.refresh_token.clone()) {
            self.revocations.revoke(Arc::clone(&self.tokens), token, id);
        }
    }
}
