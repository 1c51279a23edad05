//! How large a request may be, alike on HTTP/1 and HTTP/2.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::http2::connect;
use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::visitor::{FETCH, NAVIGATION, text};
use crate::support::wire::{exchange, status};

/// A stage whose app is reached without a session, below `/open`.
async fn open() -> Stage {
    Stage::with(|setup| setup.set("public", "/open/*")).await
}

/// Sends header lines to `/open/` and what follows them, and gives the status.
async fn ask(stage: &Stage, target: &str, lines: &str) -> u16 {
    let request = format!("GET {target} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n{lines}\r\n");
    status(&exchange(stage.gate.address(), request.into_bytes()).await)
}

fn fields(count: usize) -> String {
    (0..count).map(|at| format!("x-{at}: v\r\n")).collect()
}

#[tokio::test]
async fn case_88_a_head_over_the_limits_is_a_431_or_a_414_and_never_the_apps() {
    let stage = open().await;
    let long = |length: usize| format!("/open/{}", "a".repeat(length - "/open/".len()));
    let padding = |length: usize| format!("x: {}\r\n", "a".repeat(length));
    // `Host` and `Connection` count too.
    assert_eq!(ask(&stage, "/open/", &fields(98)).await, 200);
    assert_eq!(ask(&stage, &long(16 * 1024), "").await, 200);
    assert_eq!(ask(&stage, "/open/", &padding(64 * 1024 - 100)).await, 200);
    let before = stage.app.count();
    for (target, lines, expected) in [
        ("/open/".to_owned(), fields(99), 431),
        ("/open/".to_owned(), fields(1_000), 431),
        ("/open/".to_owned(), padding(64 * 1024), 431),
        ("/open/".to_owned(), padding(100 * 1024), 431),
        ("/open/".to_owned(), padding(4 * 1024 * 1024), 431),
        (long(16 * 1024 + 1), String::new(), 414),
        (long(64 * 1024), String::new(), 414),
        (long(4 * 1024 * 1024), String::new(), 431),
    ] {
        let what = (target.len(), lines.len());
        assert_eq!(ask(&stage, &target, &lines).await, expected, "{what:?}");
    }
    assert_eq!(stage.app.count(), before);
    assert_eq!(ask(&stage, "/open/", "").await, 200);
}

#[tokio::test]
async fn a_browser_whose_cookies_are_too_large_is_told_so_and_a_script_too() {
    let stage = open().await;
    let mut visitor = stage.visitor();
    visitor.jar.set("other", &"a".repeat(65 * 1024));
    let page = visitor.navigate("/").await;
    assert_eq!(page.status(), 431);
    assert!(text(&page).contains("delete those of this site"), "{}", text(&page));
    let headers: Vec<_> = FETCH.to_vec();
    let problem = visitor.send(http::Method::GET, "/", &headers, Bytes::new()).await;
    assert_eq!(problem.status(), 431);
    assert_eq!(problem.headers()["content-type"], "application/problem+json");
    let mut visitor = stage.visitor();
    let page = visitor.send(http::Method::GET, &format!("/?{}", "a".repeat(20_000)), &NAVIGATION, "").await;
    assert_eq!((page.status().as_u16(), text(&page).contains("too long")), (414, true));
}

#[tokio::test]
async fn the_limits_of_a_head_are_the_same_on_http2() {
    let stage = open().await;
    let mut client = connect(&stage).await;
    let mut ask = async |target: &str, fields: usize, padding: usize| {
        let mut request = Request::get(format!("http://app.test{target}"));
        for at in 0..fields {
            request = request.header(format!("x-{at}"), "v");
        }
        if padding > 0 {
            request = request.header("x", "a".repeat(padding));
        }
        let request = request.body(Full::<Bytes>::default()).unwrap();
        client.send_request(request).await.unwrap().status().as_u16()
    };
    // `Host` counts, as `:authority` does.
    assert_eq!(ask("/open/", 99, 0).await, 200);
    assert_eq!(ask("/open/", 100, 0).await, 431);
    assert_eq!(ask("/open/", 0, 64 * 1024 - 100).await, 200);
    assert_eq!(ask("/open/", 0, 64 * 1024).await, 431);
    assert_eq!(ask("/open/", 0, 100 * 1024).await, 431);
    let long = |length: usize| format!("/open/{}", "a".repeat(length - "/open/".len()));
    assert_eq!(ask(&long(16 * 1024), 0, 0).await, 200);
    assert_eq!(ask(&long(16 * 1024 + 1), 0, 0).await, 414);
    assert_eq!(ask("/open/", 0, 0).await, 200);
}

#[tokio::test]
async fn case_67_ten_thousand_crumbs_are_a_431_and_as_many_as_a_browser_has_are_one_field() {
    let stage = open().await;
    let mut client = connect(&stage).await;
    for (crumbs, expected) in [(300, 200), (10_000, 431)] {
        let mut request = Request::get("http://app.test/open/");
        for at in 0..crumbs {
            request = request.header("cookie", format!("c{at}=v"));
        }
        let answer = client.send_request(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), expected, "{crumbs}");
    }
    assert_eq!(stage.app.last().header("cookie").unwrap().split("; ").count(), 300);
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_announced_or_not() {
    let stage = Stage::with(|setup| setup.set("public", "/open/*").set("limits.body_bytes", "1KiB")).await;
    let body = |length: usize| "b".repeat(length);
    let announced = |length: usize| format!("Content-Length: {length}\r\n\r\n{}", body(length));
    let chunked = |length: usize| {
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n", body(length))
    };
    for (rest, expected) in [
        (announced(1024), 200),
        (announced(1025), 413),
        (announced(0), 200),
        (chunked(1024), 200),
        (chunked(1025), 413),
    ] {
        let request =
            format!("POST /open/ HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n{rest}").into_bytes();
        assert_eq!(status(&exchange(stage.gate.address(), request).await), expected, "{}", rest.len());
    }
    // Before a byte of the body has come.
    let mut client = Peer::to(stage.gate.address()).await;
    client.send("POST /open/ HTTP/1.1\r\nHost: app.test\r\nContent-Length: 99999999\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 413);
    let mut client = connect(&stage).await;
    let request = Request::post("http://app.test/open/").body(Full::from(body(1025))).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!answer.into_body().collect().await.unwrap().to_bytes().is_empty());
}
