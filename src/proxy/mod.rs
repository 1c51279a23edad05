//! Forwarding one request to the app, and its answer back.
//!
//! Hop-by-hop headers go first, then the client's copies of whatever we set, then ours are set: in this order a
//! client can neither forge an identity nor have the real one dropped on the way.

pub mod client;
mod connect;
mod counted_stream;
pub mod discard;
mod forwarded;
mod frames;
pub mod health;
pub mod hop;
pub mod long_lived;
mod pool;
mod tls;
mod trailers;
pub mod tunnel;
pub mod upgrade;
mod upload;
pub mod upstreams;

pub use self::connect::{ConnectError, NoWay};
pub use self::upload::Bounds;

use std::sync::Arc;

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, COOKIE, EXPECT, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use self::client::{ForwardError, Upstream};
use self::hop::HopByHop;
use self::trailers::Trailing;
use self::tunnel::Tunnel;
use self::upload::Upload;
use crate::cookie::chunk::is_own;
use crate::cookie::read::RequestCookies;
use crate::policy::app_headers::{AppHeaders, HeaderSource};
use crate::policy::forwarded_chain::ForwardedChain;
use crate::types::{Body, ClientWaits, Origin, RequestId, empty};

/// What is added to a request on its way.
#[derive(Debug)]
pub struct Passport<'a> {
    /// Who sends it; nothing on a public path, where the app is told nothing of anybody.
    pub told: &'a [(HeaderName, HeaderValue)],
    /// What a client must not say.
    pub app_headers: &'a Arc<AppHeaders>,
    pub public_url: &'a Origin,
    pub way: &'a ForwardedChain,
    /// What the client spoke.
    pub version: Version,
    pub request_id: &'a RequestId,
    pub cookies: &'a RequestCookies,
    /// Our own cookies stay here.
    pub cookie_name: &'a str,
    /// What the app does not see of the path that the browser asked for.
    pub stripped: Option<&'a str>,
}

/// What comes behind a request's head.
#[derive(Debug)]
pub struct Payload {
    /// Taken by whoever reads it.
    pub body: Option<Incoming>,
    /// The connection itself, where a WebSocket was asked for.
    pub upgrade: Option<OnUpgrade>,
    pub bounds: Bounds,
    /// Where it is counted that the body is waited for.
    pub waits: ClientWaits,
}

/// What came of forwarding.
#[derive(Debug)]
pub enum Forwarded {
    Answer(Response<Body>),
    /// A 101, and what is to follow it.
    Switched(Response<Body>, Tunnel),
}

/// Sends a request on to the app as `passport` says, its target byte for byte; both bodies are streams.
pub async fn forward(
    upstream: &Upstream,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    payload: &mut Payload,
    passport: &Passport<'_>,
) -> Result<Forwarded, ForwardError> {
    let body = payload.body.take().ok_or(ForwardError::Body)?;
    let upgrade = payload.upgrade.take();
    let mut request = Request::new(Upload::new(
        body,
        payload.bounds,
        payload.waits.clone(),
        Arc::clone(passport.app_headers),
    ));
    *request.method_mut() = method.clone();
    *request.headers_mut() = for_the_app(headers, passport);
    if upgrade.is_some() {
        upgrade::insert(request.headers_mut());
    }
    let target = uri.path_and_query().cloned().ok_or(ForwardError::Target)?;
    let mut response = upstream.send(request, target).await?;
    let switched = (response.status() == StatusCode::SWITCHING_PROTOCOLS)
        .then(|| (upgrade::is_granted(response.headers()), hyper::upgrade::on(&mut response)));
    let trailer = trailers::announced(response.headers(), |_| true);
    // The chunks say where it ends, and whoever believed the length would read on (RFC 9112 §6.3).
    if response.headers().contains_key(TRANSFER_ENCODING) {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let hop = HopByHop::of(response.headers());
    hop.strip(response.headers_mut());
    strip_own_set_cookies(response.headers_mut(), passport.cookie_name);
    match (switched, upgrade) {
        (None, _) => {
            if let Some(trailer) = trailer {
                response.headers_mut().insert(TRAILER, trailer);
            }
            Ok(Forwarded::Answer(response.map(|body| Trailing(body).boxed_unsync())))
        }
        (Some((true, app)), Some(client)) => {
            upgrade::insert(response.headers_mut());
            hop::name_in_connection(response.headers_mut());
            Ok(Forwarded::Switched(response.map(|_| empty()), Tunnel { client, app }))
        }
        (Some(_), _) => Err(ForwardError::Switched),
    }
}

/// What an answer to a signed-in user gains: the session's new cookie, if any, and what keeps it out of caches.
pub fn seal_answer(headers: &mut HeaderMap, cookies: Vec<HeaderValue>) {
    /// An answer for one user.
    const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");
    // A shared cache that kept our Set-Cookie would hand one user's session to the next.
    if !cookies.is_empty() {
        remove_targeted_caching(headers);
    }
    let must_not_be_shared = !cookies.is_empty() && !is_private(headers);
    if must_not_be_shared || !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, PRIVATE);
    }
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
}

/// Removes what tells some shared caches to look at no `Cache-Control`: RFC 9213's fields and their elders.
fn remove_targeted_caching(headers: &mut HeaderMap) {
    let is_targeted = |name: &&HeaderName| {
        name.as_str().ends_with("-cache-control")
            || matches!(name.as_str(), "surrogate-control" | "edge-control" | "x-accel-expires")
    };
    let names: Vec<HeaderName> = headers.keys().filter(is_targeted).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn is_private(headers: &HeaderMap) -> bool {
    headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok()).any(|line| {
        let names = line.split(',').map(str::trim);
        names
            .into_iter()
            .any(|name| name.eq_ignore_ascii_case("private") || name.eq_ignore_ascii_case("no-store"))
    })
}

/// The client's headers in one pass, without what is not for the app, and then ours.
fn for_the_app(headers: &HeaderMap, passport: &Passport<'_>) -> HeaderMap {
    let hop = HopByHop::of(headers);
    let source = HeaderSource { is_trusted_proxy: passport.way.is_from_trusted() };
    let mut kept = HeaderMap::with_capacity(headers.len() + 10);
    for (name, value) in headers {
        let ends_here = *name == COOKIE
            // Answered by us, as soon as the app takes the body.
            || (*name == EXPECT && value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
            || hop.contains(name)
            || !passport.app_headers.admit(name, source);
        if !ends_here {
            kept.append(name.clone(), value.clone());
        }
    }
    if trailers::are_welcome(headers) {
        kept.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(trailer) = trailers::announced(headers, |name| !passport.app_headers.is_own(name)) {
        kept.insert(TRAILER, trailer);
    }
    // A client may name its cookies as hop-by-hop; then they end here too.
    if !hop.contains(&COOKIE)
        && let Some(rest) = passport.cookies.without(|name| is_own(passport.cookie_name, name))
    {
        kept.insert(COOKIE, rest);
    }
    for (name, value) in passport.told {
        kept.insert(name.clone(), value.clone());
    }
    let Passport { way, version, public_url, request_id, .. } = passport;
    forwarded::set(&mut kept, headers, way, *version, public_url, request_id);
    if let Some(prefix) = passport.stripped {
        kept.insert(HeaderName::from_static("x-forwarded-prefix"), upstreams::prefix_value(prefix));
    }
    kept
}

/// The app cannot set, end or overwrite a session.
fn strip_own_set_cookies(headers: &mut HeaderMap, cookie_name: &str) {
    let is_ours = |line: &HeaderValue| {
        let bytes = line.as_bytes().trim_ascii_start();
        // Browsers keep a cookie without a name, and send its value: `=a=b` comes back as `a=b`.
        let bytes = bytes.strip_prefix(b"=").unwrap_or(bytes);
        let name = bytes.split(|b| matches!(b, b'=' | b';')).next().unwrap_or_default();
        is_own(cookie_name, name.trim_ascii())
    };
    if headers.get_all(SET_COOKIE).iter().any(is_ours) {
        let kept: Vec<HeaderValue> =
            headers.get_all(SET_COOKIE).iter().filter(|line| !is_ours(line)).cloned().collect();
        headers.remove(SET_COOKIE);
        for line in kept {
            headers.append(SET_COOKIE, line);
        }
    }
}
