//! Answers that last: a stream of events ends with its session, and when the gate does.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::tunnel::End;
use crate::types::{Body, BoxError};

/// A body that has its regular end when `end` resolves.
struct LongLived {
    body: Body,
    end: End,
    /// What is said last, where it ends so.
    trailers: Option<HeaderMap>,
    ended: bool,
}

/// True for an answer that may go on for as long as its page is open (server-sent events).
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    let name = media_type.split(|&b| b == b';').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// Ends an answer's body with `end` at the latest, perhaps with these trailers: its reader connects anew, and is judged
/// anew.
#[must_use]
pub fn until(response: Response<Body>, end: End, trailers: Option<HeaderMap>) -> Response<Body> {
    response.map(|body| LongLived { body, end, trailers, ended: false }.boxed_unsync())
}

impl HttpBody for LongLived {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended || self.end.as_mut().poll(context).is_ready() {
            self.ended = true;
            return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        (self.ended && self.trailers.is_none()) || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
