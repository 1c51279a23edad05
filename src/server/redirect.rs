//! From plain http to https.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};

use crate::policy::host::{HostError, Hosts};
use crate::policy::size::{SizeError, Sizes};
use crate::types::{Body, empty, full};

/// Sends a request to the same path and query at its host's https; nothing is served here.
///
/// A host that is not ours is not sent anywhere: that would be a redirect to wherever its sender likes.
#[must_use]
pub fn to_https(
    sizes: &Sizes,
    hosts: &Hosts,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response<Body> {
    match sizes.admit(uri, headers) {
        Err(error @ SizeError::Target) => return refused(StatusCode::URI_TOO_LONG, &error),
        Err(error @ SizeError::Header) => {
            return refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &error);
        }
        // Nobody reads the body here.
        Ok(()) | Err(SizeError::Body) => {}
    }
    let authority = match hosts.at_https(uri, headers) {
        Ok(authority) => authority,
        Err(error @ HostError::Malformed) => return refused(StatusCode::BAD_REQUEST, &error),
        Err(error @ HostError::Unknown) => return refused(StatusCode::MISDIRECTED_REQUEST, &error),
    };
    // `CONNECT` and `OPTIONS *` are about no page.
    let target = uri.path_and_query().filter(|target| *method != Method::CONNECT && target.as_str() != "*");
    let location =
        target.and_then(|target| HeaderValue::try_from(format!("https://{authority}{target}")).ok());
    let Some(location) = location else {
        return refused(StatusCode::BAD_REQUEST, &"there is no path to send to");
    };
    let mut response = Response::new(empty());
    // Not 301 or 302, which make a GET of a POST.
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    response
}

fn refused(status: StatusCode, why: &dyn std::fmt::Display) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from(format!("{why}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
