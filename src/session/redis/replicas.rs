//! What replicas that keep sessions in cookies tell each other by a Redis, where there is one.
//!
//! All of it is a gain and none of it a need: where Redis does not answer, each replica goes on by itself.

use std::time::Duration;

use super::refreshes::{Lease, Refreshes};
use super::sign_outs::{SignOut, SignOuts};
use crate::clock::UnixTime;
use crate::crypto::keyring::KeyRing;
use crate::session::Session;
use crate::session::store::{StoreUnavailable, Stored, Turn};

/// The other replicas.
#[derive(Clone, Debug)]
pub struct Replicas {
    pub(in crate::session) refreshes: Refreshes,
    pub(in crate::session) sign_outs: SignOuts,
}

impl Replicas {
    pub(in crate::session) fn renew(&self, ring: &KeyRing) {
        self.refreshes.renew(ring);
    }

    /// Whose turn it is to refresh a session; ours, where nobody can know.
    pub(in crate::session) async fn turn(&self, held: &Session) -> Turn {
        self.refreshes.turn(held).await.unwrap_or(Turn::Mine(None))
    }

    pub(in crate::session) async fn refreshed(
        &self,
        lease: &Lease,
        session: &Session,
        left: Duration,
    ) -> Result<Stored, StoreUnavailable> {
        self.refreshes.refreshed(lease, session, left).await
    }

    pub(in crate::session) async fn give_up(&self, lease: &Lease) -> Result<(), StoreUnavailable> {
        self.refreshes.give_up(lease).await
    }

    pub(in crate::session) async fn carried(&self, session: &Session) {
        // Else it stays for longer than it must.
        let _ = self.refreshes.carried(session).await;
    }

    /// Tells of a sign-out that is to be remembered until then, and gives what the last refresh of the session has
    /// brought, where it is known.
    pub(in crate::session) async fn end(
        &self,
        session: &Session,
        now: UnixTime,
        until: UnixTime,
    ) -> Option<Box<Session>> {
        let left = now.until(until);
        let ended = self.refreshes.end(session.id, left);
        let (ended, ()) = tokio::join!(ended, self.sign_outs.tell((session.id, until)));
        ended.ok().flatten()
    }

    /// What was signed out since the last time. Some of it may be known; none of it is, while nobody answers.
    pub(in crate::session) async fn sign_outs(&self) -> Vec<SignOut> {
        self.sign_outs.look().await.unwrap_or_default()
    }
}
