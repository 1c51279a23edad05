//! The part of Redis: where it is, who we are there, and what we call our keys.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use url::{Host, Url};

use crate::secret::Secret;
use crate::secret::live::Rule;

use super::app_address::needs_mending;
use super::duration::HumanDuration;
use super::raw::RawRedis;
use super::report::{Report, shown};
use super::upstreams::authorities;
use super::{Redis, RedisTls, SessionStore};

const PORT: u16 = 6379;
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);
/// What `admin.token` must be.
pub const ADMIN_TOKEN: Rule = (is_admin_token, "16 or more printable ASCII characters, without white space");
/// A prefix is part of every key.
const LONGEST_PREFIX: usize = 64;

/// Why a text is not the URL of a server that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    #[error("it must be a URL, such as redis://redis.internal:6379 or rediss://redis.internal:6379/0")]
    NotAUrl,
    #[error("its scheme must be redis, or rediss for TLS")]
    Scheme,
    #[error(
        "Redis Cluster is not supported yet; name a single server, or the address of a primary that a service keeps"
    )]
    Cluster,
    #[error(
        "Redis Sentinel is not supported yet; name a single server, or the address of a primary that a service keeps"
    )]
    Sentinel,
    #[error("its path must be the number of a database, such as /0, or be left out")]
    Database,
    #[error("it must hold no query and no fragment")]
    Further,
    #[error("its host cannot be a name in a certificate")]
    Name,
}

/// A URL, taken apart.
struct Address {
    host: String,
    port: u16,
    /// There for TLS.
    server_name: Option<ServerName<'static>>,
    database: u32,
    username: Option<String>,
    password: Option<Secret>,
}

/// `Some(None)` where there is none and none is needed.
pub(super) fn redis(
    raw: &RawRedis,
    store: Option<SessionStore>,
    report: &mut Report,
) -> Option<Option<Redis>> {
    let timeout = timeout(&raw.timeout, report);
    let prefix = prefix(&raw.prefix, report);
    let Some(url) = &raw.url else {
        return without_url(raw, store, report).then_some(None);
    };
    let address = match url.expose().parse::<Address>() {
        Ok(address) => address,
        Err(error) => {
            report.problem("redis.url", error);
            return None;
        }
    };
    let username = one_of(report, "username", address.username, raw.username.clone());
    let password = one_of(report, "password", address.password, raw.password.clone());
    let tls = tls(raw, address.server_name, report);
    let (username, password) = (username?, password?);
    if username.is_some() && password.is_none() {
        report.problem("redis.username", "it has no password; set redis.password or redis.password_file too");
        return None;
    }
    Some(Some(Redis {
        host: address.host,
        port: address.port,
        tls: tls?,
        database: address.database,
        username,
        password,
        password_file: raw.password_file.as_ref().map(Into::into),
        prefix: prefix?,
        timeout: timeout?,
    }))
}

fn is_admin_token(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What opens the sessions of users must be hard to guess, and of use.
pub(super) fn admin_token(token: Option<&Secret>, store: Option<SessionStore>, report: &mut Report) {
    const KEY: &str = "admin.token";
    let Some(token) = token else { return };
    let text = token.expose();
    let (fits, what) = ADMIN_TOKEN;
    if !fits(text) {
        report.problem(KEY, format_args!("it must be {what}"));
    } else if store == Some(SessionStore::Cookie) {
        let place = report.place("session.store").to_owned();
        report.problem(
            KEY,
            format_args!(
                "session.store is cookie ({place}), so that nobody knows of a user's sessions; leave it out"
            ),
        );
    }
}

/// False where something is said of a Redis that is not there.
fn without_url(raw: &RawRedis, store: Option<SessionStore>, report: &mut Report) -> bool {
    if store == Some(SessionStore::Redis) {
        report.problem("redis.url", "it is required where session.store is redis");
        return false;
    }
    let said = [
        ("redis.username", raw.username.is_some()),
        ("redis.password", raw.password.is_some()),
        ("redis.ca_file", raw.ca_file.is_some()),
    ];
    let mut well = true;
    for (key, _) in said.into_iter().filter(|(_, said)| *said) {
        report
            .problem(key, "there is no redis.url, so that it has no effect; set that too, or leave this out");
        well = false;
    }
    well
}

/// Of what the URL says and what a key of its own says; both are a contradiction.
fn one_of<T>(report: &mut Report, what: &str, in_url: Option<T>, by_key: Option<T>) -> Option<Option<T>> {
    if in_url.is_some() && by_key.is_some() {
        let key = format!("redis.{what}");
        report.problem(&key, "redis.url holds one too; leave one of the two out");
        return None;
    }
    Some(in_url.or(by_key))
}

fn tls(raw: &RawRedis, name: Option<ServerName<'static>>, report: &mut Report) -> Option<Option<RedisTls>> {
    const KEY: &str = "redis.ca_file";
    match (&raw.ca_file, name) {
        (None, name) => Some(name.map(|server_name| RedisTls { roots: None, server_name })),
        (Some(_), None) => {
            report.problem(KEY, "redis.url does not say TLS; make it rediss://, or leave this out");
            None
        }
        (Some(path), Some(server_name)) => match authorities(Path::new(path)) {
            Ok(roots) => Some(Some(RedisTls { roots: Some(Arc::new(roots)), server_name })),
            Err(error) => {
                report.problem(KEY, format_args!("the file {} {error}", shown(path)));
                None
            }
        },
    }
}

fn timeout(text: &str, report: &mut Report) -> Option<Duration> {
    const KEY: &str = "redis.timeout";
    let timeout = report.parse::<HumanDuration>(KEY, text)?.0;
    if (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout) {
        return Some(timeout);
    }
    report.problem(KEY, "it must be from 1s to 10s: every request of a signed-in user waits for an answer");
    None
}

fn prefix(text: &str, report: &mut Report) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}*?[]\\".contains(&byte));
    if plain && !text.is_empty() && text.len() <= LONGEST_PREFIX {
        return Some(text.to_owned());
    }
    report.problem(
        "redis.prefix",
        "it must be 1 to 64 printable ASCII characters, without white space and { } * ? [ ] \\",
    );
    None
}

impl FromStr for Address {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let scheme = text.split(':').next().unwrap_or_default();
        match scheme {
            "redis" | "rediss" => {}
            _ if scheme.contains("cluster") => return Err(RedisUrlError::Cluster),
            _ if scheme.contains("sentinel") => return Err(RedisUrlError::Sentinel),
            _ if text.contains("://") => return Err(RedisUrlError::Scheme),
            _ => return Err(RedisUrlError::NotAUrl),
        }
        if needs_mending(text) {
            return Err(RedisUrlError::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| RedisUrlError::NotAUrl)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RedisUrlError::Further);
        }
        let host = match url.host().ok_or(RedisUrlError::NotAUrl)? {
            Host::Domain("") => return Err(RedisUrlError::NotAUrl),
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        // Clusters and sentinels are lists of hosts.
        if host.contains(',') {
            return Err(RedisUrlError::Cluster);
        }
        let database = match url.path().trim_start_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| RedisUrlError::Database)?,
        };
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8().map_err(|_| RedisUrlError::NotAUrl)?;
            Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
        };
        let server_name = match scheme {
            "rediss" => Some(ServerName::try_from(host.clone()).map_err(|_| RedisUrlError::Name)?),
            _ => None,
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(PORT),
            server_name,
            database,
            username: decoded(url.username())?,
            password: decoded(url.password().unwrap_or_default())?.map(Secret::from),
        })
    }
}
