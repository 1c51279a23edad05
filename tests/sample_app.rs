//! The sample app, over its real socket.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognigate::commands::sample_app::SampleApp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// The answer, head and body, to a request of these lines.
async fn exchange(address: SocketAddr, lines: &[&str], body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{}\r\nhost: localhost\r\nconnection: close\r\n\r\n{body}", lines.join("\r\n"));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The answer of an app that serves this one request.
async fn answer(lines: &[&str]) -> String {
    let app = SampleApp::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = app.address();
    let (_stop, stopped) = oneshot::channel::<()>();
    tokio::select! {
        answer = exchange(address, lines, "") => answer,
        () = app.serve(async { stopped.await.unwrap_or_default() }) => panic!("it stopped by itself"),
    }
}

fn bearer(payload: &str) -> String {
    let segment = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signature = "s".repeat(342);
    format!("authorization: Bearer {}.{}.{signature}", segment(r#"{"alg":"RS256"}"#), segment(payload))
}

#[tokio::test]
async fn the_page_shows_the_user_the_request_and_the_claims() {
    let token = bearer(r#"{"sub":"1f3b","exp":4102444800,"iat":1,"cognito:groups":["admins","staff"]}"#);
    let page = answer(&[
        "GET /deep/link?with=query HTTP/1.1",
        "x-forwarded-user: 1f3b",
        "x-forwarded-email: alice@example.com",
        "x-forwarded-preferred-username: Zo%C3%AB",
        "x-forwarded-groups: admins,R%26D%2C%20all",
        "x-of-its-own: 7",
        &token,
    ])
    .await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    for shown in [
        "<h1>Hello, Zoë</h1>",
        "<p>alice@example.com</p>",
        "<li>admins</li><li>R&#38;D, all</li>",
        "<td>/deep/link</td>",
        "<td>with=query</td>",
        r#"<th scope="row">sub</th><td>1f3b</td>"#,
        r#"<th scope="row">exp</th><td>4102444800 <small>in "#,
        " days ago</small>",
        r#"<th scope="row">cognito:groups</th><td>[&#34;admins&#34;,&#34;staff&#34;]</td>"#,
        r#"<tr><th scope="row">x-of-its-own</th><td>7</td></tr>"#,
        r#"<tr class="ours"><th scope="row">x-forwarded-user</th>"#,
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
}

#[tokio::test]
async fn the_page_never_holds_a_whole_token() {
    let token = bearer(r#"{"sub":"1f3b"}"#);
    let page = answer(&["GET / HTTP/1.1", &token]).await;
    let value = token.split_once(": ").unwrap().1;
    assert!(page.contains(&value[..24]), "{page}");
    assert!(page.contains(&format!("{} characters in all", value.len())), "{page}");
    assert!(!page.contains(&value[..25]), "{page}");
    assert!(!page.contains(&"s".repeat(9)), "{page}");
}

#[tokio::test]
async fn a_malformed_token_is_told_from_none() {
    let no_object = bearer("[1]");
    let not_json = bearer("{");
    for authorization in [
        "authorization: Bearer",
        "authorization: Bearer x",
        "authorization: Bearer a.b",
        "authorization: Bearer a.!!.c",
        "authorization: Bearer a.b.c.d.e",
        "authorization: Basic YTpi",
        "authorization: Bearer \u{fc}.\u{fc}.\u{fc}",
        &no_object,
        &not_json,
    ] {
        let page = answer(&["GET / HTTP/1.1", authorization]).await;
        assert!(page.contains("it is no JWT with a readable payload"), "{authorization}: {page}");
    }
    let page = answer(&["GET / HTTP/1.1"]).await;
    assert!(page.contains("No access token came"), "{page}");
    assert!(page.contains("Hello, stranger"), "{page}");
}

#[tokio::test]
async fn whatever_comes_is_escaped() {
    const HOSTILE: &str = "<script>alert(1)</script>";
    let token = bearer(&format!(r#"{{"sub":"{HOSTILE}","{HOSTILE}":["{HOSTILE}"]}}"#));
    let lines = [
        format!("GET /{HOSTILE}?{HOSTILE} HTTP/1.1"),
        format!("x-forwarded-user: {HOSTILE}"),
        format!("x-forwarded-email: {HOSTILE}"),
        format!("x-forwarded-preferred-username: {HOSTILE}"),
        format!("x-forwarded-groups: {HOSTILE},{HOSTILE}"),
        format!("x-of-its-own: {HOSTILE}"),
        token,
    ];
    // A parser may refuse such a path, so the rest is tried without it too.
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    let refused = answer(&all).await;
    let shown = answer(&[&["GET / HTTP/1.1"], &all[1..]].concat()).await;
    assert!(shown.contains("&#60;script&#62;alert(1)"), "{shown}");
    for page in [refused, shown] {
        assert!(!page.contains("<script>alert"), "{page}");
    }
}

#[tokio::test]
async fn a_header_of_two_lines_is_no_identity() {
    let page = answer(&["GET / HTTP/1.1", "x-forwarded-user: a", "x-forwarded-user: b"]).await;
    assert!(page.contains("Hello, stranger"), "{page}");
}

#[tokio::test]
async fn the_time_is_json_for_a_script() {
    let json = answer(&["GET /api/time HTTP/1.1", "x-forwarded-user: 1f3b"]).await;
    assert!(json.contains("content-type: application/json"), "{json}");
    assert!(json.contains(r#""user":"1f3b""#), "{json}");
    assert!(!json.to_lowercase().contains("cache-control"), "what the gate adds could not be seen: {json}");
}

#[tokio::test]
async fn a_body_is_read_to_its_end_and_counted() {
    let app = SampleApp::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = app.address();
    let served = tokio::spawn(app.serve(std::future::pending()));
    let page = exchange(address, &["POST /form HTTP/1.1", "content-length: 5"], "a=1&b").await;
    assert!(page.contains("<td>5 bytes</td>"), "{page}");
    served.abort();
}

#[tokio::test]
async fn it_stops_when_told_and_drops_what_is_open() {
    let app = SampleApp::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = app.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(app.serve(async { stopped.await.unwrap_or_default() }));
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /api/time HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();
    stop.send(()).unwrap();
    served.await.unwrap();
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_busy_port_is_an_error_at_once() {
    let app = SampleApp::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let error = SampleApp::bind(app.address()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
