//! Tokens that clients bring themselves, in `Authorization` (RFC 6750 §2.1), in place of a session.
//!
//! A program has no browser to sign in with: it brings an access token of its own, a user's or, by the
//! client-credentials grant, one that names no user. Whoever brings a token is judged by it alone: a bad one is a 401,
//! whatever cookies come along with it.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::RelyingParty;
use super::verified::Verified;
use crate::clock::{Clock, UnixTime};
use crate::cognito::claims::AccessClaims;
use crate::cognito::verify::{TokenRefused, Verifier};
use crate::config::Config;
use crate::policy::subject::Subject;
use crate::secret::Secret;
use crate::telemetry::metrics::Metrics;

use super::identity::Kept;

/// Verified tokens that are remembered: some 500 bytes each.
const REMEMBERED: usize = 10_000;

/// Reads tokens off requests, and believes those of the app clients that are listed. Shared by every thread.
#[derive(Debug)]
pub(super) struct Bearers {
    /// Empty where no client's tokens are accepted: then `Authorization` is not looked at.
    clients: Vec<String>,
    scopes: Vec<String>,
    verifier: Verifier,
    kept: Kept,
    verified: Verified<Bearer>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// Whoever a verified token was given to.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// `sub`; a program's is its app client.
    pub(super) sub: String,
    is_program: bool,
    username: Option<String>,
    email: Option<String>,
    preferred_username: Option<String>,
    groups: Vec<String>,
    auth_time: Option<UnixTime>,
    pub(super) expires: UnixTime,
    /// What the app is told beside these, as name and JSON text.
    kept: Vec<(String, String)>,
    scopes: Vec<String>,
}

/// Why a token that was brought lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerRefused {
    #[error("the request has more than one Authorization")]
    Repeated,
    #[error("the token is refused: {0}")]
    Token(#[from] TokenRefused),
    /// It is good, and not for this (RFC 6750 §3.1): these are needed.
    #[error("the token lacks a scope of bearer.scopes")]
    Scope(String),
}

impl BearerRefused {
    /// What is decided about the request, as a label.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Repeated | Self::Token(_) => "invalid_token",
            Self::Scope(_) => "denied",
        }
    }
}

/// What a request brings.
#[derive(Debug)]
pub(super) enum Brought {
    /// No token: its cookies count.
    Nothing,
    Good {
        bearer: Arc<Bearer>,
        token: Secret,
    },
    Bad(BearerRefused),
    /// The signing keys were never loaded.
    Unknown,
}

impl Bearers {
    pub(super) fn new(
        config: &Config,
        verifier: Verifier,
        kept: Kept,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            clients: config.bearer.clients.clone(),
            scopes: config.bearer.scopes.clone(),
            verifier,
            kept,
            verified: Verified::new(REMEMBERED, clock.clone()),
            metrics,
            clock,
        }
    }

    /// The token that a request brings, verified at least once since the keys changed.
    pub(super) async fn read(&self, headers: &HeaderMap) -> Brought {
        if self.clients.is_empty() {
            return Brought::Nothing;
        }
        let token = match token(headers) {
            Ok(Some(token)) => token,
            Ok(None) => return Brought::Nothing,
            Err(refused) => {
                self.metrics.bearer_token("refused");
                return Brought::Bad(refused);
            }
        };
        // Read first: what is verified by newer keys may be taken for verified by older ones, and not the other way.
        let generation = self.verifier.generation();
        let (found, result) = match self.verified.get(&token, generation) {
            Some(bearer) => (Ok(bearer), "remembered"),
            None => match self.verify(&token).await {
                Ok(bearer) => {
                    let bearer = Arc::new(bearer);
                    self.verified.put(&token, generation, bearer.expires, Arc::clone(&bearer));
                    (Ok(bearer), "verified")
                }
                Err(TokenRefused::UnknownKey) if !self.verifier.has_keys() => {
                    self.metrics.bearer_token("unavailable");
                    return Brought::Unknown;
                }
                Err(refused) => (Err(refused), "refused"),
            },
        };
        self.metrics.bearer_token(result);
        match found {
            Ok(bearer) if self.scopes.iter().all(|scope| bearer.scopes.contains(scope)) => {
                Brought::Good { bearer, token }
            }
            Ok(_) => Brought::Bad(BearerRefused::Scope(self.scopes.join(" "))),
            Err(refused) => Brought::Bad(refused.into()),
        }
    }

    async fn verify(&self, token: &Secret) -> Result<Bearer, TokenRefused> {
        let claims = self.verifier.access_token_of(token.expose(), &self.clients).await?;
        // The verifier forgives a skew of the clocks; forwarding does not.
        if claims.expires <= self.clock.now() {
            return Err(TokenRefused::Expired);
        }
        let kept = self.kept.of_access_token(&claims);
        Ok(Bearer::new(claims, kept))
    }
}

impl Bearer {
    fn new(claims: AccessClaims, kept: Vec<(String, String)>) -> Self {
        let text = |name: &str| {
            let text = claims.all.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        let scopes = text("scope").unwrap_or_default();
        Self {
            // A user's token has a user name; a program is its own subject.
            is_program: claims.username.is_none() && claims.sub == claims.client_id,
            email: text("email"),
            preferred_username: text("preferred_username"),
            scopes: scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            sub: claims.sub,
            username: claims.username,
            groups: claims.groups,
            auth_time: claims.auth_time,
            expires: claims.expires,
            kept,
        }
    }

    /// As rules judge it and as apps are told of it. `token` is the one that this was found out about.
    pub(super) fn subject<'a>(&'a self, token: &'a Secret) -> Subject<'a> {
        Subject {
            user: (!self.is_program).then_some(&self.sub),
            username: self.username.as_deref(),
            email: self.email.as_deref(),
            preferred_username: self.preferred_username.as_deref(),
            groups: &self.groups,
            auth_time: self.auth_time,
            access_token: token,
            id_token: None,
            kept: &self.kept,
        }
    }
}

impl RelyingParty {
    /// Resolves when a token is over.
    pub(super) fn bearer_over(&self, bearer: &Bearer) -> impl Future<Output = ()> + Send + use<> {
        let (clock, until) = (self.clock.clone(), bearer.expires);
        async move { clock.reach(until).await }
    }
}

/// The token of a request that brings one. Other schemes than Bearer are none of ours.
fn token(headers: &HeaderMap) -> Result<Option<Secret>, BearerRefused> {
    let mut lines = headers.get_all(AUTHORIZATION).iter().map(|line| line.as_bytes());
    let (Some(line), further) = (lines.next(), lines.next()) else { return Ok(None) };
    if let Some(further) = further {
        let any = bearer(line).is_some()
            || std::iter::once(further).chain(lines).any(|line| bearer(line).is_some());
        return if any { Err(BearerRefused::Repeated) } else { Ok(None) };
    }
    let Some(token) = bearer(line) else { return Ok(None) };
    let token = str::from_utf8(token).map_err(|_| TokenRefused::Malformed)?;
    Ok(Some(Secret::from(token)))
}

/// What stands behind the scheme, which is read without regard to case (RFC 9110 §11.1).
fn bearer(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (scheme, rest) = line.split_at(end);
    scheme.eq_ignore_ascii_case(b"bearer").then(|| rest.trim_ascii())
}
