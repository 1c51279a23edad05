//! Where a message ends: the gate and the app never disagree, and one request never becomes two.

use super::{Scene, head};
use crate::support::Stage;
use crate::support::visitor::Visitor;
use crate::support::wire::{exchange, status};

/// Sends a signed-in request with these header lines, and what follows the head as it is.
async fn send(visitor: &Visitor, start: &str, lines: &[&str], rest: &str) -> Vec<u8> {
    exchange(visitor.gate(), (head(visitor, start, lines) + rest).into_bytes()).await
}

/// A whole second request, which must never arrive.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";

#[tokio::test]
async fn case_60_a_length_that_is_not_one_number_is_a_400_and_the_end_of_the_connection() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = stage.app.count();
    for lines in [
        &["Content-Length: 5", "Content-Length: 6"][..],
        &["Content-Length: 5, 6"],
        &["Content-Length: 5, 5"],
        &["Content-Length: +5"],
        &["Content-Length: -5"],
        &["Content-Length: 0x5"],
        &["Content-Length: 5 5"],
        &["Content-Length: "],
        &["Content-Length: 99999999999999999999999"],
        &["Transfer-Encoding: xchunked"],
        &["Transfer-Encoding: chunked, identity"],
        &["Transfer-Encoding: identity"],
        &["Transfer-Encoding: "],
        &["Transfer-Encoding: chunkedx"],
        &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        &["Transfer-Encoding : chunked"],
        &["Content-Length : 5"],
        &["X: a", " folded: b"],
        &["X: a", "\tfolded"],
        &[" X: first"],
        &["bad name: x"],
        &["no colon"],
        &[": empty"],
        &["X: a\0b"],
        &["X: a\rb"],
    ] {
        let answer = send(&visitor, "POST /", lines, &format!("0\r\n\r\n{SMUGGLED}")).await;
        assert_eq!(status(&answer), 400, "{lines:?}: {}", String::from_utf8_lossy(&answer));
        assert_eq!(String::from_utf8_lossy(&answer).matches("HTTP/1.1 ").count(), 1, "{lines:?}");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_60_codings_beside_chunked_are_a_501_and_the_body_is_not_passed_on_as_something_else() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = stage.app.count();
    for lines in [
        &["Transfer-Encoding: gzip, chunked"][..],
        &["Transfer-Encoding: identity, chunked"],
        &["Transfer-Encoding: chunked, chunked"],
        &["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
        &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ] {
        let lines = [lines, &["Connection: close"]].concat();
        let answer = send(&visitor, "POST /", &lines, "2\r\nab\r\n0\r\n\r\n").await;
        assert_eq!(status(&answer), 501, "{lines:?}: {}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_60_a_length_beside_chunked_is_dropped_and_the_connection_ends() {
    for lines in [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
    ] {
        let scene = Scene::set().await;
        let mut client = scene.client().await;
        client.send(scene.head("POST /", &lines) + "2\r\nab\r\n0\r\n\r\n" + SMUGGLED).await;
        let (mut app, request) = scene.app.asked().await;
        assert_eq!(
            (request.one("content-length"), request.one("transfer-encoding")),
            (None, Some("chunked"))
        );
        assert_eq!(app.chunks().await, b"ab");
        app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        assert_eq!(client.head().await.status(), 200);
        assert_eq!(client.rest().await, b"ok");
        app.send("nothing more is asked of this connection").await;
    }
}

#[tokio::test]
async fn case_60_the_same_length_twice_is_one_length() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("POST /", &["Content-Length: 3", "Content-Length: 3"]) + "abc").await;
    let (mut app, request) = scene.app.asked().await;
    assert_eq!(request.all("content-length"), ["3"]);
    assert_eq!(app.exactly(3).await, b"abc");
}

#[tokio::test]
async fn case_61_a_body_has_the_length_that_it_came_with_whatever_the_method() {
    let scene = Scene::set().await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "FOO"] {
        let start = format!("{method} /");
        let mut client = scene.client().await;
        client.send(scene.head(&start, &["Content-Length: 3"]) + "abc").await;
        let (mut app, request) = scene.app.asked().await;
        assert_eq!((request.one("content-length"), request.one("transfer-encoding")), (Some("3"), None));
        assert_eq!(app.exactly(3).await, b"abc", "{method}");

        let mut client = scene.client().await;
        client.send(scene.head(&start, &["Transfer-Encoding: chunked"]) + "3\r\nabc\r\n0\r\n\r\n").await;
        let (mut app, request) = scene.app.asked().await;
        assert_eq!(
            (request.one("content-length"), request.one("transfer-encoding")),
            (None, Some("chunked"))
        );
        assert_eq!(app.chunks().await, b"abc", "{method}");
    }
}

#[tokio::test]
async fn case_61_a_body_that_looks_like_a_request_stays_a_body() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = stage.app.count();
    let length = format!("Content-Length: {}", SMUGGLED.len());
    for method in ["GET", "POST", "HEAD", "FOO"] {
        let lines = [length.as_str(), "Connection: close"];
        assert_eq!(status(&send(&visitor, &format!("{method} /"), &lines, SMUGGLED).await), 200);
        assert_eq!(stage.app.last().body, SMUGGLED);
    }
    let chunked = ["Transfer-Encoding: chunked", "Connection: close"];
    let body = format!("{:x};ext=\"a\"\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    assert_eq!(status(&send(&visitor, "POST /", &chunked, &body).await), 200);
    assert_eq!(stage.app.last().body, SMUGGLED);
    assert_eq!(stage.app.count(), before + 5);
    assert!(stage.app.received().iter().all(|arrived| arrived.target == "/"));
}

#[tokio::test]
async fn case_61_broken_chunks_never_make_a_whole_request_or_a_second_one() {
    let scene = Scene::set().await;
    for body in [
        "2\nab\n0\n\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "2\r\nab0\r\n\r\n",
        "2\r\nab\n0\r\n\r\n",
        "-1\r\nab\r\n0\r\n\r\n",
        "+2\r\nab\r\n0\r\n\r\n",
        "0x2\r\nab\r\n0\r\n\r\n",
        "2 2\r\nab\r\n0\r\n\r\n",
        "\r\nab\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nab\r\n0\r\n\r\n",
        "2;a\nb\r\nab\r\n0\r\n\r\n",
        &format!("2;{}\r\nab\r\n0\r\n\r\n", "a".repeat(70_000)),
        "2\r\nab\r\n0\r\nbad trailer\r\n\r\n",
    ] {
        let mut client = scene.client().await;
        client.send(scene.head("POST /", &["Transfer-Encoding: chunked"])).await;
        let (mut app, _) = scene.app.asked().await;
        client.send(format!("{body}{SMUGGLED}")).await;
        let got = String::from_utf8(app.rest().await).unwrap();
        assert!(!got.ends_with("0\r\n\r\n") && !got.contains("smuggled"), "{body:?} became {got:?}");
        // It is the client that is told, and not the app that is blamed.
        assert_eq!(status(&client.rest().await), 400, "{body:?}");
    }
}

#[tokio::test]
async fn case_61_an_http_1_0_request_with_a_transfer_coding_is_refused() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = stage.app.count();
    let old = head(&visitor, "POST /", &["Transfer-Encoding: chunked"]).replace("HTTP/1.1", "HTTP/1.0");
    let answer = exchange(visitor.gate(), format!("{old}0\r\n\r\n{SMUGGLED}").into()).await;
    assert_eq!(status(&answer), 400);
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_61_what_is_no_http_1_request_reaches_nobody() {
    let stage = Stage::new().await;
    let before = stage.app.count();
    let host = "Host: app.test\r\nConnection: close\r\n\r\n";
    for start in [
        "GET / HTTP/1.2\r\n",
        "GET / HTTP/2.0\r\n",
        "GET / HTTP/0.9\r\n",
        "GET / http/1.1\r\n",
        "GET /\r\n",
        "GET\r\n",
        "G\0T / HTTP/1.1\r\n",
        "GET / HTTP/1.1 x\r\n",
        "PRI * HTTP/2.0\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\r\n",
    ] {
        let answer = exchange(stage.visitor().gate(), format!("{start}{host}").into()).await;
        assert!(matches!(status(&answer), 0 | 400 | 505), "{start:?}: {}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(stage.app.count(), before);
}
