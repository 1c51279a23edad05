//! What cognigate itself shows: pages for people, problem details for programs, redirects.
//!
//! Every answer made here is `no-store` and carries a Content-Security-Policy that starts from `'none'`: no
//! script, no frame, no picture, and of styles only the one that is allowed by its hash. Every text goes
//! through the template's escaping, so a caller may pass what a stranger wrote.

pub mod problem;

use std::sync::LazyLock;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::types::{Body, RequestId, empty, full};

/// The one style sheet. It stands in the page itself, so that no path of the upstream's is taken for it.
const STYLE: &str = include_str!("templates/page.css");

/// The policy of an answer that has nothing to load.
const NOTHING_LOADS: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The policy of a page, up to the sources of `form-action`: its style is allowed by hash, which is taken
/// once.
static PAGE_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self'"
    )
});

/// A page for a person: a title, a few paragraphs and at most one thing to do next.
#[derive(Debug)]
pub struct Page<'a> {
    /// The answer's status; from 400 up it stands above the title too.
    pub status: StatusCode,
    pub title: &'a str,
    /// One paragraph each.
    pub text: &'a [&'a str],
    pub action: Option<Action<'a>>,
    /// Shown below the page, for a report that the access log can be searched for.
    pub request_id: Option<&'a RequestId>,
    /// Origins that the form may end at, besides our own: browsers hold the redirect that follows a POST to
    /// `form-action` too. What is not an origin is left out.
    pub form_origins: &'a [&'a str],
    /// A path of ours that the page asks for, showing nothing of it: for an answer whose headers must come when
    /// the page stands, and the one before it is gone.
    pub afterwards: Option<&'a str>,
}

/// The one thing to do on a [`Page`].
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Go on by a GET.
    Link { href: &'a str, label: &'a str },
    /// Do something that a mere visit must not do.
    Post { action: &'a str, label: &'a str },
}

/// What the template sees of a [`Page`].
#[derive(Template)]
#[template(path = "pages/templates/page.html")]
struct Sheet<'a> {
    title: &'a str,
    text: &'a [&'a str],
    action: Option<Action<'a>>,
    failure: Option<StatusCode>,
    request_id: Option<&'a RequestId>,
    afterwards: Option<&'a str>,
    style: &'static str,
}

impl Page<'_> {
    /// The page as an answer.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let policy = page_policy(self.form_origins, self.afterwards.is_some());
        let is_failure = self.status.is_client_error() || self.status.is_server_error();
        let sheet = Sheet {
            title: self.title,
            text: self.text,
            action: self.action,
            failure: is_failure.then_some(self.status),
            request_id: self.request_id,
            afterwards: self.afterwards,
            style: STYLE,
        };
        // Rendering fails only where the writer does, and a String takes everything.
        let html = sheet.render().unwrap_or_default();
        let mut response = ours(self.status, full(html), policy);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        // Our own button must carry a Referer, since sign-out asks again without one; nobody else learns the path.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        response
    }
}

/// A 303 to `location` that sets `cookies`.
///
/// The redirect's target learns nothing of where the browser was, neither the app's path nor a callback's
/// query. What a header cannot carry (spaces, controls, non-ASCII) is percent-encoded.
#[must_use]
pub fn see_other(location: &str, cookies: Vec<HeaderValue>) -> Response<Body> {
    /// Everything that a URL parser would encode or drop, and a header must not hold.
    const NOT_IN_A_HEADER: &AsciiSet = &CONTROLS.add(b' ');
    let mut response = ours(StatusCode::SEE_OTHER, empty(), NOTHING_LOADS);
    let headers = response.headers_mut();
    let location = utf8_percent_encode(location, NOT_IN_A_HEADER).to_string();
    // Visible ASCII is all that is left, so the root is never fallen back to.
    let location = HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"));
    headers.insert(LOCATION, location);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

/// An answer of our own that loads nothing: data, or nothing at all.
#[must_use]
pub fn no_store(status: StatusCode, body: Body) -> Response<Body> {
    ours(status, body, NOTHING_LOADS)
}

/// An answer of our own, with what all of them carry.
fn ours(status: StatusCode, body: Body, policy: HeaderValue) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn page_policy(form_origins: &[&str], has_image: bool) -> HeaderValue {
    let mut policy = PAGE_POLICY.clone();
    for origin in form_origins.iter().filter(|origin| is_source(origin)) {
        policy.push(' ');
        policy.push_str(origin);
    }
    if has_image {
        policy.push_str("; img-src 'self'");
    }
    // Every source was checked; a policy that allows no form stands in for what cannot happen.
    HeaderValue::try_from(policy).unwrap_or(NOTHING_LOADS)
}

/// True for a text that a policy reads as one host source: nothing in it ends the source, the directive or
/// the policy.
fn is_source(origin: &str) -> bool {
    (origin.starts_with("https://") || origin.starts_with("http://"))
        && origin.bytes().all(|b| b.is_ascii_alphanumeric() || b":/.-[]".contains(&b))
}
