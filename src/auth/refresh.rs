//! Keeps the access token of a session fresh, by its own `exp`, without a stampede.
//!
//! One refresh is in flight per refresh token; whoever else holds that token waits for it, and latecomers get
//! its result for a while, so that parallel requests with one old cookie cost Cognito one call and never burn
//! a rotated token. Biased towards the user: a passing fault never ends a session whose access token is valid.

mod turn;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use super::identity::Kept;
use super::lifetimes::Lifetimes;
use super::remembered::Remembered;
use crate::clock::{Clock, UnixTime};
use crate::cognito::token::{GrantError, TokenClient, TokenSet};
use crate::cognito::verify::{TokenRefused, Verifier};
use crate::secret::Secret;
use crate::session::store::{Held, Store};
use crate::session::{Session, SessionId};
use crate::telemetry::metrics::Metrics;

/// How long a result is handed to whoever still holds the old cookie.
const SHARED: Duration = Duration::from_secs(60);
/// How long a request whose access token is still valid waits for a refresh.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after a passing fault the next attempt for the session comes.
const PAUSE: Duration = Duration::from_secs(5);
/// How long beyond the access token's end a refused refresh token is not tried again.
const REFUSED: Duration = Duration::from_secs(10 * 60);
/// Entries are swept when there are twice as many as the last sweep left, and no fewer than this.
const SWEEP: usize = 1024;

/// What became of a session that was asked to be fresh.
#[derive(Debug)]
pub enum Freshness {
    /// Its access token is good as it is.
    Current,
    /// It has a new access token, which the browser's cookie should hold from now on.
    Renewed(Arc<Session>),
    /// It is over: the user signs in again.
    Ended,
    /// Its access token has expired and Cognito cannot be asked.
    Unavailable { retry_after: Duration },
}

/// Refreshes sessions. Shared by every thread.
pub struct Refresher {
    shared: Arc<Shared>,
    margin: Duration,
}

struct Shared {
    tokens: Arc<TokenClient>,
    verifier: Verifier,
    kept: Kept,
    store: Store,
    lifetimes: Lifetimes,
    signed_out: Arc<Remembered<SessionId>>,
    clock: Clock,
    metrics: Arc<Metrics>,
    flights: Mutex<Flights>,
}

#[derive(Default)]
struct Flights {
    by_token: HashMap<TokenHash, Flight>,
    sweep_at: usize,
}

/// SHA-256 of a refresh token.
type TokenHash = [u8; 32];

/// What is known of one refresh token.
#[derive(Clone)]
enum Flight {
    /// A refresh is under way since then; the sender goes when it has ended.
    Running { since: Instant, ended: watch::Receiver<()> },
    /// For latecomers, until then.
    Renewed { session: Arc<Session>, until: UnixTime },
    /// Cognito does not know the token any more; not tried again until then.
    Refused { until: UnixTime },
    /// What came back is not this session's.
    Ended { until: UnixTime },
    /// A passing fault; the next attempt is due then.
    Paused { until: UnixTime },
}

impl Refresher {
    #[must_use]
    pub fn new(
        tokens: Arc<TokenClient>,
        verifier: Verifier,
        kept: Kept,
        (store, lifetimes): (Store, Lifetimes),
        signed_out: Arc<Remembered<SessionId>>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let flights = Mutex::default();
        let shared = Shared { tokens, verifier, kept, store, lifetimes, signed_out, clock, metrics, flights };
        Self { shared: Arc::new(shared), margin: Duration::ZERO }
    }

    /// Refreshes so long before the end.
    #[must_use]
    pub fn within(self, margin: Duration) -> Self {
        Self { margin, ..self }
    }

    /// Refreshes the session where its access token ends within the margin.
    ///
    /// Never returns a session whose access token has expired.
    pub async fn fresh(&self, held: &Held) -> Freshness {
        let session = &held.session;
        let now = self.shared.clock.now();
        let is_whole = !self.shared.kept.is_missed_by(session);
        if is_whole && session.access_expires > now.plus(self.margin) {
            return Freshness::Current;
        }
        let Some(refresh_token) = session.refresh_token.clone() else {
            let valid = is_whole && session.access_expires > now;
            return if valid { Freshness::Current } else { Freshness::Ended };
        };
        let hash = hash(&refresh_token);
        let mut awaited = false;
        // Each round ends with a return, or by waiting for a flight that has then left its result behind.
        loop {
            if self.shared.signed_out.contains(&session.id) {
                return Freshness::Ended;
            }
            let now = self.shared.clock.now();
            let valid = is_whole && session.access_expires > now;
            let (since, mut ended) = match self.shared.flight(&hash, held, &refresh_token, awaited) {
                Flight::Renewed { session, .. } if session.access_expires > now => {
                    return Freshness::Renewed(session);
                }
                Flight::Ended { .. } => return Freshness::Ended,
                Flight::Renewed { .. } | Flight::Refused { .. } | Flight::Paused { .. } if valid => {
                    return Freshness::Current;
                }
                Flight::Refused { .. } => return Freshness::Ended,
                Flight::Renewed { .. } => return Freshness::Unavailable { retry_after: PAUSE },
                Flight::Paused { until } => return Freshness::Unavailable { retry_after: now.until(until) },
                Flight::Running { since, ended } => (since, ended),
            };
            // The channel carries nothing: it closes when the flight has landed.
            let landed = ended.changed();
            if !valid {
                let _ = landed.await;
            } else if tokio::time::timeout_at(since + PATIENCE, landed).await.is_err()
                && session.access_expires > self.shared.clock.now()
            {
                return Freshness::Current;
            }
            awaited = true;
        }
    }

    /// True where a refresh has given this session newer tokens, or is about to: what is held must not be stored
    /// over them.
    #[must_use]
    pub fn supersedes(&self, session: &Session) -> bool {
        let Some(token) = &session.refresh_token else {
            return false;
        };
        match self.shared.lock().by_token.get(&hash(token)) {
            Some(Flight::Renewed { session: newer, .. }) => newer.access_expires > session.access_expires,
            Some(Flight::Running { .. }) => true,
            Some(Flight::Refused { .. } | Flight::Ended { .. } | Flight::Paused { .. }) | None => false,
        }
    }

    /// Forgets what refreshes of this session gave, so that no latecomer is handed it, and returns the refresh
    /// tokens that took the place of the session's own.
    ///
    /// To be called when the tombstone stands: a refresh that is under way looks for it when it ends.
    #[must_use = "tokens that nobody holds any more are to be revoked"]
    pub fn forget(&self, session: &Session) -> Vec<Secret> {
        session.refresh_token.as_ref().map(|token| self.shared.lock().forget(hash(token))).unwrap_or_default()
    }
}

impl Shared {
    /// What is known of the token that is of use for `held`; a flight is begun where nothing is.
    ///
    /// Whoever has `awaited` a flight takes what it brought, of use or not, rather than begin another.
    fn flight(
        self: &Arc<Self>,
        hash: &TokenHash,
        held: &Held,
        refresh_token: &Secret,
        awaited: bool,
    ) -> Flight {
        let now = self.clock.now();
        let mut flights = self.lock();
        if let Some(flight) = flights.by_token.get(hash)
            && (awaited || flight.is_of_use(&held.session, now))
        {
            return flight.clone();
        }
        flights.sweep(now);
        let (landed, ended) = watch::channel(());
        let flight = Flight::Running { since: Instant::now(), ended };
        flights.by_token.insert(*hash, flight.clone());
        // A task of its own: the client that caused it may go away, its result must not.
        let (shared, hash, held, token) = (Arc::clone(self), *hash, held.clone(), refresh_token.clone());
        tokio::spawn(async move {
            let id = held.session.id;
            let mut landing = Landing { shared: &shared, hash, flight: None, _landed: landed };
            let flight = shared.refresh_in_turn(&held, &token).await;
            landing.flight = Some(flight);
            drop(landing);
            // Only now, so that a sign-out either finds the result or is found here.
            if shared.signed_out.contains(&id) {
                shared.revoke_successors(hash, id).await;
            }
        });
        flight
    }

    async fn refresh(&self, held: Session, refresh_token: &Secret) -> Flight {
        let id = held.id;
        let held_until = held.access_expires;
        let outcome = match self.tokens.refresh(refresh_token).await {
            Ok(tokens) => self.renewed(held, tokens).await,
            Err(error) => Err(RefreshError::Grant(error)),
        };
        let now = self.clock.now();
        match outcome {
            Ok(session) => {
                tracing::debug!(session = %id, sub = %session.identity.sub, "refreshed");
                Flight::Renewed { session: Arc::new(session), until: now.plus(SHARED) }
            }
            Err(RefreshError::Grant(GrantError::InvalidGrant)) => {
                tracing::info!(session = %id, "the refresh token is no longer valid");
                Flight::Refused { until: held_until.max(now).plus(REFUSED) }
            }
            Err(
                RefreshError::Refused(TokenRefused::UnknownKey)
                | RefreshError::Grant(_)
                | RefreshError::ExpiredAlready,
            ) => {
                if let Err(error) = outcome {
                    tracing::warn!(%error, session = %id, "refresh failed; trying again soon");
                }
                Flight::Paused { until: now.plus(PAUSE) }
            }
            Err(error) => {
                tracing::error!(%error, session = %id, "the refreshed tokens are not this session's; it ends");
                Flight::Ended { until: now.plus(REFUSED) }
            }
        }
    }

    /// Signed out while a refresh was under way: what Cognito has just given must not outlive that.
    async fn revoke_successors(&self, hash: TokenHash, id: SessionId) {
        let tokens = self.lock().forget(hash);
        for token in tokens {
            if let Err(error) = self.tokens.revoke(&token).await {
                tracing::warn!(%error, session = %id, "a refresh token could not be revoked after sign-out");
            }
        }
    }

    /// The session with its new tokens, once these are verified and belong to the same user.
    async fn renewed(&self, held: Session, tokens: TokenSet) -> Result<Session, RefreshError> {
        let access = self.verifier.access_token(tokens.access_token.expose()).await?;
        if access.sub != held.identity.sub {
            return Err(RefreshError::OtherUser);
        }
        let (identity, expires) = match &tokens.id_token {
            Some(token) => {
                let id = self.verifier.id_token(token.expose(), None).await?;
                if id.sub != held.identity.sub {
                    return Err(RefreshError::OtherUser);
                }
                let expires = self.kept.expires(&id, &access);
                (self.kept.identity(id, &access), expires)
            }
            // What is held is about to be over.
            None if self.kept.needs_id_token() => {
                return Err(GrantError::Malformed("it has no id_token").into());
            }
            None => (held.identity, access.expires),
        };
        // The verifier forgives a skew of the clocks; forwarding does not.
        if expires <= self.clock.now() {
            return Err(RefreshError::ExpiredAlready);
        }
        Ok(Session {
            touched: self.clock.now(),
            access_token: tokens.access_token,
            access_expires: expires,
            refresh_token: tokens.refresh_token.or(held.refresh_token),
            id_token: tokens.id_token.and_then(|token| self.kept.id_token(token)).or(held.id_token),
            identity,
            ..held
        })
    }

    fn lock(&self) -> MutexGuard<'_, Flights> {
        // Every change is complete before anything can panic.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a refresh gave no session.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("a refreshed token was refused: {0}")]
    Refused(#[from] TokenRefused),
    #[error("a refreshed token belongs to another user")]
    OtherUser,
    #[error("the refreshed tokens have expired already; is this machine's clock right?")]
    ExpiredAlready,
}

impl Flight {
    /// How it ended, as a label.
    fn result(&self) -> &'static str {
        match self {
            Self::Renewed { .. } => "success",
            Self::Refused { .. } => "refused",
            Self::Running { .. } | Self::Paused { .. } => "unavailable",
            Self::Ended { .. } => "ended",
        }
    }

    fn is_of_use(&self, held: &Session, now: UnixTime) -> bool {
        match self {
            Self::Running { .. } => true,
            // The holder of the result itself is due again: that is a flight of its own.
            Self::Renewed { session, until } => {
                *until > now && session.access_expires > now && session.access_token != held.access_token
            }
            Self::Refused { until } | Self::Ended { until } | Self::Paused { until } => *until > now,
        }
    }
}

impl Flights {
    /// Takes out what refreshes gave, from this token on, and returns the refresh tokens that it was replaced by.
    fn forget(&mut self, mut hash: TokenHash) -> Vec<Secret> {
        let mut successors = Vec::new();
        while let Some(Flight::Renewed { session, .. }) = self.by_token.get(&hash) {
            let successor = session.refresh_token.clone();
            self.by_token.remove(&hash);
            // Without rotation the token stays the same, and nothing more is known of it.
            let Some((token, next)) = successor.map(|token| (token.clone(), self::hash(&token))) else {
                break;
            };
            if next == hash {
                break;
            }
            successors.push(token);
            hash = next;
        }
        successors
    }

    fn sweep(&mut self, now: UnixTime) {
        if self.by_token.len() < self.sweep_at.max(SWEEP) {
            return;
        }
        self.by_token.retain(|_, flight| match flight {
            Flight::Running { .. } => true,
            Flight::Renewed { until, .. }
            | Flight::Refused { until }
            | Flight::Ended { until }
            | Flight::Paused { until } => *until > now,
        });
        self.sweep_at = self.by_token.len() * 2;
    }
}

/// Leaves a flight's result behind before its waiters wake, whatever way it ends.
struct Landing<'a> {
    shared: &'a Shared,
    hash: TokenHash,
    /// Absent where the flight was torn off: its thread stopped, or it panicked.
    flight: Option<Flight>,
    /// Dropped after the result is in place, and that wakes the waiters.
    _landed: watch::Sender<()>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let torn_off = || Flight::Paused { until: self.shared.clock.now().plus(PAUSE) };
        let flight = self.flight.take().unwrap_or_else(torn_off);
        self.shared.lock().by_token.insert(self.hash, flight);
    }
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresher").field("margin", &self.margin).finish_non_exhaustive()
    }
}

fn hash(token: &Secret) -> TokenHash {
    Sha256::digest(token.expose()).into()
}
