//! Whether a token is believed: its signature, then each claim that Cognito's documentation names.
//!
//! See "Verifying JSON web tokens" in Amazon Cognito's developer guide, RFC 8725 for what to refuse, and
//! OpenID Connect Core 1.0 §3.1.3.7. The claims are checked by hand against our own [`Clock`].

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::claims::{AccessClaims, IdClaims, list, text, time};
use super::jwks::{Jwks, Key};
use crate::clock::{Clock, UnixTime};

/// How far Cognito's clock and ours may be apart.
const SKEW: Duration = Duration::from_secs(60);

/// Verifies the tokens of one app client of one user pool.
#[derive(Clone, Debug)]
pub struct Verifier {
    jwks: Arc<Jwks>,
    issuers: Arc<[String]>,
    client_id: Arc<str>,
    clock: Clock,
}

/// Why a token is not believed. Says which check failed, never what the token holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    #[error("it is not a signed JWT")]
    Malformed,
    #[error("its algorithm is not RS256")]
    Algorithm,
    #[error("its header has `{0}`, which is never honoured")]
    Header(&'static str),
    #[error("the key it names is not one of the pool's")]
    UnknownKey,
    #[error("its signature does not fit")]
    Signature,
    #[error("its `{0}` is absent or has the wrong type")]
    ClaimMissing(&'static str),
    #[error("its `{0}` is not what it must be")]
    ClaimWrong(&'static str),
    #[error("it has expired")]
    Expired,
    #[error("its `{0}` lies in the future")]
    Future(&'static str),
}

impl Verifier {
    #[must_use]
    pub fn new(jwks: Arc<Jwks>, issuers: &[String], client_id: &str, clock: Clock) -> Self {
        Self { jwks, issuers: issuers.into(), client_id: client_id.into(), clock }
    }

    /// An id token. `nonce` is the one that was sent; `None` where none was (after a refresh).
    pub async fn id_token(&self, token: &str, nonce: Option<&str>) -> Result<IdClaims, TokenRefused> {
        let (claims, key) = self.signed_claims(token).await?;
        let expires = self.common(&claims, &key, "id")?;
        self.audience(&claims)?;
        if let Some(nonce) = nonce {
            let given = text(&claims, "nonce").ok_or(TokenRefused::ClaimMissing("nonce"))?;
            if !bool::from(given.as_bytes().ct_eq(nonce.as_bytes())) {
                return Err(TokenRefused::ClaimWrong("nonce"));
            }
        }
        Ok(IdClaims {
            sub: text(&claims, "sub").ok_or(TokenRefused::ClaimMissing("sub"))?,
            username: text(&claims, "cognito:username"),
            email: text(&claims, "email"),
            preferred_username: text(&claims, "preferred_username"),
            groups: list(&claims, "cognito:groups"),
            auth_time: time(&claims, "auth_time"),
            expires,
            all: claims,
        })
    }

    /// An access token. It has no `aud` at Cognito; the app client is in `client_id`.
    pub async fn access_token(&self, token: &str) -> Result<AccessClaims, TokenRefused> {
        self.access(token, |id| id == &*self.client_id).await
    }

    /// An access token of one of these app clients.
    pub async fn access_token_of(
        &self,
        token: &str,
        clients: &[String],
    ) -> Result<AccessClaims, TokenRefused> {
        self.access(token, |id| clients.iter().any(|client| client == id)).await
    }

    async fn access(
        &self,
        token: &str,
        accepts: impl Fn(&str) -> bool,
    ) -> Result<AccessClaims, TokenRefused> {
        let (claims, key) = self.signed_claims(token).await?;
        let expires = self.common(&claims, &key, "access")?;
        let client_id = match claims.get("client_id").and_then(Value::as_str) {
            None => return Err(TokenRefused::ClaimMissing("client_id")),
            Some(id) if !accepts(id) => return Err(TokenRefused::ClaimWrong("client_id")),
            Some(id) => id.to_owned(),
        };
        Ok(AccessClaims {
            client_id,
            sub: text(&claims, "sub").ok_or(TokenRefused::ClaimMissing("sub"))?,
            username: text(&claims, "username"),
            groups: list(&claims, "cognito:groups"),
            auth_time: time(&claims, "auth_time"),
            expires,
            all: claims,
        })
    }

    /// True once the pool's keys have been loaded.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.jwks.is_loaded()
    }

    /// Which keys there are; another number where they are others.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.jwks.generation()
    }

    /// True where `issuer` is one of the accepted ones.
    #[must_use]
    pub fn accepts_issuer(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|known| known == issuer)
    }

    async fn signed_claims(&self, token: &str) -> Result<(Map<String, Value>, Key), TokenRefused> {
        let key_id = key_id(token)?;
        let mut refused = TokenRefused::UnknownKey;
        for key in self.jwks.keys(key_id.as_deref()).await {
            match verify_signature(token, key.decoding()) {
                Ok(claims) => return Ok((claims, key)),
                Err(reason) => refused = reason,
            }
        }
        Err(refused)
    }

    /// `iss`, `token_use`, `exp`, `iat`, `nbf`: what both kinds share. Returns the expiry. A key that signed all this is the
    /// pool's.
    fn common(
        &self,
        claims: &Map<String, Value>,
        key: &Key,
        token_use: &'static str,
    ) -> Result<UnixTime, TokenRefused> {
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(TokenRefused::ClaimMissing("iss"))?;
        if !self.accepts_issuer(issuer) {
            return Err(TokenRefused::ClaimWrong("iss"));
        }
        if claims.get("token_use").and_then(Value::as_str) != Some(token_use) {
            return Err(TokenRefused::ClaimWrong("token_use"));
        }
        let now = self.clock.now();
        let expires = time(claims, "exp").ok_or(TokenRefused::ClaimMissing("exp"))?;
        if expires.plus(SKEW) <= now {
            return Err(TokenRefused::Expired);
        }
        let issued = time(claims, "iat").ok_or(TokenRefused::ClaimMissing("iat"))?;
        if issued > now.plus(SKEW) {
            return Err(TokenRefused::Future("iat"));
        }
        if claims.contains_key("nbf") {
            let from = time(claims, "nbf").ok_or(TokenRefused::ClaimMissing("nbf"))?;
            if from > now.plus(SKEW) {
                return Err(TokenRefused::Future("nbf"));
            }
        }
        self.jwks.verified_by(key);
        Ok(expires)
    }

    /// `aud` must be our client alone: a token that is for others too was not made for us.
    fn audience(&self, claims: &Map<String, Value>) -> Result<(), TokenRefused> {
        let ours = |value: &Value| value.as_str() == Some(&*self.client_id);
        match claims.get("aud") {
            None => Err(TokenRefused::ClaimMissing("aud")),
            Some(Value::Array(several)) if !several.is_empty() && several.iter().all(ours) => Ok(()),
            Some(one) if ours(one) => Ok(()),
            Some(_) => Err(TokenRefused::ClaimWrong("aud")),
        }
    }
}

/// The key id that a token's header names, where the header is one that Cognito would write.
///
/// Headers that ask for other keys or other rules (`jku`, `x5u`, `jwk`, `crit`, …) are refused unread: Cognito
/// sends none, and nothing is ever fetched because a token says so.
fn key_id(token: &str) -> Result<Option<String>, TokenRefused> {
    let mut segments = token.split('.');
    let (Some(header), Some(_), Some(_), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(TokenRefused::Malformed);
    };
    let bytes = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenRefused::Malformed)?;
    let header: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| TokenRefused::Malformed)?;
    for name in ["crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "b64", "enc", "zip"] {
        if header.contains_key(name) {
            return Err(TokenRefused::Header(name));
        }
    }
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(TokenRefused::Algorithm);
    }
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(_) => Err(TokenRefused::Malformed),
    }
}

fn verify_signature(token: &str, key: &DecodingKey) -> Result<Map<String, Value>, TokenRefused> {
    let mut validation = Validation::new(Algorithm::RS256);
    // The claims are checked above, by our own clock; here it is the signature alone.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation).map(|data| data.claims).map_err(
        |error| match error.kind() {
            ErrorKind::InvalidSignature => TokenRefused::Signature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => TokenRefused::Algorithm,
            _ => TokenRefused::Malformed,
        },
    )
}
