//! Failures as gRPC says them: a status in the place of trailers, under a 200, since its clients look nowhere else.
//!
//! See "Responses" (Trailers-Only) in gRPC's "gRPC over HTTP2", and "Status codes and their use in gRPC".

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::types::{Body, empty};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// True for a gRPC call or its answer. gRPC-Web is none: its clients understand a 401.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The trailers of a call whose session is over before it is.
#[must_use]
pub fn session_over() -> HeaderMap {
    status(StatusCode::UNAUTHORIZED, "The session is over.")
}

/// What a call is answered with in place of the app's answer.
pub(super) fn answer(failed: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.headers_mut() = status(failed, text);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(failed: StatusCode, text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(STATUS, HeaderValue::from_static(code(failed)));
    // Escaped, it is printable ASCII.
    if let Ok(message) = HeaderValue::try_from(utf8_percent_encode(text, ESCAPED).to_string()) {
        headers.insert(MESSAGE, message);
    }
    headers
}

/// The code that is nearest to what HTTP would say.
fn code(failed: StatusCode) -> &'static str {
    match failed {
        StatusCode::UNAUTHORIZED => "16",
        StatusCode::FORBIDDEN => "7",
        StatusCode::BAD_REQUEST | StatusCode::MISDIRECTED_REQUEST => "3",
        StatusCode::PAYLOAD_TOO_LARGE => "8",
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => "12",
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => "14",
        StatusCode::GATEWAY_TIMEOUT => "4",
        StatusCode::INTERNAL_SERVER_ERROR => "13",
        _ => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_a_media_type_and_its_suffixes() {
        let is = |value: &'static str| {
            is_grpc(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        for value in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert!(is(value), "{value}");
        }
        for value in
            ["application/grpc-web", "application/grpc-web+proto", "application/json", "text/grpc", ""]
        {
            assert!(!is(value), "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn a_message_is_escaped() {
        let headers = status(StatusCode::BAD_GATEWAY, "100 % é\n");
        assert_eq!(
            (&headers[STATUS], &headers[MESSAGE]),
            (&"14".parse().unwrap(), &"100 %25 %C3%A9%0A".parse().unwrap())
        );
    }
}
