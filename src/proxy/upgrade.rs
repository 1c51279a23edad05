//! WebSockets (RFC 6455): which requests ask for one, and which answers grant it.
//!
//! No other protocol is switched to. What a tunnel carries nobody judges, and `h2c` and its kind would carry whole
//! requests.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method};
use hyper::upgrade::OnUpgrade;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The client's connection, once it has been told to switch; absent where the request does not ask for a WebSocket.
///
/// It asks by GET, over HTTP/1.1, without a body, for this one protocol. Whatever else has `Upgrade` goes on without it.
#[must_use]
pub fn asked(head: &Parts) -> Option<OnUpgrade> {
    // There for HTTP/1.1 alone.
    let connection = head.extensions.get::<OnUpgrade>()?;
    let headers = &head.headers;
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    let asks = head.method == Method::GET && !has_body && names_websocket(headers);
    asks.then(|| connection.clone())
}

/// True where an answer of the app's grants what was asked.
pub(super) fn is_granted(headers: &HeaderMap) -> bool {
    names_websocket(headers)
}

/// Asks for it, or grants it. `Connection` has to name it.
pub(super) fn insert(headers: &mut HeaderMap) {
    headers.insert(UPGRADE, WEBSOCKET);
}

fn names_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter();
    let alone = protocols.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && protocols.next().is_none();
    alone && lists(headers, &CONNECTION, "upgrade")
}

/// True where one of the lines of a list header has this token, in any case.
pub(super) fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut tokens = headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|&b| b == b','));
    tokens.any(|found| found.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_is_asked_for_alone_and_by_connection_too() {
        let named = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            names_websocket(&headers)
        };
        assert!(named(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]));
        assert!(named(&[("connection", "keep-alive"), ("connection", "upgrade"), ("upgrade", "websocket")]));
        for lines in [
            &[("upgrade", "websocket")][..],
            &[("connection", "upgrade")],
            &[("connection", "close"), ("upgrade", "websocket")],
            &[("connection", "upgrade"), ("upgrade", "h2c")],
            &[("connection", "upgrade"), ("upgrade", "websocket, h2c")],
            &[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c")],
            &[("connection", "upgrade"), ("upgrade", "websocket/13")],
        ] {
            assert!(!named(lines), "{lines:?}");
        }
    }
}
