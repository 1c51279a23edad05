//! Whether a pool's settings hold together, as Cognito's own console would judge them.

use std::collections::HashSet;
use std::time::Duration;

use url::Url;

use super::settings::Settings;
use crate::types::is_loopback;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
const LONGEST_GRACE: Duration = Duration::from_secs(60);
const LONGEST_URL: usize = 1024;

/// Why settings are no pool.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, an unknown key, or a wrong type; the text shows the line.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("pool_id: {0:?} is not a region, `_` and letters or digits, such as us-east-1_AbCdEfGhI")]
    PoolId(String),
    #[error("issuer: {0:?} is neither `original` nor `updated` nor a URL")]
    Issuer(String),
    #[error("{list}: {name:?} is there twice")]
    Repeated { list: &'static str, name: String },
    #[error("{list}: an entry has an empty {key}")]
    Empty { list: &'static str, key: &'static str },
    #[error("client {0:?}: secrets: at most two may be active")]
    Secrets(String),
    #[error("client {client:?}: {key}: {url:?} {reason}")]
    Url { client: String, key: &'static str, url: String, reason: &'static str },
    #[error("client {0:?}: client_credentials: needs a secret, and scopes of the form resource/scope alone")]
    Service(String),
    #[error("{owner}{key}: must be {range}")]
    Lifetime { owner: String, key: &'static str, range: &'static str },
}

pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    if !is_pool_id(&settings.pool_id) {
        return Err(SettingsError::PoolId(settings.pool_id.clone()));
    }
    if !within(settings.session_validity, DAY) {
        let range = "from 1s to 1d";
        return Err(SettingsError::Lifetime { owner: String::new(), key: "session_validity", range });
    }
    names("clients", "id", settings.clients.iter().map(|client| client.id.as_str()))?;
    names("users", "username", settings.users.iter().map(|user| user.username.as_str()))?;
    for client in &settings.clients {
        if client.secrets.len() > 2 {
            return Err(SettingsError::Secrets(client.id.clone()));
        }
        let custom = client.scopes.iter().all(|scope| scope.contains('/')) && !client.scopes.is_empty();
        if client.client_credentials && (client.secrets.is_empty() || !custom) {
            return Err(SettingsError::Service(client.id.clone()));
        }
        for (key, urls) in [("callback_urls", &client.callback_urls), ("logout_urls", &client.logout_urls)] {
            for url in urls {
                registrable(url).map_err(|reason| SettingsError::Url {
                    client: client.id.clone(),
                    key,
                    url: url.clone(),
                    reason,
                })?;
            }
        }
        let lifetimes = [
            ("id_token_validity", within(client.id_token_validity, DAY), "from 1s to 1d"),
            ("access_token_validity", within(client.access_token_validity, DAY), "from 1s to 1d"),
            ("refresh_token_validity", within(client.refresh_token_validity, TEN_YEARS), "from 1s to 3650d"),
            ("rotation_grace", client.rotation_grace.is_none_or(|g| g <= LONGEST_GRACE), "from 0s to 60s"),
        ];
        if let Some((key, _, range)) = lifetimes.into_iter().find(|(_, fits, _)| !fits) {
            let owner = format!("client {:?}: ", client.id);
            return Err(SettingsError::Lifetime { owner, key, range });
        }
    }
    Ok(())
}

/// Whole seconds, minutes, hours or days: `60s`, `5m`, `1h`, `30d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 60 * 60,
        b'd' => 24 * 60 * 60,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
}

fn within(lifetime: Duration, most: Duration) -> bool {
    (Duration::from_secs(1)..=most).contains(&lifetime)
}

fn is_pool_id(text: &str) -> bool {
    let Some((region, name)) = text.split_once('_') else { return false };
    let region_fits = region.split('-').count() >= 3
        && region.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    region_fits && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn names<'a>(
    list: &'static str,
    key: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), SettingsError> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(SettingsError::Empty { list, key });
        }
        if !seen.insert(name) {
            return Err(SettingsError::Repeated { list, name: name.to_owned() });
        }
    }
    Ok(())
}

fn registrable(text: &str) -> Result<(), &'static str> {
    if text.len() > LONGEST_URL {
        return Err("is longer than 1024 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has characters that must be percent-encoded");
    }
    let url = Url::parse(text).map_err(|_| "is not an absolute URL")?;
    if url.fragment().is_some() {
        return Err("has a fragment");
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("must be https: http is for localhost only");
    }
    Ok(())
}
