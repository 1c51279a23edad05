//! A refresh among replicas that share a store: one of them asks Cognito, the others take what it brought.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::grant::Outcome;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::store::{Held, Lease, Stored, Turn};

/// How often a replica looks whether another one has ended its turn, and how many times.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: u32 = 20 * 25;
/// How often what a refresh gave is tried to be kept once more, while the store is out of reach.
const LATER_PAUSE: Duration = Duration::from_millis(500);
const LATER: u32 = 2 * 60;

impl Shared {
    /// Refreshes when no other replica does, or takes what the other one brought; with what Cognito said, where it was
    /// asked.
    pub(super) async fn refresh_in_turn(
        self: &Arc<Self>,
        held: &Held,
        token: &Secret,
    ) -> (Outcome, Option<&'static str>) {
        let mut looks = 0;
        let lease = loop {
            match self.store.turn(held).await {
                Ok(Turn::Mine(lease)) => break lease,
                Ok(Turn::Done(session)) => {
                    return (self.kept_by_store(Arc::from(session)), None);
                }
                Ok(Turn::Theirs) if looks < LOOKS => {
                    looks += 1;
                    tokio::time::sleep(LOOK).await;
                }
                Ok(Turn::Gone) => return (Outcome::Ended, None),
                Ok(Turn::Theirs) | Err(_) => return (Outcome::Paused, None),
            }
        };
        let outcome = self.refresh(held.session.as_ref().clone(), token).await;
        let said = Some(outcome.result());
        match (lease, outcome) {
            (None, outcome) => (outcome, said),
            (Some(lease), Outcome::Renewed { session, .. }) => (self.keep(lease, session).await, said),
            (Some(lease), outcome) => {
                // Were it not ended now, it ends by itself.
                let _ = self.store.give_up(&lease).await;
                (outcome, said)
            }
        }
    }

    /// Keeps what a refresh gave, for all replicas.
    async fn keep(self: &Arc<Self>, lease: Lease, session: Arc<Session>) -> Outcome {
        match self.store.refreshed(&lease, &session, self.lifetimes.left(&session, self.clock.now())).await {
            Ok(Stored::Stored) => self.kept_by_store(session),
            Ok(Stored::Gone) => {
                tracing::info!(session = %session.id, "signed out while it was refreshed");
                self.revoke_unkept(&session);
                Outcome::Ended
            }
            Ok(Stored::Outrun) => {
                tracing::warn!(session = %session.id, "another replica refreshed this session meanwhile");
                self.kept_by_store(session)
            }
            Err(_) => {
                // The other replicas still have the old tokens, which may be worth nothing by now.
                let shared = Arc::clone(self);
                let of_task = Arc::clone(&session);
                tokio::spawn(async move { shared.keep_later(&lease, &of_task).await });
                Outcome::Renewed { session, elsewhere: false }
            }
        }
    }

    async fn keep_later(&self, lease: &Lease, session: &Session) {
        for _ in 0..LATER {
            tokio::time::sleep(LATER_PAUSE).await;
            let left = self.lifetimes.left(session, self.clock.now());
            if self.store.refreshed(lease, session, left).await.is_ok() {
                return;
            }
        }
        if self.store.keeps_refreshes() {
            tracing::error!(session = %session.id, "what a refresh gave could not be kept; the session may end early");
        }
    }

    fn kept_by_store(&self, session: Arc<Session>) -> Outcome {
        Outcome::Renewed { session, elsewhere: self.store.keeps_refreshes() }
    }

    /// What nobody holds any more must not live on at Cognito.
    fn revoke_unkept(self: &Arc<Self>, session: &Session) {
        let (shared, id, token) = (Arc::clone(self), session.id, session.refresh_token.clone());
        tokio::spawn(async move {
            let Some(token) = token else { return };
            if let Err(error) = shared.tokens.revoke(&token).await {
                tracing::warn!(%error, session = %id, "a refresh token could not be revoked after sign-out");
            }
        });
    }
}
