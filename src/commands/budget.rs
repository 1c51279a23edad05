//! How many connections a gate has, and how much memory, where the configuration leaves that to the system.

use crate::config::Limits;
use crate::memory;
use crate::server::connections::MemoryLimit;

/// What the program needs of the system's memory before anybody connects: its code, its threads and their stacks.
const PROGRAM: u64 = 16 << 20;
/// Of the rest, what connections hold may be one in so many parts. The others are for memory that was freed and not given
/// back yet, and for the system's own buffers of the connections.
const SHARE: u64 = 2;
/// Enough to serve some dozens of users.
const LEAST_MEMORY: usize = 8 << 20;
/// What a connection needs at the least, with the request that it is there for.
const CONNECTION: usize = 16 * 1024;
/// As many connections as a process needs that has memory enough, and the fewest that one serves a site with.
const MOST_CONNECTIONS: usize = 10_000;
const LEAST_CONNECTIONS: usize = 256;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) connections: usize,
    /// `None` where nobody knows how much there is.
    pub(super) memory: Option<MemoryLimit>,
}

impl Budget {
    pub(super) fn of(limits: &Limits) -> Self {
        Self::with(limits, memory::available())
    }

    fn with(limits: &Limits, available: Option<u64>) -> Self {
        let share = |bytes: u64| usize::try_from(bytes.saturating_sub(PROGRAM) / SHARE).ok();
        let most = limits.memory.or(available.and_then(share).map(|share| share.max(LEAST_MEMORY)));
        let by_memory = most.map_or(MOST_CONNECTIONS, |most| most / CONNECTION);
        Self {
            connections: limits.connections.unwrap_or(by_memory.clamp(LEAST_CONNECTIONS, MOST_CONNECTIONS)),
            memory: most.map(|most| MemoryLimit { most, measure: memory::allocated }),
        }
    }
}
