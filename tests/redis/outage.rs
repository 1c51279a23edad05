//! A Redis that is away, that stands still, and that comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cognigate::emulator::Endpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{SESSION, last_bearer, stage};
use crate::support::redis::RedisServer;
use crate::support::visitor::{header, json, text};
use crate::support::wire::{eventually, metric, probe};
use crate::support::{Setup, Stage};

#[tokio::test]
async fn while_redis_is_away_a_session_is_neither_access_nor_a_login() {
    let (mut server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    let ticket = visitor.jar.get(SESSION).unwrap().to_owned();
    let forwarded = stage.app.count();
    server.stop();
    for _ in 0..3 {
        let page = visitor.navigate("/").await;
        assert_eq!(page.status(), 503);
        assert_eq!(header(&page, "retry-after"), Some("2"));
        assert!(text(&page).contains("You stay signed in"), "{}", text(&page));
        let problem = visitor.fetch("/").await;
        assert_eq!(problem.status(), 503);
        assert_eq!(header(&problem, "content-type"), Some("application/problem+json"));
        assert_eq!(json(&problem)["status"], 503);
        assert_eq!(header(&problem, "retry-after"), Some("2"));
        assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 503);
    }
    assert_eq!((stage.app.count(), visitor.jar.get(SESSION)), (forwarded, Some(&*ticket)));
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);
    // It is no less ready than any other replica.
    assert_eq!(probe(stage.gate.admin_address(), "/readyz").await, 200);

    server.start_again();
    eventually("the session lives", || {
        let mut visitor = visitor.clone();
        async move { visitor.fetch("/").await.status() == 200 }
    })
    .await;
}

#[tokio::test]
async fn while_redis_is_away_whoever_has_no_session_is_sent_to_the_login_and_cannot_end_it() {
    let (mut server, stage) = stage().await;
    server.stop();
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let answer = visitor.navigate(&callback).await;
    assert_eq!(answer.status(), 503);
    assert!(text(&answer).contains("Try again"), "{}", text(&answer));
    assert_eq!(visitor.jar.get(SESSION), None);
    server.start_again();
    eventually("somebody can sign in", || {
        let mut visitor = stage.visitor();
        async move {
            let callback = visitor.reach_callback("alice", "/").await;
            visitor.navigate(&callback).await.status() == 303
        }
    })
    .await;
}

#[tokio::test]
async fn a_sign_out_while_redis_is_away_says_that_it_failed_and_may_be_repeated() {
    let (mut server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    server.stop();
    let answer = visitor.navigate("/oauth2/sign_out").await;
    assert_eq!(answer.status(), 503);
    assert!(visitor.jar.get(SESSION).is_some());
    server.start_again();
    eventually("Redis is back", || {
        let mut visitor = visitor.clone();
        async move { visitor.fetch("/").await.status() == 200 }
    })
    .await;
    let copy = visitor.clone();
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    assert_eq!(visitor.jar.get(SESSION), None);
    assert_eq!(copy.clone().fetch("/").await.status(), 401);
}

/// What stands between a gate and a server, and cuts the connection at the next command where it is told to.
async fn cutter(server: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, cut) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&cut);
    tokio::spawn(async move {
        while let Ok((gate, _)) = listener.accept().await {
            let told = Arc::clone(&told);
            tokio::spawn(async move {
                let (mut from_gate, mut to_gate) = gate.into_split();
                let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
                let commands = async {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) = from_gate.read(&mut bytes).await {
                        if told.swap(false, Ordering::SeqCst) {
                            return;
                        }
                        to_server.write_all(&bytes[..read]).await.unwrap();
                    }
                };
                tokio::select! {
                    () = commands => {}
                    _ = tokio::io::copy(&mut from_server, &mut to_gate) => {}
                }
            });
        }
    });
    (address, cut)
}

#[tokio::test]
async fn a_connection_that_breaks_off_costs_no_request() {
    let server = RedisServer::start();
    let (address, cut) = cutter(server.address()).await;
    let stage =
        Stage::with(|setup| setup.in_redis(&server).set("redis.url", &format!("redis://{address}"))).await;
    let mut visitor = stage.signed_in().await;
    for _ in 0..5 {
        cut.store(true, Ordering::SeqCst);
        assert_eq!(visitor.fetch("/").await.status(), 200);
        assert!(!cut.load(Ordering::SeqCst), "nothing was cut");
        let _: u64 = server.ask(redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal"));
        assert_eq!(visitor.fetch("/").await.status(), 200);
    }
}

#[tokio::test]
async fn a_redis_that_stands_still_is_given_up_after_the_time_out_and_then_at_once() {
    let (server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    server.freeze();
    let began = Instant::now();
    assert_eq!(visitor.fetch("/").await.status(), 503);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    eventually("it is known to be down", || {
        let mut visitor = visitor.clone();
        async move {
            let began = Instant::now();
            assert_eq!(visitor.fetch("/").await.status(), 503);
            began.elapsed() < Duration::from_millis(300)
        }
    })
    .await;
    server.thaw();
    eventually("the session lives", || {
        let mut visitor = visitor.clone();
        async move { visitor.fetch("/").await.status() == 200 }
    })
    .await;
}

#[tokio::test]
async fn the_metrics_tell_of_redis() {
    let (mut server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    let admin = stage.gate.admin_address();
    assert_eq!(metric(admin, "cognigate_redis_connected").await, 1.0);
    assert!(metric(admin, "cognigate_redis_requests_total{result=\"success\"}").await >= 3.0);
    server.stop();
    assert_eq!(visitor.fetch("/").await.status(), 503);
    assert_eq!(metric(admin, "cognigate_redis_connected").await, 0.0);
    assert_eq!(metric(admin, "cognigate_redis_requests_total{result=\"failure\"}").await, 1.0);
}

#[tokio::test]
async fn what_a_refresh_gave_while_redis_went_away_is_kept_when_it_is_back() {
    let (mut server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    let bearer = last_bearer(&stage);
    stage.clock.advance(Duration::from_secs(60 * 60));
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let asking = tokio::spawn(async move {
        let status = visitor.fetch("/").await.status();
        (visitor, status)
    });
    held.holding(1).await;
    server.stop();
    held.release();
    let (visitor, status) = asking.await.unwrap();
    assert_eq!(status, 200);
    assert_ne!(last_bearer(&stage), bearer);
    server.start_again();
    let other = stage.replica(&[]).await;
    eventually("another replica has it", || {
        let mut visitor = visitor.clone();
        visitor.go_to(other.address());
        let refreshes = stage.cognito.count(Endpoint::TokenRefresh);
        async move {
            let record_is_new = visitor.fetch("/").await.status() == 200;
            record_is_new && refreshes == 1
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_up_is_connected_to_with_growing_pauses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let setup = |setup: Setup| setup.set("session.store", "redis").set("redis.url", &url);
    // It gives up none of them by itself.
    let _stage = Stage::with(|it| setup(it).set("redis.timeout", "10s")).await;
    let mut moments = Vec::new();
    while moments.len() < 5 {
        let connection = listener.accept().await.unwrap();
        moments.push(Instant::now());
        drop(connection);
    }
    let pauses: Vec<_> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // From 50 to 100 ms, and from twice that to the next: half of each is left to chance.
    for (number, pause) in pauses.iter().enumerate() {
        let least = Duration::from_millis(50 << number);
        assert!(*pause >= least, "the pause {number} is {pause:?}");
    }
}
