//! Where the request came from: set by us from the connection and the configuration. What a client says of it is never
//! passed on; what a trusted proxy says is extended.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{FORWARDED, HeaderName, VIA};
use http::{HeaderMap, HeaderValue, Version};

use crate::policy::forwarded_chain::ForwardedChain;
use crate::types::{Origin, RequestId};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Sets these headers. Proto and host are those of `public_url`, whatever the request says; `Via` has the version that the
/// request came by (RFC 9110 §7.6.3).
pub(super) fn set(
    headers: &mut HeaderMap,
    received: &HeaderMap,
    way: &ForwardedChain,
    version: Version,
    public_url: &Origin,
    request_id: &RequestId,
) {
    let authority = public_url.authority();
    let (addresses, elements) = (addresses(way), elements(way, public_url.scheme(), &authority));
    let values = [
        (FOR, HeaderValue::try_from(addresses)),
        (FORWARDED, HeaderValue::try_from(elements)),
        (REAL_IP, HeaderValue::try_from(way.client().to_string())),
        (HOST, HeaderValue::try_from(authority)),
        (PROTO, Ok(HeaderValue::from_static(public_url.scheme()))),
        (REQUEST_ID, HeaderValue::try_from(request_id.as_str())),
    ];
    for (name, value) in values {
        // Addresses, hosts and request ids are visible ASCII, so there always is a value.
        if let Ok(value) = value {
            headers.insert(name, value);
        }
    }
    if way.is_from_trusted() {
        for line in received.get_all(VIA) {
            headers.append(VIA, line.clone());
        }
    }
    headers.append(VIA, via(version));
}

fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_2 => "2 cognigate",
        Version::HTTP_10 => "1.0 cognigate",
        _ => "1.1 cognigate",
    })
}

fn addresses(way: &ForwardedChain) -> String {
    let mut text = String::new();
    for hop in way.hops() {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a String does not fail.
        let _ = write!(text, "{comma}{hop}");
    }
    text
}

/// An element a hop (RFC 7239 §4); the last is about our own connection, and says what it was asked for.
fn elements(way: &ForwardedChain, scheme: &str, authority: &str) -> String {
    let mut text = String::new();
    for hop in way.hops() {
        let comma = if text.is_empty() { "" } else { ", " };
        // Brackets and colons need quotes.
        let _ = match hop {
            IpAddr::V4(address) => write!(text, "{comma}for={address}"),
            IpAddr::V6(address) => write!(text, "{comma}for=\"[{address}]\""),
        };
    }
    let quote = if authority.contains(':') { "\"" } else { "" };
    let _ = write!(text, ";host={quote}{authority}{quote};proto={scheme}");
    text
}
