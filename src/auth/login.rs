//! The authorization request: where a visitor without a session is sent.

use std::time::Duration;

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
    /// There: whoever is known at Cognito proves it anew (`prompt=login`), and once they have it must be no longer ago
    /// than this, or the sign-in ends on a page. Cognito knows no `max_age` of its own.
    pub max_age: Option<Duration>,
}

impl Ask<'_> {
    /// For a proof that is no older than this.
    #[must_use]
    pub fn anew(max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..Self::default() }
    }
}

impl<'a> Ask<'a> {
    /// The same by this provider, where one is named.
    #[must_use]
    pub fn by(self, identity_provider: Option<&'a str>) -> Self {
        Self { identity_provider, ..self }
    }
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

    /// `start?rd=…`: sends to the login page whoever asks, to come back to `return_to`, which is its `rd`; with
    /// `max_age`, in seconds, to prove anew who they are; with `idp` by that provider, if it may be asked for, else by
    /// `usual`, where one is.
    #[must_use]
    pub fn start(&self, head: &RequestHead<'_>, return_to: ReturnTo, usual: Option<&str>) -> Response<Body> {
        let max_age = parameter(head, "max_age").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let asked = parameter(head, "idp");
        let asked = asked.as_ref().filter(|name| self.identity_providers.contains(name));
        let ask = Ask { max_age, identity_provider: asked.map(String::as_str).or(usual) };
        self.send_to_cognito(head, return_to, State::random(false), Vec::new(), ask)
    }

    /// A login whose own cookie is gone begins once more; its state says so.
    pub(super) fn restart_login(&self, head: &RequestHead<'_>) -> Response<Body> {
        self.send_to_cognito(head, ReturnTo::root(), State::random(true), Vec::new(), Ask::default())
    }

    /// The `rd` of a request, once; anything else is the root.
    #[must_use]
    pub fn asked_return(&self, head: &RequestHead<'_>) -> ReturnTo {
        match parameter(head, "rd") {
            Some(text) => ReturnTo::parse(&text, &self.public_url, self.prefix.as_str()),
            None => ReturnTo::root(),
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

    /// The same where the user has to prove anew who they are.
    #[must_use]
    pub fn step_up_url(&self, head: &RequestHead<'_>, max_age: Duration) -> String {
        format!("{}&max_age={}", self.login_url(head), max_age.as_secs())
    }

    fn send_to_cognito(
        &self,
        head: &RequestHead<'_>,
        return_to: ReturnTo,
        state: State,
        mut cookies: Vec<HeaderValue>,
        ask: Ask<'_>,
    ) -> Response<Body> {
        let login = LoginState::new(self.clock.now(), ask.max_age, return_to);
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
        let prompt = if ask.max_age.is_some() { Some("login") } else { always.prompt.as_deref() };
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

/// A parameter of the query that is there once.
fn parameter(head: &RequestHead<'_>, wanted: &str) -> Option<String> {
    let query = head.uri.query().unwrap_or_default();
    let mut given = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == wanted);
    let (value, further) = (given.next()?.1, given.next());
    further.is_none().then(|| value.into_owned())
}
