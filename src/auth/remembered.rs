//! A bounded set whose members are forgotten after a while.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, UnixTime};

/// Members stay for `lifetime` or longer; past `capacity` of them the one goes first that has the least time left.
pub struct Remembered<K> {
    lifetime: Duration,
    capacity: usize,
    clock: Clock,
    members: Mutex<Members<K>>,
}

struct Members<K> {
    /// When each is forgotten.
    until: HashMap<K, UnixTime>,
    /// In the order of forgetting.
    order: BTreeSet<(UnixTime, K)>,
}

impl<K: Copy + Ord + Hash> Remembered<K> {
    #[must_use]
    pub fn new(lifetime: Duration, capacity: usize, clock: Clock) -> Self {
        let members = Members { until: HashMap::new(), order: BTreeSet::new() };
        Self { lifetime, capacity, clock, members: Mutex::new(members) }
    }

    /// True where `key` was not remembered yet. One that is keeps the end it has.
    pub fn insert(&self, key: K) -> bool {
        self.insert_until(key, self.clock.now())
    }

    /// As [`Remembered::insert`], and not forgotten before `until`.
    pub fn insert_until(&self, key: K, until: UnixTime) -> bool {
        let now = self.clock.now();
        let until = until.max(now.plus(self.lifetime));
        let mut members = self.lock();
        members.forget(now, self.capacity.saturating_sub(1));
        if members.until.contains_key(&key) {
            return false;
        }
        members.until.insert(key, until);
        members.order.insert((until, key));
        true
    }

    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        let now = self.clock.now();
        self.lock().until.get(key).is_some_and(|until| *until > now)
    }

    fn lock(&self) -> MutexGuard<'_, Members<K>> {
        // Every change is complete before anything can panic.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Ord + Hash> Members<K> {
    fn forget(&mut self, now: UnixTime, at_most: usize) {
        while let Some((until, key)) = self.order.first().copied() {
            if self.order.len() <= at_most && until > now {
                break;
            }
            self.until.remove(&key);
            self.order.pop_first();
        }
    }
}

impl<K> fmt::Debug for Remembered<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered")
            .field("lifetime", &self.lifetime)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_forgotten_after_their_lifetime_and_past_the_capacity() {
        let clock = Clock::manual(UnixTime(1_000));
        let set = Remembered::new(Duration::from_secs(10), 2, clock.clone());
        assert!(set.insert(1));
        assert!(!set.insert(1));
        assert!(set.insert(2));
        assert!(set.insert(3));
        assert!(!set.contains(&1) && set.contains(&2) && set.contains(&3));
        clock.advance(Duration::from_secs(5));
        // The longest stays, whenever it came.
        assert!(set.insert_until(4, UnixTime(2_000)));
        assert!(!set.contains(&2) && set.contains(&3) && set.contains(&4));
        assert!(set.insert(5));
        assert!(!set.contains(&3) && set.contains(&4) && set.contains(&5));
        assert!(!set.insert(4));
        clock.advance(Duration::from_secs(10));
        assert!(set.contains(&4) && !set.contains(&5) && !set.contains(&3));
        assert!(set.insert(3));
    }
}
