//! `listen.redirect_http`.

use std::net::SocketAddr;

use crate::support::{Setup, Stage, wire};

use super::metric;

/// A gate that sends http to https, and where.
async fn redirecting(change: impl FnOnce(Setup) -> Setup) -> (Stage, SocketAddr) {
    let stage = Stage::with(|setup| change(setup.set("listen.redirect_http", ":0"))).await;
    let address = stage.gate.redirect_address().unwrap();
    assert_ne!(address, stage.gate.address());
    (stage, address)
}

/// The status, and where to.
async fn ask(address: SocketAddr, request: &str) -> (u16, Option<String>) {
    let bytes = format!("{request}\r\nConnection: close\r\n\r\n").into_bytes();
    let answer = String::from_utf8(wire::exchange(address, bytes).await).unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).map(str::to_owned);
    assert!(!answer.to_ascii_lowercase().contains("set-cookie"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("strict-transport"), "not for plain http: {answer}");
    (wire::status(answer.as_bytes()), location)
}

#[tokio::test]
async fn every_request_is_sent_to_the_same_path_and_query_and_nothing_is_served() {
    let (stage, address) = redirecting(|setup| setup.set("public", "/public")).await;
    for (line, target) in [
        ("GET /", "/"),
        ("GET /deep/link?a=%2F&b", "/deep/link?a=%2F&b"),
        ("POST /form?x=1", "/form?x=1"),
        ("GET /public", "/public"),
        ("GET /oauth2/callback?code=c&state=s", "/oauth2/callback?code=c&state=s"),
        ("GET /healthz", "/healthz"),
        ("GET //evil.test/", "//evil.test/"),
        ("GET /..%2f\\", "/..%2f\\"),
        ("GET http://app.test/absolute", "/absolute"),
        ("OPTIONS /", "/"),
    ] {
        for host in ["app.test", "app.test:8080", "APP.test."] {
            let (status, location) = ask(address, &format!("{line} HTTP/1.1\r\nHost: {host}")).await;
            assert_eq!(status, 308, "{line}");
            assert_eq!(location, Some(format!("https://app.test{target}")), "{line}");
        }
    }
    assert_eq!(stage.app.count(), 0);
    let series = "http_server_request_duration_seconds_count{http_request_method=\"POST\",\
                  http_response_status_code=\"308\",http_route=\"redirect\"}";
    assert_eq!(metric(stage.gate.admin_address(), series).await.as_deref(), Some("3"));
}

#[tokio::test]
async fn each_host_of_ours_is_sent_to_its_own_https() {
    let (_stage, address) = redirecting(|setup| {
        setup.public_url("https://app.test:8443").set("listen.hosts", "second.test,third.test:9443")
    })
    .await;
    for (host, authority) in [
        ("app.test", "app.test:8443"),
        ("second.test:80", "second.test:8443"),
        ("third.test", "third.test:9443"),
    ] {
        let (status, location) = ask(address, &format!("GET /x HTTP/1.1\r\nHost: {host}")).await;
        assert_eq!((status, location), (308, Some(format!("https://{authority}/x"))), "{host}");
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_host_that_is_not_ours() {
    let (_stage, address) = redirecting(|setup| setup).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: evil.test", 421),
        ("GET / HTTP/1.1\r\nHost: app.test.evil.test", 421),
        ("GET http://evil.test/ HTTP/1.1\r\nHost: evil.test", 421),
        ("GET http://evil.test/ HTTP/1.1\r\nHost: app.test", 400),
        ("GET / HTTP/1.1\r\nHost: app.test\r\nHost: evil.test", 400),
        ("GET / HTTP/1.1\r\nHost: app.test@evil.test", 400),
        ("GET / HTTP/1.1\r\nX: no host", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: app.test", 400),
        ("CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443", 400),
    ] {
        assert_eq!(ask(address, request).await, (status, None), "{request}");
    }
}

#[tokio::test]
async fn the_limits_hold_there_too() {
    let (_stage, address) = redirecting(|setup| setup).await;
    let long = "x".repeat(70 * 1024);
    let header = format!("GET / HTTP/1.1\r\nHost: app.test\r\nX: {long}");
    assert_eq!(ask(address, &header).await, (431, None));
    assert_eq!(
        ask(address, &format!("GET /{} HTTP/1.1\r\nHost: app.test", &long[..20 * 1024])).await,
        (414, None)
    );
}
