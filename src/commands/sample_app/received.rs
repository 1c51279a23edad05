//! What one request brought along, made ready to be read by a person.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::clock::UnixTime;

/// A request as the sample app's page shows it.
#[derive(Debug, Template)]
#[template(path = "commands/sample_app/templates/sample_app.html")]
pub(super) struct Received {
    method: String,
    path: String,
    query: Option<String>,
    user: Option<String>,
    name: Option<String>,
    email: Option<String>,
    groups: Vec<String>,
    body_bytes: u64,
    token: Token,
    headers: Vec<Row>,
}

/// A name and a value, both from outside; `note` says more where there is more to say.
#[derive(Debug)]
struct Row {
    name: String,
    value: String,
    note: String,
    /// True where the gate sets it.
    ours: bool,
}

/// The bearer token, read but not verified: that is what the gate did.
#[derive(Debug)]
enum Token {
    Absent,
    /// It is there, and is no JWT.
    Opaque,
    Claims(Vec<Row>),
}

impl Received {
    /// Reads the request; what cannot be read is shown as absent or as it stands, never refused.
    pub(super) fn read(request: &Parts, body_bytes: u64, now: UnixTime) -> Self {
        let headers = &request.headers;
        let identity = |name| text(headers, name).as_deref().map(decoded);
        let groups = text(headers, "x-forwarded-groups");
        Self {
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            query: request.uri.query().map(str::to_owned),
            user: identity("x-forwarded-user"),
            name: identity("x-forwarded-preferred-username"),
            email: identity("x-forwarded-email"),
            groups: groups.map(|list| list.split(',').map(decoded).collect()).unwrap_or_default(),
            body_bytes,
            token: Token::read(headers, now),
            headers: headers.iter().map(|(name, value)| header(name, value.as_bytes())).collect(),
        }
    }

    /// The user's lasting identity, `sub`.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// What to call the user: the most readable of what came.
    fn calling(&self) -> Option<&str> {
        self.name.as_deref().or(self.email.as_deref()).or(self.user())
    }
}

impl Token {
    fn read(headers: &HeaderMap, now: UnixTime) -> Self {
        let Some(credentials) = text(headers, AUTHORIZATION.as_str()) else {
            return Self::Absent;
        };
        let Some((_, token)) = credentials.split_once(' ') else {
            return Self::Opaque;
        };
        payload(token).map_or(Self::Opaque, |claims| {
            Self::Claims(claims.into_iter().map(|(name, value)| claim(name, value, now)).collect())
        })
    }
}

/// The payload of a compact JWS, where it is one and holds a JSON object.
fn payload(token: &str) -> Option<Map<String, Value>> {
    let mut segments = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return None;
    };
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn claim(name: String, value: Value, now: UnixTime) -> Row {
    let note = match (name.as_str(), value.as_i64()) {
        ("exp" | "iat" | "nbf" | "auth_time", Some(at)) => distance(UnixTime(at), now),
        _ => String::new(),
    };
    let value = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Row { name, value, note, ours: false }
}

/// How far `at` lies from `now`, in the largest unit that leaves a whole number to read.
fn distance(at: UnixTime, now: UnixTime) -> String {
    let seconds = now.until(at).as_secs().max(at.until(now).as_secs());
    let span = match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if at > now { format!("in {span}") } else { format!("{span} ago") }
}

fn header(name: &HeaderName, value: &[u8]) -> Row {
    let mut value = String::from_utf8_lossy(value).into_owned();
    let mut note = String::new();
    if *name == AUTHORIZATION
        && let Some(short) = shortened(&value)
    {
        note = format!("{} characters in all", value.chars().count());
        value = short;
    }
    let ours = *name == AUTHORIZATION || name == "x-request-id" || name.as_str().starts_with("x-forwarded-");
    Row { name: name.to_string(), value, note, ours }
}

/// A long credential without its middle: enough to tell two apart, too little to use.
fn shortened(value: &str) -> Option<String> {
    let characters: Vec<char> = value.chars().collect();
    (characters.len() > 48).then(|| {
        let head: String = characters[..24].iter().collect();
        let tail: String = characters[characters.len() - 8..].iter().collect();
        format!("{head}…{tail}")
    })
}

/// A claim as it was before the gate made a header value of it.
fn decoded(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// The header's text, where it came once and is not empty.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut lines = headers.get_all(name).iter();
    let (Some(only), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let text = String::from_utf8_lossy(only.as_bytes()).into_owned();
    (!text.is_empty()).then_some(text)
}
