//! All connections of a listener's clients: a place for each, a bound for what they hold together, and the end of those
//! that have to go for others.

use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::activity::{Activity, CONNECTION};
use super::eviction::{Moment, Pressure, choose};
use crate::telemetry::metrics::{Evicted, Metrics};

/// How often a connection that waits for a place asks for one to be made.
const RETRY: Duration = Duration::from_millis(50);
/// Of all places, how many are made at once, so that a flood of connections does not cost a search for each.
const PLACES_AT_ONCE: usize = 256;
/// Of the limit, one in so many parts is freed once it was reached. When half of that is, the others go on.
const ROOM: usize = 4;
/// How long connections that were told to end are given before the memory is measured again.
const PAUSE: Duration = Duration::from_millis(1);
/// How often it is logged that connections were ended for memory.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// After so many measurements without a change what was ended has been freed.
const SETTLED: u32 = 5;
/// What cannot be freed in this time is not connections'. They go on.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Of the limit, how much connections may gain on one thread before the memory is measured again.
const STEP: usize = 64;

thread_local! {
    /// What connections of this thread may have gained since the memory was measured.
    static GAINED: Cell<usize> = const { Cell::new(0) };
}

/// How much memory connections may hold, and how it is measured.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimit {
    /// In bytes.
    pub most: usize,
    /// Bytes in use; `None` where that cannot be told.
    pub measure: fn() -> Option<usize>,
}

/// All connections of a listener's clients, counted over all its threads.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    free: Arc<Semaphore>,
    memory: Option<MemoryLimit>,
    open: Mutex<Open>,
    /// About how many bytes those hold that were told to end and have not ended.
    leaving: AtomicUsize,
    /// About how many bytes all of them hold.
    held: AtomicUsize,
    /// True while connections hold too much and some are ended for it.
    is_full: AtomicBool,
    /// Told when it becomes so.
    full: Notify,
    /// Tasks that go on when it is no longer.
    waiting: Mutex<Vec<Waker>>,
    /// When it was last logged that connections were ended for memory, and how many were since.
    told: Mutex<(Option<Instant>, usize)>,
    metrics: Option<Arc<Metrics>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Arc<Activity>>,
}

/// One connection's place. It goes with the connection, through upgrades too, and is free when that is dropped.
#[derive(Debug)]
pub struct Slot {
    id: u64,
    all: Arc<Connections>,
    activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
    _alive: Alive,
}

/// Lets a listener know when the last of its connections is gone: nothing is ever sent.
pub(super) type Alive = mpsc::Sender<Infallible>;

impl Connections {
    /// At most `most` connections at once, which hold at most `memory` together.
    #[must_use]
    pub fn new(most: usize, memory: Option<MemoryLimit>, metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        let most = most.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            most,
            free: Arc::new(Semaphore::new(most)),
            memory,
            open: Mutex::default(),
            leaving: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            full: Notify::new(),
            waiting: Mutex::default(),
            told: Mutex::default(),
            metrics,
        })
    }

    /// A place, as soon as there is one.
    pub(super) async fn slot(self: &Arc<Self>, alive: Alive) -> Slot {
        poll_fn(|context| self.poll_room(context)).await;
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_a_place().await,
        };
        if let Some(metrics) = &self.metrics {
            metrics.connection_begun();
        }
        let activity = Arc::new(Activity::new(Arc::clone(self)));
        let id = {
            let mut open = self.open();
            open.next += 1;
            let id = open.next;
            open.all.insert(id, Arc::clone(&activity));
            id
        };
        self.hold(CONNECTION);
        self.grew(CONNECTION);
        Slot { id, all: Arc::clone(self), activity, _permit: permit, _alive: alive }
    }

    async fn wait_for_a_place(&self) -> OwnedSemaphorePermit {
        if let Some(metrics) = &self.metrics {
            metrics.connection_waited();
        }
        loop {
            self.make_room();
            // The semaphore is never closed.
            if let Ok(Ok(permit)) = timeout(RETRY, Arc::clone(&self.free).acquire_owned()).await {
                return permit;
            }
        }
    }

    /// Ends connections that are idle, or slow and of nobody who is known, to make places for others.
    pub(super) fn make_room(&self) {
        self.evict(Pressure::Places, (self.most / PLACES_AT_ONCE).max(1), Moment::now());
    }

    /// Says that connections of this thread may hold so many bytes more. Now and then this measures what they hold.
    pub(super) fn grew(&self, bytes: usize) {
        let Some(limit) = self.memory else { return };
        let is_due = GAINED.with(|gained| {
            let sum = gained.get().saturating_add(bytes);
            let is_due = sum >= limit.most / STEP;
            gained.set(if is_due { 0 } else { sum });
            is_due
        });
        if is_due {
            self.measure(limit);
        }
    }

    /// Begins to relieve the memory where connections hold too much.
    fn measure(&self, limit: MemoryLimit) {
        if (limit.measure)().is_some_and(|used| used > limit.most) {
            self.set_full();
        }
    }

    fn set_full(&self) {
        if !self.is_full.swap(true, Relaxed) {
            self.full.notify_one();
        }
    }

    /// Says that so many bytes are about to be held: what is counted here stops a flood before anything is measured.
    pub(super) fn hold(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes, Relaxed) + bytes;
        if self.memory.is_some_and(|limit| held > limit.most) {
            self.set_full();
        }
    }

    /// Says that they are no longer.
    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Relaxed);
    }

    /// Frees memory whenever connections hold too much; never ends. To be run beside the threads that serve, since those
    /// are busy then.
    pub async fn keep_in_memory(&self) {
        loop {
            self.full.notified().await;
            if let Some(limit) = self.memory {
                self.relieve(limit).await;
            }
        }
    }

    /// Ends connections until they hold less, and then lets the others go on. Those that are told to end need a moment
    /// for it, in which nothing more may be taken in: a flood is faster than they are.
    async fn relieve(&self, limit: MemoryLimit) {
        let began = Instant::now();
        let room = limit.most / ROOM;
        let (goal, enough) = (limit.most - room, limit.most - room / 2);
        let (mut least, mut unchanged, mut ended) = (usize::MAX, SETTLED, 0);
        while began.elapsed() < LONGEST_PAUSE {
            let measured = (limit.measure)().unwrap_or_default();
            let used = measured.max(self.held.load(Relaxed));
            if used <= enough {
                break;
            }
            unchanged = if used < least { 0 } else { unchanged + 1 };
            least = used.min(least);
            let needed = || (used - goal).saturating_sub(self.leaving.load(Relaxed));
            // What ended connections held is freed by their tasks, one after the other.
            if needed() > 0 && (ended == 0 || unchanged >= SETTLED) {
                let at = Moment { now: Instant::now(), paused: began };
                ended += self.evict(Pressure::Memory, needed(), at);
                if measured > limit.most + if ended == 0 { 0 } else { room } {
                    ended += self.evict(Pressure::Exhaustion, needed(), at);
                }
                unchanged = 0;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.is_full.store(false, Relaxed);
        let waiting = std::mem::take(&mut *self.waiting());
        self.tell(ended, began, limit);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Logs what it took to free memory: an attack has that done many times a second, which is one line now and then.
    fn tell(&self, ended: usize, began: Instant, limit: MemoryLimit) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.1 += ended;
        if told.0.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
            let (ended, limit, took) = (told.1, limit.most, began.elapsed());
            tracing::warn!(ended, limit, ?took, "limits.memory was reached, and connections were ended");
            *told = (Some(Instant::now()), 0);
        }
    }

    /// Ready where more may be taken in, from a client or for it. Else `context` is told when it may.
    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        if !self.is_full.load(Relaxed) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting();
        // Whoever makes room takes the list after saying so.
        if !self.is_full.load(Relaxed) {
            return Poll::Ready(());
        }
        waiting.push(context.waker().clone());
        Poll::Pending
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the least deserving connections until they hold `needed` of what is running out; how many.
    fn evict(&self, pressure: Pressure, needed: usize, at: Moment) -> usize {
        let candidates: Vec<Arc<Activity>> =
            self.open().all.values().filter(|activity| !activity.is_evicted()).cloned().collect();
        let standings: Vec<_> = candidates.iter().map(|activity| activity.standing()).collect();
        let chosen = choose(&standings, pressure, needed, at);
        for &at in &chosen {
            if candidates[at].evict(standings[at].weight) {
                self.leaving.fetch_add(standings[at].weight, Relaxed);
            }
        }
        if let Some(metrics) = &self.metrics {
            let why = match pressure {
                Pressure::Places => Evicted::Connections,
                Pressure::Memory | Pressure::Exhaustion => Evicted::Memory,
            };
            metrics.connections_evicted(why, chosen.len());
        }
        chosen.len()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.all.open().all.remove(&self.id);
        self.all.release(CONNECTION);
        if let Some(weight) = self.activity.evicted_weight() {
            self.all.leaving.fetch_sub(weight, Relaxed);
        }
        if let Some(metrics) = &self.all.metrics {
            metrics.connection_ended();
        }
    }
}
