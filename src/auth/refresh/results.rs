//! What refreshes gave, for whoever still holds the cookie from before.
//!
//! Where refresh tokens are rotated, such a result is all that is left of its session: what no answer has carried to the
//! browser yet stays for as long as the session could last.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::SHARED;
use crate::clock::UnixTime;
use crate::session::{Session, SessionId};

/// So many sessions at once; each takes about as much as its cookie, 4 kB as a rule.
pub(super) const AT_MOST: usize = 10_000;
/// What is over is swept out where there is twice as much as the last sweep left, and no less than this.
const SWEEP: usize = 1024;

/// The newest state of each session that was refreshed here lately. Past `at_most` of them those go first that an answer
/// has carried, then those that have waited longest for one.
pub(super) struct Results {
    by_session: HashMap<SessionId, Kept>,
    /// In the order of going.
    order: BTreeSet<Place>,
    at_most: usize,
    sweep_at: usize,
}

struct Kept {
    session: Arc<Session>,
    place: Place,
    end: UnixTime,
}

/// Carried ones come before others; among themselves the oldest come first.
type Place = (bool, UnixTime, SessionId);

impl Results {
    pub(super) fn new(at_most: usize) -> Self {
        Self { by_session: HashMap::new(), order: BTreeSet::new(), at_most, sweep_at: SWEEP }
    }

    /// Keeps a result until it was carried, and `left` at most.
    pub(super) fn keep(&mut self, session: Arc<Session>, now: UnixTime, end: UnixTime) {
        self.put(session, (true, now), now, end);
    }

    /// Keeps one that is not lost with this, for latecomers.
    pub(super) fn share(&mut self, session: Arc<Session>, now: UnixTime) {
        self.put(session, (false, now), now, now.plus(SHARED));
    }

    /// The state of `held`'s session that took its place, where there is one.
    pub(super) fn newer(&self, held: &Session, now: UnixTime) -> Option<&Arc<Session>> {
        let Kept { session, end, .. } = self.by_session.get(&held.id)?;
        let is_newer = *end > now
            && session.access_expires >= held.access_expires
            && session.access_token != held.access_token
            && session.identity.sub == held.identity.sub;
        is_newer.then_some(session)
    }

    /// An answer carries `session` to its browser: latecomers are those that were under way meanwhile. Gives the result
    /// where it is the first to do so.
    pub(super) fn carried(&mut self, session: &Session, now: UnixTime) -> Option<Arc<Session>> {
        let kept = self.by_session.get(&session.id)?;
        if !kept.place.0 || kept.session.access_token != session.access_token {
            return None;
        }
        let (session, end) = (Arc::clone(&kept.session), kept.end.min(now.plus(SHARED)));
        self.put(Arc::clone(&session), (false, now), now, end);
        Some(session)
    }

    pub(super) fn take(&mut self, id: SessionId) -> Option<Arc<Session>> {
        let kept = self.by_session.remove(&id)?;
        self.order.remove(&kept.place);
        Some(kept.session)
    }

    fn sweep(&mut self, now: UnixTime) {
        let order = &mut self.order;
        self.by_session.retain(|_, kept| {
            let stays = kept.end > now;
            if !stays {
                order.remove(&kept.place);
            }
            stays
        });
        self.sweep_at = (self.order.len() * 2).max(SWEEP);
    }

    /// Room is made first, so that what comes stays.
    fn put(&mut self, session: Arc<Session>, (waits, since): (bool, UnixTime), now: UnixTime, end: UnixTime) {
        let id = session.id;
        self.take(id);
        if self.order.len() >= self.sweep_at {
            self.sweep(now);
        }
        while let Some((waits, since, first)) = self.order.first().copied() {
            let is_over = !waits && since.plus(SHARED) <= now;
            if !is_over && self.order.len() < self.at_most {
                break;
            }
            if waits {
                tracing::warn!(session = %first, "too many refreshed sessions wait for their browsers; this one's is dropped");
            }
            self.take(first);
        }
        let place = (waits, since, id);
        self.order.insert(place);
        self.by_session.insert(id, Kept { session, place, end });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::session::Identity;

    const NOW: UnixTime = UnixTime(1_000);
    const END: UnixTime = UnixTime(9_000);

    fn session(token: &str, expires: i64) -> Session {
        Session::new(NOW, Secret::from(token), UnixTime(expires), Identity::default())
    }

    /// The state before and the one after a refresh.
    fn refreshed(results: &mut Results, now: UnixTime) -> (Session, Arc<Session>) {
        let old = session("old", 1_060);
        let new = Arc::new(Session {
            access_token: Secret::from("new"),
            access_expires: UnixTime(5_000),
            ..old.clone()
        });
        results.keep(Arc::clone(&new), now, END);
        (old, new)
    }

    #[test]
    fn a_result_waits_until_it_was_carried_and_then_60_seconds() {
        let mut results = Results::new(10);
        let (old, new) = refreshed(&mut results, NOW);
        assert_eq!(results.newer(&old, UnixTime(8_999)), Some(&new));
        assert_eq!(results.newer(&new, NOW), None, "it is what it would be replaced by");
        assert_eq!(results.newer(&old, END), None);
        results.carried(&old, NOW);
        assert!(results.newer(&old, UnixTime(2_000)).is_some(), "another state was carried");
        results.carried(&new, UnixTime(2_000));
        results.carried(&new, UnixTime(2_030));
        assert_eq!(results.newer(&old, UnixTime(2_059)), Some(&new));
        assert_eq!(results.newer(&old, UnixTime(2_060)), None);
    }

    #[test]
    fn a_later_state_of_another_replica_and_another_user_get_nothing() {
        let mut results = Results::new(10);
        let (old, _) = refreshed(&mut results, NOW);
        assert_eq!(results.newer(&Session { access_expires: UnixTime(5_001), ..old.clone() }, NOW), None);
        let identity = Identity { sub: "another".to_owned(), ..Identity::default() };
        assert_eq!(results.newer(&Session { identity, ..old }, NOW), None);
        assert_eq!(results.newer(&session("old", 1_060), NOW), None);
    }

    #[test]
    fn what_was_carried_goes_first_and_then_what_has_waited_longest() {
        let mut results = Results::new(3);
        let (first, _) = refreshed(&mut results, NOW);
        let (second, carried) = refreshed(&mut results, UnixTime(1_001));
        let (third, _) = refreshed(&mut results, UnixTime(1_002));
        results.carried(&carried, UnixTime(1_003));
        let there = |results: &Results, held: &Session| results.newer(held, UnixTime(1_004)).is_some();
        let (fourth, _) = refreshed(&mut results, UnixTime(1_004));
        assert_eq!(
            [&first, &second, &third, &fourth].map(|held| there(&results, held)),
            [true, false, true, true]
        );
        let (fifth, _) = refreshed(&mut results, UnixTime(1_004));
        assert_eq!(
            [&first, &third, &fourth, &fifth].map(|held| there(&results, held)),
            [false, true, true, true]
        );
        assert_eq!((results.order.len(), results.by_session.len()), (3, 3));
    }

    #[test]
    fn what_is_over_is_swept() {
        let mut results = Results::new(10);
        let (_, carried) = refreshed(&mut results, NOW);
        refreshed(&mut results, NOW);
        results.carried(&carried, NOW);
        results.sweep(UnixTime(1_060));
        assert_eq!((results.order.len(), results.by_session.len()), (1, 1));
        results.sweep(END);
        assert_eq!((results.order.len(), results.by_session.len()), (0, 0));
    }
}
