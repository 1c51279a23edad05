//! A request's body on its way to the app, and how far it has come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// Passes a body on and counts its parts: an app that still takes them is not a slow one.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    progress: Progress,
}

/// How many parts of a body have gone to the app.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Upload {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, progress: Progress::default() }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Progress {
    pub(super) fn parts(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(_))) = frame {
            self.progress.0.fetch_add(1, Ordering::Relaxed);
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
