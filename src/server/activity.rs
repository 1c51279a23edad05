//! What goes on on one connection, and how long nothing has.
//!
//! hyper has one timer for a head and for the idleness before it, and none on HTTP/2; so the time is taken here,
//! from outside, by what can be seen: bytes that come, requests that begin, answers that end.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::config::Limits;
use crate::types::{Body, BoxError};

/// How long a connection is idle before it is put to rest; below the least of the limits.
const REST: Duration = Duration::from_millis(250);

/// Counts on one connection. Written by whoever serves it, read by its [`Watch`].
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Requests whose answers have not ended.
    open: AtomicUsize,
    begun: AtomicUsize,
    /// Requests that ended without their whole answer: reset, as a rule.
    abandoned: AtomicUsize,
    reads: AtomicUsize,
    had_body: AtomicBool,
    flushed: AtomicBool,
    watching: AtomicWaker,
}

/// A request under way. It ends where this is dropped.
#[derive(Debug)]
pub(super) struct Request {
    activity: Arc<Activity>,
    answered: bool,
}

impl Activity {
    /// Something was read.
    pub(super) fn has_read(&self) {
        self.reads.fetch_add(1, Relaxed);
    }

    pub(super) fn set_flushed(&self, flushed: bool) {
        self.flushed.store(flushed, Relaxed);
    }

    /// A request's head is there whole.
    pub(super) fn begin(self: &Arc<Self>, has_body: bool) -> Request {
        self.had_body.store(has_body, Relaxed);
        self.open.fetch_add(1, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        self.watching.wake();
        Request { activity: Arc::clone(self), answered: false }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.open.load(Relaxed) > 0
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
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.answered {
            self.activity.abandoned.fetch_add(1, Relaxed);
        }
        self.activity.open.fetch_sub(1, Relaxed);
        self.activity.watching.wake();
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
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Behind trailers nobody looks for an end.
        let is_last = frame.as_ref().is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers));
        self.request.answered = is_last || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Takes the time of a connection on which nothing is under way.
#[derive(Debug)]
pub(super) struct Watch {
    activity: Arc<Activity>,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// True where bytes that come between requests are the head of the next; on HTTP/2 they may be anything.
    reads_are_heads: bool,
    phase: Phase,
    begun: usize,
    reads: usize,
    timer: Pin<Box<Sleep>>,
}

/// What a connection has been for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// Idle, so that it need not hold what serving takes; told once.
    Rest,
    Idle,
    /// In the middle of a head.
    Head,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Busy,
    Idle { since: Instant, rested: bool },
    Head,
}

impl Watch {
    /// Begins with a head, since a connection is watched from the first byte on.
    pub(super) fn new(activity: Arc<Activity>, limits: &Limits, reads_are_heads: bool) -> Self {
        Self {
            begun: activity.begun(),
            reads: 0,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            reads_are_heads,
            phase: Phase::Head,
            timer: Box::pin(sleep(limits.header_timeout)),
            activity,
        }
    }

    /// Ready at a lapse; to be polled after whatever serves the connection.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Lapse> {
        self.activity.watching.register(cx.waker());
        let (begun, reads) = (self.activity.begun(), self.activity.reads.load(Relaxed));
        if self.activity.is_busy() {
            self.phase = Phase::Busy;
            return Poll::Pending;
        }
        if self.phase == Phase::Busy || begun != self.begun {
            let now = Instant::now();
            self.phase = Phase::Idle { since: now, rested: false };
            (self.begun, self.reads) = (begun, reads);
            self.timer.as_mut().reset(now + REST);
        } else if self.reads_are_heads && reads != self.reads && self.phase != Phase::Head {
            self.phase = Phase::Head;
            self.timer.as_mut().reset(Instant::now() + self.header_timeout);
        }
        ready!(self.timer.as_mut().poll(cx));
        match self.phase {
            Phase::Idle { since, rested: false } => {
                self.phase = Phase::Idle { since, rested: true };
                self.timer.as_mut().reset(since + self.idle_timeout);
                // Whoever does not rest is to be told of the rest of it.
                cx.waker().wake_by_ref();
                Poll::Ready(Lapse::Rest)
            }
            Phase::Idle { .. } => Poll::Ready(Lapse::Idle),
            Phase::Head => Poll::Ready(Lapse::Head),
            Phase::Busy => Poll::Pending,
        }
    }
}

/// How long an idle connection that was put to rest may rest.
pub(super) fn rest_of(idle_timeout: Duration) -> Duration {
    idle_timeout.saturating_sub(REST)
}
