//! The redirection endpoint: a code comes back, a session goes out.
//!
//! The state is looked at before anything else, and a code is redeemed once. Whatever goes wrong ends on a page
//! with a button, never in an automatic second round, but for the one restart of a login whose cookie is gone.

use http::{HeaderValue, Response};
use serde_json::Value;
use url::form_urlencoded;

use super::exchange_limit::{Exchange, TooManyExchanges};
use super::login_state::{LoginState, State};
use super::return_to::ReturnTo;
use super::{RelyingParty, RequestHead, navigation};
use crate::cognito::token::{GrantError, TokenSet};
use crate::cognito::verify::TokenRefused;
use crate::cookie::chunk::TooLarge;
use crate::pages::see_other;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::store::{SaveError, StoreUnavailable};
use crate::types::Body;

/// Why a callback gave no session, and what the page that says so needs.
#[derive(Debug)]
pub struct CallbackFailure {
    pub reason: CallbackError,
    /// Where the button that tries again leads in the end.
    pub return_to: ReturnTo,
    /// Ends the login cookie, where there was one.
    pub cookies: Vec<HeaderValue>,
}

/// Why a callback gave no session.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// No authorization response at all (RFC 6749 §4.1.2).
    #[error("the address is not an answer of the sign-in service: {0}")]
    Malformed(&'static str),
    /// The login cookie is gone, a second time.
    #[error("the browser did not bring back the login cookie")]
    StateLost,
    /// An issuer that is not ours (RFC 9207).
    #[error("the answer names another issuer")]
    ForeignIssuer,
    /// RFC 6749 §4.1.2.1. The text is one of its codes or as near as it can be shown.
    #[error("the sign-in service reported {0}")]
    Reported(String),
    /// The state and the code can still be used.
    #[error(transparent)]
    TooMany(#[from] TooManyExchanges),
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("the {token} token was refused: {reason}")]
    Refused { token: &'static str, reason: TokenRefused },
    /// The user should have proved anew who they are, and did not.
    #[error("the sign-in is not as recent as it had to be")]
    NotRecent,
    #[error("the tokens do not belong together: {0}")]
    Mismatch(&'static str),
    /// The tokens fill more cookies than a browser keeps.
    #[error(
        "the session does not fit into cookies: access token {access} bytes, refresh token {refresh} bytes, {source}"
    )]
    TooLarge { access: usize, refresh: usize, source: TooLarge },
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
}

/// The parameters of an authorization response, each at most once.
#[derive(Default)]
struct AuthorizationResponse {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl RelyingParty {
    /// Answers `callback`.
    pub async fn callback(&self, head: &RequestHead<'_>) -> Result<Response<Body>, CallbackFailure> {
        let answer = self.answer_callback(head).await;
        answer.inspect_err(|failure| self.metrics.login(failure.reason.result()))
    }

    async fn answer_callback(&self, head: &RequestHead<'_>) -> Result<Response<Body>, CallbackFailure> {
        let response = AuthorizationResponse::parse(head.uri.query().unwrap_or_default())?;
        let state = State::returned(response.state.as_deref().unwrap_or_default());
        let login = self.login_states.resume(&state, head.cookies, &self.public_url, self.prefix.as_str());
        let Some(login) = login else {
            return self.without_login(head, &state, &response).await;
        };
        let outcome = self.with_login(head, &state, &login, response).await;
        outcome.map_err(|reason| {
            let is_over = !matches!(reason, CallbackError::TooMany(_));
            let cookies = is_over.then(|| self.login_states.end(&state)).into_iter().collect();
            CallbackFailure { reason, return_to: login.return_to, cookies }
        })
    }

    async fn with_login(
        &self,
        head: &RequestHead<'_>,
        state: &State,
        login: &LoginState,
        response: AuthorizationResponse,
    ) -> Result<Response<Body>, CallbackError> {
        if response.issuer.is_some_and(|issuer| !self.verifier.accepts_issuer(&issuer)) {
            return Err(CallbackError::ForeignIssuer);
        }
        if let Some(error) = response.error {
            return Err(CallbackError::Reported(error));
        }
        let code = response.code.ok_or(CallbackError::Malformed("it has no code"))?;
        // A replay costs nothing, so it is not counted. Beyond the limit the state is not used up.
        let is_replay = self.redeemed.contains(&state.hash());
        let exchange = if is_replay { None } else { Some(self.exchanges.admit(head.client)?) };
        let exchange = match exchange {
            Some(exchange) if self.redeemed.insert(state.hash()) => exchange,
            replayed => {
                // A login state is good for one exchange, so this makes no call.
                replayed.into_iter().for_each(Exchange::accepted);
                return Ok(self.past_login(head, state).await?.unwrap_or_else(|| self.restart_login(head)));
            }
        };
        let redirect_uri = self.own_url("callback");
        let may_repeat = || exchange.may_repeat();
        let tokens = self.tokens.redeem(&code, &login.verifier(), &redirect_uri, may_repeat).await;
        if !matches!(tokens, Err(GrantError::InvalidGrant)) {
            exchange.accepted();
        }
        let tokens = tokens?;
        let session = self.verified_session(tokens, login).await?;
        // Here, since the page that asked for it would send the user round again.
        let is_old = |most| session.auth_time.is_none_or(|proved| proved.until(self.clock.now()) > most);
        if login.max_age.is_some_and(is_old) {
            return Err(CallbackError::NotRecent);
        }
        let begun = self.begin_session(&session, head.cookies).await;
        let mut cookies = begun.map_err(|error| CallbackError::not_kept(error, &session))?;
        cookies.push(self.login_states.end(state));
        cookies.push(self.sign_in_mark());
        tracing::info!(sub = %session.identity.sub, session = %session.id, "signed in");
        self.metrics.login("success");
        Ok(see_other(login.return_to.as_str(), cookies))
    }

    async fn verified_session(&self, tokens: TokenSet, login: &LoginState) -> Result<Session, CallbackError> {
        let id_token = tokens.id_token.ok_or(GrantError::Malformed("it has no id_token"))?;
        let refused = |token| move |reason| CallbackError::Refused { token, reason };
        let mut id =
            self.verifier.id_token(id_token.expose(), Some(&login.nonce())).await.map_err(refused("id"))?;
        let access =
            self.verifier.access_token(tokens.access_token.expose()).await.map_err(refused("access"))?;
        if id.sub != access.sub {
            return Err(CallbackError::Mismatch("their `sub` differs"));
        }
        if self.kept.asks_userinfo() {
            let userinfo = self.tokens.userinfo(&tokens.access_token).await?;
            if userinfo.get("sub").and_then(Value::as_str) != Some(&id.sub) {
                return Err(CallbackError::Mismatch("userInfo is about another `sub`"));
            }
            self.kept.complete(&mut id, userinfo);
        }
        let auth_time = id.auth_time.or(access.auth_time);
        let expires = self.kept.expires(&id, &access);
        let identity = self.kept.identity(id, &access);
        let mut session = Session::new(self.clock.now(), tokens.access_token, expires, identity);
        session.auth_time = auth_time;
        session.refresh_token = tokens.refresh_token;
        session.id_token = self.kept.id_token(id_token);
        Ok(session)
    }

    /// The state is unknown or expired here: the login of another browser, a bookmark, a back button.
    async fn without_login(
        &self,
        head: &RequestHead<'_>,
        state: &State,
        response: &AuthorizationResponse,
    ) -> Result<Response<Body>, CallbackFailure> {
        // The state comes first: what is said under one that nobody here began is no news to who is signed in.
        let past = self.past_login(head, state).await.map_err(CallbackError::from)?;
        if let Some(answer) = past {
            return Ok(answer);
        }
        if let Some(error) = &response.error {
            return Err(CallbackError::Reported(error.clone()).into());
        }
        if state.is_restarted() || navigation::is_declared_fetch(head.headers) {
            return Err(CallbackError::StateLost.into());
        }
        Ok(self.restart_login(head))
    }

    /// Whoever is signed in goes to the root.
    async fn past_login(
        &self,
        head: &RequestHead<'_>,
        state: &State,
    ) -> Result<Option<Response<Body>>, StoreUnavailable> {
        let session = self.current_session(head.cookies).await?;
        Ok(session.map(|_| see_other(ReturnTo::root().as_str(), vec![self.login_states.end(state)])))
    }
}

impl CallbackError {
    fn not_kept(error: SaveError, session: &Session) -> Self {
        let length = |token: Option<&Secret>| token.map_or(0, |token| token.expose().len());
        match error {
            SaveError::TooLarge(source) => Self::TooLarge {
                access: length(Some(&session.access_token)),
                refresh: length(session.refresh_token.as_ref()),
                source,
            },
            SaveError::Unavailable(error) => Self::Store(error),
        }
    }

    /// How the sign-in ended, as a label.
    fn result(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::StateLost => "state_lost",
            Self::ForeignIssuer => "foreign_issuer",
            Self::Reported(_) => "reported",
            Self::TooMany(_) => "throttled",
            Self::Grant(_) => "grant",
            Self::Refused { .. } => "token_refused",
            Self::NotRecent => "not_recent",
            Self::Mismatch(_) => "mismatch",
            Self::TooLarge { .. } => "too_large",
            Self::Store(_) => "store_unavailable",
        }
    }
}

impl AuthorizationResponse {
    fn parse(query: &str) -> Result<Self, CallbackError> {
        let mut response = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "state" => &mut response.state,
                "code" => &mut response.code,
                "error" => &mut response.error,
                "iss" => &mut response.issuer,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(CallbackError::Malformed("a parameter is there twice"));
            }
        }
        let there = |value: &Option<String>| value.as_deref().is_some_and(|text| !text.is_empty());
        if !there(&response.state) {
            return Err(CallbackError::Malformed("it has no state"));
        }
        match (there(&response.code), there(&response.error)) {
            (true, true) => Err(CallbackError::Malformed("it has a code and an error")),
            (false, false) => Err(CallbackError::Malformed("it has neither a code nor an error")),
            _ => Ok(response),
        }
    }
}

impl From<CallbackError> for CallbackFailure {
    fn from(reason: CallbackError) -> Self {
        Self { reason, return_to: ReturnTo::root(), cookies: Vec::new() }
    }
}
