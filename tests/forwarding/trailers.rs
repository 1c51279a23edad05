//! Trailer fields: behind the body, in both directions, and never in the head.

use std::convert::Infallible;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::Scene;
use crate::support::peer::Peer;

const CHUNKED: &str = "Transfer-Encoding: chunked";

/// What stands behind a chunked body: the lines of its trailer section.
async fn trailers(peer: &mut Peer) -> Vec<String> {
    assert_eq!(peer.line().await, "0");
    let mut lines = Vec::new();
    loop {
        match peer.line().await {
            line if line.is_empty() => return lines,
            line => lines.push(line),
        }
    }
}

#[tokio::test]
async fn trailers_go_both_ways_as_trailers() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    let lines = [CHUNKED, "Trailer: X-Checksum, X-Twice", "Trailer: X-Never", "TE: trailers;q=0.5, trailers"];
    client.send(scene.head("POST /", &lines)).await;
    client.send("2\r\nab\r\n0\r\nX-Checksum: up\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n").await;
    let (mut app, head) = scene.app.asked().await;
    assert_eq!((head.one("te"), head.one("connection")), (Some("trailers"), Some("te")));
    assert_eq!(head.one("trailer"), Some("x-checksum, x-twice, x-never"));
    assert!(head.all("x-checksum").is_empty() && head.all("x-twice").is_empty());
    assert_eq!(app.chunk().await, b"ab");
    assert_eq!(trailers(&mut app).await, ["x-checksum: up", "x-twice: 1", "x-twice: 2"]);

    app.send(format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\nTrailer: X-Checksum\r\n\r\n")).await;
    app.send("2\r\nok\r\n0\r\nX-Checksum: down\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.one("trailer"), head.one("x-checksum")), (Some("x-checksum"), None));
    assert_eq!(client.chunk().await, b"ok");
    assert_eq!(trailers(&mut client).await, ["x-checksum: down"]);

    // The connection is at its next request.
    client.send(scene.head("GET /", &[])).await;
    assert_eq!(app.head().await.start(), "GET / HTTP/1.1");
}

#[tokio::test]
async fn case_61_forbidden_trailers_are_dropped_whether_they_are_announced_or_not() {
    let forbidden = [
        "Authorization: Bearer junk",
        "X-Forwarded-User: root",
        "X_Forwarded_User: root",
        "X-Auth-Request-Email: root",
        "X-Forwarded-For: 1.2.3.4",
        "X-Real-IP: 1.2.3.4",
        "Forwarded: for=1.2.3.4",
        "Host: evil.test",
        "Cookie: __Host-cognigate=x",
        "Set-Cookie: __Host-cognigate=evil",
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "Content-Type: text/html",
        "Content-Encoding: gzip",
        "Cache-Control: public",
        "Location: https://evil.test/",
        "Connection: close",
        "TE: gzip",
        "Trailer: X-Late",
        "Upgrade: h2c",
        "Expect: 100-continue",
        "Proxy-Authorization: Basic eDp5",
    ];
    let names: Vec<_> = forbidden.iter().map(|line| line.split(':').next().unwrap()).collect();
    let announced = format!("Trailer: {}, X-Late", names.join(", "));
    let section = format!("0\r\n{}\r\nX-Late: yes\r\nX-Unannounced: yes\r\n\r\n", forbidden.join("\r\n"));
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("POST /", &[CHUNKED, &announced, "TE: trailers"])).await;
    client.send(format!("2\r\nab\r\n{section}")).await;
    let (mut app, head) = scene.app.asked().await;
    assert_eq!(head.one("trailer"), Some("x-late"));
    assert!(head.one("authorization").unwrap().starts_with("Bearer ey"));
    assert_eq!(app.chunk().await, b"ab");
    assert_eq!(trailers(&mut app).await, ["x-late: yes"]);
    app.send(format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n{announced}\r\n\r\n2\r\nok\r\n{section}")).await;
    let head = client.head().await;
    assert_eq!((head.one("trailer"), head.one("set-cookie")), (Some("x-late"), None));
    assert_eq!(client.chunk().await, b"ok");
    assert_eq!(trailers(&mut client).await, ["x-late: yes"]);
}

#[tokio::test]
async fn a_client_that_takes_no_trailers_gets_none_and_the_app_is_not_told_otherwise() {
    let scene = Scene::set().await;
    for lines in [&[][..], &["TE: gzip"], &["TE: trailers2"]] {
        let mut client = scene.client().await;
        client.send(scene.head("GET /", &[lines, &["Connection: close"]].concat())).await;
        let (mut app, head) = scene.app.asked().await;
        assert_eq!((head.one("te"), head.one("connection")), (None, None), "{lines:?}");
        app.send(format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\nTrailer: X-Late\r\nConnection: close\r\n\r\n"))
            .await;
        app.send("2\r\nok\r\n0\r\nX-Late: yes\r\n\r\n").await;
        assert_eq!(client.head().await.status(), 200);
        assert_eq!(client.chunk().await, b"ok");
        assert_eq!(client.rest().await, b"0\r\n\r\n");
    }
}

#[tokio::test]
async fn over_http_2_trailers_need_no_announcement_and_the_same_are_dropped() {
    let scene = Scene::set().await;
    let stream = TcpStream::connect(scene.visitor.gate()).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut late = HeaderMap::new();
    for (name, value) in
        [("x-checksum", "up"), ("authorization", "Bearer junk"), ("x-forwarded-user", "root")]
    {
        late.insert(name, HeaderValue::from_static(value));
    }
    let frames = [
        Ok::<_, Infallible>(http_body::Frame::data(bytes::Bytes::from("ab"))),
        Ok(http_body::Frame::trailers(late)),
    ];
    let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
    let request = Request::post("https://app.test/")
        .header("cookie", scene.visitor.jar.line().unwrap())
        .header("te", "trailers")
        .header("trailer", "x-checksum, authorization")
        .body(body)
        .unwrap();
    let asking = tokio::spawn(async move { sender.send_request(request).await.unwrap() });
    let (mut app, head) = scene.app.asked().await;
    assert_eq!((head.one("te"), head.one("trailer")), (Some("trailers"), Some("x-checksum")));
    assert_eq!(head.one("via"), Some("2 cognigate"));
    assert_eq!(app.chunk().await, b"ab");
    assert_eq!(trailers(&mut app).await, ["x-checksum: up"]);
    app.send(format!(
        "HTTP/1.1 200 OK\r\n{CHUNKED}\r\n\r\n2\r\nok\r\n0\r\nX-Late: 1\r\nSet-Cookie: a=b\r\n\r\n"
    ))
    .await;
    let answer = asking.await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = answer.into_body().collect().await.unwrap();
    let late = answer.trailers().unwrap().clone();
    assert_eq!((late.len(), late.get("x-late").unwrap().to_str().unwrap()), (1, "1"));
    assert_eq!(answer.to_bytes(), "ok");
}

/// An app on HTTP/2 in clear text: its URL, and the trailers of each request that it gets.
async fn app_on_http_2() -> (String, mpsc::UnboundedReceiver<HeaderMap>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("h2c://{}", listener.local_addr().unwrap());
    let (tell, trailers) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let tell = tell.clone();
                async move {
                    let body = request.into_body().collect().await.unwrap();
                    tell.send(body.trailers().cloned().unwrap_or_default()).unwrap();
                    Ok::<_, Infallible>(Response::new(cognigate::types::full("the app")))
                }
            });
            let builder = server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, trailers)
}

#[tokio::test]
async fn case_124_a_mapped_header_is_no_trailer_of_a_request_to_an_app_on_http_2() {
    const FORGED: [&str; 4] = ["x-tenant", "x_tenant", "x.tenant", "x-forwarded-user"];
    let (url, mut trailers) = app_on_http_2().await;
    // On HTTP/2 no `Trailer` need announce them.
    let scene = Scene::with(&[("upstream", &url), ("forward.headers", "X-Tenant=custom:tenant")]).await;
    let stream = TcpStream::connect(scene.visitor.gate()).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut late = HeaderMap::new();
    for name in FORGED.into_iter().chain(["x-tenants", "x-checksum"]) {
        late.append(HeaderName::from_static(name), HeaderValue::from_static("forged"));
        late.append(HeaderName::from_static(name), HeaderValue::from_static("twice"));
    }
    let frames = [
        Ok::<_, Infallible>(http_body::Frame::data(bytes::Bytes::from("ab"))),
        Ok(http_body::Frame::trailers(late)),
    ];
    let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
    let request = Request::post("https://app.test/").header("cookie", scene.visitor.jar.line().unwrap());
    let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let names = |trailers: HeaderMap| {
        let mut names: Vec<_> = trailers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(trailers.recv().await.unwrap()), ["x-checksum", "x-tenants"]);

    // And those of a client on HTTP/1.1, announced or not.
    let mut client = scene.client().await;
    let announced = format!("Trailer: {}, x-checksum", FORGED.join(", "));
    client.send(scene.head("POST /", &[CHUNKED, &announced])).await;
    let forged: String = FORGED.iter().map(|name| format!("{name}: forged\r\n")).collect();
    client.send(format!("2\r\nab\r\n0\r\n{forged}x-checksum: up\r\n\r\n")).await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(names(trailers.recv().await.unwrap()), ["x-checksum"]);
}

#[tokio::test]
async fn case_124_a_mapped_header_is_not_announced_as_a_trailer() {
    let scene = Scene::with(&[("forward.headers", "X-Tenant=custom:tenant")]).await;
    let mut client = scene.client().await;
    client.send(scene.head("POST /", &[CHUNKED, "Trailer: X-Tenant, x_tenant, X-Checksum"])).await;
    client.send("2\r\nab\r\n0\r\nX-Tenant: forged\r\nx_tenant: forged\r\nX-Checksum: up\r\n\r\n").await;
    let (mut app, head) = scene.app.asked().await;
    assert_eq!((head.one("trailer"), head.one("x-tenant")), (Some("x-checksum"), None));
    assert_eq!(app.chunk().await, b"ab");
    assert_eq!(trailers(&mut app).await, ["x-checksum: up"]);
}
