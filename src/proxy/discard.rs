//! What is left of a request that was answered without being read, by HTTP/2.
//!
//! A stream that is answered before its request is over ends with a reset that is no error (RFC 9113 §8.1), and curl among
//! others takes it for one in the middle of an upload, and loses the answer. So the answer ends when the upload has, or
//! after a while; until then what comes is thrown away.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::types::{Body, BoxError};

/// How long a client may go on sending after its answer.
const LINGER: Duration = Duration::from_secs(5);

/// An answer that is all there at once, and ends late.
struct Lingering {
    answer: Body,
    is_said: bool,
    request: Incoming,
    until: Pin<Box<Sleep>>,
}

/// Has the answer end when `request` has, or after five seconds.
#[must_use]
pub fn discard_rest(answer: Response<Body>, request: Incoming) -> Response<Body> {
    answer.map(|answer| {
        let until = Box::pin(sleep(LINGER));
        Lingering { answer, is_said: false, request, until }.boxed_unsync()
    })
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.is_said {
            match Pin::new(&mut self.answer).poll_frame(context) {
                Poll::Ready(None) => self.is_said = true,
                said => return said,
            }
        }
        // Its end, or its own reset: nobody is waiting any more.
        while let Poll::Ready(part) = Pin::new(&mut self.request).poll_frame(context) {
            if !matches!(part, Some(Ok(_))) {
                return Poll::Ready(None);
            }
        }
        self.until.as_mut().poll(context).map(|()| None)
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
