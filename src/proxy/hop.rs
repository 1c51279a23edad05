//! Hop-by-hop headers: they end here, in both directions (RFC 9110 §7.6.1).

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

/// The hop-by-hop headers of one message: the standing ones, and what any of its `Connection` lines names.
#[derive(Clone, Debug)]
pub struct HopByHop {
    named: Vec<HeaderName>,
}

impl HopByHop {
    /// Dropped whether `Connection` names them or not.
    pub(super) const ALWAYS: [HeaderName; 9] = [
        CONNECTION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];

    /// `Host` and `Content-Length` are never among them, whatever `Connection` says: one says who is asked,
    /// the other where the message ends.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut named = Vec::new();
        for line in headers.get_all(CONNECTION) {
            let names = line.as_bytes().split(|&b| b == b',').map(<[u8]>::trim_ascii);
            let names = names.filter_map(|name| HeaderName::from_bytes(name).ok());
            named.extend(names.filter(|name| *name != HOST && *name != CONTENT_LENGTH));
        }
        Self { named }
    }

    #[must_use]
    pub fn contains(&self, name: &HeaderName) -> bool {
        Self::ALWAYS.contains(name) || self.named.contains(name)
    }

    /// Drops them all.
    pub fn strip(&self, headers: &mut HeaderMap) {
        for name in Self::ALWAYS.iter().chain(&self.named) {
            headers.remove(name);
        }
    }
}

/// Names in `Connection` what we ask of the next hop alone, as HTTP/1.1 wants it; HTTP/2 has no such header.
pub(super) fn name_in_connection(headers: &mut HeaderMap) {
    if headers.contains_key(UPGRADE) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    } else if headers.contains_key(TE) {
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// True where `Transfer-Encoding` is absent or says `chunked` and no more (RFC 9112 §6.1).
///
/// Another coding would stay on the body while the header that says so ends here.
#[must_use]
pub fn is_chunked_alone(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = lines.next().is_none_or(|line| line.as_bytes().eq_ignore_ascii_case(b"chunked"));
    chunked && lines.next().is_none()
}
