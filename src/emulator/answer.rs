//! The shapes of answer that the endpoints give.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::pool::Pool;
use super::switches::Endpoint;
use crate::types::{Body, empty, full};

/// A 302, as all of Cognito's redirects are.
pub(super) fn redirect(location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::from_str(location) else {
        return bare(StatusCode::INTERNAL_SERVER_ERROR);
    };
    with(bare(StatusCode::FOUND), LOCATION, location)
}

/// To Cognito's own page for what must not go back to the app.
pub(super) fn error_page(message: &str) -> Response<Body> {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("error", message).finish();
    redirect(&format!("/error?{query}"))
}

/// A 200 in JSON, changed as the switches say.
pub(super) fn json(pool: &Pool, endpoints: &[Endpoint], mut reply: Value) -> Response<Body> {
    let edits = pool.board.reply_edits(endpoints);
    if let Some(members) = reply.as_object_mut() {
        edits.iter().for_each(|edit| edit.edit(members));
    }
    let raw = edits.into_iter().rev().find_map(|edit| edit.raw);
    json_text(StatusCode::OK, raw.unwrap_or_else(|| reply.to_string()))
}

/// `{"error": …}` as RFC 6749 §5.2 has it.
pub(super) fn oauth_error(status: StatusCode, error: &str, description: Option<&str>) -> Response<Body> {
    let mut reply = json!({ "error": error });
    if let Some(description) = description {
        reply["error_description"] = description.into();
    }
    json_text(status, reply.to_string())
}

pub(super) fn json_text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    no_store(with(response, CONTENT_TYPE, json))
}

/// A page of ours. Where its form may lead is not restricted: browsers hold the redirect to the app's callback
/// to `form-action` too.
pub(super) fn html(status: StatusCode, page: String) -> Response<Body> {
    let mut response = Response::new(full(page));
    *response.status_mut() = status;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "same-origin"),
    ];
    let response = headers
        .into_iter()
        .fold(response, |response, (name, value)| with(response, name, HeaderValue::from_static(value)));
    no_store(response)
}

/// A status and nothing else.
pub(super) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    no_store(response)
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    with(bare(StatusCode::METHOD_NOT_ALLOWED), ALLOW, HeaderValue::from_static(allowed))
}

/// Sets managed login's own cookie; what it holds is of our own making and fits a header.
pub(super) fn with_cookie(response: Response<Body>, cookie: &str) -> Response<Body> {
    match HeaderValue::from_str(cookie) {
        Ok(cookie) => with(response, SET_COOKIE, cookie),
        Err(_) => response,
    }
}

pub(super) fn with(mut response: Response<Body>, name: HeaderName, value: HeaderValue) -> Response<Body> {
    response.headers_mut().insert(name, value);
    response
}

fn no_store(response: Response<Body>) -> Response<Body> {
    with(response, CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
