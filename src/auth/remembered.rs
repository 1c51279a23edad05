//! A bounded set whose members are forgotten after a while.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, UnixTime};

/// Members stay for `lifetime`; past `capacity` of them the oldest goes first.
pub struct Remembered<K> {
    lifetime: Duration,
    capacity: usize,
    clock: Clock,
    members: Mutex<Members<K>>,
}

struct Members<K> {
    /// When each is forgotten.
    until: HashMap<K, UnixTime>,
    /// In the order of arrival, which is the order of forgetting.
    order: VecDeque<K>,
}

impl<K: Copy + Eq + Hash> Remembered<K> {
    #[must_use]
    pub fn new(lifetime: Duration, capacity: usize, clock: Clock) -> Self {
        let members = Members { until: HashMap::new(), order: VecDeque::new() };
        Self { lifetime, capacity, clock, members: Mutex::new(members) }
    }

    /// True where `key` was not remembered yet. One that is keeps the end it has.
    pub fn insert(&self, key: K) -> bool {
        let now = self.clock.now();
        let mut members = self.lock();
        members.forget(now, self.capacity.saturating_sub(1));
        if members.until.contains_key(&key) {
            return false;
        }
        members.until.insert(key, now.plus(self.lifetime));
        members.order.push_back(key);
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

impl<K: Copy + Eq + Hash> Members<K> {
    fn forget(&mut self, now: UnixTime, at_most: usize) {
        while let Some(oldest) = self.order.front() {
            let over = self.order.len() > at_most;
            if !over && self.until.get(oldest).is_some_and(|until| *until > now) {
                break;
            }
            self.until.remove(oldest);
            self.order.pop_front();
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
        clock.advance(Duration::from_secs(10));
        assert!(!set.contains(&2) && !set.contains(&3));
        assert!(set.insert(3));
    }
}
