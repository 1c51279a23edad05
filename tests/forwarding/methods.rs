//! Methods: all of them are protected, none of them is changed.

use cognigate::types::full;
use http::{HeaderValue, Method, Response};

use super::{Scene, head, say};
use crate::support::Stage;
use crate::support::visitor::{FETCH, header};
use crate::support::wire::{exchange, status};

const ODD: [&str; 8] = ["get", "FOO", "PROPFIND", "M-SEARCH", "PRI", "!#$%&'*+.^_`|~", "GETX", "options"];

#[tokio::test]
async fn case_26_any_method_is_protected_and_goes_on_as_it_is() {
    let stage = Stage::new().await;
    let (nobody, visitor) = (stage.visitor(), stage.signed_in().await);
    for method in ODD.iter().chain(&["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]) {
        let before = stage.app.count();
        let answer = say(&nobody, &format!("{method} /"), &["X-Secret: trace-me"]).await;
        assert_eq!((status(&answer), stage.app.count()), (401, before), "{method}");
        assert!(!String::from_utf8_lossy(&answer).contains("trace-me"), "{method}");
        let answer = say(&visitor, &format!("{method} /"), &["X-Secret: trace-me"]).await;
        assert_eq!((status(&answer), stage.app.count()), (200, before + 1), "{method}");
        assert_eq!(stage.app.last().method.as_str(), *method);
    }
}

#[tokio::test]
async fn case_26_a_trace_is_answered_by_the_gate_and_shows_nothing() {
    let stage = Stage::with(|setup| setup.set("public", "/open/")).await;
    let (nobody, visitor) = (stage.visitor(), stage.signed_in().await);
    for who in [&nobody, &visitor] {
        for target in ["/", "/open/x", "*"] {
            let answer = say(who, &format!("TRACE {target}"), &["X-Secret: trace-me"]).await;
            let text = String::from_utf8(answer.clone()).unwrap();
            let expected = if target == "*" { 400 } else { 405 };
            assert_eq!(status(&answer), expected, "{target}: {text}");
            assert!(!text.contains("trace-me") && !text.contains("Bearer ey"), "{text}");
            let allow = "\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
            assert_eq!(text.contains(allow), target != "*", "{text}");
        }
    }
    assert_eq!(stage.app.count(), 1);
}

#[tokio::test]
async fn options_of_the_whole_server_go_on_as_they_are_for_who_is_signed_in() {
    let stage = Stage::with(|setup| setup.set("public", "/")).await;
    let (nobody, mut visitor) = (stage.visitor(), stage.visitor());
    assert_eq!(visitor.sign_in("alice", "/private").await.status(), 200);
    assert_eq!(status(&say(&nobody, "GET /", &[]).await), 200, "the root is public");
    let before = stage.app.count();
    assert_eq!(status(&say(&nobody, "OPTIONS *", &[]).await), 401);
    assert_eq!(stage.app.count(), before);
    assert_eq!(status(&say(&visitor, "OPTIONS *", &[]).await), 200);
    let arrived = stage.app.last();
    assert_eq!((arrived.method.as_str(), arrived.target.as_str()), ("OPTIONS", "*"));
    assert!(arrived.header("authorization").unwrap().starts_with("Bearer ey"));
    for start in ["GET *", "POST *", "OPTIONS *x", "OPTIONS /*/..", "OPTIONS x"] {
        assert_eq!(status(&say(&visitor, start, &[]).await), 400, "{start}");
    }
}

#[tokio::test]
async fn case_26_our_own_endpoints_take_only_the_methods_that_they_name() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = stage.app.count();
    for endpoint in ["start", "sign_in", "callback", "signed_out", "userinfo", "sign_out"] {
        for method in ODD.iter().chain(&["PUT", "DELETE", "OPTIONS"]) {
            let answer = say(&visitor, &format!("{method} /oauth2/{endpoint}"), &[]).await;
            assert_eq!(status(&answer), 405, "{method} {endpoint}");
            let answer = String::from_utf8(answer).unwrap();
            let allow = if endpoint == "sign_out" { "GET, POST" } else { "GET" };
            assert!(answer.contains(&format!("\r\nallow: {allow}\r\n")), "{answer}");
        }
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_29_a_method_override_changes_no_decision_of_the_gates() {
    let stage = Stage::new().await;
    let nobody = stage.visitor();
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        for (start, method, expected) in [
            // A GET that wants HTML is a navigation, and a POST is none, whatever it would like to be.
            ("POST /", "GET", 401),
            ("GET /", "POST", 303),
            ("DELETE /oauth2/sign_out", "POST", 405),
            ("POST /oauth2/userinfo", "GET", 405),
        ] {
            let override_ = format!("{name}: {method}");
            let answer = say(&nobody, start, &["Accept: text/html", &override_, "Content-Length: 0"]).await;
            assert_eq!(status(&answer), expected, "{start} with {override_}");
        }
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn a_head_is_answered_with_the_length_and_without_the_body() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    for length in ["Content-Length: 12345", "Transfer-Encoding: chunked"] {
        client.send(scene.head("HEAD /file", &[])).await;
        let (mut app, request) = scene.app.asked().await;
        assert_eq!(request.start(), "HEAD /file HTTP/1.1");
        app.send(format!("HTTP/1.1 200 OK\r\n{length}\r\nETag: \"a\"\r\nConnection: close\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!((head.status(), head.one("etag")), (200, Some("\"a\"")));
        if length.starts_with("Content") {
            assert_eq!(head.one("content-length"), Some("12345"));
        }
    }
    // Nothing stood between the two heads, nor does after them.
    client.send(scene.head("GET /", &["Connection: close"])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 204);
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn answers_without_a_body_keep_their_status_and_headers() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for code in [204, 304, 301, 404, 418, 500, 599] {
        stage.app.answer(move |_| {
            let mut response = Response::new(full(""));
            *response.status_mut() = code.try_into().unwrap();
            response.headers_mut().insert("location", HeaderValue::from_static("http://elsewhere.test/a"));
            response
        });
        let answer = visitor.send(Method::GET, "/", &FETCH, "").await;
        assert_eq!(answer.status(), code);
        assert_eq!(header(&answer, "location"), Some("http://elsewhere.test/a"));
    }
}

#[tokio::test]
async fn an_http_1_0_client_gets_an_answer_that_it_can_read() {
    let scene = Scene::set().await;
    let old = scene.head("GET /", &[]).replace("HTTP/1.1", "HTTP/1.0");
    let mut client = scene.client().await;
    client.send(&old).await;
    let (mut app, request) = scene.app.asked().await;
    assert_eq!(request.start(), "GET / HTTP/1.1");
    app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.one("transfer-encoding")), (200, None));
    assert_eq!(client.rest().await, b"abcdef");
}

#[tokio::test]
async fn a_request_without_a_body_is_sent_without_one() {
    let scene = Scene::set().await;
    for (start, lines, length) in
        [("GET /", &[][..], None), ("POST /", &[], None), ("DELETE /", &["Content-Length: 0"], Some("0"))]
    {
        let mut client = scene.client().await;
        client.send(head(&scene.visitor, start, lines)).await;
        let (mut app, request) = scene.app.asked().await;
        assert_eq!(
            (request.one("transfer-encoding"), request.one("content-length")),
            (None, length),
            "{start}"
        );
        app.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        assert_eq!(client.head().await.status(), 200);
    }
    let request = head(&scene.visitor, "GET /oauth2/userinfo", &["Connection: close"]);
    assert_eq!(status(&exchange(scene.visitor.gate(), request.into()).await), 200);
}
