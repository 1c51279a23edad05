//! `/sessions/{sub}` of the admin port: who is signed in, and the end of it.

use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::App;
use crate::pages::no_store;
use crate::pages::problem::Problem;
use crate::secret::Secret;
use crate::session::store::{Listed, StoreUnavailable};
use crate::types::{Body, Origin, full};

const RETRY: HeaderValue = HeaderValue::from_static("2");

impl App {
    /// Answers for the user whose `sub` is the rest of the path. `None` for whoever does not show the token, and where
    /// there is none: nothing tells that there is anything here.
    pub async fn sessions(&self, method: &Method, sub: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        if !shows(headers, &*self.admin_token.current()?) {
            return None;
        }
        let sub = percent_decode_str(sub).decode_utf8().ok().filter(|sub| !sub.is_empty())?;
        let answer = match *method {
            Method::GET => self.sessions_of(&sub).await,
            Method::DELETE => self.sign_out_everywhere(&sub).await,
            _ => return Some(wrong_method()),
        };
        match answer {
            Ok(value) => value.as_ref().map(show),
            Err(StoreUnavailable) => Some(unavailable()),
        }
    }

    /// The user's sessions at all sites, in the order of their sign-ins. Each site has noted its own.
    async fn sessions_of(&self, sub: &str) -> Result<Option<Value>, StoreUnavailable> {
        let mut all = Vec::new();
        for site in &self.sites {
            let Some(listed) = site.rp.sessions_of(sub).await? else { return Ok(None) };
            all.extend(listed.into_iter().map(|session| (session, &site.public_url)));
        }
        all.sort_by_key(|(session, _)| session.created);
        let session = |(it, site): &(Listed, &Origin)| {
            json!({
                "id": it.id.to_string(),
                "site": site.to_string(),
                "created": it.created,
                "last_written": it.used,
            })
        };
        Ok(Some(json!({ "sessions": all.iter().map(session).collect::<Vec<_>>() })))
    }

    async fn sign_out_everywhere(&self, sub: &str) -> Result<Option<Value>, StoreUnavailable> {
        let mut count = 0;
        for site in &self.sites {
            let Some(ended) = site.rp.sign_out_everywhere(sub).await? else { return Ok(None) };
            count += ended;
        }
        Ok(Some(json!({ "ended": count })))
    }
}

/// True where the request has the token, once, as RFC 6750 §2.1 has it. Compared in constant time.
fn shows(headers: &HeaderMap, token: &Secret) -> bool {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let bearer = line.to_str().ok().and_then(|line| line.split_once(' '));
    bearer
        .is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case("bearer") && Secret::from(shown) == *token)
}

fn show(value: &Value) -> Response<Body> {
    let mut response = no_store(StatusCode::OK, full(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn wrong_method() -> Response<Body> {
    let mut response =
        problem(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "GET lists, DELETE ends.");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, DELETE"));
    response
}

fn unavailable() -> Response<Body> {
    let text = "Redis cannot be reached. Some sessions may have been ended; ask again.";
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "Sessions cannot be looked up", text);
    response.headers_mut().insert(RETRY_AFTER, RETRY);
    response
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Response<Body> {
    Problem { status, title, detail, request_id: None, login_url: None }.into_response()
}
