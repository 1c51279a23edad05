//! Sessions that live in Redis or Valkey: the browser has a [`Ticket`], and the record opens with it and the ring. What
//! replicas tell each other of sessions in cookies is in [`replicas`].
//!
//! | key | what |
//! |---|---|
//! | `session:{ID}` | hash: `d` the sealed session, `c` created, `u` last written, `n` the fence |
//! | `lock:{ID}` | whose turn it is to refresh |
//! | `user:{NAME}` | sorted set: the ids of a user's sessions by their end; the name is made with the ring |
//!
//! The braces are hash tags: what one script touches is in one slot of a cluster.

pub mod connection;
pub mod refreshes;
pub mod replicas;
mod script;
pub mod sign_outs;

use std::time::Duration;

use http::HeaderValue;
use redis::{Cmd, cmd};

use crate::clock::Clock;
use crate::cookie::chunk::{self, TooLarge};
use crate::cookie::read::{Named, RequestCookies};
use crate::cookie::write::{self, Attributes};
use crate::crypto::keyring::KeyRing;
use crate::crypto::random;
use crate::crypto::record::RecordSealer;
use crate::session::sizes::Sizes;
use crate::session::store::{self, Held, Listed, Loaded, Record, SaveError, StoreUnavailable, Stored, Turn};
use crate::session::ticket::Ticket;
use crate::session::{Session, SessionId, codec};

use connection::Connection;

/// How long a turn lasts: longer than Cognito is asked for an answer. A replica that dies in its turn leaves the others
/// waiting for so long, or for as long as their access token is good.
const TURN: Duration = Duration::from_secs(20);

/// Keeps sessions in Redis. Every replica that shares it and the keys serves any request.
#[derive(Clone, Debug)]
pub struct RedisStore {
    connection: Connection,
    prefix: String,
    sealer: RecordSealer,
    name: String,
    attributes: Attributes,
    clock: Clock,
}

/// A turn to refresh the session of one record.
#[derive(Clone, Debug)]
pub struct Lease {
    ticket: Ticket,
    fence: u64,
    /// Random, so that no two turns are taken for one another.
    owner: String,
}

impl RedisStore {
    /// A store under the effective cookie name, `__Host-` or `__Secure-` included.
    #[must_use]
    pub fn new(
        connection: Connection,
        prefix: &str,
        sealer: RecordSealer,
        name: &str,
        attributes: Attributes,
        clock: Clock,
    ) -> Self {
        Self { connection, prefix: prefix.to_owned(), sealer, name: name.to_owned(), attributes, clock }
    }

    pub(super) fn renew(&self, ring: &KeyRing) {
        self.sealer.renew(ring);
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn load(&self, cookies: &RequestCookies) -> Result<Loaded, StoreUnavailable> {
        let ticket = match cookies.named(&self.name) {
            Named::One(value) => Ticket::parse(value),
            Named::Absent if chunk::present(cookies, &self.name).is_empty() => return Ok(Loaded::None),
            Named::Absent | Named::Many => None,
        };
        let Some(ticket) = ticket else { return Ok(Loaded::Invalid) };
        let mut command = cmd("HMGET");
        command.arg(self.record(ticket.id())).arg(&["d", "n"]);
        let (sealed, fence): (Option<Vec<u8>>, Option<u64>) = self.connection.ask(&command).await?;
        let Some((sealed, fence)) = sealed.zip(fence) else { return Ok(Loaded::Gone(ticket.id())) };
        Ok(self.open(&ticket, &sealed, fence).map_or(Loaded::Invalid, Loaded::Session))
    }

    pub(super) async fn begin(
        &self,
        session: &Session,
        cookies: &RequestCookies,
        left: Duration,
    ) -> Result<Vec<HeaderValue>, SaveError> {
        let ticket = Ticket::new(session.id);
        fits(session)?;
        // Noted first: no session is there that a sign-out everywhere would not find.
        self.note(session, left).await?;
        let mut command = eval(script::BEGIN, &[&self.record(session.id)]);
        command
            .arg(self.seal(&ticket, session))
            .arg(session.created.0)
            .arg(session.touched.0)
            .arg(millis(left));
        let _: String = self.connection.ask(&command).await?;
        Ok(self.lines(&ticket, cookies, left))
    }

    pub(super) fn go_on(&self, cookies: &RequestCookies, left: Duration) -> Vec<HeaderValue> {
        let Named::One(value) = cookies.named(&self.name) else { return Vec::new() };
        Ticket::parse(value).map(|ticket| self.lines(&ticket, cookies, left)).unwrap_or_default()
    }

    pub(super) async fn touch(
        &self,
        held: &Held,
        session: &Session,
        left: Duration,
    ) -> Result<Stored, StoreUnavailable> {
        let Some(record) = &held.record else { return Ok(Stored::Stored) };
        self.write(&record.ticket, record.fence, "", session, left).await
    }

    pub(super) async fn turn(&self, held: &Held) -> Result<Turn, StoreUnavailable> {
        let Some(record) = &held.record else { return Ok(Turn::Mine(None)) };
        let id = record.ticket.id();
        let owner = random::token();
        let mut command = eval(script::TURN, &[&self.record(id), &self.lock(id)]);
        command.arg(&owner).arg(millis(TURN));
        let (whose, fence, sealed): (String, u64, Vec<u8>) = self.connection.ask(&command).await?;
        match whose.as_str() {
            "mine" => {}
            "theirs" => return Ok(Turn::Theirs),
            _ => return Ok(Turn::Gone),
        }
        let lease = Lease { ticket: record.ticket.clone(), fence, owner };
        let Some(now) = self.open(&record.ticket, &sealed, fence) else { return Ok(Turn::Gone) };
        // An older one is what a refresh has replaced that could not be kept.
        let (kept, ours) = (&now.session, &held.session);
        if kept.access_token == ours.access_token || kept.access_expires < ours.access_expires {
            return Ok(Turn::Mine(Some(store::Lease::Record(lease))));
        }
        self.give_up(&lease).await?;
        Ok(Turn::Done(now.session))
    }

    pub(super) async fn refreshed(
        &self,
        lease: &Lease,
        session: &Session,
        left: Duration,
    ) -> Result<Stored, StoreUnavailable> {
        self.write(&lease.ticket, lease.fence, &lease.owner, session, left).await
    }

    pub(super) async fn give_up(&self, lease: &Lease) -> Result<(), StoreUnavailable> {
        let mut command = eval(script::GIVE_UP, &[&self.lock(lease.ticket.id())]);
        command.arg(&lease.owner);
        let _: String = self.connection.ask(&command).await?;
        Ok(())
    }

    pub(super) async fn end(&self, session: &Session) -> Result<(), StoreUnavailable> {
        self.remove(session.id).await?;
        for name in self.sealer.pseudonyms(&session.identity.sub) {
            let mut command = cmd("ZREM");
            command.arg(self.user(&name)).arg(session.id.to_string());
            let _: u64 = self.connection.ask(&command).await?;
        }
        Ok(())
    }

    pub(super) fn clear(&self, cookies: &RequestCookies) -> Vec<HeaderValue> {
        let mut names = vec![self.name.clone()];
        names.extend(chunk::present(cookies, &self.name).into_iter().filter(|sent| *sent != self.name));
        names.iter().map(|name| write::clear(&self.attributes, name)).collect()
    }

    /// The sessions of a user, under whatever key of the ring they were noted.
    pub(super) async fn list(&self, sub: &str) -> Result<Vec<Listed>, StoreUnavailable> {
        let mut listed = Vec::new();
        for id in self.noted(sub).await? {
            let mut command = cmd("HMGET");
            command.arg(self.record(id)).arg(&["c", "u"]);
            if let (Some(created), Some(used)) = self.connection.ask(&command).await? {
                listed.push(Listed { id, created, used });
            }
        }
        listed.sort_by_key(|session| session.created);
        Ok(listed)
    }

    /// Ends the sessions of a user, and says which there were.
    pub(super) async fn end_all(&self, sub: &str) -> Result<Vec<SessionId>, StoreUnavailable> {
        let mut ended = Vec::new();
        for id in self.noted(sub).await? {
            if self.remove(id).await? > 0 {
                ended.push(id);
            }
            for name in self.sealer.pseudonyms(sub) {
                let mut command = cmd("ZREM");
                command.arg(self.user(&name)).arg(id.to_string());
                let _: u64 = self.connection.ask(&command).await?;
            }
        }
        Ok(ended)
    }

    async fn noted(&self, sub: &str) -> Result<Vec<SessionId>, StoreUnavailable> {
        let mut ids = Vec::new();
        for name in self.sealer.pseudonyms(sub) {
            let mut command = cmd("ZRANGE");
            command.arg(self.user(&name)).arg(0).arg(-1);
            let found: Vec<String> = self.connection.ask(&command).await?;
            ids.extend(found.iter().filter_map(|id| id.parse::<SessionId>().ok()));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    async fn remove(&self, id: SessionId) -> Result<u64, StoreUnavailable> {
        let mut command = cmd("DEL");
        command.arg(self.record(id));
        self.connection.ask(&command).await
    }

    async fn write(
        &self,
        ticket: &Ticket,
        fence: u64,
        owner: &str,
        session: &Session,
        left: Duration,
    ) -> Result<Stored, StoreUnavailable> {
        // One that has grown too large since it began is told of: whoever reads its record signs in, and is told why then.
        let _ = fits(session);
        let id = ticket.id();
        let mut command = eval(script::WRITE, &[&self.record(id), &self.lock(id)]);
        command
            .arg(fence)
            .arg(self.seal(ticket, session))
            .arg(session.touched.0)
            .arg(millis(left))
            .arg(owner);
        let kept: String = self.connection.ask(&command).await?;
        Ok(match kept.as_str() {
            "kept" => {
                // It stands; were it not noted until later now, the next write does that.
                let _ = self.note(session, left).await;
                Stored::Stored
            }
            "outrun" => Stored::Outrun,
            _ => Stored::Gone,
        })
    }

    /// Notes a session under its user, so that it is found without its ticket.
    async fn note(&self, session: &Session, left: Duration) -> Result<(), StoreUnavailable> {
        let now = self.clock.now();
        // The first is that of the key that seals.
        for name in self.sealer.pseudonyms(&session.identity.sub).iter().take(1) {
            let mut command = eval(script::NOTE, &[&self.user(name)]);
            command.arg(session.id.to_string()).arg(now.plus(left).0).arg(now.0).arg(millis(left));
            let _: String = self.connection.ask(&command).await?;
        }
        Ok(())
    }

    fn seal(&self, ticket: &Ticket, session: &Session) -> Vec<u8> {
        self.sealer.seal(ticket.id().as_bytes(), ticket.secret(), &codec::encode(session))
    }

    fn open(&self, ticket: &Ticket, sealed: &[u8], fence: u64) -> Option<Held> {
        let opened = self.sealer.open(ticket.id().as_bytes(), ticket.secret(), sealed).ok()?;
        let session = Box::new(codec::decode(&opened.bytes).ok()?);
        let record = Some(Record { ticket: ticket.clone(), fence });
        Some(Held { session, current_key: opened.current_key, record })
    }

    /// The ticket's line, and those that delete what `cookies` show of sessions in cookies.
    fn lines(&self, ticket: &Ticket, cookies: &RequestCookies, left: Duration) -> Vec<HeaderValue> {
        let mut lines = vec![write::set(&self.attributes, &self.name, &ticket.to_text(), left)];
        let stale = chunk::present(cookies, &self.name).into_iter().filter(|sent| *sent != self.name);
        lines.extend(stale.map(|name| write::clear(&self.attributes, &name)));
        lines
    }

    fn record(&self, id: SessionId) -> String {
        format!("{}session:{{{id}}}", self.prefix)
    }

    fn lock(&self, id: SessionId) -> String {
        format!("{}lock:{{{id}}}", self.prefix)
    }

    fn user(&self, name: &str) -> String {
        format!("{}user:{{{name}}}", self.prefix)
    }
}

/// An error, and a log line that says what of it is large, where what is written of a session could not be read again.
fn fits(session: &Session) -> Result<(), TooLarge> {
    let bytes = codec::encode(session).len();
    if bytes <= codec::MAX_ENCODED {
        return Ok(());
    }
    let sizes = Sizes(session);
    tracing::error!(bytes, %sizes, sub = %session.identity.sub, "a session is too large for a record in Redis");
    Err(TooLarge { bytes })
}

fn eval(script: &str, keys: &[&str]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(script).arg(keys.len()).arg(keys);
    command
}

/// Never 0, which would end the key at once.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
