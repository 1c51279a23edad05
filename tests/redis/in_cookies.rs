//! Sessions in cookies, and a Redis by which replicas share their refreshes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cognigate::commands::run::Gate;
use cognigate::emulator::{Endpoint, Fault};
use tokio::task::JoinSet;

use super::replicas::{at, wait_for_the_other_ones_refresh};
use super::{SESSION, last_bearer};
use crate::support::redis::RedisServer;
use crate::support::visitor::{Visitor, set_cookies};
use crate::support::wire::{eventually, metric};
use crate::support::{Setup, Stage, refreshed};

const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Within the margin, and still good.
const DUE: Duration = Duration::from_secs(60 * 60 - 30);

/// A stage whose sessions are in cookies, with a Redis of its own beside.
pub(super) async fn beside_redis(change: impl FnOnce(Setup) -> Setup) -> (RedisServer, Stage) {
    let server = RedisServer::start();
    let stage = Stage::with(|setup| change(setup.set("redis.url", &server.url()))).await;
    (server, stage)
}

/// Single-use refresh tokens.
pub(super) fn single_use(setup: Setup) -> Setup {
    setup.rotation(Duration::ZERO)
}

/// Sees to it that `visitor`'s session was refreshed at the stage's gate, and that no answer has carried the result.
pub(super) async fn refresh_uncarried(stage: &Stage, visitor: &Visitor) {
    stage.clock.advance(DUE);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let answer = visitor.clone().fetch("/").await;
    assert!(set_cookies(&answer).is_empty(), "{answer:?}");
    held.holding(1).await;
    held.release();
    stage.refreshed(1).await;
}

/// The key of the only result.
fn only_result(server: &RedisServer) -> String {
    let mut keys: Vec<_> = server.keys().into_iter().filter(|key| key.contains(":refresh:{")).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.remove(0)
}

fn life(server: &RedisServer, key: &str) -> Duration {
    Duration::from_millis(server.ask(redis::cmd("PTTL").arg(key)))
}

#[tokio::test]
async fn case_79_three_replicas_with_sessions_in_cookies_refresh_once_with_a_single_use_refresh_token() {
    let (_server, stage) = beside_redis(single_use).await;
    let others = [stage.replica(&[]).await, stage.replica(&[]).await];
    let gates = [stage.gate.address(), others[0].address(), others[1].address()];
    let mut visitor = stage.signed_in().await;
    for round in 1..=3 {
        stage.clock.advance(LIFETIME);
        let mut asking = JoinSet::new();
        for gate in gates.iter().cycle().take(30) {
            let mut visitor = at(&visitor, *gate);
            asking.spawn(async move {
                let status = visitor.fetch("/").await.status().as_u16();
                (status, visitor)
            });
        }
        let mut answers = asking.join_all().await;
        assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), round);
        // Whichever answer came last: they bring one session.
        visitor = answers.swap_remove(round as usize).1;
    }
}

#[tokio::test]
async fn a_replica_waits_for_the_other_ones_refresh_and_gives_its_result_to_the_browser() {
    let (server, stage) = beside_redis(single_use).await;
    let (visitor, there) = wait_for_the_other_ones_refresh(&server, &stage).await;
    assert_ne!(there.jar.get(SESSION), visitor.jar.get(SESSION));
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_result_that_no_answer_carried_is_found_by_another_replica_however_late() {
    let (server, stage) = beside_redis(single_use).await;
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    refresh_uncarried(&stage, &visitor).await;
    let key = only_result(&server);
    assert!(life(&server, &key) > LIFETIME, "{:?}", life(&server, &key));
    stage.clock.advance(LIFETIME / 2);
    let mut there = at(&visitor, other.address());
    assert_eq!(there.fetch("/").await.status(), 200);
    assert_ne!(there.jar.get(SESSION), visitor.jar.get(SESSION));
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
    // It is with its browser now.
    eventually("it is kept for latecomers alone", || async {
        life(&server, &key) <= Duration::from_secs(60)
    })
    .await;
}

#[tokio::test]
async fn one_that_has_run_out_meanwhile_is_refreshed_by_its_own_refresh_token_at_any_replica() {
    let (_server, stage) = beside_redis(single_use).await;
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    refresh_uncarried(&stage, &visitor).await;
    stage.clock.advance(2 * LIFETIME);
    let mut there = at(&visitor, other.address());
    assert_eq!(there.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
    assert_ne!(there.jar.get(SESSION), visitor.jar.get(SESSION));
    // The first one's memory is older than that.
    assert_eq!(at(&there, stage.gate.address()).fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
}

#[tokio::test]
async fn redis_holds_no_token_that_it_could_read_and_a_result_is_of_use_to_its_own_session_alone() {
    let (server, stage) = beside_redis(|setup| setup.rotation(Duration::from_secs(60))).await;
    let other = stage.replica(&[]).await;
    let alice = stage.signed_in().await;
    refresh_uncarried(&stage, &alice).await;
    let key = only_result(&server);
    let sealed: Vec<u8> = server.ask(redis::cmd("HGET").arg(&key).arg("d"));
    assert!(sealed.len() > 1000);
    let renewed = {
        let mut alice = alice.clone();
        alice.fetch("/").await;
        last_bearer(&stage).strip_prefix("Bearer ").unwrap().to_owned()
    };
    let dump = server.dump();
    let shows = |text: &str| dump.windows(text.len()).any(|window| window == text.as_bytes());
    for part in renewed.split('.') {
        assert!(!shows(&part[..40]), "{part}");
    }
    assert!(!shows("alice"));

    let mut bob = stage.visitor();
    bob.sign_in("bob", "/").await;
    let bobs_name = stage.app.last().header("x-forwarded-user").unwrap().to_owned();
    stage.clock.advance(LIFETIME);
    // Bob's turn makes his key; whoever can write to Redis puts Alice's result into it.
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let asking = tokio::spawn({
        let mut bob = bob.clone();
        async move { bob.fetch("/").await.status() }
    });
    held.holding(1).await;
    for bobs in server.keys().into_iter().filter(|found| found.contains(":refresh:{") && *found != key) {
        let _: u64 = server.ask(redis::cmd("HSET").arg(&bobs).arg("d").arg(&sealed));
    }
    asking.abort();
    let forwarded = stage.app.count();
    let there = tokio::spawn({
        let mut bob = at(&bob, other.address());
        async move { bob.fetch("/").await.status() }
    });
    held.release();
    assert_eq!(there.await.unwrap(), 200);
    for arrived in &stage.app.received()[forwarded..] {
        assert_eq!(arrived.header("x-forwarded-user"), Some(&*bobs_name));
    }
}

#[tokio::test]
async fn a_failed_refresh_leaves_the_turn_to_the_next_replica() {
    let (_server, stage) = beside_redis(single_use).await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(503));
    assert_eq!(visitor.fetch("/").await.status(), 503);
    assert_eq!(at(&visitor, other.address()).fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
}

/// Asks a gate with a token that has run out, and the time it took.
async fn asks(visitor: &Visitor, gate: SocketAddr) -> (u16, Duration) {
    let (mut visitor, began) = (at(visitor, gate), Instant::now());
    (visitor.fetch("/").await.status().as_u16(), began.elapsed())
}

#[tokio::test]
async fn while_redis_is_away_each_replica_refreshes_for_itself_and_nobody_notices() {
    let (mut server, stage) = beside_redis(|setup| setup.rotation(Duration::from_secs(60))).await;
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    server.stop();
    stage.clock.advance(LIFETIME);
    for gate in [stage.gate.address(), other.address()] {
        assert_eq!(asks(&visitor, gate).await.0, 200);
    }
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
    let admin = stage.gate.admin_address();
    assert_eq!(metric(admin, "cognigate_redis_connected").await, 0.0);
    assert!(metric(admin, "cognigate_redis_requests_total{result=\"failure\"}").await >= 1.0);
    // A sign-in and a sign-out need it as little.
    let mut bob = stage.visitor();
    assert_eq!(bob.sign_in("bob", "/").await.status(), 200);
    assert_eq!(bob.navigate("/oauth2/sign_out").await.status(), 303);

    server.start_again();
    let visitor = stage.signed_in().await;
    let connected = |gate: &Gate| {
        let admin = gate.admin_address();
        async move { metric(admin, "cognigate_redis_connected").await == 1.0 }
    };
    eventually("both are connected again", || async {
        connected(&stage.gate).await && connected(&other).await
    })
    .await;
    stage.clock.advance(LIFETIME);
    for gate in [stage.gate.address(), other.address()] {
        assert_eq!(asks(&visitor, gate).await.0, 200);
    }
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 3);
}

#[tokio::test]
async fn a_redis_that_stands_still_costs_a_refresh_the_time_out_and_the_session_nothing() {
    let (server, stage) = beside_redis(single_use).await;
    let visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    server.freeze();
    let (status, took) = asks(&visitor, stage.gate.address()).await;
    assert_eq!(status, 200);
    assert!(took < Duration::from_secs(4), "{took:?}");
    server.thaw();
}

#[tokio::test]
async fn a_user_of_an_acl_needs_no_more_rights_than_the_docs_say() {
    let docs = include_str!("../../docs/operations.md");
    let line = docs.lines().find(|line| line.starts_with("user cognigate on ")).unwrap();
    let server = RedisServer::start_with(|_, _| {
        let words = line.split_whitespace().map(|word| if word == ">PASSWORD" { ">s3cret" } else { word });
        ["--user"].into_iter().chain(words.skip(1)).map(str::to_owned).collect()
    });
    let stage = Stage::with(|setup| {
        let setup = setup.set("redis.username", "cognigate").set("redis.password", "s3cret");
        single_use(setup.set("redis.url", &server.url()))
    })
    .await;
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    refresh_uncarried(&stage, &visitor).await;
    stage.clock.advance(LIFETIME / 2);
    let mut there = at(&visitor, other.address());
    assert_eq!(there.fetch("/").await.status(), 200);
    assert_eq!(there.navigate("/oauth2/sign_out").await.status(), 303);
    let admin = other.admin_address();
    eventually("it looks for sign-outs", || async {
        metric(admin, "cognigate_redis_requests_total{result=\"success\"}").await >= 5.0
    })
    .await;
    for gate in [stage.gate.admin_address(), admin] {
        assert_eq!(metric(gate, "cognigate_redis_requests_total{result=\"failure\"}").await, 0.0);
    }
}

#[tokio::test]
async fn a_session_that_is_signed_out_elsewhere_while_it_is_refreshed_does_not_come_back() {
    let (_server, stage) = beside_redis(single_use).await;
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    // Held too, so that the old refresh token is still good when the refresh is answered.
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    let mut here = visitor.clone();
    let asking = tokio::spawn(async move { here.fetch("/").await });
    held.holding(1).await;
    assert_eq!(at(&visitor, other.address()).navigate("/oauth2/sign_out").await.status(), 303);
    revocations.holding(1).await;
    held.release();
    let answer = asking.await.unwrap();
    assert_eq!(answer.status(), 401, "{answer:?}");
    assert!(set_cookies(&answer).is_empty(), "{answer:?}");
    revocations.holding(2).await;
    assert_eq!(stage.app.count(), 1);
    refreshed(&stage.gate, 1).await;
}

#[tokio::test]
async fn case_121_a_refresh_result_is_no_session_cookie() {
    let (server, stage) = beside_redis(single_use).await;
    let visitor = stage.signed_in().await;
    refresh_uncarried(&stage, &visitor).await;
    let result: String = server.ask(redis::cmd("HGET").arg(only_result(&server)).arg("d"));
    let forwarded = stage.app.count();
    // Everyone who can read Redis has it.
    let mut thief = stage.visitor();
    thief.jar.set(SESSION, &result);
    assert_eq!(thief.fetch("/").await.status(), 401);
    assert_eq!(thief.fetch("/oauth2/userinfo").await.status(), 401);
    assert_eq!(stage.app.count(), forwarded);
    // It is a result of use to the session that it belongs to.
    assert_eq!(visitor.clone().fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn case_121_a_session_cookie_is_no_refresh_result() {
    let (server, stage) = beside_redis(|setup| setup.rotation(Duration::from_secs(60))).await;
    let other = stage.replica(&[]).await;
    let old = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    let mut renewed = old.clone();
    assert_eq!(renewed.fetch("/").await.status(), 200);
    // Everyone who can write to Redis puts the later cookie of the same session in the place of its result.
    let cookie = renewed.jar.get(SESSION).unwrap();
    let _: u64 = server.ask(redis::cmd("HSET").arg(only_result(&server)).arg("d").arg(cookie));
    assert_eq!(at(&old, other.address()).fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2, "the cookie was taken for a result");
}

#[tokio::test]
async fn case_131_a_refresh_result_of_another_session_of_the_same_user_is_not_taken() {
    let (server, stage) = beside_redis(|setup| setup.rotation(Duration::from_secs(60))).await;
    let other = stage.replica(&[]).await;
    let (one, two) = (stage.signed_in().await, stage.signed_in().await);
    stage.clock.advance(DUE);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    for session in [&one, &two] {
        assert_eq!(session.clone().fetch("/").await.status(), 200);
    }
    held.holding(2).await;
    held.release();
    stage.refreshed(2).await;
    let keys: Vec<_> = server.keys().into_iter().filter(|key| key.contains(":refresh:{")).collect();
    let results: Vec<Vec<u8>> =
        keys.iter().map(|key| server.ask(redis::cmd("HGET").arg(key).arg("d"))).collect();
    assert_eq!(results.len(), 2);
    for (key, result) in keys.iter().zip(results.iter().rev()) {
        let _: u64 = server.ask(redis::cmd("HSET").arg(key).arg("d").arg(result));
    }
    stage.clock.advance(Duration::from_secs(30));
    let (mut one, mut two) = (at(&one, other.address()), at(&two, other.address()));
    for session in [&mut one, &mut two] {
        assert_eq!(session.fetch("/").await.status(), 200);
    }
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 4, "the result of another session was taken");
    // Each of them is still its own session: the end of one is not the end of the other.
    assert_eq!(two.navigate("/oauth2/sign_out").await.status(), 303);
    assert_eq!(one.fetch("/").await.status(), 200);
    assert_eq!(two.fetch("/").await.status(), 401);
}
