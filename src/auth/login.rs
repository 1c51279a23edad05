//! The authorization request: where a visitor without a session is sent.

use http::{HeaderValue, Response};
use url::Url;
use url::form_urlencoded;

use super::login_state::{LoginState, State};
use super::navigation;
use super::return_to::ReturnTo;
use super::{RelyingParty, RequestHead};
use crate::pages::see_other;
use crate::types::Body;

/// What one sign-in is to be like, where it differs from what the configuration says of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// In the place of the provider that the configuration names.
    pub identity_provider: Option<&'a str>,
    /// True: whoever is known at Cognito proves it anew (`prompt=login`).
    pub anew: bool,
}

impl RelyingParty {
    /// Sends a navigation to the login page; it comes back to where it was going.
    ///
    /// `expired` ends the cookies of a session that is over.
    #[must_use]
    pub fn begin_login(
        &self,
        head: &RequestHead<'_>,
        expired: Vec<HeaderValue>,
        ask: Ask<'_>,
    ) -> Response<Body> {
        self.send_to_cognito(head, self.return_to(head), State::random(false), expired, ask)
    }

    /// Where a request without a session comes back to.
    #[must_use]
    pub fn return_to(&self, head: &RequestHead<'_>) -> ReturnTo {
        navigation::return_to(head, &self.public_url, self.prefix.as_str())
    }

    /// `start?rd=…`: sends to the login page whoever asks, to come back to `rd`.
    #[must_use]
    pub fn start(&self, head: &RequestHead<'_>) -> Response<Body> {
        self.send_to_cognito(head, self.asked_return(head), State::random(false), Vec::new(), Ask::default())
    }

    /// A login whose own cookie is gone begins once more; its state says so.
    pub(super) fn restart_login(&self, head: &RequestHead<'_>) -> Response<Body> {
        self.send_to_cognito(head, ReturnTo::root(), State::random(true), Vec::new(), Ask::default())
    }

    /// The `rd` of a request, once; anything else is the root.
    fn asked_return(&self, head: &RequestHead<'_>) -> ReturnTo {
        let query = head.uri.query().unwrap_or_default();
        let mut given = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "rd");
        match (given.next(), given.next()) {
            (Some((_, text)), None) => ReturnTo::parse(&text, &self.public_url, self.prefix.as_str()),
            _ => ReturnTo::root(),
        }
    }

    /// The link that starts a login by hand and comes back to `return_to`.
    #[must_use]
    pub fn start_path(&self, return_to: &ReturnTo) -> String {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("rd", return_to.as_str()).finish();
        format!("{}?{query}", self.own_path("start"))
    }

    /// What a 401 tells a script: the absolute address to send the browser to.
    #[must_use]
    pub fn login_url(&self, head: &RequestHead<'_>) -> String {
        let return_to = navigation::referer(head.headers, &self.public_url, self.prefix.as_str());
        format!("{}{}", self.public_url, self.start_path(&return_to))
    }

    fn send_to_cognito(
        &self,
        head: &RequestHead<'_>,
        return_to: ReturnTo,
        state: State,
        mut cookies: Vec<HeaderValue>,
        ask: Ask<'_>,
    ) -> Response<Body> {
        let login = LoginState::new(self.clock.now(), return_to);
        cookies.extend(self.login_states.begin(&state, &login, head.cookies));
        see_other(self.authorization_request(&state, &login, ask).as_str(), cookies)
    }

    /// RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core 1.0 §3.1.2.1.
    fn authorization_request(&self, state: &State, login: &LoginState, ask: Ask<'_>) -> Url {
        let mut url = self.authorize.clone();
        let always = &self.authorize_parameters;
        // One of the two names the provider, never both.
        let (provider, identifier) = match ask.identity_provider {
            Some(provider) => (Some(provider), None),
            None => (always.identity_provider.as_deref(), always.idp_identifier.as_deref()),
        };
        let prompt = if ask.anew { Some("login") } else { always.prompt.as_deref() };
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.own_url("callback"))
            .append_pair("scope", &self.scopes)
            .append_pair("state", state.as_str())
            .append_pair("nonce", &login.nonce())
            .append_pair("code_challenge", &login.challenge())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(
                [
                    ("identity_provider", provider),
                    ("idp_identifier", identifier),
                    ("lang", always.lang.as_deref()),
                    ("prompt", prompt),
                    ("resource", always.resource.as_deref()),
                ]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
            );
        url
    }
}
