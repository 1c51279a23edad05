//! Trailer fields (RFC 9110 §6.5): passed on behind a body, and never made part of its head.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderName, TE, TRAILER};
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::hop::HopByHop;
use super::upgrade::lists;
use crate::policy::header_claims::claim;
use crate::policy::header_names::is_same;

/// A body whose trailers are those that may pass.
#[derive(Debug)]
pub(super) struct Trailing<B>(pub(super) B);

/// What must be known before the body, or what the gate answers for itself: where the message ends, how it is read, who
/// sends it, what may be done with it.
const NEVER: [HeaderName; 33] = [
    header::AGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::EXPECT,
    header::EXPIRES,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::LOCATION,
    header::MAX_FORWARDS,
    header::ORIGIN,
    header::PRAGMA,
    header::RANGE,
    header::REFERER,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::VARY,
    header::VIA,
    header::WARNING,
    header::WWW_AUTHENTICATE,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
];

/// Both ways. Other spellings of a forbidden name are forbidden too, and what no client may send in a head
/// (`reserved_headers`) nobody may send behind a body, a trusted proxy included.
fn may_pass(name: &HeaderName) -> bool {
    let is_forbidden = NEVER.iter().any(|known| is_same(name, known.as_str()));
    !is_forbidden && !HopByHop::ALWAYS.contains(name) && claim(name).is_none()
}

/// The `Trailer` field without the names that do not pass, here or by `may`. HTTP/1.1 needs it: only what it names goes
/// out.
pub(super) fn announced(headers: &HeaderMap, may: impl Fn(&HeaderName) -> bool) -> Option<HeaderValue> {
    let lines = headers.get_all(TRAILER).iter();
    let names = lines.flat_map(|line| line.as_bytes().split(|&b| b == b','));
    let names = names
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| may_pass(name) && may(name));
    let names: Vec<HeaderName> = names.collect();
    let list: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    // Names joined by commas are a value.
    if list.is_empty() { None } else { HeaderValue::try_from(list.join(", ")).ok() }
}

/// True where whoever asks takes trailers.
pub(super) fn are_welcome(headers: &HeaderMap) -> bool {
    lists(headers, &TE, "trailers")
}

/// Takes out what may not pass.
fn strip(trailers: HeaderMap) -> HeaderMap {
    let mut last = None;
    let mut kept = HeaderMap::new();
    for (name, value) in trailers {
        // Further values come without the name.
        last = name.or(last);
        if let Some(name) = last.as_ref().filter(|name| may_pass(name)) {
            kept.append(name.clone(), value);
        }
    }
    kept
}

impl<B: Body<Data = Bytes> + Unpin> Body for Trailing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            let frame = match Pin::new(&mut self.0).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            let trailers = match frame.into_trailers() {
                Ok(trailers) => strip(trailers),
                Err(data) => return Poll::Ready(Some(Ok(data))),
            };
            if !trailers.is_empty() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
