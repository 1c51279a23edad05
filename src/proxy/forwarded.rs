//! Where the request came from: set by us from the connection and the configuration, never passed on from a
//! client.

use std::net::IpAddr;

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::identity::begins;
use crate::types::{Origin, RequestId};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// True for what a client says of a way that it did not take, in every spelling.
pub(super) fn speaks_of_the_way(name: &HeaderName) -> bool {
    const BEGINNINGS: [&str; 3] = ["x-forwarded-", "x-original-", "x-request-id"];
    *name == FORWARDED || BEGINNINGS.iter().any(|beginning| begins(name, beginning))
}

/// `X-Forwarded-For` is the other end of the connection; proto and host are those of `public_url`.
pub fn set(headers: &mut HeaderMap, peer: IpAddr, public_url: &Origin, request_id: &RequestId) {
    let values = [
        (FOR, HeaderValue::try_from(peer.to_canonical().to_string())),
        (HOST, HeaderValue::try_from(public_url.authority())),
        (PROTO, Ok(HeaderValue::from_static(public_url.scheme()))),
        (REQUEST_ID, HeaderValue::try_from(request_id.as_str())),
    ];
    for (name, value) in values {
        // Addresses, hosts and request ids are visible ASCII, so there always is a value.
        if let Ok(value) = value {
            headers.insert(name, value);
        }
    }
}
