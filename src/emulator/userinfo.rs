//! `GET /oauth2/userInfo`: the attributes that an access token's scopes open.

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Map, Value};

use super::answer;
use super::claims;
use super::mint;
use super::pool::Pool;
use super::settings::User;
use super::switches::{Endpoint, Received};
use crate::types::Body;

const BAD_REQUEST: &str =
    r#"error="invalid_request", error_description="Bad OAuth2 request at UserInfo Endpoint""#;
const INVALID_TOKEN: &str = concat!(
    r#"error="invalid_token", "#,
    r#"error_description="Access token is expired, disabled, or deleted, or the user has globally signed out.""#,
);

pub(super) fn userinfo(pool: &Pool, request: &Received) -> Response<Body> {
    if request.method != Method::GET {
        return answer::method_not_allowed("GET");
    }
    let Some(token) = bearer(request) else { return refuse(StatusCode::BAD_REQUEST, BAD_REQUEST) };
    match holder(pool, token) {
        Some((user, scopes)) => {
            answer::json(pool, &[Endpoint::Userinfo], claims::userinfo(pool, &user, &scopes).into())
        }
        None => refuse(StatusCode::UNAUTHORIZED, INVALID_TOKEN),
    }
}

fn bearer(request: &Received) -> Option<&str> {
    let (scheme, token) = request.header(AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Whose token it is and with what scopes, if it is an access token that is still good.
fn holder(pool: &Pool, token: &str) -> Option<(User, Vec<String>)> {
    let claims = mint::open(pool, token)?;
    let good = text(&claims, "token_use") == Some("access")
        && claims.get("exp")?.as_i64()? > pool.clock.now().0
        && !pool.is_revoked(text(&claims, "origin_jti")?)
        && !pool.has_ended(text(&claims, "jti")?);
    let scopes: Vec<_> = text(&claims, "scope")?.split(' ').map(str::to_owned).collect();
    if !good || !scopes.iter().any(|scope| scope == "openid") {
        return None;
    }
    Some((pool.user(text(&claims, "username")?)?, scopes))
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

fn refuse(status: StatusCode, challenge: &'static str) -> Response<Body> {
    answer::with(answer::bare(status), WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
