//! `/sessions/{sub}` on the admin port.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use cognigate::types::BoxError;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;

use super::{SESSION, stage, stage_with};
use crate::forwarding::head;
use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::visitor::json;
use crate::support::wire::{exchange, status};

const TOKEN: &str = "a-token-for-tests-only";
const BEARER: &str = "Authorization: Bearer a-token-for-tests-only\r\n";

pub(super) async fn ask(admin: SocketAddr, method: &str, sub: &str, headers: &str) -> (u16, String) {
    let request =
        format!("{method} /sessions/{sub} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
    let answer = exchange(admin, request.into_bytes()).await;
    let text = String::from_utf8(answer.clone()).unwrap();
    (status(&answer), text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

pub(super) fn sub(stage: &Stage) -> String {
    stage.app.last().header("x-forwarded-user").unwrap().to_owned()
}

#[tokio::test]
async fn a_user_is_signed_out_everywhere_and_nobody_else_is() {
    let (server, stage) = stage_with(|setup| setup.set("admin.token", TOKEN)).await;
    let other = stage.replica(&[]).await;
    let mut alices = [stage.signed_in().await, stage.signed_in().await];
    let alice = sub(&stage);
    alices[1].go_to(other.address());
    let mut bob = stage.visitor();
    bob.sign_in("bob", "/").await;
    stage.clock.advance(Duration::from_secs(60));
    let admin = stage.gate.admin_address();

    let (code, body) = ask(admin, "GET", &alice, BEARER).await;
    let listed: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, listed["sessions"].as_array().unwrap().len()), (200, 2), "{body}");
    let first = &listed["sessions"][0];
    assert_eq!((&first["created"], &first["last_written"]), (&1_900_000_000.into(), &1_900_000_000.into()));
    // Nothing in it opens anything.
    for visitor in &alices {
        let ticket = visitor.jar.get(SESSION).unwrap();
        assert!(!body.contains(&ticket[24..44]) && !body.contains("ey"), "{body}");
    }

    assert_eq!(ask(admin, "DELETE", &alice, BEARER).await, (200, r#"{"ended":2}"#.to_owned()));
    for visitor in &mut alices {
        assert_eq!(visitor.fetch("/").await.status(), 401);
    }
    assert_eq!(json(&bob.fetch("/oauth2/userinfo").await)["preferredUsername"], "bob");
    assert_eq!(ask(admin, "DELETE", &alice, BEARER).await, (200, r#"{"ended":0}"#.to_owned()));
    assert_eq!(ask(admin, "GET", &alice, BEARER).await, (200, r#"{"sessions":[]}"#.to_owned()));
    let records = server.keys().into_iter().filter(|key| key.contains("session:")).count();
    assert_eq!(records, 1);
}

#[tokio::test]
async fn what_is_open_ends_at_once_and_a_browser_that_has_just_signed_in_is_sent_to_sign_in() {
    let (_server, stage) = stage_with(|setup| setup.set("admin.token", TOKEN)).await;
    let mut visitor = stage.signed_in().await;
    let alice = sub(&stage);
    let (_more, rest) = mpsc::unbounded_channel::<Bytes>();
    let rest = Mutex::new(Some(rest));
    stage.app.answer(move |_| {
        let rest = rest.lock().unwrap().take().expect("asked once");
        let frames = futures_util::stream::unfold(rest, |mut rest| async {
            let event = rest.recv().await?;
            Some((Ok::<_, BoxError>(Frame::data(event)), rest))
        });
        let mut events = Response::new(StreamBody::new(frames).boxed_unsync());
        events.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream"));
        events
    });
    let mut reader = Peer::to(stage.gate.address()).await;
    reader.send(head(&visitor, "GET /events", &[])).await;
    assert_eq!(reader.head().await.status(), 200);
    let ended = ask(stage.gate.admin_address(), "DELETE", &alice, BEARER).await;
    assert_eq!(ended, (200, r#"{"ended":1}"#.to_owned()));
    assert_eq!(reader.chunk().await, b"", "the stream has its regular end");
    // Its mark says that it has just signed in: this is no cookie that did not stick.
    assert_eq!(visitor.navigate("/").await.status(), 303);
}

#[tokio::test]
async fn without_the_token_there_is_nothing() {
    let (_server, stage) = stage_with(|setup| setup.set("admin.token", TOKEN)).await;
    let mut visitor = stage.signed_in().await;
    let (alice, admin) = (sub(&stage), stage.gate.admin_address());
    let nothing = (404, "not found\n".to_owned());
    for headers in [
        "",
        "Authorization: Bearer a-token-for-tests-onlz\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Basic a-token-for-tests-only\r\n",
        "Authorization: a-token-for-tests-only\r\n",
        &format!("{BEARER}{BEARER}"),
    ] {
        for method in ["GET", "DELETE", "POST"] {
            assert_eq!(ask(admin, method, &alice, headers).await, nothing, "{method} {headers}");
        }
    }
    assert_eq!(ask(admin, "GET", "", BEARER).await, nothing);
    assert_eq!(ask(admin, "POST", &alice, BEARER).await.0, 405);
    // The public port knows nothing of it, token or not.
    assert_eq!(visitor.fetch(&format!("/sessions/{alice}")).await.status(), 200);
    assert_eq!(stage.app.last().target, format!("/sessions/{alice}"));
    assert_eq!(ask(admin, "GET", &alice, BEARER).await.0, 200);
}

#[tokio::test]
async fn where_no_token_is_set_no_token_opens_it() {
    let (_server, stage) = stage().await;
    stage.signed_in().await;
    let (alice, admin) = (sub(&stage), stage.gate.admin_address());
    assert_eq!(ask(admin, "DELETE", &alice, BEARER).await.0, 404);
    assert_eq!(ask(admin, "DELETE", &alice, "Authorization: Bearer \r\n").await.0, 404);
}

#[tokio::test]
async fn sessions_that_an_older_key_noted_are_found_too() {
    const OTHER_KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
    let (_server, stage) = stage_with(|setup| setup.set("admin.token", TOKEN)).await;
    stage.signed_in().await;
    let alice = sub(&stage);
    let both = stage.replica(&[("session.keys", &format!("{OTHER_KEY},{}", crate::support::TEST_KEY))]).await;
    let mut visitor = stage.visitor();
    visitor.go_to(both.address());
    visitor.sign_in("alice", "/").await;
    let ended = ask(both.admin_address(), "DELETE", &alice, BEARER).await;
    assert_eq!(ended, (200, r#"{"ended":2}"#.to_owned()));
}

#[tokio::test]
async fn a_session_in_use_is_found_after_the_time_at_which_it_would_have_ended_unused() {
    let (_server, stage) =
        stage_with(|setup| setup.set("admin.token", TOKEN).set("session.idle_timeout", "10m")).await;
    let mut visitor = stage.signed_in().await;
    let alice = sub(&stage);
    for _ in 0..2 {
        stage.clock.advance(Duration::from_secs(9 * 60));
        assert_eq!(visitor.fetch("/").await.status(), 200);
    }
    // Whoever notes a session forgets those that are over.
    stage.signed_in().await;
    let ended = ask(stage.gate.admin_address(), "DELETE", &alice, BEARER).await;
    assert_eq!(ended, (200, r#"{"ended":2}"#.to_owned()));
    assert_eq!(visitor.fetch("/").await.status(), 401);
}

#[tokio::test]
async fn while_redis_is_away_it_is_a_503() {
    let (mut server, stage) = stage_with(|setup| setup.set("admin.token", TOKEN)).await;
    stage.signed_in().await;
    let (alice, admin) = (sub(&stage), stage.gate.admin_address());
    server.stop();
    for method in ["GET", "DELETE"] {
        assert_eq!(ask(admin, method, &alice, BEARER).await.0, 503);
    }
}
