//! `POST /oauth2/token`: the code grant, the refresh grant, and the client-credentials grant.
//!
//! See "The token issuer endpoint" in the developer guide. Client authentication comes before the code is
//! looked at, so a failed one does not use it up.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::CONTENT_TYPE;
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::answer;
use super::client_authentication::{Failure, authenticate};
use super::mint::{Minted, mint, mint_for_service};
use super::parameters::{Parameters, Repeated};
use super::pool::{Grant, Pool};
use super::refresh_tokens::Refreshed;
use super::settings::Client;
use super::switches::{Endpoint, Received};
use crate::types::Body;

/// The errors of RFC 6749 §5.2 that Cognito gives, all of them as 400.
#[derive(Clone, Copy, Debug)]
enum TokenError {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    /// AWS documents none for a scope that is not the app client's; this is the standard's.
    InvalidScope,
    /// The redirect URI is not the authorization request's.
    InvalidRedirect,
    UnsupportedGrantType,
}

impl From<Repeated> for TokenError {
    fn from(Repeated: Repeated) -> Self {
        Self::InvalidRequest
    }
}

impl TokenError {
    fn answer(self) -> Response<Body> {
        let (error, description) = match self {
            Self::InvalidRequest => ("invalid_request", None),
            Self::InvalidClient => ("invalid_client", None),
            Self::InvalidGrant => ("invalid_grant", None),
            Self::UnauthorizedClient => ("unauthorized_client", None),
            Self::InvalidScope => ("invalid_scope", None),
            Self::InvalidRedirect => ("unauthorized_client", Some("invalid_redirect")),
            Self::UnsupportedGrantType => ("unsupported_grant_type", None),
        };
        answer::oauth_error(StatusCode::BAD_REQUEST, error, description)
    }
}

/// What an answer is made of.
struct Granted {
    client: Client,
    grant: Grant,
    nonce: Option<String>,
    refresh_token: Option<String>,
}

/// What an answer holds.
struct Reply {
    client: Client,
    minted: Minted,
    refresh_token: Option<String>,
}

pub(super) fn token(pool: &Pool, request: &Received, endpoints: &[Endpoint]) -> Response<Body> {
    if request.method != Method::POST {
        return answer::method_not_allowed("POST");
    }
    let Reply { client, minted, refresh_token } = match reply(pool, request) {
        Ok(reply) => reply,
        Err(error) => return error.answer(),
    };
    // There is no `scope` in Cognito's answers.
    let mut body = json!({
        "access_token": minted.access_token,
        "token_type": "Bearer",
        "expires_in": client.access_token_validity.as_secs(),
    });
    if let Some(token) = minted.id_token {
        body["id_token"] = token.into();
    }
    if let Some(token) = refresh_token {
        body["refresh_token"] = token.into();
    }
    answer::json(pool, endpoints, body)
}

fn reply(pool: &Pool, request: &Received) -> Result<Reply, TokenError> {
    if !is_form(request) {
        return Err(TokenError::InvalidRequest);
    }
    let form = Parameters::of_form(request);
    let grant_type = form.one("grant_type")?.ok_or(TokenError::InvalidRequest)?;
    let client = authenticate(pool, request, &form).map_err(|failure| match failure {
        Failure::Malformed => TokenError::InvalidRequest,
        Failure::Refused => TokenError::InvalidClient,
    })?;
    let granted = match grant_type {
        "authorization_code" => by_code(pool, client, &form)?,
        "refresh_token" => by_refresh_token(pool, client, &form)?,
        "client_credentials" => return by_client_credentials(pool, client, &form),
        _ => return Err(TokenError::UnsupportedGrantType),
    };
    let minted = mint(pool, &granted.grant, &granted.client, granted.nonce.as_deref());
    let minted = minted.ok_or(TokenError::InvalidGrant)?;
    Ok(Reply { client: granted.client, minted, refresh_token: granted.refresh_token })
}

/// All of the app client's scopes where none is named; neither an id token nor a refresh token.
fn by_client_credentials(pool: &Pool, client: Client, form: &Parameters) -> Result<Reply, TokenError> {
    if !client.client_credentials {
        return Err(TokenError::UnauthorizedClient);
    }
    let scopes: Vec<String> = match form.one("scope")? {
        Some(scopes) => scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        None => client.scopes.clone(),
    };
    if !scopes.iter().all(|scope| client.scopes.contains(scope)) {
        return Err(TokenError::InvalidScope);
    }
    let minted = mint_for_service(pool, &client, &scopes);
    Ok(Reply { client, minted, refresh_token: None })
}

fn by_code(pool: &Pool, client: Client, form: &Parameters) -> Result<Granted, TokenError> {
    let code = form.one("code")?.ok_or(TokenError::InvalidRequest)?;
    let redirect_uri = form.one("redirect_uri")?.ok_or(TokenError::InvalidRequest)?;
    let verifier = form.one("code_verifier")?;
    let code = pool.redeem_code(code, &client.id).ok_or(TokenError::InvalidGrant)?;
    if code.redirect_uri != redirect_uri {
        return Err(TokenError::InvalidRedirect);
    }
    if let Some(challenge) = &code.challenge {
        let verifier = verifier.ok_or(TokenError::InvalidGrant)?;
        let hash = digest(&SHA256, verifier.as_bytes());
        if !is_verifier(verifier) || URL_SAFE_NO_PAD.encode(hash.as_ref()) != *challenge {
            return Err(TokenError::InvalidGrant);
        }
    }
    let refresh_token = pool.issue_refresh_token(code.grant.clone(), client.refresh_token_validity);
    Ok(Granted { client, grant: code.grant, nonce: code.nonce, refresh_token: Some(refresh_token) })
}

fn by_refresh_token(pool: &Pool, client: Client, form: &Parameters) -> Result<Granted, TokenError> {
    let token = form.one("refresh_token")?.ok_or(TokenError::InvalidRequest)?;
    let Refreshed { grant, successor } = pool.refresh(token, &client).ok_or(TokenError::InvalidGrant)?;
    Ok(Granted { client, grant, nonce: None, refresh_token: successor })
}

pub(super) fn is_form(request: &Received) -> bool {
    request.header(CONTENT_TYPE.as_str()).is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// 43 to 128 unreserved characters (RFC 7636 §4.1).
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}
