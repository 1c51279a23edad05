//! How often authorization codes are exchanged for tokens: by one client's address, and by the whole process.
//!
//! Anyone can begin a login, keep its cookie and come back with a code that they made up. Each such callback is a call of
//! Cognito's token endpoint, whose quota (300 a second for a source address and for an app client) all users share.
//!
//! An address may fail about once a second, and succeed twenty times a second. An address that failed lately cannot have
//! more than half of what the process may ask, so that one attacker cannot use up everybody's sign-ins. Many attackers at
//! addresses that never failed can: the bound of the process is there for the quota.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, UnixTime};

/// The calls of the process: a third of Cognito's quota, so that three replicas behind one source address stay within it.
const PROCESS: Rate = Rate { burst: 100, per_second: 100 };
/// What of them is kept for addresses that did not fail lately.
const RESERVED: i64 = 50;
/// The calls of one address, which may be a whole company's.
const ADDRESS: Rate = Rate { burst: 60, per_second: 20 };
/// What a call has cost that Cognito refused.
const FAILURE: i64 = 20;
/// How long a failure is remembered.
const LATELY: Duration = Duration::from_secs(60);
/// More addresses than this are not remembered. Each of them has cost a call, so that a minute has 6,000 of them at most.
const MOST: usize = 16_384;

/// Admits exchanges of authorization codes. Shared by every thread and every site.
pub struct ExchangeLimit {
    clock: Clock,
    counted: Mutex<Counted>,
}

/// An exchange that is admitted. It counts as one that Cognito refused unless it is said to be [`accepted`](Self::accepted):
/// a client that goes away before the answer must not have it cheaper.
#[derive(Debug)]
#[must_use]
pub struct Exchange<'a> {
    limit: &'a ExchangeLimit,
    network: Network,
    is_accepted: bool,
}

/// There were too many exchanges. Nothing was used up: the same callback may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins at a time")]
pub struct TooManyExchanges {
    pub retry_after: Duration,
}

struct Counted {
    process: Bucket,
    addresses: HashMap<Network, Address>,
    swept: UnixTime,
}

struct Address {
    bucket: Bucket,
    failed: Option<UnixTime>,
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which is the least that a customer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
}

#[derive(Clone, Copy)]
struct Rate {
    burst: i64,
    per_second: i64,
}

/// A token bucket; it is below zero where calls cost more than was known before.
#[derive(Clone, Copy)]
struct Bucket {
    rate: Rate,
    level: i64,
    at: UnixTime,
}

impl ExchangeLimit {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let now = clock.now();
        let counted = Counted { process: Bucket::full(PROCESS, now), addresses: HashMap::new(), swept: now };
        Self { clock, counted: Mutex::new(counted) }
    }

    /// Admits one exchange for the client at `address`. Where it does not, it has counted nothing.
    pub fn admit(&self, address: IpAddr) -> Result<Exchange<'_>, TooManyExchanges> {
        let (network, now) = (Network::of(address), self.clock.now());
        let mut counted = self.lock();
        counted.process.fill(now);
        let known = counted.addresses.get_mut(&network).map(|known| {
            known.bucket.fill(now);
            (known.bucket, known.failed_lately(now))
        });
        let (own, failed_lately) = known.unwrap_or((Bucket::full(ADDRESS, now), false));
        // The address first, so that what it is refused costs the others nothing.
        own.has(1)?;
        counted.process.has(1 + if failed_lately { RESERVED } else { 0 })?;
        counted.process.level -= 1;
        counted.address(network, now).bucket.level -= 1;
        Ok(Exchange { limit: self, network, is_accepted: false })
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        // Every change is complete before anything can panic.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange<'_> {
    /// True where the same code may be sent once more.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        let mut counted = self.limit.lock();
        counted.process.fill(self.limit.clock.now());
        let may = counted.process.has(1).is_ok();
        counted.process.level -= i64::from(may);
        may
    }

    /// Cognito did not refuse the code.
    pub fn accepted(mut self) {
        self.is_accepted = true;
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if self.is_accepted {
            return;
        }
        let now = self.limit.clock.now();
        let mut counted = self.limit.lock();
        let address = counted.address(self.network, now);
        address.bucket.level -= FAILURE - 1;
        address.failed = Some(now);
    }
}

impl Counted {
    fn address(&mut self, network: Network, now: UnixTime) -> &mut Address {
        let is_new = !self.addresses.contains_key(&network);
        if is_new && (self.swept.until(now) >= LATELY || self.addresses.len() >= MOST) {
            self.sweep(now);
        }
        let new = || Address { bucket: Bucket::full(ADDRESS, now), failed: None };
        let address = self.addresses.entry(network).or_insert_with(new);
        address.bucket.fill(now);
        address
    }

    /// Forgets the addresses that are as good as new, and where all the others are too many, the best of them.
    fn sweep(&mut self, now: UnixTime) {
        self.swept = now;
        self.addresses.retain(|_, address| {
            address.bucket.fill(now);
            address.bucket.level < ADDRESS.burst || address.failed_lately(now)
        });
        if self.addresses.len() >= MOST {
            let best = self.addresses.iter().max_by_key(|(_, address)| address.bucket.level);
            if let Some(network) = best.map(|(network, _)| *network) {
                self.addresses.remove(&network);
            }
        }
    }
}

impl Address {
    fn failed_lately(&self, now: UnixTime) -> bool {
        self.failed.is_some_and(|at| at.until(now) < LATELY)
    }
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl Bucket {
    fn full(rate: Rate, now: UnixTime) -> Self {
        Self { rate, level: rate.burst, at: now }
    }

    fn fill(&mut self, now: UnixTime) {
        let seconds = i64::try_from(self.at.until(now).as_secs()).unwrap_or(i64::MAX);
        let filled = self.level.saturating_add(seconds.saturating_mul(self.rate.per_second));
        self.level = filled.min(self.rate.burst);
        // Also where the machine's clock was set back, which must not stop the filling.
        self.at = now;
    }

    fn has(&self, wanted: i64) -> Result<(), TooManyExchanges> {
        let missing = u64::try_from(wanted - self.level).unwrap_or(0);
        if missing == 0 {
            return Ok(());
        }
        let seconds = missing.div_ceil(self.rate.per_second.unsigned_abs());
        Err(TooManyExchanges { retry_after: Duration::from_secs(seconds) })
    }
}

impl fmt::Debug for ExchangeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeLimit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn limit() -> (ExchangeLimit, Clock) {
        let clock = Clock::manual(UnixTime(1_000));
        (ExchangeLimit::new(clock.clone()), clock)
    }

    fn v4(last: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + last).into()
    }

    /// How many of a thousand exchanges of one address are admitted that Cognito refuses.
    fn refused(limit: &ExchangeLimit, address: IpAddr) -> usize {
        (0..1_000).filter(|_| limit.admit(address).map(drop).is_ok()).count()
    }

    fn succeeded(limit: &ExchangeLimit, address: IpAddr) -> usize {
        (0..1_000).filter(|_| limit.admit(address).map(Exchange::accepted).is_ok()).count()
    }

    #[test]
    fn an_address_fails_three_times_at_once_and_then_once_a_second() {
        let (limit, clock) = limit();
        assert_eq!(refused(&limit, v4(1)), 3);
        for _ in 0..5 {
            clock.advance(Duration::from_secs(1));
            assert_eq!(refused(&limit, v4(1)), 1);
        }
        assert_eq!(limit.admit(v4(1)).unwrap_err().retry_after, Duration::from_secs(1));
    }

    #[test]
    fn an_address_succeeds_sixty_times_at_once_and_then_twenty_times_a_second() {
        let (limit, clock) = limit();
        assert_eq!(succeeded(&limit, v4(1)), 60);
        clock.advance(Duration::from_secs(1));
        assert_eq!(succeeded(&limit, v4(1)), 20);
    }

    #[test]
    fn calls_under_way_that_are_refused_are_a_debt() {
        let (limit, clock) = limit();
        let under_way: Vec<_> = (0..60).map(|_| limit.admit(v4(1)).unwrap()).collect();
        drop(under_way);
        // 60 calls of 20 each are a minute's.
        assert_eq!(limit.admit(v4(1)).unwrap_err().retry_after, Duration::from_secs(58));
        clock.advance(Duration::from_secs(57));
        assert!(limit.admit(v4(1)).is_err());
        clock.advance(Duration::from_secs(1));
        assert!(limit.admit(v4(1)).is_ok());
    }

    #[test]
    fn addresses_that_failed_lately_leave_half_of_the_process_to_the_others() {
        let (limit, clock) = limit();
        for last in 0..100 {
            drop(limit.admit(v4(last)).unwrap());
        }
        // An address that is not known has its share of what is left, which is nothing.
        assert_eq!(limit.admit(v4(1_000)).unwrap_err().retry_after, Duration::from_secs(1));
        for _ in 0..5 {
            clock.advance(Duration::from_secs(1));
            assert_eq!((0..100).map(|last| refused(&limit, v4(last))).sum::<usize>(), 50);
            assert!(succeeded(&limit, v4(1_000)) >= 20);
        }
        clock.advance(LATELY);
        assert_eq!((0..100).map(|last| refused(&limit, v4(last))).sum::<usize>(), 100);
    }

    #[test]
    fn a_code_is_sent_again_only_within_the_bound_of_the_process() {
        let (limit, _) = limit();
        let exchange = limit.admit(v4(1)).unwrap();
        assert_eq!((0..1_000).filter(|_| exchange.may_repeat()).count(), 99);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let (limit, _) = limit();
        let address = |last: u128| Ipv6Addr::from((0x2001_0db8_u128 << 96) + last).into();
        let admitted = (0..1_000_u128)
            .filter(|last| limit.admit(address(*last)).map(Exchange::accepted).is_ok())
            .count();
        assert_eq!(admitted, 60);
        assert!(limit.admit(address(1 << 64)).is_ok());
        assert_eq!(Network::of("::ffff:10.0.0.1".parse().unwrap()), Network::of(v4(1)));
        assert_ne!(Network::of(v4(1)), Network::of(v4(2)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_filling() {
        let mut bucket = Bucket::full(ADDRESS, UnixTime(10_000));
        bucket.level = 0;
        bucket.fill(UnixTime(1_000));
        bucket.fill(UnixTime(1_001));
        assert_eq!(bucket.level, 20);
    }

    #[test]
    fn the_addresses_that_are_remembered_are_bounded_and_those_in_debt_stay() {
        let (limit, clock) = limit();
        let mut counted = limit.lock();
        let now = clock.now();
        counted.address(Network::of(v4(0)), now).bucket.level = -1_000;
        for last in 1..100_000 {
            counted.address(Network::of(v4(last)), now).bucket.level -= 1;
            assert!(counted.addresses.len() <= MOST);
            if last > 20_000 {
                break;
            }
        }
        assert!(counted.addresses.contains_key(&Network::of(v4(0))));
        // What is as good as new is forgotten.
        let later = now.plus(Duration::from_secs(49));
        counted.sweep(later);
        assert_eq!(counted.addresses.len(), 1);
        counted.address(Network::of(v4(0)), later).failed = Some(later);
        counted.sweep(later.plus(Duration::from_secs(59)));
        assert_eq!(counted.addresses.len(), 1);
        counted.sweep(later.plus(LATELY));
        assert!(counted.addresses.is_empty());
    }
}
