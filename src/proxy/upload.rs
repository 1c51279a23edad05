//! A request's body on its way to the app, and how far it has come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::policy::app_headers::AppHeaders;
use crate::types::{ClientWait, ClientWaits};

/// What a body may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// In bytes, trailers not counted.
    pub most: Option<u64>,
    /// How long the client may send nothing while the app waits for it and has not begun to answer.
    pub stall: Option<Duration>,
}

/// Passes a body on and counts its parts: an app that still takes them is not a slow one.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    bounds: Bounds,
    /// What no trailer says either.
    app_headers: Arc<AppHeaders>,
    so_far: u64,
    /// Runs while the client is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    waits: ClientWaits,
    wait: Option<ClientWait>,
    progress: Progress,
}

/// How many parts of a body have gone to the app, and what was wrong with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    parts: AtomicU64,
    fault: AtomicU8,
    awaited: AtomicBool,
    answered: AtomicBool,
}

/// Why a body cannot go on; each is the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// A chunk that is none, a client that went away.
    #[error("the body broke off, or its chunks are malformed")]
    Broken = 1,
    #[error("the body is too large")]
    TooLarge,
    #[error("the client sends nothing")]
    Stalled,
}

impl Upload {
    pub(super) fn new(
        body: Incoming,
        bounds: Bounds,
        waits: ClientWaits,
        app_headers: Arc<AppHeaders>,
    ) -> Self {
        let progress = Progress::default();
        Self { body, bounds, app_headers, so_far: 0, timer: None, waits, wait: None, progress }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn fail(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.progress.0.fault.store(fault as u8, Relaxed);
        Poll::Ready(Some(Err(fault)))
    }

    /// The client has sent nothing: a fault, once it has for too long.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(stall) = self.bounds.stall.filter(|_| !self.progress.0.answered.load(Relaxed)) else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(timer.as_mut().poll(context));
        self.fail(Fault::Stalled)
    }
}

impl Progress {
    pub(super) fn parts(&self) -> u64 {
        self.0.parts.load(Relaxed)
    }

    /// True while the app waits for the client.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.awaited.load(Relaxed)
    }

    /// The app has begun to answer: it need not wait for the body any more.
    pub(super) fn set_answered(&self) {
        self.0.answered.store(true, Relaxed);
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        let fault = self.0.fault.load(Relaxed);
        [Fault::Broken, Fault::TooLarge, Fault::Stalled].into_iter().find(|&known| known as u8 == fault)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            this.progress.0.awaited.store(true, Relaxed);
            this.wait.get_or_insert_with(|| this.waits.begin());
            return this.wait(context);
        };
        (this.timer, this.wait) = (None, None);
        this.progress.0.awaited.store(false, Relaxed);
        match frame {
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    this.app_headers.take_from(trailers);
                }
                this.so_far += frame.data_ref().map_or(0, |data| data.len() as u64);
                if this.bounds.most.is_some_and(|most| this.so_far > most) {
                    return this.fail(Fault::TooLarge);
                }
                this.progress.0.parts.fetch_add(1, Relaxed);
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "a request's body broke off");
                this.fail(Fault::Broken)
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
