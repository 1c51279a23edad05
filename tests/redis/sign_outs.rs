//! Sessions in cookies: a sign-out at one replica holds at the others too.

use std::time::Duration;

use cognigate::clock::Clock;
use cognigate::emulator::Endpoint;
use cognigate::types::empty;
use http::{HeaderValue, Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::in_cookies::{beside_redis, refresh_uncarried, single_use};
use super::replicas::at;
use crate::support::redis::RedisServer;
use crate::support::visitor::Visitor;
use crate::support::wire::{PATIENCE, eventually, metric};
use crate::support::{Stage, ready};

/// Waits until a copy of a cookie is refused.
async fn dies(what: &str, copy: &Visitor) {
    eventually(what, || {
        let mut copy = copy.clone();
        async move { copy.fetch("/").await.status() == 401 }
    })
    .await;
}

async fn told(server: &RedisServer) -> usize {
    server.ask(redis::cmd("ZCARD").arg("cognigate:signed_out"))
}

#[tokio::test]
async fn case_50_a_copy_of_a_signed_out_cookie_dies_on_all_replicas_and_on_those_that_come_later() {
    let (server, stage) = beside_redis(|setup| setup).await;
    let others = [stage.replica(&[]).await, stage.replica(&[]).await];
    let mut visitor = stage.signed_in().await;
    let copy = visitor.clone();
    let bystander = stage.signed_in().await;
    for gate in &others {
        assert_eq!(at(&copy, gate.address()).fetch("/").await.status(), 200);
    }
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    assert_eq!(told(&server).await, 1);
    let later = stage.replica(&[]).await;
    for gate in others.iter().chain([&later]) {
        dies("the copy is refused", &at(&copy, gate.address())).await;
        assert_eq!(at(&bystander, gate.address()).fetch("/").await.status(), 200);
    }
    // And for as long as its access token would have been good.
    stage.clock.advance(Duration::from_secs(60 * 60 - 1));
    for gate in &others {
        assert_eq!(at(&copy, gate.address()).fetch("/").await.status(), 401);
    }
}

#[tokio::test]
async fn case_50_a_replica_that_is_started_long_after_a_sign_out_hears_of_it() {
    let (_server, stage) = beside_redis(|setup| setup).await;
    let mut visitor = stage.signed_in().await;
    let copy = visitor.clone();
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    stage.clock.advance(Duration::from_secs(30 * 60));
    let later = stage.replica(&[]).await;
    dies("the copy is refused", &at(&copy, later.address())).await;
}

#[tokio::test]
async fn case_50_a_replica_whose_clock_is_ahead_hears_of_a_sign_out() {
    let (_server, stage) = beside_redis(|setup| setup).await;
    let ahead = stage.start(&[], Clock::manual(stage.clock.now().plus(Duration::from_secs(60))));
    ready(ahead.admin_address()).await;
    let mut visitor = stage.signed_in().await;
    let copy = at(&visitor, ahead.address());
    // Its first look is at all there is; those that follow are at the latest alone.
    eventually("it has looked more than once", || async {
        metric(ahead.admin_address(), "cognigate_redis_requests_total{result=\"success\"}").await >= 2.0
    })
    .await;
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    dies("the copy is refused", &copy).await;
}

#[tokio::test]
async fn a_sign_out_while_redis_is_away_is_told_once_it_is_back() {
    let (mut server, stage) = beside_redis(|setup| setup).await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.signed_in().await;
    let copy = visitor.clone();
    server.stop();
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    assert_eq!(copy.clone().fetch("/").await.status(), 401);
    assert_eq!(at(&copy, other.address()).fetch("/").await.status(), 200);
    server.start_again();
    dies("the copy is refused there too", &at(&copy, other.address())).await;
}

#[tokio::test]
async fn a_sign_out_revokes_what_another_replica_has_refreshed() {
    let (_server, stage) = beside_redis(single_use).await;
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    refresh_uncarried(&stage, &visitor).await;
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    assert_eq!(at(&visitor, other.address()).navigate("/oauth2/sign_out").await.status(), 303);
    revocations.holding(2).await;
    dies("the one that has the result refuses the old cookie", &visitor).await;
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_replica_that_hears_of_a_sign_out_revokes_what_it_alone_has_refreshed() {
    let (server, stage) = beside_redis(single_use).await;
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    refresh_uncarried(&stage, &visitor).await;
    // Redis has lost the result, and the other replica cannot know of it.
    for key in server.keys().into_iter().filter(|key| key.contains(":refresh:{")) {
        let _: u64 = server.ask(redis::cmd("DEL").arg(key));
    }
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    assert_eq!(at(&visitor, other.address()).navigate("/oauth2/sign_out").await.status(), 303);
    timeout(PATIENCE, revocations.holding(2)).await.expect("the newest refresh token is not revoked");
    dies("the old cookie is refused", &visitor).await;
}

#[tokio::test]
async fn sign_outs_are_forgotten_when_no_token_of_theirs_can_be_good() {
    let (server, stage) = beside_redis(|setup| setup).await;
    let sign_out = async |stage: &Stage| {
        let mut visitor = stage.signed_in().await;
        assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    };
    sign_out(&stage).await;
    sign_out(&stage).await;
    assert_eq!(told(&server).await, 2);
    stage.clock.advance(Duration::from_secs(25 * 60 * 60));
    sign_out(&stage).await;
    assert_eq!(told(&server).await, 1);
    let life: i64 = server.ask(redis::cmd("TTL").arg("cognigate:signed_out"));
    assert!((1..=25 * 60 * 60).contains(&life), "{life}");
}

#[tokio::test]
async fn nonsense_in_the_set_signs_nobody_out() {
    let (server, stage) = beside_redis(|setup| setup).await;
    let mut visitor = stage.signed_in().await;
    for member in ["", ":", "x:1", "00:99999999999", "é", &format!("{}:soon", "0".repeat(32))] {
        let now = stage.clock.now().0;
        let _: u64 = server.ask(redis::cmd("ZADD").arg("cognigate:signed_out").arg(now).arg(member));
    }
    let mut other = stage.signed_in().await;
    assert_eq!(other.navigate("/oauth2/sign_out").await.status(), 303);
    let replica = stage.replica(&[]).await;
    // It has read all of it.
    let mut copy = stage.signed_in().await;
    let dead = copy.clone();
    assert_eq!(copy.navigate("/oauth2/sign_out").await.status(), 303);
    dies("the sign-out is heard", &at(&dead, replica.address())).await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(at(&visitor, replica.address()).fetch("/").await.status(), 200);
}

#[tokio::test]
async fn what_is_open_at_another_replica_ends_too() {
    let (_server, stage) = beside_redis(|setup| setup).await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.signed_in().await;
    stage.app.answer(|_| {
        let mut switched = Response::new(empty());
        *switched.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ] {
            switched.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        switched
    });
    let mut socket = TcpStream::connect(other.address()).await.unwrap();
    let cookies = visitor.jar.line().unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: app.test\r\nOrigin: https://app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {}\r\n\r\n",
        cookies.to_str().unwrap(),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(timeout(PATIENCE, socket.read_u8()).await.expect("an answer").unwrap());
    }
    assert!(bytes.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&bytes));
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    let mut close = [0; 4];
    timeout(PATIENCE, socket.read_exact(&mut close)).await.expect("an end").unwrap();
    assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, 1008), "{close:?}");
}
