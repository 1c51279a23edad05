//! `GET /oauth2/authorize`: the authorization request, and the way back to the callback.
//!
//! See "The redirect and authorization endpoint" in the developer guide. Nothing is kept of a request until
//! someone signs in: `/login` carries the whole query along and reads it again.

use http::{Method, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::answer;
use super::cookie;
use super::parameters::{Parameters, Repeated};
use super::pool::{Grant, Pool, Session};
use super::random;
use super::settings::Client;
use super::switches::Received;
use crate::types::Body;

/// What stands for itself in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Cognito writes these of a state's characters back as they are, whatever they came in as: a `%2B` comes back
/// as `+`, which is then a space.
const STATE: &AsciiSet = &QUERY.remove(b'=').remove(b'/').remove(b'+');

const STANDARD_SCOPES: [&str; 5] = ["openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"];

/// A request that may be answered by a code.
pub(super) struct AuthorizationRequest {
    client_id: String,
    redirect_uri: String,
    state: Option<String>,
    scopes: Vec<String>,
    nonce: Option<String>,
    challenge: Option<String>,
    resource: Option<String>,
    prompt: Prompt,
    /// What `identity_provider` or `idp_identifier` named, unless it is the pool itself.
    pub(super) provider: Option<String>,
    pub(super) login_hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    None,
    Login,
    /// Not given, or of a kind that Cognito only passes on to an IdP.
    Other,
}

/// Why a request gets no code.
pub(super) enum Refusal {
    /// Nobody can be trusted with it: it ends on `/error`.
    Page(String),
    /// It goes back to the app.
    Callback {
        redirect_uri: String,
        state: Option<String>,
        error: &'static str,
        description: Option<&'static str>,
    },
}

pub(super) fn authorize(pool: &Pool, request: &Received) -> Response<Body> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return answer::method_not_allowed("GET");
    }
    let asked = match AuthorizationRequest::read(pool, &Parameters::of_query(request)) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.answer(pool),
    };
    let session = cookie::read(&request.headers).and_then(|value| pool.session(&value));
    match (session, asked.prompt) {
        (Some(session), Prompt::None | Prompt::Other) => asked.grant(pool, &session),
        (None, Prompt::None) => asked.refuse("login_required", None).answer(pool),
        (_, Prompt::Login) | (None, Prompt::Other) => {
            answer::redirect(&format!("/login?{}", request.uri.query().unwrap_or_default()))
        }
    }
}

impl AuthorizationRequest {
    pub(super) fn read(pool: &Pool, parameters: &Parameters) -> Result<Self, Refusal> {
        // The redirect URI first: a sign-out in OpenID Connect's dialect has neither, and is told of this one.
        let redirect_uri = required(parameters, "redirect_uri")?;
        let client_id = required(parameters, "client_id")?;
        let client =
            pool.client(client_id).ok_or_else(|| Refusal::Page("Client does not exist".to_owned()))?;
        if !client.callback_urls.iter().any(|url| url == redirect_uri) {
            return Err(Refusal::Page("redirect_mismatch".to_owned()));
        }
        let state = parameters.first("state").map(str::to_owned);
        Self::read_rest(pool, parameters, &client, redirect_uri, state.clone()).map_err(
            |(error, description)| Refusal::Callback {
                redirect_uri: redirect_uri.to_owned(),
                state,
                error,
                description,
            },
        )
    }

    fn read_rest(
        pool: &Pool,
        parameters: &Parameters,
        client: &Client,
        redirect_uri: &str,
        state: Option<String>,
    ) -> Result<Self, (&'static str, Option<&'static str>)> {
        let one = |name| {
            parameters.one(name).map(|v| v.map(str::to_owned)).map_err(|Repeated| ("invalid_request", None))
        };
        one("state")?;
        match one("response_type")?.as_deref() {
            Some("code") => {}
            Some("token") => return Err(("unauthorized_client", None)),
            _ => return Err(("invalid_request", None)),
        }
        let challenge = one("code_challenge")?;
        let method = one("code_challenge_method")?;
        match (challenge.as_deref(), method.as_deref()) {
            (None, None) => {}
            (Some(challenge), Some("S256")) if is_s256(challenge) => {}
            _ => return Err(("invalid_request", None)),
        }
        let resource = one("resource")?;
        if resource.as_deref().is_some_and(|uri| Url::parse(uri).map_or(true, |uri| uri.fragment().is_some()))
        {
            return Err(("invalid_request", Some("invalid_resource")));
        }
        let prompt = match one("prompt")?.as_deref() {
            Some("none") => Prompt::None,
            Some("login") => Prompt::Login,
            None | Some("select_account" | "consent") => Prompt::Other,
            Some(_) => return Err(("invalid_request", None)),
        };
        let provider = one("identity_provider")?.or(one("idp_identifier")?).filter(|name| name != "COGNITO");
        Ok(Self {
            client_id: client.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            state,
            scopes: scopes(pool, client, one("scope")?.as_deref())?,
            nonce: one("nonce")?,
            challenge,
            resource,
            prompt,
            provider,
            login_hint: one("login_hint")?,
        })
    }

    /// Sends the browser back with a code for whoever is signed in.
    pub(super) fn grant(self, pool: &Pool, session: &Session) -> Response<Body> {
        let grant = Grant {
            client_id: self.client_id,
            username: session.username.clone(),
            scopes: self.scopes,
            resource: self.resource,
            auth_time: session.auth_time,
            origin_jti: random::uuid(),
            access_jti: random::uuid(),
            event_id: random::uuid(),
        };
        let code = pool.issue_code(grant, &self.redirect_uri, self.nonce, self.challenge);
        callback(pool, &self.redirect_uri, vec![("code", Some(code)), ("state", self.state)])
    }

    fn refuse(self, error: &'static str, description: Option<&'static str>) -> Refusal {
        Refusal::Callback { redirect_uri: self.redirect_uri, state: self.state, error, description }
    }
}

impl Refusal {
    pub(super) fn answer(self, pool: &Pool) -> Response<Body> {
        match self {
            Self::Page(message) => answer::error_page(&message),
            // In the order in which Cognito was seen to send them.
            Self::Callback { redirect_uri, state, error, description } => callback(
                pool,
                &redirect_uri,
                vec![
                    ("error_description", description.map(str::to_owned)),
                    ("state", state),
                    ("error", Some(error.to_owned())),
                ],
            ),
        }
    }
}

/// The redirect to a registered callback, changed as the switches say.
fn callback(
    pool: &Pool,
    redirect_uri: &str,
    parameters: Vec<(&'static str, Option<String>)>,
) -> Response<Body> {
    let mut parameters: Vec<(String, String)> = parameters
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
        .collect();
    for edit in pool.board.callback_edits() {
        if let Some(error) = edit.error {
            parameters.retain(|(name, _)| name == "state");
            if let Some(description) = edit.error_description {
                parameters.insert(0, ("error_description".to_owned(), description));
            }
            parameters.push(("error".to_owned(), error));
        }
        parameters.retain(|(name, _)| !edit.drop.contains(name));
        parameters.extend(edit.add);
    }
    let query: Vec<String> = parameters
        .iter()
        .map(|(name, value)| {
            let set = if name == "state" { STATE } else { QUERY };
            format!("{}={}", utf8_percent_encode(name, QUERY), utf8_percent_encode(value, set))
        })
        .collect();
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    answer::redirect(&format!("{redirect_uri}{joint}{}", query.join("&")))
}

fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Refusal> {
    match parameters.one(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Refusal::Page(format!("Required String parameter '{name}' is not present"))),
        Err(Repeated) => Err(Refusal::Page("invalid_request".to_owned())),
    }
}

/// The scopes asked for, or all of the client's. One that Cognito does not know at all comes back as
/// `invalid_scope`; for one that this client may not have, the error was seen to be only in the description.
fn scopes(
    pool: &Pool,
    client: &Client,
    asked: Option<&str>,
) -> Result<Vec<String>, (&'static str, Option<&'static str>)> {
    let Some(asked) = asked else { return Ok(client.scopes.clone()) };
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.split_ascii_whitespace() {
        if !client.scopes.iter().any(|allowed| allowed == scope) {
            let known = STANDARD_SCOPES.contains(&scope) || pool.knows_scope(scope);
            let not_allowed = ("invalid_request", Some("invalid_scope"));
            return Err(if known { not_allowed } else { ("invalid_scope", None) });
        }
        if !scopes.iter().any(|there| there == scope) {
            scopes.push(scope.to_owned());
        }
    }
    let needs_openid = scopes.iter().any(|scope| matches!(scope.as_str(), "email" | "phone" | "profile"));
    if scopes.is_empty() || needs_openid && !scopes.iter().any(|scope| scope == "openid") {
        return Err(("invalid_scope", None));
    }
    Ok(scopes)
}

/// A SHA-256 in base64url, unpadded (RFC 7636 §4.2).
fn is_s256(challenge: &str) -> bool {
    challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
