//! HTTP/2 from clients: what the app sees is what it would have seen by HTTP/1.

use bytes::Bytes;
use cognigate::types::BoxError;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::Stage;
use crate::support::wire::{self, PATIENCE, status};

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
async fn case_132_over_http_2_an_authority_of_another_port_than_the_host_is_refused() {
    let stage = Stage::with(|setup| setup.set("listen.hosts", "app.test:8443,other.test")).await;
    let before = stage.app.count();
    let mut client = connect(&stage).await;
    for (url, host, status) in [
        ("http://app.test:8443/", "app.test:8443", 401),
        ("http://app.test/", "app.test:443", 401),
        ("http://app.test:8443/", "app.test", 400),
        ("http://app.test/", "app.test:8443", 400),
        ("http://app.test:444/", "app.test", 400),
        ("http://other.test:81/", "other.test:82", 400),
        ("http://other.test/", "other.test:81", 400),
    ] {
        let request = get(url).header("host", host).body(nothing()).unwrap();
        let answer = client.send_request(request).await.unwrap();
        assert_eq!(answer.status(), status, "{url} with Host {host}");
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

#[tokio::test]
async fn answers_that_end_with_trailers_or_without_a_body_are_not_taken_for_requests_that_were_given_up() {
    let stage = Stage::with(|setup| setup.set("public", "/open/*")).await;
    for (method, end) in [("GET", "trailers"), ("HEAD", "a length"), ("GET", "parts"), ("HEAD", "trailers")] {
        stage.app.answer(move |_| {
            let mut frames = vec![Ok::<_, BoxError>(Frame::data(Bytes::from("ok")))];
            let late = (HeaderName::from_static("x-late"), HeaderValue::from_static("yes"));
            if end == "trailers" {
                frames.push(Ok(Frame::trailers(HeaderMap::from_iter([late.clone()]))));
            }
            let mut answer = Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync());
            match end {
                "trailers" => {
                    drop(answer.headers_mut().insert("trailer", HeaderValue::from_static("x-late")))
                }
                "a length" => {
                    drop(answer.headers_mut().insert("content-length", HeaderValue::from_static("2")))
                }
                _ => {}
            }
            answer
        });
        // More than may be given up.
        let mut client = connect(&stage).await;
        for number in 0..110 {
            let request =
                Request::builder().method(method).uri("http://app.test/open/").header("te", "trailers");
            let answer = client.send_request(request.body(nothing()).unwrap()).await;
            let answer = answer.unwrap_or_else(|error| panic!("{method} with {end}, {number}: {error:?}"));
            assert_eq!(answer.status(), StatusCode::OK);
            answer.into_body().collect().await.unwrap();
        }
    }
    let mut client = connect(&stage).await;
    for number in 0..110 {
        let request = Request::head("http://app.test/").body(nothing()).unwrap();
        let answer = client.send_request(request).await;
        let answer = answer.unwrap_or_else(|error| panic!("HEAD without a session, {number}: {error:?}"));
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

/// curl takes a reset in the middle of its upload for a failure, though it is none, and shows no answer.
#[tokio::test]
async fn an_upload_that_is_refused_is_read_away_and_its_answer_ends_with_it() {
    let stage = Stage::new().await;
    let stream = TcpStream::connect(stage.gate.address()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://app.test/upload").body(()).unwrap();
    let (answer, mut upload) = client.send_request(request, false).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let mut page = answer.into_body();
    let said = page.data().await.unwrap().unwrap();
    assert!(said.starts_with(b"{\"title\":\"Sign-in required\""), "{said:?}");
    page.flow_control().release_capacity(said.len()).unwrap();
    for _ in 0..64 {
        upload.reserve_capacity(16 * 1024);
        let room = std::future::poll_fn(|context| upload.poll_capacity(context));
        let room = timeout(PATIENCE, room).await.expect("it is not read").expect("it is reset").unwrap();
        upload.send_data(vec![b'x'; room].into(), false).unwrap();
    }
    upload.send_data(Bytes::new(), true).unwrap();
    let end = timeout(PATIENCE, page.data()).await.expect("the answer does not end");
    // An end may come with a part that is empty.
    assert!(end.is_none_or(|end| end.unwrap().is_empty()) && page.is_end_stream());
    assert_eq!(stage.app.count(), 0);
}
