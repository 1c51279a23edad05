//! Hop-by-hop headers end at the gate, in both directions; the gate's own are set after that.

use super::{Scene, head, say};
use crate::support::Stage;
use crate::support::wire::status;

#[tokio::test]
async fn case_17_what_connection_names_is_gone_and_what_the_gate_sets_is_there() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    for lines in [
        &["Connection: close, Authorization, X-Forwarded-User, X-Auth-Request-User, Cookie, X-Request-Id"][..],
        &[
            "Connection: authorization,X-FORWARDED-USER",
            "Connection: cookie",
            "Connection: x-request-id, close",
        ],
        &["Connection: \t close ,, ,Authorization,X-Forwarded-For,X-Forwarded-Host,X-Forwarded-Proto"],
    ] {
        let answer = say(&visitor, "GET /", lines).await;
        assert_eq!(status(&answer), 200, "{lines:?}");
        let arrived = stage.app.last();
        assert!(arrived.header("authorization").unwrap().starts_with("Bearer ey"), "{lines:?}");
        assert!(arrived.header("x-forwarded-user").is_some(), "{lines:?}");
        assert_eq!(arrived.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(arrived.header("x-forwarded-host"), Some("app.test"));
        assert_eq!(arrived.header("x-forwarded-proto"), Some("https"));
        assert!(arrived.header("x-request-id").is_some());
        assert_eq!(arrived.header("connection"), None);
    }
}

#[tokio::test]
async fn case_17_connection_cannot_name_away_the_host_or_the_length() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    let lines = ["Connection: Host, Content-Length, Transfer-Encoding", "Content-Length: 3"];
    client.send(scene.head("POST /", &lines) + "abc").await;
    let (mut app, head) = scene.app.asked().await;
    assert_eq!((head.one("host"), head.one("content-length")), (Some("app.test"), Some("3")));
    assert_eq!(app.exactly(3).await, b"abc");
}

#[tokio::test]
async fn a_requests_hop_by_hop_headers_end_here_and_all_others_go_on() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    let lines = [
        "Connection: X-Mine, keep-alive",
        "X-Mine: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eDp5",
        "TE: trailers, gzip",
        "Trailer: X-Late",
        "Upgrade: foo",
        "Accept: text/html",
        "X-Twice: 1",
        "X-Twice: 2",
        "Accept-Encoding: br",
        "Range: bytes=0-1",
        "Origin: https://app.test",
    ];
    client.send(scene.head("GET /", &lines)).await;
    let (_app, head) = scene.app.asked().await;
    let gone = ["x-mine", "keep-alive", "proxy-connection", "proxy-authorization"];
    for name in gone.iter().chain(&["upgrade", "transfer-encoding", "content-length"]) {
        assert!(head.all(name).is_empty(), "{name} went on: {head:?}");
    }
    // What of these is said to the app is ours: of TE the one that goes on.
    assert_eq!((head.one("te"), head.one("connection")), (Some("trailers"), Some("te")));
    assert_eq!(head.one("accept"), Some("text/html"));
    assert_eq!(head.all("x-twice"), ["1", "2"]);
    assert_eq!(head.one("accept-encoding"), Some("br"));
    assert_eq!(head.one("range"), Some("bytes=0-1"));
    assert_eq!(head.one("origin"), Some("https://app.test"));
}

#[tokio::test]
async fn case_85_an_answers_hop_by_hop_headers_end_here_and_all_others_go_on() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("GET /", &[])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send(
        "HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nConnection: keep-alive, X-Other\r\nX-Mine: 1\r\nX-Other: 2\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n\
         Trailer: X-Late\r\nX-Kept: 1\r\nX-Kept: 2\r\nETag: \"a\"\r\nServer: app\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let head = client.head().await;
    for name in ["connection", "x-mine", "x-other", "keep-alive", "proxy-connection", "proxy-authenticate"] {
        assert!(head.all(name).is_empty(), "{name} came through: {head:?}");
    }
    for name in ["upgrade", "via", "transfer-encoding"] {
        assert!(head.all(name).is_empty(), "{name} came through: {head:?}");
    }
    assert_eq!(head.all("x-kept"), ["1", "2"]);
    assert_eq!((head.one("etag"), head.one("server")), (Some("\"a\""), Some("app")));
    assert_eq!((head.one("content-length"), client.exactly(2).await), (Some("2"), b"ok".to_vec()));
}

#[tokio::test]
async fn case_85_the_app_cannot_name_away_what_the_gate_adds_to_its_answer() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("GET /", &[])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 200 OK\r\nConnection: Cache-Control, Content-Length\r\nContent-Length: 2\r\n\r\nok")
        .await;
    let head = client.head().await;
    assert_eq!(head.one("cache-control"), Some("private, no-store"));
    assert_eq!(head.one("content-length"), Some("2"));
}

#[tokio::test]
async fn case_62_another_upgrade_than_to_a_websocket_is_a_plain_request_and_nothing_is_tunnelled() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    let upgrade = ["Connection: Upgrade", "Upgrade: foo"];
    let smuggled = scene.head("GET /second", &[]);
    client.send(scene.head("GET /first", &upgrade) + smuggled.as_str()).await;
    let (mut app, first) = scene.app.asked().await;
    assert_eq!(first.start(), "GET /first HTTP/1.1");
    assert_eq!((first.one("upgrade"), first.one("connection")), (None, None));
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1").await;
    assert_eq!((client.head().await.status(), client.exactly(1).await), (200, b"1".to_vec()));
    // What was pipelined is a request like any other, judged and with an identity of its own.
    let second = app.head().await;
    assert_eq!(second.start(), "GET /second HTTP/1.1");
    assert!(second.one("authorization").unwrap().starts_with("Bearer ey"));
    assert_eq!(second.one("cookie"), None);
}

#[tokio::test]
async fn case_62_an_app_that_switches_protocols_unasked_is_a_bad_gateway() {
    let websocket = ["Connection: Upgrade", "Upgrade: websocket"];
    for (asked, granted) in [
        (&[][..], "websocket"),
        (&["Connection: Upgrade", "Upgrade: foo"], "foo"),
        (&websocket, "h2c"),
        (&websocket, "websocket, h2c"),
    ] {
        let scene = Scene::set().await;
        let mut client = scene.client().await;
        client.send(scene.head("GET /", asked)).await;
        let (mut app, _) = scene.app.asked().await;
        app.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {granted}\r\n\r\n"
        ))
        .await;
        app.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntunnel").await;
        assert_eq!(client.head().await.status(), 502);
    }
}

#[tokio::test]
async fn the_host_is_the_clients() {
    let stage = Stage::with(|setup| setup.set("listen.hosts", "other.test")).await;
    let visitor = stage.signed_in().await;
    for host in ["app.test", "APP.Test:443", "other.test:8443"] {
        let request = head(&visitor, "GET /", &["Connection: close"]).replace("app.test", host);
        assert_eq!(status(&crate::support::wire::exchange(visitor.gate(), request.into()).await), 200);
        let arrived = stage.app.last();
        assert_eq!(arrived.header("host"), Some(host));
        assert_eq!(arrived.header("x-forwarded-host"), Some("app.test"));
    }
}
