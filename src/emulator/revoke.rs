//! `POST /oauth2/revoke`: ends a refresh token and what it minted, at Cognito's own endpoints.

use http::{Method, Response, StatusCode};

use super::answer;
use super::client_authentication::{Failure, authenticate};
use super::parameters::Parameters;
use super::pool::Pool;
use super::switches::Received;
use super::token::is_form;
use crate::types::Body;

/// 200 and nothing else, for a token that is unknown or revoked already too; a JWT is the wrong kind of token.
pub(super) fn revoke(pool: &Pool, request: &Received) -> Response<Body> {
    if request.method != Method::POST {
        return answer::method_not_allowed("POST");
    }
    let invalid_request = || answer::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", None);
    if !is_form(request) {
        return invalid_request();
    }
    let form = Parameters::of_form(request);
    let client = match authenticate(pool, request, &form) {
        Ok(client) => client,
        Err(Failure::Malformed) => return invalid_request(),
        Err(Failure::Refused) => {
            return answer::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", None);
        }
    };
    let Ok(Some(token)) = form.one("token") else { return invalid_request() };
    if token.split('.').count() == 3 {
        return answer::oauth_error(StatusCode::BAD_REQUEST, "unsupported_token_type", None);
    }
    pool.revoke(token, &client.id);
    answer::bare(StatusCode::OK)
}
