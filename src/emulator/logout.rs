//! `GET /logout`: the only thing that ends managed login's own session.
//!
//! See "The managed login sign-out endpoint" in the developer guide. It is not OpenID Connect's RP-initiated
//! logout: `post_logout_redirect_uri` and `id_token_hint` mean nothing here, though the user is signed out all
//! the same.

use http::{Method, Response};

use super::answer;
use super::cookie;
use super::parameters::Parameters;
use super::pool::Pool;
use super::switches::Received;
use crate::types::Body;

/// With a registered `logout_uri`, there; otherwise on to `/login` with the same query, which ends on `/error`
/// where it is no authorization request.
pub(super) fn logout(pool: &Pool, request: &Received) -> Response<Body> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return answer::method_not_allowed("GET");
    }
    if let Some(value) = cookie::read(&request.headers) {
        pool.end_session(&value);
    }
    let query = Parameters::of_query(request);
    let registered = query.first("client_id").and_then(|id| pool.client(id)).and_then(|client| {
        let logout_uri = query.first("logout_uri")?;
        client.logout_urls.into_iter().find(|url| url == logout_uri)
    });
    let location =
        registered.unwrap_or_else(|| format!("/login?{}", request.uri.query().unwrap_or_default()));
    answer::with_cookie(answer::redirect(&location), &cookie::clear())
}
