//! The configuration: what the operator said, checked until it cannot be wrong.
//!
//! A layer (file, environment, flags) names a value and the place it came from; the layers are merged, the later winning,
//! and checked part by part into the types here. Every problem names the key and the place, and never the value, which
//! may be a secret in the wrong line.

mod allowed_headers;
mod app_address;
mod bearer;
mod cognito;
mod conditions;
mod cookie;
mod csrf;
mod duration;
mod effective;
mod endpoint;
mod environment;
mod error;
mod file;
mod forward;
mod gateway;
mod host_name;
mod inherit;
mod key;
pub mod key_file;
mod kubernetes;
mod layer;
mod limits;
mod listeners;
mod load;
mod log;
mod origins;
mod path_pattern;
mod path_prefix;
mod pool;
mod prefix;
mod raw;
mod redis;
mod report;
mod rules;
mod secret_files;
mod session;
mod session_key;
mod shadow;
mod site;
mod sites;
mod size;
mod sources;
mod table;
mod text;
mod tls;
mod twin;
mod upstreams;
mod websocket;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use ipnet::IpNet;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use url::Url;

use crate::certificate::Certificate;
use crate::secret::{KeyMaterial, Secret};
use crate::types::Origin;

pub use allowed_headers::AllowedHeaderError;
pub use app_address::{AppAddress, AppAddressError};
pub use bearer::Bearer;
pub use conditions::Conditions;
pub use cookie::SameSiteError;
pub use csrf::{Csrf, CsrfMode, CsrfModeError};
pub use effective::{Effective, Setting};
pub use error::{ConfigError, Problem};
pub use forward::{
    Forward, ForwardBearer, ForwardBearerError, MappedHeader, MappedHeaderError, Preset, PresetError,
};
pub use gateway::DialectError;
pub use host_name::split_host;
pub use key::{KEYS, Key, Kind, VARIABLE_PREFIX};
pub use limits::{Limits, Shutdown};
pub use log::LogFormatError;
pub use path_pattern::{PathPattern, PathPatternError};
pub use path_prefix::{PathPrefix, PathPrefixError};
pub use pool::{PoolId, PoolIdError};
pub use prefix::{EndpointPrefix, PrefixError};
pub use redis::{ADMIN_TOKEN, RedisUrlError};
pub use rules::{Access, AccessError, Rule};
pub use session::SessionStoreError;
pub use session_key::{encode as encode_key, generate as generate_key};
pub use sources::Sources;
pub use upstreams::ForwardHostError;
pub use websocket::OnSessionEndError;

/// A configuration that holds together. Made by [`Config::load`] alone, so its holder need not check again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is answered for: at least one, no two of them with the same host.
    pub sites: Vec<Site>,
    /// Who asks about requests, is told, and sends them on. `None`: they go on from here.
    pub gateway: Option<Dialect>,
    /// Below what path our own endpoints are.
    pub prefix: EndpointPrefix,
    pub forward: Forward,
    pub bearer: Bearer,
    pub session: Session,
    /// There where `session.store` is Redis, and perhaps where it is not.
    pub redis: Option<Redis>,
    pub listen: Listen,
    pub websocket: Websocket,
    pub admin: Admin,
    pub limits: Limits,
    pub shutdown: Shutdown,
    pub log: Log,
    /// True where others may read the memory of this process: a debugger, or who finds its core dump.
    pub dumpable: bool,
    /// What works and is still worth a loud line at the start. No secrets.
    pub warnings: Vec<String>,
    /// Every value with the place it came from, for `check`. No secrets.
    pub effective: Effective,
}

/// A public URL, and what belongs to it alone.
#[derive(Clone, Debug)]
pub struct Site {
    /// What browsers see.
    pub public_url: Origin,
    /// Hosts answered beside `public_url`'s: lower case, with a port only where one was written.
    pub hosts: Vec<String>,
    /// Where requests that may pass go: at least one, no two of them with the same host and path. None where a gateway
    /// sends them on.
    pub upstreams: Vec<Upstream>,
    /// Who may pass where, the short form `public` included. No two of them are for the same requests, so their order
    /// says nothing.
    pub rules: Vec<Rule>,
    pub cognito: Cognito,
    pub cookie: Cookie,
    /// Origins of pages that may open a WebSocket, beside `public_url`.
    pub origins: Vec<Origin>,
    /// Requests of other sites' pages.
    pub csrf: Csrf,
}

/// An app, which requests are for it, and how they are sent on.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub address: AppAddress,
    /// The host that requests must name, lower case, with a port only where one was written. `None`: any that is
    /// answered for.
    pub host: Option<String>,
    /// What requests must be below. `None`: any path.
    pub path: Option<PathPrefix>,
    /// True where the app gets the path without `path`, which is there then.
    pub strip_prefix: bool,
    pub forward_host: ForwardHost,
    /// There where the address is https.
    pub tls: Option<UpstreamTls>,
    /// For a name's look-up, the connection and TLS, together.
    pub connect_timeout: Duration,
    /// For the head of an answer, from the last part of the request on.
    pub response_timeout: Duration,
    /// How long a connection is kept that nothing is sent on.
    pub idle_timeout: Duration,
}

/// The `Host` that an app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardHost {
    /// The client's.
    Preserve,
    /// The upstream's own, as in its URL.
    Upstream,
    /// This one, lower case, with a port only where one was written.
    Name(String),
}

/// What an app must show, and what it is shown.
#[derive(Clone, Debug)]
pub struct UpstreamTls {
    /// Whose certificates count. `None`: the system's certificate authorities.
    pub roots: Option<Arc<RootCertStore>>,
    /// The gate's own certificate, where the app asks for one.
    pub client: Option<Certificate>,
    /// The name in SNI, and in the app's certificate.
    pub server_name: ServerName<'static>,
    /// True: any certificate will do.
    pub insecure: bool,
}

/// The contract of the gateway that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// nginx's `auth_request`.
    Nginx,
}

/// The user pool and the app client.
#[derive(Clone, Debug)]
pub struct Cognito {
    pub pool: PoolId,
    pub client_id: String,
    /// Absent for a public client.
    pub client_secret: Option<Secret>,
    /// Where the secret came from, to be looked at again.
    pub client_secret_file: Option<PathBuf>,
    /// Scheme, host and port of the managed login pages; absent only where every endpoint is given by itself.
    pub domain: Option<Url>,
    /// In the order given; `openid` is among them, none is twice.
    pub scopes: Vec<String>,
    pub overrides: EndpointOverrides,
    pub authorize: AuthorizeParameters,
    /// Those that whoever begins a sign-in may ask for; none is twice.
    pub identity_providers: Vec<String>,
    /// True permits `http` endpoints off loopback; they were checked already.
    pub allow_insecure_http: bool,
}

/// Endpoints that were given by themselves; each wins over the derived one.
#[derive(Clone, Debug, Default)]
pub struct EndpointOverrides {
    /// Accepted values of `iss`, byte for byte; never empty where present.
    pub issuer: Option<Vec<String>>,
    pub jwks_url: Option<Url>,
    pub authorize_url: Option<Url>,
    pub token_url: Option<Url>,
    pub revoke_url: Option<Url>,
    pub logout_url: Option<Url>,
    pub userinfo_url: Option<Url>,
}

/// Parameters that every authorization request carries as they are.
#[derive(Clone, Debug, Default)]
pub struct AuthorizeParameters {
    /// Never together with `idp_identifier`.
    pub identity_provider: Option<String>,
    pub idp_identifier: Option<String>,
    pub lang: Option<String>,
    /// `login`, `consent` or `select_account`.
    pub prompt: Option<String>,
    pub resource: Option<String>,
}

/// How sessions are sealed and kept fresh.
#[derive(Clone, Debug)]
pub struct Session {
    /// The first seals, all open. Never empty, none is twice.
    pub keys: Vec<KeyMaterial>,
    /// Where the keys came from, to be looked at again.
    pub keys_file: Option<PathBuf>,
    /// True where none was given: sessions end with the process, and replicas do not share them.
    pub keys_generated: bool,
    pub store: SessionStore,
    /// How long before its `exp` an access token is refreshed; below five minutes.
    pub refresh_margin: Duration,
    /// How long after its sign-in a session ends at the latest.
    pub max_lifetime: Duration,
    /// How long after its last use a session ends; below the lifetime.
    pub idle_timeout: Option<Duration>,
    /// Claims of the id token that are kept beside those that always are; those that rules ask for among them.
    pub claims: Vec<String>,
    /// True where userInfo is asked for what the id token does not say.
    pub userinfo: bool,
    pub store_id_token: bool,
}

/// Where sessions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStore {
    /// In the browser, sealed.
    Cookie,
    /// In Redis; the browser has a ticket.
    Redis,
}

/// A Redis or Valkey server, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Redis {
    /// A name or an address, without the brackets of IPv6.
    pub host: String,
    pub port: u16,
    pub tls: Option<RedisTls>,
    pub database: u32,
    /// A user of its ACL. Absent: the default one.
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Where the password came from, to be looked at again.
    pub password_file: Option<PathBuf>,
    /// What every key of ours begins with. Without braces, which say what slot of a cluster a key is in.
    pub prefix: String,
    /// For a connection, and for each answer.
    pub timeout: Duration,
}

/// What the server must show.
#[derive(Clone, Debug)]
pub struct RedisTls {
    /// Whose certificates count. `None`: the system's certificate authorities.
    pub roots: Option<Arc<RootCertStore>>,
    pub server_name: ServerName<'static>,
}

/// The session cookie's name and attributes.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// The name as browsers see it, with `__Host-` or `__Secure-` where they apply.
    pub name: String,
    pub secure: bool,
    pub same_site: SameSite,
    /// A parent of `public_url`'s host, or that host; lower case, no dot in front.
    pub domain: Option<String>,
    /// What a sealed cookie is bound to: the domain, else the host of `public_url`.
    pub scope: String,
}

/// `Strict` is missing on purpose: the first request after the callback comes from Cognito's site, would go without
/// the session, and would start the login anew, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    Lax,
    /// Only ever with `secure`.
    None,
}

/// The public listener.
#[derive(Clone, Debug)]
pub struct Listen {
    pub address: SocketAddr,
    /// Whose word counts about the request that they ask about. Nobody's by default.
    pub trusted_proxies: Vec<IpNet>,
    /// What connections are opened with, the first where no other fits better; empty for clear text.
    pub certificates: Vec<Certificate>,
    /// Where plain http is sent to `public_url`, which then is https.
    pub redirect_http: Option<SocketAddr>,
    /// How long browsers remember that there is https only. Never where `public_url` is http.
    pub hsts: Option<Duration>,
}

/// Connections that outlast the request that they began with.
#[derive(Clone, Debug)]
pub struct Websocket {
    pub on_session_end: OnSessionEnd,
}

/// What becomes of a WebSocket, and of a stream of events, whose session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSessionEnd {
    Close,
    Keep,
}

/// The listener of the probes and the metrics.
#[derive(Clone, Debug)]
pub struct Admin {
    pub address: SocketAddr,
    /// What opens `/sessions` there. Only where sessions are in Redis.
    pub token: Option<Secret>,
    /// Where the token came from, to be looked at again.
    pub token_file: Option<PathBuf>,
    /// What `/upstream/healthz` asks the app for.
    pub upstream_health_path: PathAndQuery,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Log {
    pub format: LogFormat,
    /// A level, or filter directives as `tracing_subscriber::EnvFilter` reads them; read once already.
    pub level: String,
}

/// One line an event, either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

impl Config {
    /// Reads, merges and checks.
    ///
    /// # Errors
    /// Every problem found, each with its key and its place.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let load::Loaded { raw, mut effective, mut report } = load::load(sources)?;
        let around = site::Surroundings {
            prefix: report.parse("prefix", &raw.prefix),
            forward_host: report.parse("forward.host", &raw.forward.host),
            gateway: gateway::gateway(&raw, &mut report),
        };
        let said = sites::said(&raw, &mut report);
        let of_all = sites::rules_of_all(&raw, around.prefix.as_ref(), &mut report);
        let sites: Vec<_> =
            said.iter().map(|said| site::check(said, &around, &of_all, &mut report)).collect();
        sites::must_be_apart(&sites, &mut report);
        sites::must_meet(&of_all, &sites, &mut report);
        let session = session::session(&raw.session, &mut report);
        redis::admin_token(raw.admin.token.as_ref(), session.as_ref().map(|it| it.store), &mut report);
        let redis = redis::redis(&raw.redis, session.as_ref().map(|it| it.store), &mut report);
        let public_urls: Vec<_> = sites
            .iter()
            .filter_map(|site| Some((site.keys.of("public_url"), site.public_url.as_ref()?)))
            .collect();
        let listeners = listeners::listeners(&raw.listen, &raw.admin, &public_urls, &mut report);
        if let Some((listen, _)) = &listeners {
            for (said, site) in said.iter().zip(&sites) {
                let upstreams = site.upstreams.as_deref().unwrap_or_default();
                listeners::must_not_be_reached(listen.address, said, upstreams, &mut report);
            }
        }
        let websocket = websocket::websocket(&raw.websocket, &mut report);
        let limits = limits::limits(&raw.limits, &mut report);
        let shutdown = limits::shutdown(&raw.shutdown, &mut report);
        let log = log::log(&raw.log, &mut report);
        let forward = forward::forward(&raw.forward, raw.gateway.dialect.is_some(), &mut report);
        let bearer = bearer::bearer(&raw.bearer, &mut report);
        for site in &sites {
            if let Some(cookie) = &site.cookie {
                let secure = if cookie.secure { "true" } else { "false" };
                effective.derive(&site.keys.of("cookie.secure"), secure, "default");
            }
        }
        let (
            Some(sites),
            site::Surroundings { prefix: Some(prefix), gateway: Some(gateway), .. },
            Some(forward),
            Some(mut session),
            Some(redis),
            Some((listen, admin)),
            Some(websocket),
            Some(limits),
            Some(shutdown),
            Some(log),
            false,
        ) = (
            sites.into_iter().map(site::Checked::whole).collect::<Option<Vec<_>>>(),
            around,
            forward,
            session,
            redis,
            listeners,
            websocket,
            limits,
            shutdown,
            log,
            report.has_problems(),
        )
        else {
            return Err(report.into_error());
        };
        effective.derive("session.keys", r#"["[redacted]"]"#, "generated");
        sites.iter().for_each(|site| rules::keep_claims(&site.rules, &mut session.claims));
        let warnings = report.into_warnings();
        Ok(Self {
            sites,
            gateway,
            prefix,
            forward,
            bearer,
            session,
            redis,
            listen,
            websocket,
            admin,
            limits,
            shutdown,
            log,
            dumpable: raw.process.dumpable,
            warnings,
            effective,
        })
    }
}
