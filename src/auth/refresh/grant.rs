//! One refresh at Cognito, and what came of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::Shared;
use crate::cognito::token::{GrantError, TokenSet};
use crate::cognito::verify::TokenRefused;
use crate::secret::Secret;
use crate::session::Session;

/// How a refresh ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// `elsewhere`: it is kept where every replica finds it, so that nothing is lost with this one's memory.
    Renewed { session: Arc<Session>, elsewhere: bool },
    /// Cognito does not know the refresh token any more.
    Refused,
    /// What came back is not this session's.
    Ended,
    /// A passing fault.
    Paused,
}

/// Why a refresh gave no session.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("a refreshed token was refused: {0}")]
    Refused(#[from] TokenRefused),
    #[error("a refreshed token belongs to another user")]
    OtherUser,
    #[error("the refreshed tokens have expired already; is this machine's clock right?")]
    ExpiredAlready,
}

impl Outcome {
    /// As a label.
    pub(super) fn result(&self) -> &'static str {
        match self {
            Self::Renewed { .. } => "success",
            Self::Refused => "refused",
            Self::Paused => "unavailable",
            Self::Ended => "ended",
        }
    }
}

impl Shared {
    pub(super) async fn refresh(&self, held: Session, refresh_token: &Secret) -> Outcome {
        let id = held.id;
        let outcome = match self.tokens.refresh(refresh_token).await {
            Ok(tokens) => self.renewed(held, tokens).await,
            Err(error) => Err(RefreshError::Grant(error)),
        };
        match outcome {
            Ok(session) => {
                tracing::debug!(session = %id, sub = %session.identity.sub, "refreshed");
                Outcome::Renewed { session: Arc::new(session), elsewhere: false }
            }
            Err(RefreshError::Grant(GrantError::InvalidGrant)) => {
                tracing::info!(session = %id, "the refresh token is no longer valid");
                Outcome::Refused
            }
            Err(
                error @ (RefreshError::Refused(TokenRefused::UnknownKey)
                | RefreshError::Grant(_)
                | RefreshError::ExpiredAlready),
            ) => {
                tracing::warn!(%error, session = %id, "refresh failed; trying again soon");
                Outcome::Paused
            }
            Err(error) => {
                tracing::error!(%error, session = %id, "the refreshed tokens are not this session's; it ends");
                Outcome::Ended
            }
        }
    }

    /// The session with its new tokens, once these are verified and belong to the same user.
    async fn renewed(&self, held: Session, tokens: TokenSet) -> Result<Session, RefreshError> {
        let access = self.verifier.access_token(tokens.access_token.expose()).await?;
        if access.sub != held.identity.sub {
            return Err(RefreshError::OtherUser);
        }
        let (identity, expires) = match &tokens.id_token {
            Some(token) => {
                let mut id = self.verifier.id_token(token.expose(), None).await?;
                if id.sub != held.identity.sub {
                    return Err(RefreshError::OtherUser);
                }
                if self.kept.asks_userinfo() {
                    match self.tokens.userinfo(&tokens.access_token).await {
                        Ok(it) if it.get("sub").and_then(Value::as_str) == Some(&id.sub) => {
                            self.kept.complete(&mut id, it);
                        }
                        Ok(_) => return Err(RefreshError::OtherUser),
                        // Not worth the new tokens, which may be the only ones that are good.
                        Err(error) => {
                            tracing::warn!(%error, session = %held.id, "userInfo has no news; what was known stays");
                            self.kept.complete_from(&mut id, &held.identity);
                        }
                    }
                }
                let expires = self.kept.expires(&id, &access);
                (self.kept.identity(id, &access), expires)
            }
            // What is held is about to be over.
            None if self.kept.needs_id_token() => {
                return Err(GrantError::Malformed("it has no id_token").into());
            }
            None => (held.identity, access.expires),
        };
        // The verifier forgives a skew of the clocks; forwarding does not.
        if expires <= self.clock.now() {
            return Err(RefreshError::ExpiredAlready);
        }
        let is_another = |token| held.refresh_token.as_ref() != Some(token);
        self.rotates.store(tokens.refresh_token.as_ref().is_some_and(is_another), Ordering::Relaxed);
        Ok(Session {
            touched: self.clock.now(),
            access_token: tokens.access_token,
            access_expires: expires,
            refresh_token: tokens.refresh_token.or(held.refresh_token),
            id_token: tokens.id_token.and_then(|token| self.kept.id_token(token)).or(held.id_token),
            identity,
            ..held
        })
    }
}
