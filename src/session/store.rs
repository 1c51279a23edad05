//! Where sessions are kept, whichever place that is.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::clock::{Clock, UnixTime};
use crate::config::{self, Config, SessionStore};
use crate::cookie::chunk::TooLarge;
use crate::cookie::read::RequestCookies;
use crate::cookie::write::Attributes;
use crate::crypto::keyring::KeyRing;
use crate::crypto::record::RecordSealer;
use crate::crypto::seal::{Purpose, Sealer};
use crate::secret::live::LiveSecret;
use crate::session::cookie_store::CookieStore;
use crate::session::redis::connection::Connection;
use crate::session::redis::refreshes::{self, Refreshes};
use crate::session::redis::replicas::Replicas;
use crate::session::redis::sign_outs::{SignOut, SignOuts};
use crate::session::redis::{self, RedisStore};
use crate::session::ticket::Ticket;
use crate::session::{Session, SessionId};
use crate::telemetry::metrics::Metrics;

/// Where the sessions of all sites are kept, and what replicas share. A clone is the same place.
#[derive(Clone, Debug)]
pub struct Place {
    redis: Option<Shared>,
    /// True where Redis keeps the sessions, and not the browser.
    keeps_sessions: bool,
}

/// The Redis of all sites.
#[derive(Clone, Debug)]
struct Shared {
    connection: Connection,
    prefix: String,
}

/// Keeps the sessions of one site: all of them the same way.
#[derive(Clone, Debug)]
pub enum Store {
    /// With the other replicas, where they can be told anything.
    Cookie(CookieStore, Option<Replicas>),
    Redis(RedisStore),
}

/// A turn to refresh one session, that other replicas wait for.
#[derive(Clone, Debug)]
pub enum Lease {
    /// Of a session in a record.
    Record(redis::Lease),
    /// Of a session in a cookie.
    Shared(refreshes::Lease),
}

/// What the cookies of a request amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// There is no cookie of ours.
    None,
    /// There is a session.
    Session(Held),
    /// There is a ticket of this session, and none of it is kept: ended, or kept somewhere else.
    Gone(SessionId),
    /// There is a cookie of ours, and no session comes of it: to be cleared, and otherwise as if there were none.
    Invalid,
}

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub session: Box<Session>,
    /// False where an older key sealed it, so that it wants saving anew.
    pub current_key: bool,
    /// Where it is kept, if not in the cookie.
    pub(super) record: Option<Record>,
}

/// A record as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) ticket: Ticket,
    /// How often it has been taken for a refresh, or written after one.
    pub(super) fence: u64,
}

/// The place where sessions are kept cannot be asked, so that nobody knows whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session store cannot be reached")]
pub struct StoreUnavailable;

/// Why a session is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

/// Whose turn it is to refresh a session.
#[derive(Debug)]
pub enum Turn {
    /// That of whoever asked. With a lease where other replicas wait for what comes of it.
    Mine(Option<Lease>),
    /// A replica that has just been at it.
    Done(Box<Session>),
    /// A replica that is at it.
    Theirs,
    /// The session has been ended.
    Gone,
}

/// What became of a session that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Stored,
    /// Somebody else has taken it for a refresh meanwhile: what they bring is newer.
    Outrun,
    /// The session has been ended.
    Gone,
}

/// One of a user's sessions, for whoever looks after the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: SessionId,
    /// When the user signed in, in seconds since 1970.
    pub created: i64,
    /// When it was last written: at a sign-in, a refresh or a touch.
    pub used: i64,
}

impl Place {
    /// The place that `config` asks for.
    #[must_use]
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        let shared = |redis: &config::Redis| Shared {
            connection: Connection::new(redis, metrics),
            prefix: redis.prefix.clone(),
        };
        Self {
            redis: config.redis.as_ref().map(shared),
            keeps_sessions: config.session.store == SessionStore::Redis,
        }
    }

    /// Keeps up the connection that it needs, if it needs one; never ends.
    pub async fn keep_open(&self) {
        match &self.redis {
            Some(shared) => shared.connection.keep_open().await,
            None => pending().await,
        }
    }

    /// The password of its Redis, if there is one, to be followed.
    #[must_use]
    pub fn password(&self) -> Option<&LiveSecret> {
        self.redis.as_ref().map(|shared| shared.connection.password())
    }
}

impl Store {
    /// The store of one site at this place, with cookies of this name. What it seals is bound to `scope`.
    #[must_use]
    pub fn new(
        place: &Place,
        name: &str,
        ring: &KeyRing,
        scope: &str,
        attributes: Attributes,
        clock: Clock,
    ) -> Self {
        match &place.redis {
            Some(shared) if place.keeps_sessions => {
                let (connection, prefix) = (shared.connection.clone(), &*shared.prefix);
                let sealer = RecordSealer::new(ring, scope);
                Self::Redis(RedisStore::new(connection, prefix, sealer, name, attributes, clock))
            }
            shared => {
                let replicas = shared.as_ref().map(|Shared { connection, prefix }| Replicas {
                    refreshes: Refreshes::new(
                        connection.clone(),
                        prefix,
                        Sealer::new(ring, Purpose::Refresh, scope),
                    ),
                    sign_outs: SignOuts::new(connection.clone(), prefix, clock),
                });
                let sealer = Sealer::new(ring, Purpose::Session, scope);
                Self::Cookie(CookieStore::new(sealer, name, attributes), replicas)
            }
        }
    }

    /// Goes over to the keys of `ring`.
    pub fn renew(&self, ring: &KeyRing) {
        match self {
            Self::Cookie(store, replicas) => {
                store.renew(ring);
                replicas.iter().for_each(|replicas| replicas.renew(ring));
            }
            Self::Redis(store) => store.renew(ring),
        }
    }

    /// The cookie's effective name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Cookie(store, _) => store.name(),
            Self::Redis(store) => store.name(),
        }
    }

    /// The session that `cookies` hold or stand for.
    pub async fn load(&self, cookies: &RequestCookies) -> Result<Loaded, StoreUnavailable> {
        match self {
            Self::Cookie(store, _) => Ok(store.load(cookies)),
            Self::Redis(store) => store.load(cookies).await,
        }
    }

    /// Keeps a session that begins, for as long as it has left, and gives the lines for the browser.
    pub async fn begin(
        &self,
        session: &Session,
        cookies: &RequestCookies,
        left: Duration,
    ) -> Result<Vec<HeaderValue>, SaveError> {
        match self {
            Self::Cookie(store, _) => Ok(store.save(session, cookies, left)?),
            Self::Redis(store) => store.begin(session, cookies, left).await,
        }
    }

    /// The lines that give the browser a session that goes on, with newer tokens or a later end.
    ///
    /// # Errors
    /// [`TooLarge`] where all the cookies that a browser may be given would not hold it.
    pub fn go_on(
        &self,
        session: &Session,
        cookies: &RequestCookies,
        left: Duration,
    ) -> Result<Vec<HeaderValue>, TooLarge> {
        match self {
            Self::Cookie(store, _) => store.save(session, cookies, left),
            Self::Redis(store) => Ok(store.go_on(cookies, left)),
        }
    }

    /// Writes down that a session was used, or seals it anew, unless somebody is about to refresh it. What lives in the
    /// cookie is written by [`Store::go_on`] alone.
    pub async fn touch(
        &self,
        held: &Held,
        session: &Session,
        left: Duration,
    ) -> Result<Stored, StoreUnavailable> {
        match self {
            Self::Cookie(..) => Ok(Stored::Stored),
            Self::Redis(store) => store.touch(held, session, left).await,
        }
    }

    /// Whose turn it is to refresh `held`, among all replicas that share the store.
    pub async fn turn(&self, held: &Held) -> Result<Turn, StoreUnavailable> {
        match self {
            Self::Cookie(_, Some(replicas)) => Ok(replicas.turn(&held.session).await),
            Self::Cookie(_, None) => Ok(Turn::Mine(None)),
            Self::Redis(store) => store.turn(held).await,
        }
    }

    /// True where other replicas hear of a refresh.
    #[must_use]
    pub fn shares_refreshes(&self) -> bool {
        !matches!(self, Self::Cookie(_, None))
    }

    /// True where a refresh is written down for good, so that nothing is lost with this replica.
    #[must_use]
    pub fn keeps_refreshes(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// Keeps what a refresh gave, and ends the turn.
    pub async fn refreshed(
        &self,
        lease: &Lease,
        session: &Session,
        left: Duration,
    ) -> Result<Stored, StoreUnavailable> {
        match (self, lease) {
            (Self::Cookie(_, Some(replicas)), Lease::Shared(lease)) => {
                replicas.refreshed(lease, session, left).await
            }
            (Self::Redis(store), Lease::Record(lease)) => store.refreshed(lease, session, left).await,
            // A lease comes from the store that it is given back to.
            (Self::Cookie(..), _) | (Self::Redis(_), Lease::Shared(_)) => Ok(Stored::Stored),
        }
    }

    /// Ends a turn that brought nothing.
    pub async fn give_up(&self, lease: &Lease) -> Result<(), StoreUnavailable> {
        match (self, lease) {
            (Self::Cookie(_, Some(replicas)), Lease::Shared(lease)) => replicas.give_up(lease).await,
            (Self::Redis(store), Lease::Record(lease)) => store.give_up(lease).await,
            (Self::Cookie(..), _) | (Self::Redis(_), Lease::Shared(_)) => Ok(()),
        }
    }

    /// Notes that an answer takes what a refresh gave to its browser.
    pub async fn carried(&self, session: &Session) {
        if let Self::Cookie(_, Some(replicas)) = self {
            replicas.carried(session).await;
        }
    }

    /// Ends a session, and gives what a refresh has put in its place, if that is known.
    ///
    /// A copy of a cookie is as good as the cookie: it is to be refused until then, here and by the other replicas.
    pub async fn end(
        &self,
        held: &Held,
        now: UnixTime,
        until: UnixTime,
    ) -> Result<Option<Box<Session>>, StoreUnavailable> {
        match self {
            Self::Cookie(_, Some(replicas)) => Ok(replicas.end(&held.session, now, until).await),
            Self::Cookie(_, None) => Ok(None),
            Self::Redis(store) => store.end(&held.session).await.map(|()| None),
        }
    }

    /// Sessions that were signed out at other replicas, where these tell; some may be known already.
    pub async fn sign_outs(&self) -> Vec<SignOut> {
        match self {
            Self::Cookie(_, Some(replicas)) => replicas.sign_outs().await,
            // Each request asks for its record.
            Self::Cookie(_, None) | Self::Redis(_) => pending().await,
        }
    }

    /// The sessions of a user, in the order of their sign-ins; `None` where nobody can know.
    pub async fn list(&self, sub: &str) -> Result<Option<Vec<Listed>>, StoreUnavailable> {
        match self {
            Self::Cookie(..) => Ok(None),
            Self::Redis(store) => Ok(Some(store.list(sub).await?)),
        }
    }

    /// Ends the sessions of a user, and says which there were; `None` where nobody can know.
    pub async fn end_all(&self, sub: &str) -> Result<Option<Vec<SessionId>>, StoreUnavailable> {
        match self {
            Self::Cookie(..) => Ok(None),
            Self::Redis(store) => Ok(Some(store.end_all(sub).await?)),
        }
    }

    /// The lines that take every cookie of ours out of the browser.
    #[must_use]
    pub fn clear(&self, cookies: &RequestCookies) -> Vec<HeaderValue> {
        match self {
            Self::Cookie(store, _) => store.clear(cookies),
            Self::Redis(store) => store.clear(cookies),
        }
    }
}

impl Held {
    /// A session that its cookie holds.
    #[must_use]
    pub fn in_cookie(session: Session, current_key: bool) -> Self {
        Self { session: Box::new(session), current_key, record: None }
    }

    /// Another state of the session, which is kept in the same place.
    #[must_use]
    pub fn with(&self, session: Session) -> Self {
        Self { session: Box::new(session), ..self.clone() }
    }
}
