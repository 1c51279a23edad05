//! One refresh for everybody who holds the same refresh token.

use std::collections::HashSet;
use std::time::Duration;

use cognigate::emulator::Endpoint;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{expired, last_bearer, session};
use crate::support::Stage;
use crate::support::visitor::Visitor;

/// Copies of one browser that ask all at once: each one's status, and the cookie it ends up with.
async fn ask_at_once(visitor: &Visitor, copies: usize) -> Vec<(u16, Option<String>)> {
    let mut asking = JoinSet::new();
    for copy in 0..copies {
        let mut visitor = visitor.clone();
        asking.spawn(async move {
            let answer = visitor.fetch(&format!("/{copy}")).await;
            (answer.status().as_u16(), session(&visitor))
        });
    }
    asking.join_all().await
}

fn bearers(stage: &Stage, from: usize) -> HashSet<String> {
    let arrived = stage.app.received();
    arrived[from..].iter().map(|request| request.header("authorization").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn case_79_parallel_requests_with_an_expired_token_and_a_single_use_refresh_token_are_one_grant() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let visitor = expired(&stage).await;
    let (before, old) = (stage.app.count(), session(&visitor));
    let answers = ask_at_once(&visitor, 100).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert!(
        stage.has_tickets() || answers.iter().all(|(_, cookie)| *cookie != old),
        "an answer did not bring the new session"
    );
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
    assert_eq!(bearers(&stage, before).len(), 1);
}

#[tokio::test]
async fn two_serving_threads_share_one_flight() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO).threads(2)).await;
    let visitor = expired(&stage).await;
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    // Connections are spread over the threads by the kernel; that all of 40 land on one is out of the question.
    let asking = tokio::spawn(async move { ask_at_once(&visitor, 40).await });
    held.holding(1).await;
    held.release();
    let answers = asking.await.unwrap();
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn sessions_do_not_wait_for_each_others_refresh() {
    let stage = Stage::new().await;
    let mut first = expired(&stage).await;
    let mut second = stage.visitor();
    second.sign_in("bob", "/").await;
    stage.clock.advance(super::LIFETIME);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let asking = tokio::spawn(async move { tokio::join!(first.fetch("/1"), second.fetch("/2")) });
    held.holding(2).await;
    held.release();
    let (first, second) = asking.await.unwrap();
    assert_eq!((first.status(), second.status()), (http::StatusCode::OK, http::StatusCode::OK));
    assert_eq!(bearers(&stage, stage.app.count() - 2).len(), 2);
}

#[tokio::test]
async fn latecomers_with_the_old_cookie_get_the_result_for_60_seconds() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = expired(&stage).await;
    let old = visitor.clone();
    visitor.fetch("/").await;
    let renewed = last_bearer(&stage);

    stage.clock.advance(Duration::from_secs(59));
    let mut latecomer = old.clone();
    assert_eq!(latecomer.fetch("/").await.status(), 200);
    assert_eq!(last_bearer(&stage), renewed);
    assert_ne!(session(&latecomer), session(&old));
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);

    // After that the old token is asked for, and it is used up.
    stage.clock.advance(super::SECOND);
    assert_eq!(old.clone().fetch("/").await.status(), 401);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
}

#[tokio::test]
async fn a_refresh_lands_though_the_client_that_caused_it_has_gone() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = expired(&stage).await;
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let cookies = visitor.jar.line().unwrap();
    let mut stream = TcpStream::connect(visitor.gate()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: app.test\r\nCookie: ").await.unwrap();
    stream.write_all(cookies.as_bytes()).await.unwrap();
    stream.write_all(b"\r\n\r\n").await.unwrap();
    held.holding(1).await;
    drop(stream);
    // Answered by the same thread, so that it has seen the other connection end.
    for _ in 0..2 {
        assert_eq!(stage.visitor().fetch("/oauth2/userinfo").await.status(), 401);
    }
    held.release();
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}
