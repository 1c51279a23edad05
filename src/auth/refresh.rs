//! Keeps the access token of a session fresh, by its own `exp`, without a stampede.
//!
//! One refresh is in flight for each session, beside its requests while their access token is good, and before them
//! once it has run out. Its result goes to whoever still holds the old cookie, so that parallel requests cost Cognito
//! one call and never burn a rotated token. Biased towards the user: a passing fault never ends a session whose access
//! token is valid.

mod across_replicas;
mod flights;
mod grant;
mod results;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::identity::Kept;
use super::lifetimes::Lifetimes;
use super::remembered::Remembered;
use super::watched::Watched;
use crate::clock::Clock;
use crate::cognito::token::TokenClient;
use crate::cognito::verify::Verifier;
use crate::secret::Secret;
use crate::session::store::{Held, Store};
use crate::session::{Session, SessionId};
use crate::telemetry::metrics::Metrics;

use flights::{Flight, Flights, Landing};

/// How long a result is handed to whoever still holds the old cookie, once an answer has carried it.
const SHARED: Duration = Duration::from_secs(60);
/// How long an answer waits for a refresh that it should carry, from the beginning of that.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after a passing fault the next attempt for the session comes.
const PAUSE: Duration = Duration::from_secs(5);
/// How long beyond the access token's end a refused refresh token is not tried again.
const REFUSED: Duration = Duration::from_secs(10 * 60);
/// Refused refresh tokens are remembered by their hash; past so many the one goes first that has the least time left.
const REMEMBERED: usize = 100_000;
/// How many flights one request waits for: that of each token that may be known of its session, and one more.
const ROUNDS: u32 = 3;

/// What became of a session that was asked to be fresh.
#[derive(Debug)]
pub enum Freshness {
    /// Its access token is good as it is. `coming`: a refresh is under way beside.
    Current { coming: bool },
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
    watched: Arc<Watched>,
    clock: Clock,
    metrics: Arc<Metrics>,
    flights: Mutex<Flights>,
    refused: Remembered<TokenHash>,
    /// True where the last refresh brought another refresh token, and until there was one: nobody is to lose a session
    /// by a restart.
    rotates: AtomicBool,
}

/// SHA-256 of a refresh token.
type TokenHash = [u8; 32];

/// What a request does next.
enum Step {
    /// It goes on: as it is, or with what took its place. `coming`: a refresh is under way beside.
    GoOn {
        newer: Option<Arc<Session>>,
        coming: bool,
    },
    /// It waits for the refresh that is under way.
    Wait(watch::Receiver<()>),
    Unavailable(Duration),
    Ended,
}

impl Refresher {
    #[must_use]
    pub(super) fn new(
        tokens: Arc<TokenClient>,
        verifier: Verifier,
        kept: Kept,
        (store, lifetimes): (Store, Lifetimes),
        (signed_out, watched): (Arc<Remembered<SessionId>>, Arc<Watched>),
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (flights, refused) =
            (Mutex::new(Flights::new()), Remembered::new(REFUSED, REMEMBERED, clock.clone()));
        let shared = Arc::new(Shared {
            tokens,
            verifier,
            kept,
            store,
            lifetimes,
            signed_out,
            watched,
            clock,
            metrics,
            flights,
            refused,
            rotates: AtomicBool::new(true),
        });
        Self { shared, margin: Duration::ZERO }
    }

    /// Refreshes so long before the end.
    #[must_use]
    pub fn within(self, margin: Duration) -> Self {
        Self { margin, ..self }
    }

    /// Refreshes the session where its access token ends within the margin, and waits for that where it has ended.
    ///
    /// Never returns a session whose access token has expired.
    pub async fn fresh(&self, held: &Held) -> Freshness {
        let session = &held.session;
        if !self.is_due(session) && !self.shared.kept.is_missed_by(session) {
            return Freshness::Current { coming: false };
        }
        let mut awaited = 0;
        // Each round ends with a return, or by waiting for a flight that has then left its result behind.
        loop {
            if self.shared.signed_out.contains(&session.id) {
                return Freshness::Ended;
            }
            match self.shared.step(held, self.margin, awaited) {
                Step::GoOn { newer: Some(newer), .. } => return Freshness::Renewed(newer),
                Step::GoOn { newer: None, coming } => return Freshness::Current { coming },
                Step::Ended => return Freshness::Ended,
                Step::Unavailable(retry_after) => return Freshness::Unavailable { retry_after },
                // The channel carries nothing: it closes when the flight has landed.
                Step::Wait(mut ended) => drop(ended.changed().await),
            }
            awaited += 1;
        }
    }

    /// What a refresh has put in the place of this session meanwhile.
    #[must_use]
    pub fn newer(&self, session: &Session) -> Option<Arc<Session>> {
        self.shared.lock().results.newer(session, self.shared.clock.now()).cloned()
    }

    /// True while a refresh of this session is under way.
    #[must_use]
    pub fn is_refreshing(&self, id: SessionId) -> bool {
        self.shared.lock().is_running(id)
    }

    /// True where an answer should carry what a refresh beside it brings: with rotation that is all that is left of
    /// the session, and where nothing is shared no other replica knows of it.
    #[must_use]
    pub fn is_lost_uncarried(&self) -> bool {
        !self.shared.store.shares_refreshes() && self.shared.rotates.load(Ordering::Relaxed)
    }

    /// Waits for a refresh that is under way, a second from its beginning at most.
    pub async fn landed(&self, id: SessionId) {
        let flight = self.shared.lock().of(id, self.shared.clock.now()).cloned();
        if let Some(Flight::Running { since, mut ended }) = flight {
            let _ = tokio::time::timeout_at(since + PATIENCE, ended.changed()).await;
        }
    }

    /// True where a refresh of this session may have been begun, here or elsewhere.
    #[must_use]
    pub fn is_due(&self, session: &Session) -> bool {
        session.access_expires <= self.shared.clock.now().plus(self.margin)
    }

    /// Notes that an answer takes this session to its browser.
    pub fn carried(&self, session: &Session) {
        let first = self.shared.lock().results.carried(session, self.shared.clock.now());
        if let Some(result) = first {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move { shared.store.carried(&result).await });
        }
    }

    /// Forgets what refreshes of this session gave, so that no latecomer is handed it, and returns what took its place.
    ///
    /// To be called when the tombstone stands: a refresh that is under way looks for it when it ends.
    #[must_use = "tokens that nobody holds any more are to be revoked"]
    pub fn forget(&self, id: SessionId) -> Option<Arc<Session>> {
        self.shared.lock().results.take(id)
    }
}

impl Shared {
    /// What a request with `held` does, that has `awaited` so many flights. A flight is begun where one is due.
    fn step(self: &Arc<Self>, held: &Held, margin: Duration, awaited: u32) -> Step {
        let (session, now) = (&held.session, self.clock.now());
        let mut flights = self.lock();
        let newer = flights.results.newer(session, now).cloned();
        let newest = newer.as_deref().unwrap_or(session);
        let is_whole = !self.kept.is_missed_by(newest);
        let is_valid = is_whole && newest.access_expires > now;
        let go_on = |coming| Step::GoOn { newer: newer.clone(), coming };
        if is_whole && newest.access_expires > now.plus(margin) {
            return go_on(false);
        }
        match flights.of(session.id, now) {
            Some(Flight::Running { .. }) if is_valid => return go_on(true),
            Some(Flight::Running { ended, .. }) => return Step::Wait(ended.clone()),
            Some(Flight::Ended { .. }) => return Step::Ended,
            Some(Flight::Paused { .. }) if is_valid => return go_on(false),
            Some(Flight::Paused { until }) => return Step::Unavailable(now.until(*until)),
            None => {}
        }
        // What the flight brought is taken, of use or not, rather than begin another.
        if is_valid && awaited > 0 {
            return go_on(false);
        }
        // The newest token first: where they are rotated, it is the only one that is good. One that came from another
        // replica may be refused where the browser's own is not.
        let states = newer.as_deref().into_iter().chain([session.as_ref()]);
        let mut usable = states.filter(|state| self.may_refresh(state));
        let Some(with) = usable.next() else {
            return if is_valid { go_on(false) } else { Step::Ended };
        };
        if awaited >= ROUNDS {
            return Step::Unavailable(PAUSE);
        }
        let landed = flights.begin(session.id, now);
        let ended = landed.subscribe();
        drop(flights);
        self.fly(held.with(with.clone()), landed);
        if is_valid { go_on(true) } else { Step::Wait(ended) }
    }

    fn may_refresh(&self, session: &Session) -> bool {
        session.refresh_token.as_ref().is_some_and(|token| !self.refused.contains(&hash(token)))
    }

    /// Refreshes in a task of its own: the client that caused it may go away, its result must not.
    fn fly(self: &Arc<Self>, held: Held, landed: watch::Sender<()>) {
        let Some(token) = held.session.refresh_token.clone() else { return };
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let landing = Landing::expect(&shared, &held, landed);
            let (outcome, said) = shared.refresh_in_turn(&held, &token).await;
            landing.with(outcome);
            if let Some(result) = said {
                shared.metrics.refreshed(result);
            }
            // Only now, so that a sign-out either finds the result or is found here.
            if shared.signed_out.contains(&held.session.id) {
                shared.revoke_successor(held.session.id).await;
            }
        });
    }

    /// Signed out while a refresh was under way: what Cognito has just given must not outlive that.
    async fn revoke_successor(&self, id: SessionId) {
        let newest = self.lock().results.take(id);
        let Some(token) = newest.and_then(|session| session.refresh_token.clone()) else { return };
        if let Err(error) = self.tokens.revoke(&token).await {
            tracing::warn!(%error, session = %id, "a refresh token could not be revoked after sign-out");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Flights> {
        // Every change is complete before anything can panic.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
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
