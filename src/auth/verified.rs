//! Tokens that were verified: by their hash, for as long as they last, and so many of them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::clock::{Clock, UnixTime};
use crate::secret::Secret;

/// What was found out about tokens, so that it need not be found out again: a signature costs some 30 µs, this 3.
///
/// Past `capacity` of them the one goes first that has the least time left. The tokens themselves are not kept.
pub(super) struct Verified<T> {
    capacity: usize,
    clock: Clock,
    known: Mutex<Known<T>>,
}

/// SHA-256 of a token, signature and all: another token that looks like it has another one.
type Hash = [u8; 32];

struct Known<T> {
    by_hash: HashMap<Hash, Entry<T>>,
    /// In the order of their ends.
    order: BTreeSet<(UnixTime, Hash)>,
}

struct Entry<T> {
    found: Arc<T>,
    expires: UnixTime,
    /// Of the keys that it was verified by.
    generation: u64,
}

impl<T> Verified<T> {
    pub(super) fn new(capacity: usize, clock: Clock) -> Self {
        let known = Known { by_hash: HashMap::new(), order: BTreeSet::new() };
        Self { capacity, clock, known: Mutex::new(known) }
    }

    /// What is known of this very token, by the keys of `generation`: a key that was withdrawn vouches for nothing.
    pub(super) fn get(&self, token: &Secret, generation: u64) -> Option<Arc<T>> {
        let (hash, now) = (hash(token), self.clock.now());
        let known = self.lock();
        let entry = known.by_hash.get(&hash)?;
        (entry.generation == generation && entry.expires > now).then(|| Arc::clone(&entry.found))
    }

    pub(super) fn put(&self, token: &Secret, generation: u64, expires: UnixTime, found: Arc<T>) {
        let (hash, now) = (hash(token), self.clock.now());
        let mut known = self.lock();
        if let Some(old) = known.by_hash.insert(hash, Entry { found, expires, generation }) {
            known.order.remove(&(old.expires, hash));
        }
        known.order.insert((expires, hash));
        while let Some((until, first)) = known.order.first().copied() {
            if until > now && known.order.len() <= self.capacity {
                break;
            }
            known.order.pop_first();
            known.by_hash.remove(&first);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known<T>> {
        // Every change is complete before anything can panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &Secret) -> Hash {
    Sha256::digest(token.expose()).into()
}

impl<T> fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_found_out_holds_until_the_tokens_end_and_for_the_same_keys_alone() {
        let clock = Clock::manual(UnixTime(1_000));
        let verified = Verified::new(8, clock.clone());
        let token = Secret::from("a.b.c");
        verified.put(&token, 1, UnixTime(1_060), Arc::new(1));
        assert_eq!(verified.get(&token, 1).as_deref(), Some(&1));
        assert_eq!(verified.get(&token, 2), None);
        assert_eq!(verified.get(&Secret::from("a.b.C"), 1), None);
        verified.put(&token, 2, UnixTime(1_060), Arc::new(2));
        assert_eq!(verified.get(&token, 2).as_deref(), Some(&2));
        clock.advance(Duration::from_secs(59));
        assert_eq!(verified.get(&token, 2).as_deref(), Some(&2));
        clock.advance(Duration::from_secs(1));
        assert_eq!(verified.get(&token, 2), None);
    }

    #[test]
    fn there_are_never_more_than_so_many_and_those_that_end_first_go_first() {
        let clock = Clock::manual(UnixTime(1_000));
        let verified = Verified::new(100, clock.clone());
        let token = |n: i64| Secret::from(format!("token-{n}"));
        for n in 0..10_000 {
            verified.put(&token(n), 1, UnixTime(2_000 + n % 7), Arc::new(n));
            verified.put(&token(n), 1, UnixTime(2_000 + n % 7), Arc::new(n));
            let known = verified.lock();
            assert!(known.by_hash.len() <= 100 && known.by_hash.len() == known.order.len());
        }
        assert!(verified.lock().order.iter().all(|(until, _)| *until == UnixTime(2_006)));
        // What is over makes room for what is not.
        clock.advance(Duration::from_secs(1_006));
        verified.put(&token(0), 1, UnixTime(3_000), Arc::new(0));
        let sizes = |known: MutexGuard<'_, Known<_>>| (known.by_hash.len(), known.order.len());
        assert_eq!(sizes(verified.lock()), (1, 1));
        verified.put(&token(1), 1, UnixTime(2_006), Arc::new(1));
        assert_eq!(verified.get(&token(1), 1), None, "it was over when it came");
    }
}
