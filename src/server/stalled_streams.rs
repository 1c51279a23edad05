//! HTTP/2 streams whose client takes nothing.
//!
//! A stream's window holds back its answer while the connection itself is well, so that no write is ever blocked: a
//! client that never opens the window would hold the app's answer for ever.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, sleep};

use crate::types::{ClientWait, ClientWaits};

/// Whom an answer waits for.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Parts of the answer that were taken from the app.
    taken: AtomicUsize,
    /// True from when a part was taken until the next is asked for: it waits for its client.
    has_part: AtomicBool,
}

/// An answer's body that keeps its [`Progress`].
#[derive(Debug)]
pub(super) struct Tracked<B> {
    body: B,
    progress: Arc<Progress>,
    waits: ClientWaits,
    /// There while a part of the answer waits for its client.
    wait: Option<ClientWait>,
}

impl<B> Tracked<B> {
    pub(super) fn new(body: B, progress: Arc<Progress>, waits: ClientWaits) -> Self {
        Self { body, progress, waits, wait: None }
    }
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.wait = None;
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.has_part.store(frame.is_ready(), Relaxed);
        if frame.is_ready() {
            self.progress.taken.fetch_add(1, Relaxed);
            self.wait = Some(self.waits.begin());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs the streams of one connection, each a task, and ends those that stand still.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    stall: Duration,
    /// Of the stream that hyper is about to run: it makes the request's future and runs it in one go.
    next: Arc<Mutex<Option<Arc<Progress>>>>,
}

impl Streams {
    pub(super) fn new(stall: Duration) -> Self {
        Self { stall, next: Arc::default() }
    }

    /// The next stream that is run has this progress.
    pub(super) fn announce(&self, progress: &Arc<Progress>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(progress));
    }
}

impl<T: Future<Output = ()> + Send + 'static> Executor<T> for Streams {
    fn execute(&self, stream: T) {
        let progress = self.next.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        tokio::spawn(run(stream, progress, self.stall));
    }
}

/// Runs one stream. Dropped, it is reset.
async fn run(stream: impl Future<Output = ()>, progress: Arc<Progress>, stall: Duration) {
    let mut stream = pin!(stream);
    let mut timer = None;
    let mut waiting_with = 0;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !progress.has_part.load(Relaxed) {
            timer = None;
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(stall)));
        let taken = progress.taken.load(Relaxed);
        if taken != waiting_with {
            waiting_with = taken;
            timer.as_mut().reset(Instant::now() + stall);
        }
        timer.as_mut().poll(cx)
    })
    .await;
}
