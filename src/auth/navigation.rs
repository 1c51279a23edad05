//! Whether a person's browser is going somewhere, or a script or program is asking for something.
//!
//! Only a navigation can follow a redirect to a login page and come back; everything else gets a 401 that says
//! where to sign in. Browsers tell by Fetch Metadata (W3C Fetch Metadata Request Headers); what sends none is
//! judged by its `Accept`.

use http::header::{ACCEPT, ORIGIN, REFERER};
use http::{HeaderMap, Method};

use super::RequestHead;
use super::return_to::ReturnTo;
use crate::types::Origin;

/// True where a redirect to the login page makes sense.
#[must_use]
pub fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate" && value(headers, "sec-fetch-dest") == Some("document"),
        None => {
            method == Method::GET
                && accepts(headers, "text/html")
                && !headers.contains_key("x-requested-with")
        }
    }
}

/// True where a request says of itself that it is no navigation. Silence is not a statement.
#[must_use]
pub fn is_declared_fetch(headers: &HeaderMap) -> bool {
    if headers.contains_key("sec-fetch-mode") {
        !is_navigation(&Method::GET, headers)
    } else {
        is_by_script(headers)
    }
}

/// True for what a script or a program says of itself where there is no Fetch Metadata.
#[must_use]
pub fn is_by_script(headers: &HeaderMap) -> bool {
    let is_for_json = accepts(headers, "application/json") && !accepts(headers, "text/html");
    headers.contains_key("x-requested-with") || is_for_json
}

/// True where a browser fetches ahead of a navigation that may never come.
#[must_use]
pub fn is_prefetch(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-purpose")
}

/// Where a navigation comes back to: where it went, or, if it cannot be repeated, where it came from.
#[must_use]
pub fn return_to(head: &RequestHead<'_>, origin: &Origin, prefix: &str) -> ReturnTo {
    if head.method == Method::GET {
        let asked = head.uri.path_and_query().map_or("/", |asked| asked.as_str());
        ReturnTo::parse(asked, origin, prefix)
    } else {
        referer(head.headers, origin, prefix)
    }
}

/// The same-origin Referer's path, else the root.
#[must_use]
pub fn referer(headers: &HeaderMap, origin: &Origin, prefix: &str) -> ReturnTo {
    match value(headers, REFERER.as_str()) {
        // A path alone is no Referer; taken for one it would still be our own.
        Some(text) => ReturnTo::parse(text, origin, prefix),
        None => ReturnTo::root(),
    }
}

/// True where the `Origin` header names our own origin.
#[must_use]
pub fn is_from(headers: &HeaderMap, origin: &Origin) -> bool {
    value(headers, ORIGIN.as_str()).is_some_and(|text| text == origin.to_string())
}

/// True where `Accept` lists the media type by name.
#[must_use]
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).any(|line| {
        line.split(',').any(|item| {
            let name = item.split(';').next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case(media_type)
        })
    })
}

/// A header that is there once, as text.
pub(super) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let (line, further) = (lines.next()?, lines.next());
    if further.is_some() { None } else { line.to_str().ok() }
}
