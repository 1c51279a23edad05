//! Problem details, for whoever asked with fetch or curl and can do nothing with a page.

use http::header::{CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::pages::{NOTHING_LOADS, ours};
use crate::types::{Body, RequestId, full};

/// An error as `application/problem+json` ([RFC 9457]); the type is `about:blank`, so it is not written.
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
#[derive(Debug)]
pub struct Problem<'a> {
    pub status: StatusCode,
    pub title: &'a str,
    pub detail: &'a str,
    pub request_id: Option<&'a RequestId>,
    /// Where a browser signs in, absolute: what a script does on a 401 is set `location` to it.
    pub login_url: Option<&'a str>,
}

/// The members as they stand in the JSON.
#[derive(Serialize)]
struct Members<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_url: Option<&'a str>,
}

impl Problem<'_> {
    /// The problem as an answer. `WWW-Authenticate` and `Retry-After` are for the caller to add.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let members = Members {
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
            request_id: self.request_id.map(RequestId::as_str),
            login_url: self.login_url,
        };
        // Texts and a number in a struct: there is nothing here that JSON cannot hold.
        let json = serde_json::to_vec(&members).unwrap_or_default();
        let mut response = ours(self.status, full(json), NOTHING_LOADS);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}
