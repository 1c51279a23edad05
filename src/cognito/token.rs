//! The token endpoint: the code grant, the refresh grant, and revocation.
//!
//! See "Token endpoint" and "Revoke endpoint" in Amazon Cognito's developer guide. Throttling is not
//! documented for them: 429, 5xx and whatever is not JSON count as passing faults.

use std::time::Duration;

use http::StatusCode;
use reqwest::RequestBuilder;
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use super::endpoints::Endpoints;
use super::http::{Http, HttpError, Reply, jittered};
use crate::secret::Secret;
use crate::secret::live::LiveSecret;

/// A reply with the largest tokens that Cognito makes is well below this.
const LIMIT: usize = 256 * 1024;
/// All attempts at one grant together take no longer.
const DEADLINE: Duration = Duration::from_secs(10);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Asks for tokens as one app client.
#[derive(Debug)]
pub struct TokenClient {
    pub(super) http: Http,
    token_url: Url,
    revoke_url: Url,
    pub(super) userinfo_url: Url,
    client_id: String,
    client_secret: LiveSecret,
}

/// What the token endpoint gave; nothing of it is verified yet.
#[derive(Clone, Debug)]
pub struct TokenSet {
    pub access_token: Secret,
    pub id_token: Option<Secret>,
    /// After a refresh, only where the app client rotates refresh tokens.
    pub refresh_token: Option<Secret>,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The code, or the refresh token, is used up, revoked or expired.
    #[error("invalid_grant")]
    InvalidGrant,
    /// Cognito refuses this client or this request: the configuration is wrong.
    #[error("the token endpoint refused the request: {status} {error}")]
    Refused { status: StatusCode, error: String },
    /// A passing fault, after all attempts.
    #[error("the token endpoint is not available: {0}")]
    Unavailable(String),
    /// A 200 that holds no usable tokens.
    #[error("the token endpoint's answer is unusable: {0}")]
    Malformed(&'static str),
}

impl TokenClient {
    #[must_use]
    pub fn new(http: Http, endpoints: &Endpoints, client_id: &str, client_secret: LiveSecret) -> Self {
        Self {
            http,
            token_url: endpoints.token.clone(),
            revoke_url: endpoints.revoke.clone(),
            userinfo_url: endpoints.userinfo.clone(),
            client_id: client_id.to_owned(),
            client_secret,
        }
    }

    /// Redeems an authorization code (RFC 6749 §4.1.3) with its verifier (RFC 7636 §4.5).
    ///
    /// It is sent again only where the attempt before cannot have used the code up, and `may_repeat` permits it.
    pub async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
        may_repeat: impl Fn() -> bool,
    ) -> Result<TokenSet, GrantError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        granted(&self.post_with_retries(&self.token_url, &form, Resend::OnlyUnsent, may_repeat).await?)
    }

    /// Redeems a refresh token (RFC 6749 §6), in one attempt: the session lives on meanwhile, its next refresh
    /// is another attempt, and a Cognito in trouble is not asked more than that.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<TokenSet, GrantError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        let ask = || self.ask(&self.token_url, &form, ATTEMPT_TIMEOUT);
        let outcome = match ask().await {
            // A pooled connection that was being closed breaks off unheard; a fresh one tells.
            Err(HttpError::Broken(_)) => ask().await,
            outcome => outcome,
        };
        let reply = outcome.map_err(|error| GrantError::Unavailable(error.to_string()))?;
        match passing_fault(&reply) {
            Some(fault) => Err(GrantError::Unavailable(fault)),
            None => granted(&reply),
        }
    }

    /// Revokes a refresh token and the access to Cognito's APIs that it gave (RFC 7009).
    pub async fn revoke(&self, refresh_token: &Secret) -> Result<(), GrantError> {
        let form = [("token", refresh_token.expose())];
        let reply = self.post_with_retries(&self.revoke_url, &form, Resend::Always, || true).await?;
        if reply.status == StatusCode::OK { Ok(()) } else { Err(refusal(&reply)) }
    }

    async fn post_with_retries(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        resend: Resend,
        may_repeat: impl Fn() -> bool,
    ) -> Result<Reply, GrantError> {
        let deadline = Instant::now() + DEADLINE;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let fault = match self.ask(url, form, left.min(ATTEMPT_TIMEOUT)).await {
                Ok(reply) => match passing_fault(&reply) {
                    None => return Ok(reply),
                    Some(fault) => fault,
                },
                Err(error @ HttpError::Connect(_)) => error.to_string(),
                Err(error @ HttpError::TooLarge { .. }) => {
                    return Err(GrantError::Unavailable(error.to_string()));
                }
                Err(error @ (HttpError::Timeout | HttpError::Broken(_))) => match resend {
                    Resend::Always => error.to_string(),
                    Resend::OnlyUnsent => return Err(GrantError::Unavailable(error.to_string())),
                },
            };
            let wait = jittered(pause);
            if Instant::now() + wait >= deadline {
                return Err(GrantError::Unavailable(fault));
            }
            tokio::time::sleep(wait).await;
            if !may_repeat() {
                return Err(GrantError::Unavailable(fault));
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Asks once; and once more where the client secret is refused and its file has another by now, since nothing is
    /// used up by a request whose client is not known.
    async fn ask(&self, url: &Url, form: &[(&str, &str)], within: Duration) -> Result<Reply, HttpError> {
        let secret = self.client_secret.current();
        let secret = secret.as_deref();
        let reply = self.http.fetch(self.authenticated(url, form, secret), LIMIT, within).await?;
        let refused = reply.status.is_client_error()
            && oauth_error(&reply).is_some_and(|error| error == "invalid_client");
        if !refused || !self.client_secret.replaced(secret).await {
            return Ok(reply);
        }
        tracing::info!("the client secret was refused; trying the new one in its file");
        let secret = self.client_secret.current();
        self.http.fetch(self.authenticated(url, form, secret.as_deref()), LIMIT, within).await
    }

    /// The secret, which may be replaced meanwhile.
    #[must_use]
    pub fn client_secret(&self) -> &LiveSecret {
        &self.client_secret
    }

    /// By Basic (RFC 6749 §2.3.1) where there is a secret; a public client sends only its id.
    fn authenticated(&self, url: &Url, form: &[(&str, &str)], secret: Option<&Secret>) -> RequestBuilder {
        let request = self.http.post(url);
        match secret {
            Some(secret) => request.basic_auth(&self.client_id, Some(secret.expose())).form(form),
            None => {
                let mut form = form.to_vec();
                form.push(("client_id", &self.client_id));
                request.form(&form)
            }
        }
    }
}

/// Whether a request may be sent again that the other side may have acted upon.
#[derive(Clone, Copy, Debug)]
enum Resend {
    OnlyUnsent,
    Always,
}

/// What makes an answer worth asking again.
fn passing_fault(reply: &Reply) -> Option<String> {
    let status = reply.status;
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Some(format!("it answered {status}"));
    }
    let throttled = oauth_error(reply).is_some_and(|error| error.starts_with("TooManyRequests"));
    throttled.then(|| "it is throttling".to_owned())
}

fn granted(reply: &Reply) -> Result<TokenSet, GrantError> {
    if reply.status == StatusCode::OK { parse(reply) } else { Err(refusal(reply)) }
}

fn refusal(reply: &Reply) -> GrantError {
    match oauth_error(reply) {
        Some(error) if error == "invalid_grant" => GrantError::InvalidGrant,
        Some(error) => GrantError::Refused { status: reply.status, error },
        // Not Cognito's own form, so somebody in between: keep what there is and try again later.
        None => GrantError::Unavailable(format!("it answered {} without an error code", reply.status)),
    }
}

/// The `error` of an error reply, cut to what a log line can hold.
fn oauth_error(reply: &Reply) -> Option<String> {
    let body: Map<String, Value> = serde_json::from_slice(&reply.body).ok()?;
    let named = body.get("error").or_else(|| body.get("__type"))?.as_str()?;
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    Some(named.chars().filter(plain).take(64).collect())
}

/// `expires_in` is not looked at: the access token's own `exp` decides.
fn parse(reply: &Reply) -> Result<TokenSet, GrantError> {
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(&reply.body) else {
        return Err(GrantError::Unavailable("it answered 200 without JSON".to_owned()));
    };
    let token = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match body.get("token_type").and_then(Value::as_str) {
        Some(kind) if kind.eq_ignore_ascii_case("Bearer") => {}
        _ => return Err(GrantError::Malformed("its token_type is not Bearer")),
    }
    Ok(TokenSet {
        access_token: token("access_token").ok_or(GrantError::Malformed("it has no access_token"))?.into(),
        id_token: token("id_token").map(Secret::from),
        refresh_token: token("refresh_token").map(Secret::from),
    })
}
