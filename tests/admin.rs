//! The admin port: probes, the app's health, metrics.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cognigate::commands::run::Gate;
use cognigate::config::{Config, Sources};
use cognigate::types::{Body, full};
use http::{Response, StatusCode};
use tokio::io::AsyncWriteExt as _;

use crate::support::tls::{Authority, Folder};
use crate::support::wire::{exchange, metric, status};
use crate::support::{PUBLIC_URL, Stage, ready};

/// A request to the admin port: the status, the head and the body of the answer.
async fn ask(admin: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: 10.0.0.7:9090\r\nConnection: close\r\n\r\n");
    let answer = exchange(admin, request.into_bytes()).await;
    let text = String::from_utf8(answer.clone()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (status(&answer), head.to_ascii_lowercase(), body.to_owned())
}

async fn get(admin: SocketAddr, path: &str) -> (u16, String) {
    let (status, _, body) = ask(admin, "GET", path).await;
    (status, body)
}

/// A gate with a stage's settings but for `changes`, and without those in `without`; perhaps not ready yet.
fn gate(stage: &Stage, without: &[&str], changes: &[(&str, &str)]) -> Gate {
    let changed = |key: &str| without.contains(&key) || changes.iter().any(|(name, _)| *name == key);
    let kept = stage.flags().iter().filter(|(key, _)| !changed(key)).cloned();
    let set = changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let sources = Sources { flags: kept.chain(set).collect(), ..Sources::default() };
    Gate::start(&Config::load(&sources).unwrap(), &[], 1, stage.clock.clone()).unwrap()
}

fn answer(status: u16) -> Response<Body> {
    let mut response = Response::new(full("from the app"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

#[tokio::test]
async fn healthz_is_livez_and_neither_asks_cognito_or_the_app() {
    let stage = Stage::new().await;
    // Nothing listens there.
    let away = [("cognito.jwks_url", "http://127.0.0.1:9/jwks.json"), ("upstream", "http://127.0.0.1:9")];
    let gate = gate(&stage, &[], &away);
    let admin = gate.admin_address();
    for path in ["/livez", "/healthz"] {
        assert_eq!(get(admin, path).await, (200, "ok\n".to_owned()), "{path}");
    }
    assert_eq!(get(admin, "/readyz").await.0, 503);
    assert_eq!(get(admin, "/upstream/healthz").await.0, 503);
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn upstream_healthz_is_the_apps_own_word() {
    let stage = Stage::with(|setup| setup.set("admin.upstream_health_path", "/up?deep=1")).await;
    let admin = stage.gate.admin_address();
    for (status, expected, text) in [
        (200, 200, "ok\n"),
        (204, 200, "ok\n"),
        (302, 503, "the app answered 302\n"),
        (404, 503, "the app answered 404\n"),
        (500, 503, "the app answered 500\n"),
    ] {
        stage.app.answer(move |_| answer(status));
        assert_eq!(get(admin, "/upstream/healthz").await, (expected, text.to_owned()), "{status}");
    }
    let asked = stage.app.last();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/up?deep=1"));
    assert_eq!(asked.header("host"), PUBLIC_URL.strip_prefix("https://"));
    assert_eq!(asked.header("x-forwarded-proto"), Some("https"));
    for of_a_user in ["authorization", "cookie", "x-forwarded-user"] {
        assert_eq!(asked.header(of_a_user), None);
    }
}

#[tokio::test]
async fn upstream_healthz_asks_for_healthz_where_nothing_else_is_said() {
    let stage = Stage::new().await;
    assert_eq!(get(stage.gate.admin_address(), "/upstream/healthz").await.0, 200);
    assert_eq!(stage.app.last().target, "/healthz");
}

#[tokio::test]
async fn upstream_healthz_waits_for_a_silent_app_no_longer_than_a_probe_does() {
    let stage = Stage::new().await;
    let _held = stage.app.hold();
    let began = Instant::now();
    let (status, text) = get(stage.gate.admin_address(), "/upstream/healthz").await;
    assert_eq!((status, text.as_str()), (503, "the app did not answer within 2 s\n"));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    // Meanwhile, and without the app, the process itself is well.
    assert_eq!(get(stage.gate.admin_address(), "/livez").await.0, 200);
}

#[tokio::test]
async fn an_answer_under_way_at_the_app_does_not_hold_the_other_probes() {
    let stage = Stage::new().await;
    let held = stage.app.hold();
    let admin = stage.gate.admin_address();
    let mut waiting = tokio::net::TcpStream::connect(admin).await.unwrap();
    waiting.write_all(b"GET /upstream/healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    stage.app.reached(1).await;
    assert_eq!(get(admin, "/livez").await.0, 200);
    drop(held);
}

#[tokio::test]
async fn there_is_no_upstream_to_ask_for_where_a_gateway_asks() {
    let stage = Stage::new().await;
    let changes = [("gateway.dialect", "nginx"), ("listen.trusted_proxies", "127.0.0.1/32")];
    let gate = gate(&stage, &["upstream"], &changes);
    ready(gate.admin_address()).await;
    assert_eq!(get(gate.admin_address(), "/upstream/healthz").await.0, 404);
    assert_eq!(get(gate.admin_address(), "/readyz").await.0, 200);
}

#[tokio::test]
async fn the_admin_port_reads_and_does_not_write() {
    let stage = Stage::new().await;
    let admin = stage.gate.admin_address();
    for path in ["/livez", "/readyz", "/healthz", "/upstream/healthz", "/metrics"] {
        let (status, head, body) = ask(admin, "HEAD", path).await;
        assert_eq!((status, body.as_str()), (200, ""), "{path}");
        assert!(head.contains("cache-control: no-store"), "{head}");
        let (status, head, _) = ask(admin, "POST", path).await;
        assert_eq!(status, 405, "{path}");
        assert!(head.contains("\nallow: get, head"), "{head}");
    }
    for path in ["/", "/metrics/", "/upstream", "/oauth2/userinfo", "/livez/x"] {
        assert_eq!(get(admin, path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn nothing_of_the_admin_port_is_on_the_public_one() {
    let stage = Stage::new().await;
    for path in ["/livez", "/readyz", "/healthz", "/upstream/healthz", "/metrics"] {
        let answer = stage.visitor().fetch(path).await;
        assert_eq!(answer.status(), 401, "{path}");
    }
    // To a user they are paths of the app like any other.
    let mut alice = stage.signed_in().await;
    assert_eq!(alice.fetch("/metrics").await.body().as_ref(), b"the app");
}

#[tokio::test]
async fn metrics_are_openmetrics_text() {
    let stage = Stage::new().await;
    let (status, head, text) = ask(stage.gate.admin_address(), "GET", "/metrics").await;
    assert_eq!(status, 200);
    let kind = "\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(head.contains(kind), "{head}");
    assert!(text.ends_with("# EOF\n"));
    let build = format!("cognigate_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&build), "{text}");
    // What has not happened yet is there too, so that its first time is a rise from 0.
    assert!(text.contains("cognigate_logins_total{result=\"token_refused\"} 0\n"), "{text}");
}

#[tokio::test]
async fn a_sign_in_is_counted_from_end_to_end() {
    let stage = Stage::new().await;
    let mut alice = stage.signed_in().await;
    alice.fetch("/api?of=alice").await;
    stage.visitor().fetch("/api").await;
    let admin = stage.gate.admin_address();
    for (series, expected) in [
        ("cognigate_logins_total{result=\"success\"}", 1.0),
        ("cognigate_auth_decisions_total{result=\"login\"}", 1.0),
        ("cognigate_auth_decisions_total{result=\"forward\"}", 2.0),
        ("cognigate_auth_decisions_total{result=\"unauthorized\"}", 1.0),
        ("cognigate_jwks_refresh_total{result=\"success\"}", 1.0),
        ("cognigate_session_cookie_bytes_count", 1.0),
        (&server("GET", 303, "/oauth2/callback"), 1.0),
        (&server("GET", 200, "app"), 2.0),
        (&server("GET", 401, "app"), 1.0),
        (&client("upstream", "GET", "200"), 2.0),
        (&client("cognito", "POST", "200"), 1.0),
        (&client("cognito", "GET", "200"), 1.0),
    ] {
        assert_eq!(metric(admin, series).await, expected, "{series}");
    }
    let bytes = metric(admin, "cognigate_session_cookie_bytes_sum").await;
    let session = alice.jar.get("__Host-cognigate").unwrap();
    assert_eq!(bytes as usize, "__Host-cognigate=".len() + session.len());
}

#[tokio::test]
async fn what_goes_wrong_is_counted_by_its_reason() {
    let stage = Stage::new().await;
    let admin = stage.gate.admin_address();
    let mut visitor = stage.visitor();
    visitor.navigate("/oauth2/callback?code=x").await;
    visitor.navigate("/oauth2/callback?state=x&error=access_denied").await;
    visitor.navigate("/a/../b").await;
    visitor.navigate("/oauth2/no-such-thing").await;
    for (series, expected) in [
        ("cognigate_logins_total{result=\"malformed\"}", 1.0),
        ("cognigate_logins_total{result=\"reported\"}", 1.0),
        ("cognigate_auth_decisions_total{result=\"refused\"}", 1.0),
        (&server("GET", 400, ""), 1.0),
        (&server("GET", 404, ""), 1.0),
    ] {
        assert_eq!(metric(admin, series).await, expected, "{series}");
    }
}

#[tokio::test]
async fn refreshes_are_counted_by_their_end() {
    // Longer than a refresh token lives.
    let stage = Stage::with(|setup| setup.set("session.max_lifetime", "3650d")).await;
    let admin = stage.gate.admin_address();
    let mut alice = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(3600));
    assert_eq!(alice.fetch("/").await.status(), 200);
    assert_eq!(metric(admin, "cognigate_token_refresh_total{result=\"success\"}").await, 1.0);
    assert_eq!(metric(admin, "cognigate_session_cookie_bytes_count").await, 2.0);
    stage.clock.advance(Duration::from_secs(400 * 24 * 3600));
    assert_eq!(alice.fetch("/").await.status(), 401);
    assert_eq!(metric(admin, "cognigate_token_refresh_total{result=\"refused\"}").await, 1.0);
}

#[tokio::test]
async fn an_app_that_is_away_is_counted_without_a_status() {
    let stage = Stage::new().await;
    let mut alice = stage.signed_in().await;
    let gate = stage.replica(&[("upstream", "http://127.0.0.1:9")]).await;
    alice.go_to(gate.address());
    assert_eq!(alice.fetch("/").await.status(), 502);
    assert_eq!(metric(gate.admin_address(), &client("upstream", "GET", "")).await, 1.0);
    assert_eq!(metric(gate.admin_address(), &server("GET", 502, "app")).await, 1.0);
}

fn server(method: &str, status: u16, route: &str) -> String {
    format!(
        "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",\
         http_response_status_code=\"{status}\",http_route=\"{route}\"}}"
    )
}

fn client(peer: &str, method: &str, status: &str) -> String {
    format!(
        "http_client_request_duration_seconds_count{{peer_service=\"{peer}\",\
         http_request_method=\"{method}\",http_response_status_code=\"{status}\"}}"
    )
}

/// True for a sample of this metric, and not of one whose name only begins with it.
fn is_of(line: &str, name: &str) -> bool {
    const SUFFIXES: [&str; 6] = ["", "_total", "_info", "_bucket", "_sum", "_count"];
    let series = line.split(['{', ' ']).next().unwrap_or_default();
    series.strip_prefix(name).is_some_and(|suffix| SUFFIXES.contains(&suffix))
}

#[tokio::test]
async fn every_metric_is_documented_with_its_type_labels_and_results() {
    let docs = include_str!("../docs/metrics.md");
    // Some are there with TLS only.
    let (authority, folder) = (Authority::new(), Folder::new());
    folder.put("app", &authority.issue(&["app.test"]));
    let client = authority.client(&["http/1.1"]);
    let stage = Stage::with(|setup| setup.over_tls(&folder, &["app"], client)).await;
    stage.signed_in().await;
    let (_, text) = get(stage.gate.admin_address(), "/metrics").await;
    let types: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let rows: Vec<_> = docs.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), types.len(), "{types:?}");
    for (name, kind) in types {
        let shown = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{shown}` | {kind} |")));
        let row = row.unwrap_or_else(|| panic!("{shown} ({kind}) is not documented"));
        for series in text.lines().filter(|line| is_of(line, name) && line.contains('{')) {
            let labels = series.split_once('{').unwrap().1.split_once('}').unwrap().0;
            for (label, value) in labels.split("\",").filter_map(|label| label.split_once("=\"")) {
                assert!(label == "le" || row.contains(&format!("`{label}`")), "{shown} has {label}: {row}");
                let value = value.trim_end_matches('"');
                let told = !matches!(label, "result" | "limit") || row.contains(&format!("`{value}`"));
                assert!(told, "{shown} has the result {value}: {row}");
            }
        }
    }
}
