//! Requests that the gate answers itself: at once, without their bodies, whatever they say of themselves.

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Scene, head, say};
use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::visitor::{FETCH, NAVIGATION, header, json};
use crate::support::wire::{exchange, status};

const GIGABYTE: u64 = 1 << 30;

#[tokio::test]
async fn case_73_a_large_post_without_a_session_is_answered_before_any_of_its_body() {
    let stage = Stage::new().await;
    let nobody = stage.visitor();
    let length = format!("Content-Length: {GIGABYTE}");
    for (lines, expected) in [
        (&[length.as_str()][..], 401),
        (&["Transfer-Encoding: chunked"], 401),
        (&["Content-Length: 0"], 401),
        (&[&length, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 303),
        (
            &[&length, "Content-Type: multipart/form-data; boundary=x", "X-Requested-With: XMLHttpRequest"],
            401,
        ),
    ] {
        let mut client = Peer::to(nobody.gate()).await;
        client.send(head(&nobody, "POST /upload", lines)).await;
        assert_eq!(client.head().await.status(), expected, "{lines:?}");
    }
    assert_eq!(stage.app.connections(), 0);
}

#[tokio::test]
async fn case_73_an_upload_under_way_is_not_read_to_its_end_and_its_answer_is_not_lost() {
    let stage = Stage::new().await;
    let nobody = stage.visitor();
    let length = format!("Content-Length: {GIGABYTE}");
    // As curl does that is told to speak HTTP/2.
    for upgrade in [&[][..], &["Connection: Upgrade", "Upgrade: h2c"]] {
        let mut client = Peer::to(nobody.gate()).await;
        client.send(head(&nobody, "POST /upload", &[&[length.as_str()], upgrade].concat())).await;
        let mut client = client.into_stream();
        let part = vec![b'x'; 1 << 20];
        // The gate has hung up on its side; a reset now could overtake what it has said.
        for _ in 0..8 {
            client.write_all(&part).await.unwrap();
        }
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(status(&answer), 401);
    }
}

#[tokio::test]
async fn case_69_a_client_that_waits_to_be_told_to_go_on_gets_the_final_answer() {
    let stage = Stage::new().await;
    let nobody = stage.visitor();
    let lines = ["Expect: 100-continue", "Content-Length: 1000000"];
    let mut client = Peer::to(nobody.gate()).await;
    client.send(head(&nobody, "PUT /upload", &lines)).await;
    assert_eq!(client.head().await.start(), "HTTP/1.1 401 Unauthorized");

    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("PUT /upload", &["Expect: 100-continue", "Content-Length: 3"])).await;
    assert_eq!(client.head().await.start(), "HTTP/1.1 100 Continue");
    client.send("abc").await;
    let (mut app, head) = scene.app.asked().await;
    // It has been told already, and the app is not asked a second time.
    assert_eq!(head.one("expect"), None);
    assert_eq!(app.exactly(3).await, b"abc");
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
}

#[tokio::test]
async fn case_72_an_answer_of_the_gates_holds_nothing_of_the_apps() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    for headers in [&NAVIGATION[..], &FETCH] {
        let answer = visitor.send(Method::GET, "/", headers, "").await;
        assert!(!String::from_utf8_lossy(answer.body()).contains("the app"));
    }
    assert_eq!((stage.app.count(), stage.app.connections()), (0, 0));
}

#[tokio::test]
async fn case_75_probes_and_metrics_are_not_on_the_public_port_nor_the_app_on_the_other() {
    let stage = Stage::new().await;
    let (mut nobody, mut visitor) = (stage.visitor(), stage.signed_in().await);
    for target in
        ["/metrics", "/livez", "/readyz", "/healthz", "/debug/pprof/", "/admin", "/_emulator/counts"]
    {
        let refused = nobody.send(Method::GET, target, &FETCH, "").await;
        assert_eq!(refused.status(), 401, "{target}");
        // With a session these are the app's like any other path.
        assert_eq!(visitor.fetch(target).await.body(), "the app");
        assert_eq!(stage.app.last().target, target);
    }
    let before = stage.app.count();
    for (target, expected) in [("/livez", 200), ("/readyz", 200), ("/", 404), ("/oauth2/userinfo", 404)] {
        let request = head(&visitor, &format!("GET {target}"), &["Connection: close"]);
        let answer = exchange(stage.gate.admin_address(), request.into()).await;
        assert_eq!(status(&answer), expected, "{target}");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_78_a_probes_name_is_no_way_in() {
    let stage = Stage::new().await;
    let nobody = stage.visitor();
    for agent in ["kube-probe/1", "ELB-HealthChecker/2.0", "GoogleHC/1.0", "Googlebot/2.1", "cognigate", ""] {
        let agent = format!("User-Agent: {agent}");
        for target in ["/", "/ping", "/health", "/api/health", "/oauth2/userinfo"] {
            let answer = say(&nobody, &format!("GET {target}"), &[&agent]).await;
            assert_eq!(status(&answer), 401, "{agent} at {target}");
        }
        assert_eq!(status(&say(&nobody, "GET /ping/../admin", &[&agent]).await), 400);
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_to_the_next_request() {
    let stage = Stage::new().await;
    let (nobody, visitor) = (stage.visitor(), stage.signed_in().await);
    let mut client = Peer::to(visitor.gate()).await;
    for (from, start, expected) in [
        (&nobody, "POST /", 401),
        (&visitor, "GET /a/../b", 400),
        (&visitor, "GET /oauth2/nothing", 404),
        (&visitor, "POST /", 200),
    ] {
        client.send(head(from, start, &["Content-Length: 3"]) + "abc").await;
        let answer = client.head().await;
        assert_eq!(answer.status(), expected, "{start}");
        client.exactly(answer.one("content-length").unwrap().parse().unwrap()).await;
    }
    assert_eq!(stage.app.last().body, "abc");
}

#[tokio::test]
async fn a_refusal_says_what_the_log_says_it_by() {
    let stage = Stage::new().await;
    let mut nobody = stage.visitor();
    let headers = [&FETCH[..], &[("x-request-id", "from-the-edge")]].concat();
    let own = nobody.send(Method::GET, "/", &headers, "").await;
    assert_eq!(json(&own)["request_id"], "from-the-edge");
    assert_eq!(header(&own, "content-type"), Some("application/problem+json"));
    let other = json(&nobody.fetch("/").await)["request_id"].as_str().unwrap().to_owned();
    assert_eq!(other.len(), 32);
    assert_ne!(json(&nobody.fetch("/").await)["request_id"], other.as_str());
}
