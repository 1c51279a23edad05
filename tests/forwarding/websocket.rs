//! WebSockets: asked for, granted and used, with a real library at both ends.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Request};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::{Response, generate_key};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use super::Scene;
use crate::support::Stage;
use crate::support::peer::AppByHand;
use crate::support::visitor::Visitor;
use crate::support::wire::{PATIENCE, eventually, exchange};

pub(super) type Socket = WebSocketStream<TcpStream>;

/// Asks for a WebSocket with a visitor's cookies and these headers.
pub(super) async fn ask(
    visitor: &Visitor,
    headers: &[(&'static str, &'static str)],
) -> Result<(Socket, Response), tungstenite::Error> {
    let mut request = Request::builder()
        .uri("ws://app.test/socket?x=1")
        .header("host", "app.test")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key());
    if let Some(cookies) = visitor.jar.line() {
        request = request.header("cookie", cookies);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let stream = TcpStream::connect(visitor.gate()).await.unwrap();
    timeout(PATIENCE, client_async(request.body(()).unwrap(), stream)).await.expect("no answer")
}

/// The app's end of the next WebSocket, and the headers that it was asked with.
// The library's own type.
#[allow(clippy::result_large_err)]
pub(super) async fn grant(app: &AppByHand) -> (Socket, http::HeaderMap) {
    let stream = app.accept().await.into_stream();
    let mut headers = http::HeaderMap::new();
    let socket = accept_hdr_async(stream, |request: &Request<()>, mut response: http::Response<()>| {
        headers = request.headers().clone();
        if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("chat"));
        }
        let cookie = HeaderValue::from_static("__Host-cognigate=evil");
        response.headers_mut().append("set-cookie", cookie);
        Ok(response)
    });
    let socket = timeout(PATIENCE, socket).await.expect("no request").unwrap();
    (socket, headers)
}

/// Both ends of one.
pub(super) async fn open(scene: &Scene) -> (Socket, Socket) {
    let (client, (app, _)) = tokio::join!(ask(&scene.visitor, &[]), grant(&scene.app));
    (client.unwrap().0, app)
}

/// The next message.
pub(super) async fn next(socket: &mut Socket) -> Message {
    timeout(PATIENCE, socket.next()).await.expect("no message").expect("no more messages").unwrap()
}

/// The code of the Close frame that comes next.
pub(super) async fn closed(socket: &mut Socket) -> u16 {
    match next(socket).await {
        Message::Close(Some(CloseFrame { code, .. })) => code.into(),
        other => panic!("no close: {other:?}"),
    }
}

#[tokio::test]
async fn messages_go_both_ways_whatever_their_kind_and_size() {
    let scene = Scene::set().await;
    let (mut client, mut app) = open(&scene).await;
    let megabyte: Bytes = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    for message in [
        Message::text("hello, wörld"),
        Message::Binary(Bytes::new()),
        Message::Binary(megabyte.clone()),
        Message::text("x".repeat(1 << 20)),
        Message::Ping(Bytes::from_static(b"are you there?")),
        Message::Binary(megabyte),
    ] {
        for upwards in [true, false] {
            let (from, to) = if upwards { (&mut client, &mut app) } else { (&mut app, &mut client) };
            let (sent, got) = tokio::join!(from.send(message.clone()), next(to));
            sent.unwrap();
            assert!(got == message, "{} bytes became {} bytes", message.len(), got.len());
            if message.is_ping() {
                to.flush().await.unwrap();
                assert_eq!(next(from).await, Message::Pong(message.into_data()));
                break;
            }
        }
    }
}

#[tokio::test]
async fn both_ends_talk_at_once_and_neither_waits_for_the_other() {
    const PARTS: usize = 64;
    let scene = Scene::set().await;
    let (client, app) = open(&scene).await;
    let talk = |socket: Socket| async move {
        let (mut sink, mut stream) = socket.split();
        let says = async {
            for _ in 0..PARTS {
                sink.send(Message::Binary(vec![7; 1 << 17].into())).await.unwrap();
            }
        };
        let hears = async {
            for _ in 0..PARTS {
                assert_eq!(stream.next().await.unwrap().unwrap().len(), 1 << 17);
            }
        };
        tokio::join!(says, hears);
    };
    let both = async { tokio::join!(talk(client), talk(app)) };
    timeout(PATIENCE, both).await.expect("it stands still");
}

#[tokio::test]
async fn a_close_keeps_its_code_and_its_reason_from_either_end() {
    let scene = Scene::set().await;
    for by_client in [true, false] {
        let (client, app) = open(&scene).await;
        let (mut closes, mut other) = if by_client { (client, app) } else { (app, client) };
        let frame = CloseFrame { code: 4321.into(), reason: "enough of that".into() };
        closes.close(Some(frame.clone())).await.unwrap();
        assert_eq!(next(&mut other).await, Message::Close(Some(frame.clone())));
        // The library has its answer ready, and sends it when it is asked for more.
        let _ = other.flush().await;
        // The answer to it, and then the end of the connection, which is the server's to begin.
        assert_eq!(next(&mut closes).await, Message::Close(Some(frame)));
        for mut socket in if by_client { [other, closes] } else { [closes, other] } {
            let end = timeout(PATIENCE, socket.next()).await.expect("it does not end");
            assert!(end.is_none_or(|end| end.is_err()));
        }
    }
}

#[tokio::test]
async fn an_end_that_is_torn_off_ends_the_other() {
    let scene = Scene::set().await;
    for by_client in [true, false] {
        let (client, app) = open(&scene).await;
        let (torn, mut other) = if by_client { (client, app) } else { (app, client) };
        drop(torn);
        let end = timeout(PATIENCE, other.next()).await.expect("it does not end");
        assert!(end.is_none_or(|end| end.is_err()));
    }
    eventually("no tunnel is open", || async { open_tunnels(&scene).await == 0 }).await;
}

#[tokio::test]
async fn the_app_is_asked_as_by_the_client_and_told_who_it_is() {
    let scene = Scene::set().await;
    let asked = [
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("origin", "https://app.test"),
        ("sec-fetch-mode", "websocket"),
        ("authorization", "Bearer junk"),
        ("x-forwarded-user", "root"),
    ];
    let (client, (_app, headers)) = tokio::join!(ask(&scene.visitor, &asked), grant(&scene.app));
    let one = |name: &str| {
        let mut lines = headers.get_all(name).iter();
        let line = lines.next().map(|line| line.to_str().unwrap().to_owned());
        assert!(lines.next().is_none(), "{name} is there twice");
        line.unwrap_or_default()
    };
    assert_eq!((one("connection").as_str(), one("upgrade").as_str()), ("upgrade", "websocket"));
    for (name, value) in &asked[..4] {
        assert_eq!(one(name), *value);
    }
    assert!(one("authorization").starts_with("Bearer ey"));
    assert_ne!(one("x-forwarded-user"), "root");
    assert_eq!((one("host").as_str(), one("cookie").as_str()), ("app.test", ""));
    let (_client, answer) = client.unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.headers().get("sec-websocket-protocol").unwrap(), "chat");
    assert_eq!(answer.headers().get("set-cookie"), None, "a cookie of our name");
}

#[tokio::test]
async fn case_63_without_a_session_or_from_another_sites_page_nothing_reaches_the_app() {
    let stage = Stage::with(|setup| setup.set("public", "/open/")).await;
    let (nobody, visitor) = (stage.visitor(), stage.signed_in().await);
    let before = stage.app.connections();
    for (who, origin, expected) in [
        (&nobody, "https://app.test", 401),
        (&visitor, "https://evil.test", 403),
        (&visitor, "http://app.test", 403),
        (&visitor, "https://app.test.evil.test", 403),
        (&visitor, "null", 403),
    ] {
        for further in [&[][..], &[("accept", "text/html")]] {
            let headers = [&[("origin", origin)], further].concat();
            match ask(who, &headers).await {
                Err(tungstenite::Error::Http(answer)) => {
                    assert_eq!(answer.status(), expected, "{origin} {further:?}");
                    assert_eq!(answer.headers().get("upgrade"), None);
                }
                other => panic!("{origin}: {other:?}"),
            }
        }
    }
    assert_eq!((stage.app.count(), stage.app.connections()), (1, before));
}

#[tokio::test]
async fn case_63_further_origins_are_those_that_are_listed_and_a_program_has_none() {
    let scene = Scene::with(&[("websocket.origins", "https://dev.test:3000,http://localhost:5173")]).await;
    for origin in [&[][..], &[("origin", "https://dev.test:3000")], &[("origin", "https://app.test")]] {
        let (client, _app) = tokio::join!(ask(&scene.visitor, origin), grant(&scene.app));
        assert_eq!(client.unwrap().1.status(), 101, "{origin:?}");
    }
    let refused = ask(&scene.visitor, &[("origin", "https://dev.test")]).await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(answer)) if answer.status() == 403));
}

#[tokio::test]
async fn a_public_path_takes_a_websocket_of_anybody_but_of_no_other_sites_page() {
    let scene = Scene::with(&[("public", "/socket")]).await;
    let mut nobody = scene.visitor.clone();
    nobody.jar.clear();
    let (client, (_app, headers)) = tokio::join!(ask(&nobody, &[]), grant(&scene.app));
    assert_eq!(client.unwrap().1.status(), 101);
    assert_eq!(headers.get("authorization"), None);
    let refused = ask(&nobody, &[("origin", "https://evil.test")]).await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(answer)) if answer.status() == 403));
}

#[tokio::test]
async fn an_app_that_refuses_is_heard_and_the_connection_goes_on() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    for status in ["426 Upgrade Required", "403 Forbidden", "200 OK"] {
        client.send(scene.head("GET /socket", &WEBSOCKET)).await;
        let (mut app, head) = scene.app.asked().await;
        assert_eq!((head.one("connection"), head.one("upgrade")), (Some("upgrade"), Some("websocket")));
        app.send(format!(
            "HTTP/1.1 {status}\r\nContent-Length: 2\r\nUpgrade: websocket\r\nConnection: close\r\n\r\nno"
        ))
        .await;
        let answer = client.head().await;
        assert_eq!(answer.start(), format!("HTTP/1.1 {status}"));
        assert_eq!((answer.one("upgrade"), answer.one("connection")), (None, None));
        assert_eq!(client.exactly(2).await, b"no");
    }
    assert_eq!(open_tunnels(&scene).await, 0);
}

#[tokio::test]
async fn case_62_nothing_is_tunnelled_before_the_101() {
    // Behind the request comes what an app that is a step ahead would take for another.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("GET /socket", &WEBSOCKET) + smuggled).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!((client.head().await.status(), client.exactly(2).await), (200, b"ok".to_vec()));
    // It was the visitor's next request to the gate, and nobody is signed in there.
    let second = client.head().await;
    assert_eq!(second.status(), 401);
    app.send("nothing more is asked of this connection").await;
    drop(client);
    assert_eq!(app.rest().await, b"");

    // What came too early is the tunnel's once there is one, in order.
    let mut client = scene.client().await;
    client.send(scene.head("GET /socket", &WEBSOCKET) + "early ").await;
    let (mut app, _) = scene.app.asked().await;
    client.send("bird").await;
    app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nworm")
        .await;
    assert_eq!(client.head().await.start(), "HTTP/1.1 101 Switching Protocols");
    assert_eq!(client.exactly(4).await, b"worm");
    assert_eq!(app.exactly(10).await, b"early bird");
}

#[tokio::test]
async fn over_http_2_no_websocket_is_offered_so_that_browsers_fall_back() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let stream = TcpStream::connect(visitor.gate()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = |method: &str| {
        let cookies = visitor.jar.line().unwrap();
        Request::builder().method(method).uri("https://app.test/").header("cookie", cookies).body(()).unwrap()
    };
    let (answer, _) = client.send_request(request("GET"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    // With the answer its settings are there.
    assert!(!client.is_extended_connect_protocol_enabled());
    let mut connect = request("CONNECT");
    connect.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let before = stage.app.count();
    let refused = match client.send_request(connect, false) {
        Ok((answer, _)) => answer.await.map_or(true, |answer| !answer.status().is_success()),
        Err(_) => true,
    };
    assert!(refused && stage.app.count() == before);
}

#[tokio::test]
async fn case_62_no_other_protocol_is_switched_to() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    for lines in [
        &["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"][..],
        &["Connection: Upgrade", "Upgrade: foo"],
        &["Connection: Upgrade", "Upgrade: websocket, h2c"],
        &["Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"],
        &["Connection: Upgrade", "Upgrade: TLS/1.0"],
        &["Connection: Upgrade", "Upgrade: websocket", "Content-Length: 3"],
        &["Upgrade: websocket"],
    ] {
        let mut request = super::head(&visitor, "GET /", &[lines, &["Connection: close"]].concat());
        if lines.contains(&"Content-Length: 3") {
            request += "abc";
        }
        let answer = exchange(visitor.gate(), request.into_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{lines:?}");
        let arrived = stage.app.last();
        for name in ["connection", "upgrade", "http2-settings"] {
            assert_eq!(arrived.header(name), None, "{lines:?}");
        }
    }
    let post = super::head(&visitor, "POST /", &[&WEBSOCKET[..], &["Content-Length: 0"]].concat());
    let answer = exchange(visitor.gate(), post.replace("keep-alive", "close").into_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    assert_eq!(stage.app.last().header("upgrade"), None);
}

/// What [`ask`] says, for requests by hand.
pub(super) const WEBSOCKET: [&str; 4] = [
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// What the metrics say of open ones.
pub(super) async fn open_tunnels(scene: &Scene) -> u64 {
    let request = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let text = String::from_utf8(exchange(scene.gate.admin_address(), request.into()).await).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix("cognigate_websockets "));
    value.expect("no such metric").parse().unwrap()
}
