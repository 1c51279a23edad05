//! Revokes refresh tokens beside the answer that ended their session.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::cognito::token::TokenClient;
use crate::secret::Secret;
use crate::session::SessionId;

/// More at once are not begun: Cognito's endpoints are slow or down then, and memory must not pay for it.
const AT_ONCE: u32 = 256;
/// How long the end of the process waits for those under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs revocations in the background, a bounded number of them, each bounded in time.
#[derive(Debug)]
pub(super) struct Revocations {
    places: Arc<Semaphore>,
}

impl Revocations {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE as usize)) }
    }

    pub(super) fn revoke(&self, tokens: Arc<TokenClient>, token: Secret, session: SessionId) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(%session, "too many revocations are under way; this refresh token lives on until it expires");
            return;
        };
        tokio::spawn(async move {
            if let Err(error) = tokens.revoke(&token).await {
                tracing::warn!(%error, %session, "a refresh token could not be revoked");
            }
            drop(place);
        });
    }

    /// Waits until none is under way, for a while.
    pub(super) async fn settle(&self) {
        let all = tokio::time::timeout(PATIENCE, self.places.acquire_many(AT_ONCE)).await;
        if all.is_err() {
            tracing::warn!("some refresh tokens were not revoked before the end");
        }
    }
}
