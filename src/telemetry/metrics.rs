//! Counters and durations, as the admin port's `/metrics` shows them.
//!
//! Every label has a few fixed values, so that no client can make series: never a path, a host or a user. What is
//! counted costs a look-up under a read lock and no allocation.

use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::access::Decision;
use super::reloads::Reloads;
use crate::clock::UnixTime;

/// What the text of [`Metrics`] is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Those of OpenTelemetry's HTTP conventions, in seconds.
const DURATIONS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// One cookie, then the sum of several; browsers and servers have limits at 4, 8, 16 and 32 kB.
const COOKIE_SIZES: [f64; 8] = [1024.0, 2048.0, 3072.0, 4096.0, 8192.0, 12288.0, 16384.0, 32768.0];

/// What is decided about requests that are not for our own endpoints; shown from the start, at 0.
const DECISIONS: [&str; 9] = [
    "forward",
    "bearer",
    "public",
    "login",
    "unauthorized",
    "invalid_token",
    "denied",
    "unavailable",
    "refused",
];
/// How a callback ends.
const LOGINS: [&str; 12] = [
    "success",
    "malformed",
    "state_lost",
    "foreign_issuer",
    "reported",
    "grant",
    "token_refused",
    "mismatch",
    "not_recent",
    "throttled",
    "too_large",
    "store_unavailable",
];
/// How a refresh ends: a new access token, a refresh token that is no longer valid, a passing fault, a session that
/// could not go on.
const REFRESHES: [&str; 4] = ["success", "refused", "unavailable", "ended"];
/// What became of a token that a client brought: one that was verified before, one that is good, one that is not, one that
/// nobody can tell.
const BEARER_TOKENS: [&str; 4] = ["remembered", "verified", "refused", "unavailable"];
const FETCHES: [&str; 2] = ["success", "failure"];

/// All that one gate counts. Shared by its threads; there is no global one, so that two gates in a process keep
/// their own.
pub struct Metrics {
    server: Durations<ServerLabels>,
    client: Durations<ClientLabels>,
    decisions: Results,
    logins: Results,
    refreshes: Results,
    key_fetches: Results,
    bearer_tokens: Results,
    cookie_bytes: Histogram,
    websockets: Gauge,
    connections: Gauge,
    connections_waited: Counter,
    connections_evicted: Family<EvictedLabel, Counter>,
    redis: Results,
    redis_connected: Gauge,
    reloads: Reloads,
    registry: Registry,
}

/// Whom the gate asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Cognito,
    Upstream,
}

/// The limit that connections were ended for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    Connections,
    Memory,
}

impl Evicted {
    const ALL: [Self; 2] = [Self::Connections, Self::Memory];

    fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Memory => "memory",
        }
    }
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;
type Results = Family<ResultLabel, Counter>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    http_request_method: &'static str,
    http_response_status_code: u16,
    http_route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClientLabels {
    peer_service: &'static str,
    http_request_method: &'static str,
    /// Absent where no answer came.
    http_response_status_code: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EvictedLabel {
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

impl Metrics {
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let durations: fn() -> Histogram = || Histogram::new(DURATIONS);
        let server = Durations::new_with_constructor(durations);
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from a request's head to the head of its answer",
            Unit::Seconds,
            server.clone(),
        );
        let client = Durations::new_with_constructor(durations);
        registry.register_with_unit(
            "http_client_request_duration",
            "Time that the app or Cognito took to answer; without a status where no answer came",
            Unit::Seconds,
            client.clone(),
        );
        let mut results = |name, help, known: &[&'static str]| {
            let family = Results::default();
            for &result in known {
                drop(family.get_or_create(&ResultLabel { result }));
            }
            registry.register(name, help, family.clone());
            family
        };
        let decisions =
            results("cognigate_auth_decisions", "Requests by what was decided about them", &DECISIONS);
        let logins = results("cognigate_logins", "Callbacks by how the sign-in ended", &LOGINS);
        let refreshes =
            results("cognigate_token_refresh", "Refreshes of a session's tokens by their end", &REFRESHES);
        let key_fetches =
            results("cognigate_jwks_refresh", "Fetches of Cognito's signing keys by their end", &FETCHES);
        let bearer_tokens = results(
            "cognigate_bearer_tokens",
            "Tokens that clients brought, by what became of them",
            &BEARER_TOKENS,
        );
        let redis = results("cognigate_redis_requests", "Questions to Redis by their end", &FETCHES);
        let redis_connected = Gauge::default();
        registry.register(
            "cognigate_redis_connected",
            "1 while there is a connection to Redis",
            redis_connected.clone(),
        );
        let cookie_bytes = Histogram::new(COOKIE_SIZES);
        registry.register_with_unit(
            "cognigate_session_cookie",
            "Size of a session as it is set: names and values of all its cookies",
            Unit::Bytes,
            cookie_bytes.clone(),
        );
        let websockets = Gauge::default();
        registry.register("cognigate_websockets", "WebSockets that are open", websockets.clone());
        let connections = Gauge::default();
        registry.register(
            "cognigate_connections",
            "Connections of clients at the moment",
            connections.clone(),
        );
        let connections_waited = Counter::default();
        registry.register(
            "cognigate_connections_waited",
            "Connections that had to wait, since there were limits.connections of them",
            connections_waited.clone(),
        );
        let connections_evicted = Family::<EvictedLabel, Counter>::default();
        for limit in Evicted::ALL {
            drop(connections_evicted.get_or_create(&EvictedLabel { limit: limit.label() }));
        }
        registry.register(
            "cognigate_connections_evicted",
            "Connections that were ended to make room for others, by the limit that was reached",
            connections_evicted.clone(),
        );
        let reloads = Reloads::register(&mut registry);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("cognigate_build", "The program that runs", build);
        Self {
            server,
            client,
            decisions,
            logins,
            refreshes,
            key_fetches,
            bearer_tokens,
            cookie_bytes,
            websockets,
            connections,
            connections_waited,
            connections_evicted,
            redis,
            redis_connected,
            reloads,
            registry,
        }
    }

    /// A request that was answered.
    pub fn answered(&self, method: &Method, status: StatusCode, decision: &Decision, took: Duration) {
        let labels = ServerLabels {
            http_request_method: known_method(method),
            http_response_status_code: status.as_u16(),
            http_route: decision.route,
        };
        self.server.get_or_create(&labels).observe(took.as_secs_f64());
        if ![Decision::ENDPOINT, Decision::REDIRECT].contains(&decision.outcome) {
            count(&self.decisions, decision.outcome);
        }
    }

    /// A request of ours, and the status of its answer where there was one.
    pub fn asked(&self, peer: Peer, method: &Method, status: Option<StatusCode>, took: Duration) {
        let labels = ClientLabels {
            peer_service: match peer {
                Peer::Cognito => "cognito",
                Peer::Upstream => "upstream",
            },
            http_request_method: known_method(method),
            http_response_status_code: status.map(|status| status.as_u16()),
        };
        self.client.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A callback, and how it ended.
    pub fn login(&self, result: &'static str) {
        count(&self.logins, result);
    }

    /// A refresh at Cognito, and how it ended.
    pub fn refreshed(&self, result: &'static str) {
        count(&self.refreshes, result);
    }

    /// A fetch of the signing keys.
    pub fn keys_fetched(&self, success: bool) {
        count(&self.key_fetches, if success { "success" } else { "failure" });
    }

    /// A token that a client brought, and what became of it.
    pub fn bearer_token(&self, result: &'static str) {
        count(&self.bearer_tokens, result);
    }

    /// A session that was given to a browser, in so many bytes of cookies.
    pub fn session_stored(&self, bytes: usize) {
        // A session is far smaller than what an f64 counts exactly.
        #[allow(clippy::cast_precision_loss)]
        self.cookie_bytes.observe(bytes as f64);
    }

    /// A question to Redis, and whether there was an answer.
    pub fn redis_asked(&self, success: bool) {
        count(&self.redis, if success { "success" } else { "failure" });
    }

    /// Whether there is a connection to Redis.
    pub fn redis_connected(&self, connected: bool) {
        self.redis_connected.set(connected.into());
    }

    /// A WebSocket that was opened.
    pub fn websocket_opened(&self) {
        self.websockets.inc();
    }

    /// One that has ended.
    pub fn websocket_closed(&self) {
        self.websockets.dec();
    }

    /// A client's connection that is served from now on.
    pub fn connection_begun(&self) {
        self.connections.inc();
    }

    /// A client's connection that is gone.
    pub fn connection_ended(&self) {
        self.connections.dec();
    }

    /// A client's connection that finds no place.
    pub fn connection_waited(&self) {
        self.connections_waited.inc();
    }

    /// Connections that were told to end, to make room for others.
    pub fn connections_evicted(&self, limit: Evicted, count: usize) {
        let label = EvictedLabel { limit: limit.label() };
        self.connections_evicted.get_or_create(&label).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Files of the configuration that were read, because they are new or have changed; with the time where they are
    /// in use now.
    pub fn reloaded(&self, subject: &'static str, end: Result<UnixTime, ()>) {
        self.reloads.ended(subject, end);
    }

    /// A certificate that is in use.
    pub fn certificate(&self, file: &str, expires: UnixTime) {
        self.reloads.expires(file, expires);
    }

    /// A client's TLS handshake, and how it ended.
    pub fn tls_handshake(&self, result: &'static str) {
        self.reloads.handshake(result);
    }

    /// Everything, in the text format of OpenMetrics, which Prometheus reads.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn count(family: &Results, result: &'static str) {
    family.get_or_create(&ResultLabel { result }).inc();
}

/// The route of one of our own endpoints, under its usual name whatever `prefix` is, so that one dashboard fits
/// every gate. Empty, which is as good as absent, for what is none of them.
#[must_use]
pub fn endpoint_route(endpoint: &str) -> &'static str {
    match endpoint {
        "/auth" => "/oauth2/auth",
        "/callback" => "/oauth2/callback",
        "/denied" => "/oauth2/denied",
        "/sign_in" => "/oauth2/sign_in",
        "/sign_out" => "/oauth2/sign_out",
        "/signed_out" => "/oauth2/signed_out",
        "/start" => "/oauth2/start",
        "/userinfo" => "/oauth2/userinfo",
        _ => "",
    }
}

/// The method as a label: whatever a client makes up is one value.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::CONNECT => "CONNECT",
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_make_up_is_one_series() {
        let metrics = Metrics::new();
        let decision = Decision { outcome: "refused", ..Decision::default() };
        for method in ["BREW", "get", "PROPFIND"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            metrics.answered(&method, StatusCode::BAD_REQUEST, &decision, Duration::from_millis(1));
        }
        let text = metrics.text().unwrap();
        let series = "http_server_request_duration_seconds_count\
            {http_request_method=\"_OTHER\",http_response_status_code=\"400\",http_route=\"\"} 3\n";
        assert!(text.contains(series), "{text}");
        assert_eq!(text.matches("http_server_request_duration_seconds_count").count(), 1);
    }

    #[test]
    fn a_duration_is_in_the_buckets_of_opentelemetry() {
        let metrics = Metrics::new();
        metrics.asked(Peer::Upstream, &Method::GET, None, Duration::from_millis(300));
        let text = metrics.text().unwrap();
        let bucket = |le: &str| {
            let labels =
                "peer_service=\"upstream\",http_request_method=\"GET\",http_response_status_code=\"\"";
            let line = format!("http_client_request_duration_seconds_bucket{{le=\"{le}\",{labels}}}");
            text.lines().find_map(|found| found.strip_prefix(&line)).map(str::trim)
        };
        assert_eq!((bucket("0.005"), bucket("0.25"), bucket("0.5")), (Some("0"), Some("0"), Some("1")));
        assert_eq!((bucket("10.0"), bucket("+Inf")), (Some("1"), Some("1")));
    }
}
