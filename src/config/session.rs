//! The session's part: the key ring and the margin.

use std::str::FromStr;
use std::time::Duration;

use crate::secret::KeyMaterial;

use super::duration::HumanDuration;
use super::raw::RawSession;
use super::report::Report;
use super::session_key;
use super::{Session, SessionStore};

/// Cognito's shortest access token. A margin as long would refresh at every request.
const SHORTEST_TOKEN: Duration = Duration::from_secs(5 * 60);
/// Cognito's longest refresh token.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
const SHORTEST_IDLE: Duration = Duration::from_secs(60);

pub(super) fn session(raw: &RawSession, report: &mut Report) -> Option<Session> {
    let store = report.parse("session.store", &raw.store);
    let refresh_margin = refresh_margin(&raw.refresh_margin, report);
    let (keys, keys_generated) = match &raw.keys {
        Some(texts) => (keys(&texts.iter().map(|text| text.expose()).collect::<Vec<_>>(), report), false),
        None => (generated(report), true),
    };
    let max_lifetime = max_lifetime(&raw.max_lifetime, report);
    let idle_timeout = raw.idle_timeout.as_deref().map(|text| idle_timeout(text, max_lifetime, report));
    Some(Session {
        keys: keys?,
        keys_file: raw.keys_file.as_ref().map(Into::into),
        keys_generated,
        store: store?,
        refresh_margin: refresh_margin?,
        max_lifetime: max_lifetime?,
        idle_timeout: match idle_timeout {
            Some(checked) => Some(checked?),
            None => None,
        },
        claims: claims(&raw.claims, report),
        userinfo: raw.userinfo,
        store_id_token: raw.store_id_token,
    })
}

fn claims(names: &[String], report: &mut Report) -> Vec<String> {
    const KEY: &str = "session.claims";
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            report.problem(KEY, format_args!("its item {} is there twice", at + 1));
        } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            report
                .problem(KEY, format_args!("its item {} has white space, which no claim's name has", at + 1));
        }
    }
    names.to_vec()
}

/// Why a text is not a [`SessionStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be cookie or redis")]
pub struct SessionStoreError;

impl FromStr for SessionStore {
    type Err = SessionStoreError;

    fn from_str(text: &str) -> Result<Self, SessionStoreError> {
        match text {
            "cookie" => Ok(Self::Cookie),
            "redis" => Ok(Self::Redis),
            _ => Err(SessionStoreError),
        }
    }
}

fn max_lifetime(text: &str, report: &mut Report) -> Option<Duration> {
    const KEY: &str = "session.max_lifetime";
    let lifetime = report.parse::<HumanDuration>(KEY, text)?.0;
    if (SHORTEST_TOKEN..=LONGEST_LIFETIME).contains(&lifetime) {
        return Some(lifetime);
    }
    report.problem(KEY, "it must be from 5m to 3650d, the lives of Cognito's shortest and longest tokens");
    None
}

fn idle_timeout(text: &str, max_lifetime: Option<Duration>, report: &mut Report) -> Option<Duration> {
    const KEY: &str = "session.idle_timeout";
    let timeout = report.parse::<HumanDuration>(KEY, text)?.0;
    if timeout < SHORTEST_IDLE {
        report.problem(
            KEY,
            "it must be 1m or more: a page that is being read is not idle; leave it out for none",
        );
    } else if max_lifetime.is_some_and(|lifetime| timeout >= lifetime) {
        let place = report.place("session.max_lifetime").to_owned();
        report.problem(
            KEY,
            format_args!("it must be below session.max_lifetime ({place}), else it does nothing"),
        );
    } else {
        return Some(timeout);
    }
    None
}

fn refresh_margin(text: &str, report: &mut Report) -> Option<Duration> {
    const KEY: &str = "session.refresh_margin";
    let margin = report.parse::<HumanDuration>(KEY, text)?.0;
    if margin < SHORTEST_TOKEN {
        return Some(margin);
    }
    report.problem(KEY, "it must be below 5m, the life of Cognito's shortest access token");
    None
}

fn keys(texts: &[&str], report: &mut Report) -> Option<Vec<KeyMaterial>> {
    const KEY: &str = "session.keys";
    let mut keys: Vec<KeyMaterial> = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match session_key::decode(text) {
            Ok(key) => match keys.iter().position(|known| *known == key) {
                None => keys.push(key),
                Some(first) => {
                    let text = format!("its keys {} and {} are the same; leave one out", first + 1, at + 1);
                    report.problem(KEY, text);
                    return None;
                }
            },
            Err(error) => {
                report.problem(
                    KEY,
                    format_args!("its key {} {error}; `cognigate keys new` prints one", at + 1),
                );
                return None;
            }
        }
    }
    Some(keys)
}

fn generated(report: &mut Report) -> Option<Vec<KeyMaterial>> {
    match session_key::generate() {
        Ok(key) => {
            report.warn(
                "session.keys is not set: a random key was made, so that sessions end with this process and other \
                 replicas cannot read them; `cognigate keys new` prints a key to set",
            );
            Some(vec![key])
        }
        Err(error) => {
            report.problem(
                "session.keys",
                format_args!("it is not set, and no random key could be made: {error}"),
            );
            None
        }
    }
}
