//! Timing a connection on which nothing is under way.
//!
//! hyper has one timer for a head and for the idle time before it, and none on HTTP/2. So the time is taken from
//! outside, by what the connection's [`Activity`] counts.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use crate::config::Limits;

/// How long a connection is idle before it is put to rest; below the least of the limits.
const REST: Duration = Duration::from_millis(250);

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
    /// Idle, or in the middle of a head that is slow to come, so that it need not hold what serving takes; told once.
    Rest,
    Idle,
    /// In the middle of a head.
    Head,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Busy,
    Idle { since: Instant, rested: bool },
    Head { since: Instant, rested: bool },
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
            // What has the first head may not give it back: it is whole.
            phase: Phase::Head { since: Instant::now(), rested: true },
            timer: Box::pin(sleep(limits.header_timeout)),
            activity,
        }
    }

    /// Ready at a lapse; to be polled after whatever serves the connection.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Lapse> {
        self.activity.register(cx.waker());
        let (begun, reads) = (self.activity.begun(), self.activity.reads());
        if self.activity.is_busy() {
            self.phase = Phase::Busy;
            return Poll::Pending;
        }
        if self.phase == Phase::Busy || begun != self.begun {
            let now = Instant::now();
            self.phase = Phase::Idle { since: now, rested: false };
            (self.begun, self.reads) = (begun, reads);
            self.timer.as_mut().reset(now + REST);
        } else if self.reads_are_heads && reads != self.reads && !matches!(self.phase, Phase::Head { .. }) {
            let now = Instant::now();
            self.phase = Phase::Head { since: now, rested: false };
            self.timer.as_mut().reset(now + REST);
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
            Phase::Head { since, rested: false } => {
                self.phase = Phase::Head { since, rested: true };
                self.timer.as_mut().reset(since + self.header_timeout);
                cx.waker().wake_by_ref();
                Poll::Ready(Lapse::Rest)
            }
            Phase::Idle { .. } => Poll::Ready(Lapse::Idle),
            Phase::Head { .. } => Poll::Ready(Lapse::Head),
            Phase::Busy => Poll::Pending,
        }
    }
}

/// How long an idle connection that was put to rest may rest.
pub(super) fn rest_of(idle_timeout: Duration) -> Duration {
    idle_timeout.saturating_sub(REST)
}
