//! All sessions of one user, for whoever looks after the gate.

use super::RelyingParty;
use crate::session::SessionId;
use crate::session::store::{Listed, StoreUnavailable};

impl RelyingParty {
    /// The sessions of a user; `None` where they live in cookies, and nobody knows of them.
    pub async fn sessions_of(&self, sub: &str) -> Result<Option<Vec<Listed>>, StoreUnavailable> {
        self.store.list(sub).await
    }

    /// Ends all sessions of a user, and says which they were; [`RelyingParty::have_ended`] is still to be told, and of
    /// every site, since the store may be theirs too.
    ///
    /// Their refresh tokens are sealed, and live on at Cognito until somebody revokes them there.
    pub async fn end_all_of(&self, sub: &str) -> Result<Option<Vec<SessionId>>, StoreUnavailable> {
        self.store.end_all(sub).await
    }

    /// Notes that these sessions were ended: answers under way do not bring them back.
    pub fn have_ended(&self, ids: &[SessionId]) {
        for id in ids {
            self.signed_out.insert(*id);
            self.watched.signed_out(*id);
        }
    }
}
