//! A refresh among replicas that share a store: one of them asks Cognito, the others take what it brought.

use std::sync::Arc;
use std::time::Duration;

use super::{Flight, PAUSE, SHARED, Shared};
use crate::clock::UnixTime;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::redis::Lease;
use crate::session::store::{Held, Stored, Turn};

/// How often a replica looks whether another one has ended its turn, and how many times.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: u32 = 20 * 25;
/// How often what a refresh gave is tried to be kept once more, while the store is out of reach.
const LATER_PAUSE: Duration = Duration::from_millis(500);
const LATER: u32 = 2 * 60;

impl Shared {
    /// Refreshes when no other replica does, or takes what the other one brought.
    pub(super) async fn refresh_in_turn(self: &Arc<Self>, held: &Held, token: &Secret) -> Flight {
        let now = self.clock.now();
        let until = now.plus(SHARED);
        let mut looks = 0;
        let lease = loop {
            match self.store.turn(held).await {
                Ok(Turn::Mine(lease)) => break lease,
                Ok(Turn::Done(session)) => return Flight::Renewed { session: Arc::from(session), until },
                Ok(Turn::Theirs) if looks < LOOKS => {
                    looks += 1;
                    tokio::time::sleep(LOOK).await;
                }
                Ok(Turn::Gone) => return Flight::Ended { until },
                Ok(Turn::Theirs) | Err(_) => return Flight::Paused { until: now.plus(PAUSE) },
            }
        };
        let flight = self.refresh(held.session.as_ref().clone(), token).await;
        self.metrics.refreshed(flight.result());
        match (lease, flight) {
            (None, flight) => flight,
            (Some(lease), Flight::Renewed { session, until }) => self.keep(lease, session, until).await,
            (Some(lease), flight) => {
                // Were it not ended now, it ends by itself.
                let _ = self.store.give_up(&lease).await;
                flight
            }
        }
    }

    /// Keeps what a refresh gave, for all replicas.
    async fn keep(self: &Arc<Self>, lease: Lease, session: Arc<Session>, until: UnixTime) -> Flight {
        match self.store.refreshed(&lease, &session, self.lifetimes.left(&session, self.clock.now())).await {
            Ok(Stored::Stored) => Flight::Renewed { session, until },
            Ok(Stored::Gone) => {
                tracing::info!(session = %session.id, "signed out while it was refreshed");
                self.revoke_unkept(&session);
                Flight::Ended { until }
            }
            Ok(Stored::Outrun) => {
                tracing::warn!(session = %session.id, "another replica refreshed this session meanwhile");
                Flight::Renewed { session, until }
            }
            Err(_) => {
                // Its record still has the old tokens, which may be worth nothing by now.
                let shared = Arc::clone(self);
                let of_task = Arc::clone(&session);
                tokio::spawn(async move { shared.keep_later(&lease, &of_task).await });
                Flight::Renewed { session, until }
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
        tracing::error!(session = %session.id, "what a refresh gave could not be kept; the session may end early");
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
