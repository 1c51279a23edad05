//! What goes on on one connection: what its task counts, and what others may ask of it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::connections::Connections;
use super::eviction::{Standing, State};
use crate::types::{Body, BoxError, ClientWaits};

/// What a connection holds at the least: its task, its buffers, the system's socket.
pub(super) const CONNECTION: usize = 8 * 1024;
/// What a request under way holds: its head, its task, what of its answer waits for the client.
const REQUEST: usize = 16 * 1024;
/// What a request holds besides that waits for its client: of its answer, and of what the app has sent behind it.
const UNTAKEN: usize = 48 * 1024;
/// An answer of at most this many bytes is given to its client also while nothing more is taken in.
const SMALL: u64 = 16 * 1024;
/// More of what was read than this is not held.
const READ_AHEAD: usize = 128 * 1024;

/// Counts on one connection. Written by the connection's own task, read by its timers and by [`Connections`].
#[derive(Debug)]
pub(super) struct Activity {
    all: Arc<Connections>,
    accepted: Instant,
    /// When the connection last became busy or idle, in milliseconds since it was accepted.
    changed: AtomicU64,
    /// Requests whose answers have not ended, and about how many bytes they hold.
    open: AtomicUsize,
    held: AtomicUsize,
    /// Those of them that wait for their client.
    waits: ClientWaits,
    begun: AtomicUsize,
    /// Requests that ended without their whole answer: reset, as a rule.
    abandoned: AtomicUsize,
    reads: AtomicUsize,
    /// Bytes that were read since the last request began.
    unanswered_bytes: AtomicUsize,
    had_body: AtomicBool,
    flushed: AtomicBool,
    signed_in: AtomicBool,
    /// What it held when it was told to end; 0 before.
    evicted: AtomicUsize,
    /// True once its client has sent far more frames than it needs.
    flooded: AtomicBool,
    /// True once the connection is no longer HTTP's.
    upgraded: AtomicBool,
    /// The task that serves the connection.
    task: AtomicWaker,
}

/// A request under way. It ends where this is dropped.
#[derive(Debug)]
pub(super) struct Request {
    activity: Arc<Activity>,
    /// About how many bytes it holds.
    weight: usize,
    answered: bool,
}

impl Activity {
    pub(super) fn new(all: Arc<Connections>) -> Self {
        Self {
            all,
            accepted: Instant::now(),
            changed: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            waits: ClientWaits::default(),
            begun: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            unanswered_bytes: AtomicUsize::new(0),
            had_body: AtomicBool::new(false),
            flushed: AtomicBool::new(false),
            signed_in: AtomicBool::new(false),
            evicted: AtomicUsize::new(0),
            flooded: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    /// So many bytes were read.
    pub(super) fn has_read(&self, bytes: usize) {
        self.reads.fetch_add(1, Relaxed);
        self.unanswered_bytes.fetch_add(bytes, Relaxed);
        self.all.grew(bytes);
    }

    /// Ready where more may be read.
    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        self.all.poll_room(context)
    }

    /// How often something was read.
    pub(super) fn reads(&self) -> usize {
        self.reads.load(Relaxed)
    }

    pub(super) fn set_flushed(&self, flushed: bool) {
        self.flushed.store(flushed, Relaxed);
    }

    /// A request's head is there whole, of so many bytes in memory.
    pub(super) fn begin(self: &Arc<Self>, has_body: bool, head: usize) -> Request {
        // The app gets a copy of the head.
        let weight = REQUEST + 2 * head;
        self.held.fetch_add(weight, Relaxed);
        self.had_body.store(has_body, Relaxed);
        self.unanswered_bytes.store(0, Relaxed);
        if self.open.fetch_add(1, Relaxed) == 0 {
            self.note_change();
        }
        self.begun.fetch_add(1, Relaxed);
        self.all.hold(weight);
        self.all.grew(weight);
        self.task.wake();
        Request { activity: Arc::clone(self), weight, answered: false }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.open.load(Relaxed) > 0 || self.upgraded.load(Relaxed)
    }

    /// How many requests have begun.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Relaxed)
    }

    /// How many of them came to nothing.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned.load(Relaxed)
    }

    /// Whether the last request had a body. Without one there is nothing that may still come of it.
    pub(super) fn had_body(&self) -> bool {
        self.had_body.load(Relaxed)
    }

    /// True where everything that was said has gone out.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed.load(Relaxed)
    }

    /// Counts the requests that wait for their client.
    pub(super) fn waits(&self) -> &ClientWaits {
        &self.waits
    }

    /// A request of this connection was allowed by a session or a token.
    pub(super) fn set_signed_in(&self) {
        self.signed_in.store(true, Relaxed);
    }

    /// Its client sends far more frames than it needs.
    pub(super) fn set_flooded(&self) {
        self.flooded.store(true, Relaxed);
        self.task.wake();
    }

    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Relaxed)
    }

    /// The connection is a tunnel from now on.
    pub(super) fn set_upgraded(&self) {
        self.upgraded.store(true, Relaxed);
        self.note_change();
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Relaxed)
    }

    /// The task to wake when something changes that its timers or an eviction depend on.
    pub(super) fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Tells the connection's task to end it, which holds about `weight` bytes. False where it was told already.
    pub(super) fn evict(&self, weight: usize) -> bool {
        let is_news = self.evicted.compare_exchange(0, weight.max(1), Relaxed, Relaxed).is_ok();
        self.task.wake();
        is_news
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.evicted_weight().is_some()
    }

    /// What it held when it was told to end, if it was.
    pub(super) fn evicted_weight(&self) -> Option<usize> {
        Some(self.evicted.load(Relaxed)).filter(|weight| *weight > 0)
    }

    /// Waits until this connection has to go.
    pub(super) fn evicted(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| {
            self.register(cx.waker());
            if self.is_evicted() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// By what it is compared with others where some connection has to go.
    pub(super) fn standing(&self) -> Standing {
        let read_ahead = self.unanswered_bytes.load(Relaxed).min(READ_AHEAD);
        Standing {
            signed_in: self.signed_in.load(Relaxed),
            state: match self.open.load(Relaxed) {
                0 if !self.is_upgraded() => State::Idle,
                1.. if self.waits.count() >= self.open.load(Relaxed) => State::Waiting,
                _ => State::Busy,
            },
            since: self.accepted + Duration::from_millis(self.changed.load(Relaxed)),
            weight: CONNECTION + read_ahead + self.held.load(Relaxed) + self.waits.count() * UNTAKEN,
        }
    }

    fn note_change(&self) {
        let age = u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.changed.store(age, Relaxed);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let activity = &self.activity;
        activity.all.release(self.weight);
        activity.held.fetch_sub(self.weight, Relaxed);
        if !self.answered {
            activity.abandoned.fetch_add(1, Relaxed);
        }
        if activity.open.fetch_sub(1, Relaxed) == 1 {
            activity.note_change();
        }
        activity.task.wake();
    }
}

/// An answer's body, which ends its request when it ends.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    request: Request,
}

impl Answer {
    pub(super) fn new(body: Body, mut request: Request) -> Self {
        request.answered = http_body::Body::is_end_stream(&body);
        Self { body, request }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // What is small is held already.
        if self.body.size_hint().upper().is_none_or(|most| most > SMALL) {
            ready!(self.request.activity.all.poll_room(cx));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Behind trailers nobody looks for an end.
        let is_last = frame.as_ref().is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers));
        self.request.answered = is_last || self.body.is_end_stream();
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.request.activity.all.grew(data.len());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
