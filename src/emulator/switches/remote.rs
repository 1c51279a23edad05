//! The switches over HTTP, under `/_emulator/`, for tests in other processes and for curl.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{CallbackEdit, Endpoint, Fault, JwksShape, Received, ReplyEdit, TokenEdit};
use crate::emulator::answer;
use crate::emulator::parameters::Parameters;
use crate::emulator::pool::Pool;
use crate::emulator::settings::Siblings;
use crate::secret::Secret;
use crate::types::Body;

/// `wait` gives up after so long.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    endpoint: Endpoint,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    #[serde(default)]
    keep_old: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshTokens {
    action: Ending,
    username: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    Expire,
    Revoke,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    username: String,
    groups: Option<Vec<String>>,
    #[serde(default)]
    attributes: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeClient {
    id: String,
    secrets: Option<Vec<Secret>>,
    callback_urls: Option<Vec<String>>,
    logout_urls: Option<Vec<String>>,
    /// Seconds; null turns rotation off.
    #[serde(default, deserialize_with = "some")]
    rotation_grace: Option<Option<u64>>,
    rotation_siblings: Option<Siblings>,
}

/// What a switch said: done, an answer, or what was wrong with the request.
type Outcome = Result<Option<Value>, Wrong>;

enum Wrong {
    Body(serde_json::Error),
    Missing(&'static str),
    TimedOut,
    NoSuchSwitch,
}

impl From<serde_json::Error> for Wrong {
    fn from(error: serde_json::Error) -> Self {
        Self::Body(error)
    }
}

pub(in crate::emulator) async fn answer(pool: &Pool, switch: &str, request: &Received) -> Response<Body> {
    let outcome = match request.method {
        Method::GET => look(pool, switch, request).await,
        Method::POST => turn(pool, switch, request).await,
        _ => return answer::method_not_allowed("GET, POST"),
    };
    let (status, message) = match outcome {
        Ok(None) => return answer::bare(StatusCode::NO_CONTENT),
        Ok(Some(value)) => return answer::json_text(StatusCode::OK, value.to_string()),
        Err(Wrong::Body(error)) => (StatusCode::BAD_REQUEST, error.to_string()),
        Err(Wrong::Missing(what)) => (StatusCode::BAD_REQUEST, format!("there is no such {what}")),
        Err(Wrong::TimedOut) => (StatusCode::REQUEST_TIMEOUT, "it did not happen in time".to_owned()),
        Err(Wrong::NoSuchSwitch) => (StatusCode::NOT_FOUND, format!("there is no switch {switch:?}")),
    };
    answer::json_text(status, json!({ "error": message }).to_string())
}

async fn look(pool: &Pool, switch: &str, request: &Received) -> Outcome {
    let query = Parameters::of_query(request);
    let endpoint = || -> Result<Endpoint, Wrong> {
        let name = query.first("endpoint").unwrap_or_default();
        serde_json::from_value(name.into()).map_err(|_| Wrong::Missing("endpoint"))
    };
    match switch {
        "counters" => {
            let counts: BTreeMap<_, _> = Endpoint::ALL.map(|e| (e, pool.board.count(e))).into();
            Ok(Some(json!(counts)))
        }
        "last" => {
            let last = pool.board.last(endpoint()?).ok_or(Wrong::Missing("request"))?;
            Ok(Some(shown(&last)))
        }
        "wait" => {
            let count = query.first("count").and_then(|text| text.parse().ok()).unwrap_or(1);
            let reached = pool.board.reached(endpoint()?, count);
            tokio::time::timeout(LONGEST_WAIT, reached).await.map_err(|_| Wrong::TimedOut)?;
            Ok(None)
        }
        _ => Err(Wrong::NoSuchSwitch),
    }
}

async fn turn(pool: &Pool, switch: &str, request: &Received) -> Outcome {
    let board = &pool.board;
    match switch {
        "fail" => {
            let (endpoint, fault) = body_of_endpoint::<Fault>(request)?;
            board.add_fault(endpoint, fault);
        }
        "hold" => board.hold(body::<Which>(request)?.endpoint, true),
        "release" => board.hold(body::<Which>(request)?.endpoint, false),
        "edit_token" => board.add_token_edit(body::<TokenEdit>(request)?),
        "edit_reply" => {
            let (endpoint, edit) = body_of_endpoint::<ReplyEdit>(request)?;
            board.add_reply_edit(endpoint, edit);
        }
        "edit_callback" => board.add_callback_edit(body::<CallbackEdit>(request)?),
        "shape_jwks" => board.shape_jwks(body::<JwksShape>(request)?),
        "rotate_keys" => {
            let Rotation { keep_old } =
                if request.body.is_empty() { Rotation::default() } else { body(request)? };
            pool.rotate_keys(keep_old);
        }
        "refresh_tokens" => {
            let RefreshTokens { action, username } = body(request)?;
            match action {
                Ending::Expire => pool.expire_refresh_tokens(username.as_deref()),
                Ending::Revoke => pool.revoke_refresh_tokens(username.as_deref()),
            }
        }
        "end_sessions" => pool.end_sessions(),
        "user" => change_user(pool, body(request)?)?,
        "client" => change_client(pool, body(request)?)?,
        "reset" => board.reset(),
        _ => return Err(Wrong::NoSuchSwitch),
    }
    Ok(None)
}

fn change_user(pool: &Pool, change: ChangeUser) -> Result<(), Wrong> {
    let changed = pool.change_user(&change.username, |user| {
        if let Some(groups) = change.groups {
            user.groups = groups;
        }
        for (name, value) in change.attributes {
            user.set_attribute(&name, value);
        }
    });
    if changed { Ok(()) } else { Err(Wrong::Missing("user")) }
}

fn change_client(pool: &Pool, change: ChangeClient) -> Result<(), Wrong> {
    let changed = pool.change_client(&change.id, |client| {
        if let Some(secrets) = change.secrets {
            client.secrets = secrets;
        }
        if let Some(urls) = change.callback_urls {
            client.callback_urls = urls;
        }
        if let Some(urls) = change.logout_urls {
            client.logout_urls = urls;
        }
        if let Some(grace) = change.rotation_grace {
            client.rotation_grace = grace.map(Duration::from_secs);
        }
        if let Some(siblings) = change.rotation_siblings {
            client.rotation_siblings = siblings;
        }
    });
    if changed { Ok(()) } else { Err(Wrong::Missing("client")) }
}

fn body<T: DeserializeOwned>(request: &Received) -> Result<T, Wrong> {
    Ok(serde_json::from_slice(&request.body)?)
}

/// The member `endpoint`, and what the others make.
fn body_of_endpoint<T: DeserializeOwned>(request: &Received) -> Result<(Endpoint, T), Wrong> {
    let mut members: Map<String, Value> = body(request)?;
    let endpoint = members.remove("endpoint").ok_or(Wrong::Missing("endpoint"))?;
    Ok((serde_json::from_value(endpoint)?, serde_json::from_value(Value::Object(members))?))
}

/// Tells a null that is there from a member that is not.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn shown(request: &Received) -> Value {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    json!({
        "method": request.method.as_str(),
        "uri": request.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
    })
}
