//! HTTP/2 from clients: what the app sees is what it would have seen by HTTP/1.

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::Stage;
use crate::support::wire::{self, status};

pub(super) type Client = SendRequest<Full<Bytes>>;

/// A connection by prior knowledge on clear text.
pub(super) async fn connect(stage: &Stage) -> Client {
    let stream = TcpStream::connect(stage.gate.address()).await.unwrap();
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

fn get(url: &str) -> http::request::Builder {
    Request::get(url)
}

fn nothing() -> Full<Bytes> {
    Full::default()
}

#[tokio::test]
async fn http2_is_spoken_on_clear_text_by_prior_knowledge_and_the_app_sees_http1() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let mut client = connect(&stage).await;
    let cookies = visitor.jar.line().unwrap();
    let request = get("http://app.test/a%20b?c=d").header("cookie", cookies).body(nothing()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!((answer.version(), answer.status()), (Version::HTTP_2, StatusCode::OK));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "the app");
    let arrived = stage.app.last();
    assert_eq!((arrived.target.as_str(), arrived.header("host")), ("/a%20b?c=d", Some("app.test")));
    assert!(arrived.header("authorization").unwrap().starts_with("Bearer "));
}

#[tokio::test]
async fn a_cookie_that_comes_in_crumbs_is_joined_before_anything_reads_it() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let mut client = connect(&stage).await;
    let session = visitor.jar.line().unwrap();
    let mut request = get("http://app.test/crumbs").header("cookie", "a=1");
    for crumb in session.to_str().unwrap().split("; ").chain(["b=2"]) {
        request = request.header("cookie", crumb);
    }
    let answer = client.send_request(request.body(nothing()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(stage.app.last().header("cookie"), Some("a=1; b=2"));
}

#[tokio::test]
async fn case_65_an_authority_and_a_host_that_differ_are_a_400_and_an_unknown_one_is_a_421() {
    let stage = Stage::new().await;
    let before = stage.app.count();
    let mut client = connect(&stage).await;
    for (url, host, status) in [
        ("http://app.test/", Some("evil.test"), 400),
        ("http://evil.test/", Some("app.test"), 400),
        ("http://evil.test/", None, 421),
        ("http://app.test/", Some("app.test"), 401),
        ("http://app.test/", None, 401),
    ] {
        let mut request = get(url);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = client.send_request(request.body(nothing()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{url} with Host {host:?}");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn a_connection_is_http1_from_the_first_byte_that_is_not_the_preface() {
    let stage = Stage::new().await;
    // As far as the preface goes, and then not.
    for start in ["GET / HTTP/1.1", "PUT / HTTP/1.1", "P / HTTP/1.1"] {
        let request = format!("{start}\r\nHost: app.test\r\nConnection: close\r\n\r\n");
        let answer = wire::exchange(stage.gate.address(), request.into_bytes()).await;
        assert_eq!(status(&answer), 401, "{start}");
    }
    let nearly = b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n".to_vec();
    assert_eq!(status(&wire::exchange(stage.gate.address(), nearly).await), 400);
}
