//! The shape of a configuration: every key with its type, before anything is checked.
//!
//! Keys that have a default are always there, since the lowest layer holds the defaults. Unknown keys are refused here
//! too, though the layers have refused them before, with their places.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::secret::Secret;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) public_url: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) prefix: String,
    pub(super) public: Vec<String>,
    pub(super) csrf: String,
    pub(super) csrf_origins: Vec<String>,
    #[serde(default)]
    pub(super) upstreams: Vec<RawUpstream>,
    #[serde(default)]
    pub(super) rules: Vec<RawRule>,
    pub(super) forward: RawForward,
    pub(super) bearer: RawBearer,
    #[serde(default)]
    pub(super) gateway: RawGateway,
    pub(super) cognito: RawCognito,
    pub(super) session: RawSession,
    pub(super) redis: RawRedis,
    pub(super) cookie: RawCookie,
    pub(super) listen: RawListen,
    pub(super) websocket: RawWebsocket,
    pub(super) admin: RawAdmin,
    pub(super) limits: RawLimits,
    pub(super) shutdown: RawShutdown,
    pub(super) log: RawLog,
    pub(super) process: RawProcess,
    #[serde(default)]
    pub(super) sites: Vec<RawSite>,
}

/// One of `[[sites]]`, with what it takes of the top level.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSite {
    pub(super) public_url: Option<String>,
    pub(super) hosts: Vec<String>,
    pub(super) upstream: Option<String>,
    #[serde(default)]
    pub(super) upstreams: Vec<RawUpstream>,
    #[serde(default)]
    pub(super) rules: Vec<RawRule>,
    pub(super) public: Vec<String>,
    pub(super) csrf: String,
    pub(super) csrf_origins: Vec<String>,
    pub(super) cognito: RawCognito,
    pub(super) cookie: RawCookie,
    pub(super) websocket: RawSiteWebsocket,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSiteWebsocket {
    pub(super) origins: Vec<String>,
}

/// One of `[[upstreams]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUpstream {
    pub(super) url: Option<String>,
    pub(super) host: Option<String>,
    pub(super) path: Option<String>,
    pub(super) strip_prefix: bool,
    pub(super) forward_host: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) client_certificate: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) server_name: Option<String>,
    pub(super) insecure: bool,
    pub(super) connect_timeout: String,
    pub(super) response_timeout: String,
    pub(super) idle_timeout: String,
}

/// One of `[[rules]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) host: Option<String>,
    pub(super) path: Option<Vec<String>>,
    pub(super) methods: Option<Vec<String>>,
    pub(super) access: String,
    pub(super) groups: Option<Vec<String>>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) email_domains: Option<Vec<String>>,
    pub(super) emails: Option<Vec<String>>,
    pub(super) users: Option<Vec<String>>,
    pub(super) claims: Option<BTreeMap<String, Vec<String>>>,
    pub(super) max_auth_age: Option<String>,
    pub(super) csrf: Option<String>,
    pub(super) identity_provider: Option<String>,
    pub(super) allow_preflight: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawForward {
    pub(super) host: String,
    pub(super) bearer: String,
    pub(super) preset: String,
    /// `name=claim`, each.
    pub(super) headers: Vec<String>,
    pub(super) allow_request_headers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBearer {
    pub(super) accept: bool,
    pub(super) clients: Vec<String>,
    pub(super) scopes: Vec<String>,
}

/// A section without defaults, so that it may be absent as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGateway {
    pub(super) dialect: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCognito {
    pub(super) user_pool_id: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    /// Read by then, into `client_secret`.
    pub(super) client_secret_file: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) issuer: Option<Vec<String>>,
    pub(super) jwks_url: Option<String>,
    pub(super) authorize_url: Option<String>,
    pub(super) token_url: Option<String>,
    pub(super) revoke_url: Option<String>,
    pub(super) logout_url: Option<String>,
    pub(super) userinfo_url: Option<String>,
    pub(super) identity_provider: Option<String>,
    pub(super) idp_identifier: Option<String>,
    /// Absent in a site with a pool of its own.
    #[serde(default)]
    pub(super) identity_providers: Vec<String>,
    pub(super) lang: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) allow_insecure_http: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSession {
    pub(super) keys: Option<Vec<Secret>>,
    /// Read by then, into `keys`.
    pub(super) keys_file: Option<String>,
    pub(super) store: String,
    pub(super) refresh_margin: String,
    pub(super) max_lifetime: String,
    pub(super) idle_timeout: Option<String>,
    pub(super) claims: Vec<String>,
    pub(super) userinfo: bool,
    pub(super) store_id_token: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRedis {
    pub(super) url: Option<Secret>,
    /// Read by then, into `url`.
    #[serde(rename = "url_file")]
    pub(super) _url_file: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    /// Read by then, into `password`.
    pub(super) password_file: Option<String>,
    pub(super) prefix: String,
    pub(super) ca_file: Option<String>,
    pub(super) timeout: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCookie {
    pub(super) name: String,
    pub(super) secure: Option<bool>,
    pub(super) same_site: String,
    pub(super) domain: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    pub(super) address: String,
    pub(super) hosts: Vec<String>,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) redirect_http: Option<String>,
    pub(super) hsts: Option<String>,
    #[serde(default)]
    pub(super) tls: RawTls,
}

/// A section without defaults, so that it may be absent as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub(super) certificate: Option<Vec<String>>,
    pub(super) key: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWebsocket {
    pub(super) on_session_end: String,
    pub(super) origins: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAdmin {
    pub(super) address: String,
    pub(super) token: Option<Secret>,
    /// Read by then, into `token`.
    pub(super) token_file: Option<String>,
    pub(super) upstream_health_path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) header_bytes: String,
    pub(super) header_fields: u64,
    pub(super) uri_bytes: String,
    pub(super) body_bytes: Option<String>,
    pub(super) header_timeout: String,
    pub(super) tls_handshake_timeout: String,
    pub(super) idle_timeout: String,
    pub(super) stall_timeout: String,
    pub(super) connections: Option<u64>,
    pub(super) streams: u64,
    pub(super) memory: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShutdown {
    pub(super) drain_delay: String,
    pub(super) timeout: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: String,
    pub(super) level: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProcess {
    pub(super) dumpable: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use config::{Config, Map, Value};

    use crate::config::key::{KEYS, Kind};

    use super::*;

    fn read(further: Option<&str>) -> Result<Raw, config::ConfigError> {
        let mut stack = Config::builder();
        for key in KEYS {
            let value = match key.kind {
                Kind::Switch => Value::new(None, true),
                Kind::List
                | Kind::Table
                | Kind::OneOrList
                | Kind::Paths
                | Kind::PrivateKeys
                | Kind::SecretList => Value::new(None, vec!["text"]),
                Kind::Lists => Value::new(None, Map::from_iter([("name".to_owned(), vec!["text"])])),
                Kind::Count => Value::new(None, 1_u64),
                Kind::Text
                | Kind::Duration
                | Kind::Size
                | Kind::Secret
                | Kind::SecretFile
                | Kind::Path
                | Kind::PrivateKey => Value::new(None, "text"),
            };
            stack = stack.set_override(key.name.replace("[]", "[0]"), value).unwrap();
        }
        if let Some(name) = further {
            stack = stack.set_override(name.replace("[]", "[0]"), "text").unwrap();
        }
        stack.build().unwrap().try_deserialize()
    }

    #[test]
    fn the_shape_and_the_table_have_the_same_keys() {
        // Every key of the table has a field of its type, since unknown fields are refused.
        read(None).unwrap();
        // Every field is in the table: serde lists the fields where it refuses one.
        let sections: BTreeSet<_> =
            KEYS.iter().filter_map(|key| key.name.rsplit_once('.')).map(|(section, _)| section).collect();
        let mut fields = BTreeSet::new();
        for section in std::iter::once("").chain(sections.iter().copied()) {
            let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
            let refused = read(Some(&format!("{prefix}teapot"))).unwrap_err().to_string();
            let (_, expected) = refused.split_once(", expected ").unwrap();
            let expected = expected.split(" for key").next().unwrap();
            fields.extend(expected.split('`').skip(1).step_by(2).map(|field| format!("{prefix}{field}")));
        }
        fields
            .retain(|field| !sections.contains(field.as_str()) && !sections.contains(&*format!("{field}[]")));
        assert_eq!(fields, KEYS.iter().map(|key| key.name.to_owned()).collect());
    }
}
