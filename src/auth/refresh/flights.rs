//! What is known of sessions whose refresh is under way, or was tried lately.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::grant::Outcome;
use super::results::{AT_MOST, Results};
use super::{PAUSE, REFUSED, Shared};
use crate::clock::UnixTime;
use crate::session::store::Held;
use crate::session::{Session, SessionId};

/// Entries are swept when there are twice as many as the last sweep left, and no fewer than this.
const SWEEP: usize = 1024;

/// The refreshes of all sessions; one at a time for each.
pub(super) struct Flights {
    by_session: HashMap<SessionId, Flight>,
    pub(super) results: Results,
    sweep_at: usize,
}

/// What keeps a session from being refreshed now.
#[derive(Clone)]
pub(super) enum Flight {
    /// It is being refreshed since then; the sender goes when that has ended.
    Running { since: Instant, ended: watch::Receiver<()> },
    /// What came back is not its own; not tried again until then.
    Ended { until: UnixTime },
    /// A passing fault; the next attempt is due then.
    Paused { until: UnixTime },
}

impl Flights {
    pub(super) fn new() -> Self {
        Self { by_session: HashMap::new(), results: Results::new(AT_MOST), sweep_at: 0 }
    }

    pub(super) fn of(&self, id: SessionId, now: UnixTime) -> Option<&Flight> {
        self.by_session.get(&id).filter(|flight| flight.stands(now))
    }

    pub(super) fn is_running(&self, id: SessionId) -> bool {
        matches!(self.by_session.get(&id), Some(Flight::Running { .. }))
    }

    /// Begins a flight, for the one task that gets the sender.
    pub(super) fn begin(&mut self, id: SessionId, now: UnixTime) -> watch::Sender<()> {
        if self.by_session.len() >= self.sweep_at.max(SWEEP) {
            self.by_session.retain(|_, flight| flight.stands(now));
            self.sweep_at = self.by_session.len() * 2;
        }
        let (landed, ended) = watch::channel(());
        self.by_session.insert(id, Flight::Running { since: Instant::now(), ended });
        landed
    }
}

impl Flight {
    fn stands(&self, now: UnixTime) -> bool {
        match self {
            Self::Running { .. } => true,
            Self::Ended { until } | Self::Paused { until } => *until > now,
        }
    }
}

/// Leaves a flight's result behind before its waiters wake, whatever way it ends.
pub(super) struct Landing<'a> {
    pub(super) shared: &'a Shared,
    pub(super) held: &'a Held,
    /// As it stays where the flight was torn off: its thread stopped, or it panicked.
    outcome: Outcome,
    /// Dropped after the result is in place, and that wakes the waiters.
    _landed: watch::Sender<()>,
}

impl<'a> Landing<'a> {
    pub(super) fn expect(shared: &'a Shared, held: &'a Held, landed: watch::Sender<()>) -> Self {
        Self { shared, held, outcome: Outcome::Paused, _landed: landed }
    }

    pub(super) fn with(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let (shared, session) = (self.shared, &self.held.session);
        let (id, now) = (session.id, shared.clock.now());
        let outcome = mem::replace(&mut self.outcome, Outcome::Paused);
        if let Outcome::Refused = outcome
            && let Some(token) = &session.refresh_token
        {
            shared.refused.insert_until(super::hash(token), session.access_expires.max(now).plus(REFUSED));
        }
        let mut until = None;
        let mut flights = shared.lock();
        let flight = match outcome {
            Outcome::Renewed { session, elsewhere } => {
                until = Some(shared.lifetimes.latest(&session));
                keep(&mut flights.results, shared, session, elsewhere, now);
                None
            }
            Outcome::Refused => None,
            Outcome::Ended => Some(Flight::Ended { until: now.plus(REFUSED) }),
            Outcome::Paused => Some(Flight::Paused { until: now.plus(PAUSE) }),
        };
        match flight {
            Some(flight) => drop(flights.by_session.insert(id, flight)),
            None => drop(flights.by_session.remove(&id)),
        }
        drop(flights);
        // Only now, so that a connection that waits for the session's end either finds the result or is told here.
        if let Some(until) = until {
            shared.watched.seen(id, until);
        }
    }
}

fn keep(results: &mut Results, shared: &Shared, session: Arc<Session>, elsewhere: bool, now: UnixTime) {
    if elsewhere {
        results.share(session, now);
    } else {
        let end = now.plus(shared.lifetimes.left(&session, now));
        results.keep(session, now, end);
    }
}
