//! `cognigate check --explain`: which rule decides about a request, and what comes of it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Map, Value};

use crate::clock::{Clock, UnixTime};
use crate::config::{Access, Config, Rule};
use crate::file::{self, ReadError};
use crate::policy::host::{HostError, Hosts};
use crate::policy::path::{CanonicalPath, PathError};
use crate::policy::rules::{Rules, Ruling, Verdict};
use crate::policy::subject::Subject;
use crate::secret::Secret;

/// Why there is nothing to explain.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExplainError {
    #[error("--explain takes a method and a URL, such as GET https://app.example.com/path")]
    Request,
    #[error("the file {name} {error}")]
    File { name: String, error: ReadError },
    #[error(
        "the file {name} is no JSON object of claims, such as {{\"sub\": \"…\", \"cognito:groups\": [\"admins\"]}}"
    )]
    Claims { name: String },
}

/// What no rule is asked about.
#[derive(Debug, thiserror::Error)]
enum Unasked {
    #[error("{0}: a 400")]
    Path(#[from] PathError),
    #[error("{0}: a 400 or a 421")]
    Host(#[from] HostError),
    #[error("this is below prefix, where the gate's own endpoints are")]
    Own,
    #[error("this method is always refused: a 400 or a 405")]
    Method,
}

/// What there is to say of a request, in lines. `claims` are the file of whoever sends it.
pub(super) fn explain(
    config: &Config,
    method: &str,
    url: &str,
    claims: Option<&Path>,
) -> Result<String, ExplainError> {
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| ExplainError::Request)?;
    let somebody = claims.map(Somebody::read).transpose()?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or(ExplainError::Request)?;
    let (host, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // As a client would send it: byte for byte, the fragment kept to itself.
    let path = target.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/");
    let told = told(config, &method, host, path, somebody.as_ref());
    Ok(told.unwrap_or_else(|unasked| format!("no rule is asked: {unasked}\n")))
}

fn told(
    config: &Config,
    method: &Method,
    host: &str,
    path: &str,
    somebody: Option<&Somebody>,
) -> Result<String, Unasked> {
    let hosts = Hosts::new(config.sites.iter().map(|site| (&site.public_url, &site.hosts[..])));
    let host = hosts.admit_text(host)?;
    let site = config.sites.get(host.site()).ok_or(HostError::Unknown)?;
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return Err(Unasked::Method);
    }
    let path = CanonicalPath::parse(path)?;
    if path.below(config.prefix.as_str()).is_some() {
        return Err(Unasked::Own);
    }
    let rules = Rules::new(&site.rules);
    let ruling = rules.decide(&host, &path, method);
    let mut text = format!("rule    {}{}\n", named(ruling.rule), why(ruling.rule, &path));
    text += &format!("asks    {}\n", asks(ruling.rule));
    for also in &ruling.also {
        text += &format!("and     {}, since an app might read {}\n", named(also.rule), also.reading);
        text += &format!("asks    {}\n", asks(also.rule));
    }
    text += &format!("nobody  {}\n", of_nobody(&ruling));
    if let Some(somebody) = somebody {
        text += &format!("as      {}: {}\n", somebody.name, of_somebody(&ruling, somebody));
    }
    Ok(text)
}

fn named(rule: &Rule) -> String {
    format!("{} ({})", rule.name, rule.place)
}

/// By what a rule was found, which is all that it says of requests.
fn why(rule: &Rule, path: &CanonicalPath) -> String {
    let mut by = Vec::new();
    by.extend(rule.host.iter().map(|host| format!("host {host}")));
    by.extend(
        rule.paths.iter().find(|known| known.names(path.judged())).map(|known| format!("path {known}")),
    );
    if !rule.methods.is_empty() {
        by.push(format!("methods {}", joined(rule.methods.iter())));
    }
    if by.is_empty() { ", since no other fits".to_owned() } else { format!(", by {}", by.join(", ")) }
}

fn asks(rule: &Rule) -> String {
    let conditions = &rule.conditions;
    let mut asks = vec![format!("access {}", rule.access)];
    for (what, any_of) in [
        ("groups", &conditions.groups),
        ("scopes", &conditions.scopes),
        ("email_domains", &conditions.email_domains),
        ("emails", &conditions.emails),
        ("users", &conditions.users),
    ] {
        if !any_of.is_empty() {
            asks.push(format!("{what} {}", joined(any_of.iter())));
        }
    }
    asks.extend(
        conditions.claims.iter().map(|(name, any_of)| format!("claim {name} {}", joined(any_of.iter()))),
    );
    asks.extend(rule.max_auth_age.map(|age| format!("max_auth_age {}s", age.as_secs())));
    asks.extend(rule.csrf.map(|mode| format!("csrf {}", format!("{mode:?}").to_lowercase())));
    if rule.allow_preflight {
        asks.push("preflights pass".to_owned());
    }
    asks.join(", ")
}

fn joined<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(" or ")
}

fn of_nobody(ruling: &Ruling<'_>) -> &'static str {
    match ruling.access() {
        Access::Public => "passes",
        Access::User => "is sent to sign in, or gets a 401",
        Access::Api => "gets a 401",
        Access::Deny => "gets a 403",
    }
}

fn of_somebody(ruling: &Ruling<'_>, somebody: &Somebody) -> String {
    match ruling.access() {
        Access::Public => return "passes, and the app is told of nobody".to_owned(),
        Access::Deny => return "gets a 403, as everybody does".to_owned(),
        Access::User | Access::Api => {}
    }
    match ruling.judge(&somebody.subject(), Clock::system().now()) {
        Verdict::Pass => "passes".to_owned(),
        Verdict::Denied(unmet) => format!("gets a 403: {unmet}"),
        Verdict::Stale => {
            "has to sign in anew: auth_time is older than max_auth_age, or not there".to_owned()
        }
    }
}

/// Whoever sends the request, by the claims of a file.
struct Somebody {
    name: String,
    claims: Map<String, Value>,
    groups: Vec<String>,
    /// A token that nobody signed, which has the claims too.
    token: Secret,
}

impl Somebody {
    fn read(path: &Path) -> Result<Self, ExplainError> {
        let name = path.display().to_string();
        let text = file::read_text(path).map_err(|error| ExplainError::File { name: name.clone(), error })?;
        let claims: Map<String, Value> =
            serde_json::from_str(&text).map_err(|_| ExplainError::Claims { name: name.clone() })?;
        let groups = claims.get("cognito:groups").and_then(Value::as_array);
        let groups = groups.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let payload = URL_SAFE_NO_PAD.encode(text.as_bytes());
        Ok(Self { name, groups, token: Secret::from(format!(".{payload}.")), claims })
    }

    fn subject(&self) -> Subject<'_> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str);
        let username = text("cognito:username").or(text("username"));
        // A program's token (RFC 6749 §4.4) has itself for a subject.
        let is_program = username.is_none() && text("client_id").is_some_and(|id| text("sub") == Some(id));
        Subject {
            // A file need not say all that a token does.
            user: (!is_program).then(|| text("sub").unwrap_or_default()),
            username,
            email: text("email"),
            preferred_username: text("preferred_username"),
            groups: &self.groups,
            auth_time: self.claims.get("auth_time").and_then(Value::as_i64).map(UnixTime),
            access_token: &self.token,
            id_token: None,
            kept: &[],
        }
    }
}
