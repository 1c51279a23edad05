//! What replicas that keep sessions in cookies share of their refreshes: whose turn it is, and what the last one gave.
//!
//! | key | what |
//! |---|---|
//! | `refresh:{ID}` | hash: `d` the sealed result, `m` which one it is, `n` the fence, `x` that the session was ended |
//! | `refreshing:{ID}` | whose turn it is |
//!
//! A result is sealed by the ring, as the cookie is that will hold it, and opens for no other purpose. It stays until an
//! answer has carried it to the browser, at most for as long as its session may last, and a minute longer. None of this
//! is needed: while Redis is away each replica refreshes for itself.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::connection::Connection;
use super::{TURN, eval, millis, script};
use crate::crypto::keyring::KeyRing;
use crate::crypto::random;
use crate::crypto::seal::Sealer;
use crate::session::store::{self, StoreUnavailable, Stored, Turn};
use crate::session::{Session, SessionId, codec};

/// How long a result stays that was carried, and a key without one. Longer than a turn.
const SHARED: Duration = Duration::from_secs(60);

/// Refreshes of sessions in cookies, over all replicas that share the Redis and the keys.
#[derive(Clone, Debug)]
pub struct Refreshes {
    connection: Connection,
    prefix: String,
    sealer: Sealer,
}

/// A turn to refresh one session.
#[derive(Clone, Debug)]
pub struct Lease {
    id: SessionId,
    fence: u64,
    owner: String,
}

impl Refreshes {
    pub(in crate::session) fn new(connection: Connection, prefix: &str, sealer: Sealer) -> Self {
        Self { connection, prefix: prefix.to_owned(), sealer }
    }

    pub(in crate::session) fn renew(&self, ring: &KeyRing) {
        self.sealer.renew(ring);
    }

    pub(in crate::session) async fn turn(&self, held: &Session) -> Result<Turn, StoreUnavailable> {
        let owner = random::token();
        let mut command = eval(script::SHARED_TURN, &[&self.result(held.id), &self.lock(held.id)]);
        command.arg(&owner).arg(millis(TURN)).arg(millis(SHARED));
        let (whose, fence, sealed): (String, u64, Vec<u8>) = self.connection.ask(&command).await?;
        match whose.as_str() {
            "mine" => {}
            "theirs" => return Ok(Turn::Theirs),
            _ => return Ok(Turn::Gone),
        }
        let lease = Lease { id: held.id, fence, owner };
        let Some(newer) = self.open(held.id, &sealed).filter(|result| is_newer(result, held)) else {
            return Ok(Turn::Mine(Some(store::Lease::Shared(lease))));
        };
        // Were it not ended now, it ends by itself.
        let _ = self.give_up(&lease).await;
        Ok(Turn::Done(newer))
    }

    pub(in crate::session) async fn refreshed(
        &self,
        lease: &Lease,
        session: &Session,
        left: Duration,
    ) -> Result<Stored, StoreUnavailable> {
        let sealed = self.sealer.seal(&codec::encode(session));
        let mut command = eval(script::SHARED_WRITE, &[&self.result(lease.id), &self.lock(lease.id)]);
        command.arg(lease.fence).arg(sealed).arg(mark(session)).arg(millis(left)).arg(&lease.owner);
        let kept: String = self.connection.ask(&command).await?;
        Ok(match kept.as_str() {
            "kept" => Stored::Stored,
            "outrun" => Stored::Outrun,
            _ => Stored::Gone,
        })
    }

    pub(in crate::session) async fn give_up(&self, lease: &Lease) -> Result<(), StoreUnavailable> {
        let mut command = eval(script::GIVE_UP, &[&self.lock(lease.id)]);
        command.arg(&lease.owner);
        let _: String = self.connection.ask(&command).await?;
        Ok(())
    }

    /// An answer takes `session` to its browser: from now on it is kept for latecomers alone.
    pub(in crate::session) async fn carried(&self, session: &Session) -> Result<(), StoreUnavailable> {
        let mut command = eval(script::CARRIED, &[&self.result(session.id)]);
        command.arg(mark(session)).arg(millis(SHARED));
        let _: String = self.connection.ask(&command).await?;
        Ok(())
    }

    /// Refuses turns and results of a session for so long, and gives what its last refresh has brought.
    pub(in crate::session) async fn end(
        &self,
        id: SessionId,
        left: Duration,
    ) -> Result<Option<Box<Session>>, StoreUnavailable> {
        let mut command = eval(script::END_SHARED, &[&self.result(id)]);
        command.arg(millis(left));
        let sealed: Vec<u8> = self.connection.ask(&command).await?;
        Ok(self.open(id, &sealed))
    }

    /// The result, where it is one of this session: whoever writes to Redis may put one in another's place.
    fn open(&self, id: SessionId, sealed: &[u8]) -> Option<Box<Session>> {
        let opened = self.sealer.open(sealed).ok()?;
        let session = codec::decode(&opened.bytes).ok()?;
        (session.id == id).then(|| Box::new(session))
    }

    fn result(&self, id: SessionId) -> String {
        format!("{}refresh:{{{id}}}", self.prefix)
    }

    fn lock(&self, id: SessionId) -> String {
        format!("{}refreshing:{{{id}}}", self.prefix)
    }
}

fn is_newer(result: &Session, held: &Session) -> bool {
    result.access_token != held.access_token
        && result.access_expires >= held.access_expires
        && result.identity.sub == held.identity.sub
}

/// Tells one result from the next, and nobody what is in it: an access token is far too long to be guessed.
fn mark(session: &Session) -> String {
    let hash = Sha256::digest(session.access_token.expose());
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
