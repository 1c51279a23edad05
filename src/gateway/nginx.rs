//! nginx's `auth_request`: a subrequest, answered by its status; its headers are picked out by the
//! configuration.
//!
//! A 2xx is a yes, 401 and 403 are noes, and nginx makes a 500 of everything else. See `deploy/nginx/nginx.conf`
//! and the documentation of ngx_http_auth_request_module.

use std::fmt;

use http::header::{CACHE_CONTROL, HeaderName, SET_COOKIE, WWW_AUTHENTICATE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::types::{Body, empty};

const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_UPGRADE: HeaderName = HeaderName::from_static("x-original-upgrade");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DECISION: HeaderName = HeaderName::from_static("x-auth-request-decision");

/// The request that nginx asks about. Only for a connection that comes from a trusted proxy.
#[derive(Clone)]
pub struct OriginalRequest {
    /// As the client named it, perhaps with a port.
    pub host: String,
    /// Byte for byte as nginx got it.
    pub target: PathAndQuery,
    /// Absent where nginx was not told to send it.
    pub method: Option<Method>,
    /// True where a WebSocket is asked for: as nginx says, or a browser, whose word no page can change.
    pub is_websocket: bool,
}

/// Not the query, which may carry what the app takes for a secret.
impl fmt::Debug for OriginalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginalRequest")
            .field("host", &self.host)
            .field("path", &self.target.path())
            .field("method", &self.method)
            .field("is_websocket", &self.is_websocket)
            .finish()
    }
}

/// Why it is not known what nginx asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    #[error("there is no X-Original-URL")]
    Absent,
    #[error("X-Original-URL is there twice, or is not scheme://host/path")]
    Url,
    #[error("X-Original-Method is there twice, or is no method")]
    Method,
}

impl OriginalRequest {
    /// What a request says that it asks about; an empty header is an absent one.
    pub fn read(headers: &HeaderMap) -> Result<Self, OriginalError> {
        let url = one(headers, &ORIGINAL_URL, OriginalError::Url)?.ok_or(OriginalError::Absent)?;
        let (scheme, rest) = url.split_once("://").ok_or(OriginalError::Url)?;
        let slash = rest.find('/').ok_or(OriginalError::Url)?;
        let (host, target) = rest.split_at(slash);
        if !matches!(scheme, "http" | "https") || host.is_empty() || target.contains('#') {
            return Err(OriginalError::Url);
        }
        let target = PathAndQuery::try_from(target).map_err(|_| OriginalError::Url)?;
        let method = one(headers, &ORIGINAL_METHOD, OriginalError::Method)?;
        let method = method.map(|method| method.parse().map_err(|_| OriginalError::Method)).transpose()?;
        let is = |name: &HeaderName| {
            headers.get_all(name).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        };
        let is_websocket = is(&ORIGINAL_UPGRADE) || is(&FETCH_MODE);
        Ok(Self { host: host.to_owned(), target, method, is_websocket })
    }

    /// The method, `GET` where nginx was not told to send it.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.method.as_ref().unwrap_or(&Method::GET)
    }
}

/// Yes: 200 and an empty body, which lets nginx keep the connection.
///
/// What is `told` of who sends it goes along, for nginx to set; on a public path there is no one to tell of, and nginx sets
/// nothing in the place of what the client sent. `X-Auth-Request-Decision` says `user` or `public`, so that nginx knows
/// answers that are for one user alone, whatever is told. `cookies` are there twice, mirrored as
/// `X-Auth-Set-Cookie-1` and so on: of several `Set-Cookie` lines nginx before 1.23 sees the first, and later ones join
/// them into a line that is none.
#[must_use]
pub fn allow(told: Option<Vec<(HeaderName, HeaderValue)>>, cookies: Vec<HeaderValue>) -> Response<Body> {
    let mut response = answer(StatusCode::OK);
    let headers = response.headers_mut();
    let decision = if told.is_some() { "user" } else { "public" };
    headers.extend(told.into_iter().flatten());
    headers.insert(DECISION, HeaderValue::from_static(decision));
    for (index, cookie) in cookies.into_iter().enumerate() {
        let name = HeaderName::try_from(format!("x-auth-set-cookie-{}", index + 1));
        // A number behind a fixed name is a name.
        if let Ok(name) = name {
            headers.insert(name, cookie.clone());
        }
        headers.append(SET_COOKIE, cookie);
    }
    response
}

/// No, for want of a session that is good now: 401, which nginx turns into a sign-in where it is told to.
#[must_use]
pub fn unauthenticated(challenge: Option<HeaderValue>) -> Response<Body> {
    let mut response = answer(StatusCode::UNAUTHORIZED);
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// No, whoever it is: 403.
#[must_use]
pub fn refused() -> Response<Body> {
    answer(StatusCode::FORBIDDEN)
}

fn answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    error: OriginalError,
) -> Result<Option<&'a str>, OriginalError> {
    let mut lines = headers.get_all(name).iter();
    let (Some(line), further) = (lines.next(), lines.next()) else {
        return Ok(None);
    };
    if further.is_some() {
        return Err(error);
    }
    let text = line.to_str().map_err(|_| error)?;
    Ok((!text.is_empty()).then_some(text))
}
