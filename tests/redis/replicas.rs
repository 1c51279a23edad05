//! Several gates that share one Redis.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault};
use http::StatusCode;
use tokio::task::JoinSet;

use super::{SESSION, last_bearer, only_record, stage, stage_with};
use crate::support::Stage;
use crate::support::redis::RedisServer;
use crate::support::visitor::Visitor;
use crate::support::wire::eventually;

const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The visitor, going to another gate.
pub(super) fn at(visitor: &Visitor, gate: std::net::SocketAddr) -> Visitor {
    let mut visitor = visitor.clone();
    visitor.go_to(gate);
    visitor
}

/// Copies of a browser ask all gates at once; their statuses.
async fn ask_all(stage: &Stage, visitor: &Visitor, gates: &[std::net::SocketAddr], each: usize) -> Vec<u16> {
    let mut asking = JoinSet::new();
    for gate in gates {
        for _ in 0..each {
            let mut visitor = at(visitor, *gate);
            asking.spawn(async move { visitor.fetch("/").await.status().as_u16() });
        }
    }
    let statuses = asking.join_all().await;
    assert!(stage.cognito.count(Endpoint::TokenRefresh) < 100);
    statuses
}

#[tokio::test]
async fn case_79_three_replicas_refresh_once_with_a_single_use_refresh_token() {
    let (_server, stage) = stage_with(|setup| setup.rotation(Duration::ZERO)).await;
    let others = [stage.replica(&[]).await, stage.replica(&[]).await];
    let gates = [stage.gate.address(), others[0].address(), others[1].address()];
    let visitor = stage.signed_in().await;
    for round in 1..=3 {
        stage.clock.advance(LIFETIME);
        let statuses = ask_all(&stage, &visitor, &gates, 10).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), round);
    }
}

/// How many scripts the server has run: taking the turn is one.
fn scripts_run(server: &RedisServer) -> usize {
    let statistics: String = server.ask(redis::cmd("INFO").arg("commandstats"));
    let calls = |line: &str| line.split_once(":calls=")?.1.split(',').next()?.parse::<usize>().ok();
    statistics.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(calls).sum()
}

/// Has a second replica ask while another one refreshes a session whose token has run out, and wait for it: the browser
/// before and, at the second, after.
pub(super) async fn wait_for_the_other_ones_refresh(
    server: &RedisServer,
    stage: &Stage,
) -> (Visitor, Visitor) {
    let other = stage.replica(&[]).await;
    let visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let (mut here, mut there) = (visitor.clone(), at(&visitor, other.address()));
    let first = tokio::spawn(async move { here.fetch("/").await.status() });
    held.holding(1).await;
    let asked = scripts_run(server);
    let second = tokio::spawn(async move {
        let status = there.fetch("/").await.status();
        (status, there)
    });
    // More than once, so that it has waited in between.
    eventually("the other asks for its turn", || async { scripts_run(server) >= asked + 2 }).await;
    assert!(!second.is_finished());
    held.release();
    let (status, there) = second.await.unwrap();
    assert_eq!((first.await.unwrap(), status), (StatusCode::OK, StatusCode::OK));
    (visitor, there)
}

#[tokio::test]
async fn a_replica_waits_for_the_other_ones_refresh_while_its_own_token_has_run_out() {
    let (server, stage) = stage_with(|setup| setup.rotation(Duration::ZERO)).await;
    wait_for_the_other_ones_refresh(&server, &stage).await;
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_failed_refresh_leaves_the_turn_to_the_next_replica() {
    let (_server, stage) = stage().await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(503));
    assert_eq!(visitor.fetch("/").await.status(), 503);
    assert_eq!(at(&visitor, other.address()).fetch("/").await.status(), 200);
    // And the first one need not try again.
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
}

#[tokio::test]
async fn case_50_a_copy_of_a_signed_out_ticket_is_refused_on_all_replicas_at_once() {
    let (server, stage) = stage().await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.signed_in().await;
    // Past the moments in which a lost session tells of cookies that do not stick.
    stage.clock.advance(Duration::from_secs(30));
    let mut copies = [visitor.clone(), at(&visitor, other.address())];
    for copy in &mut copies {
        assert_eq!(copy.fetch("/").await.status(), 200);
    }
    visitor.go_to(other.address());
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    for copy in &mut copies {
        assert_eq!(copy.fetch("/").await.status(), 401);
        assert_eq!(copy.navigate("/").await.status(), 303);
        assert_eq!(copy.jar.get(SESSION), None);
    }
    assert_eq!(server.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_of_a_ticket_that_was_signed_out_a_moment_ago_is_sent_to_sign_in() {
    let (_server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    // With the mark of a sign-in of just now, which tells of cookies that do not stick.
    let mut copy = visitor.clone();
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    assert_eq!(copy.navigate("/deep").await.status(), 303);
    assert_eq!(copy.jar.get(SESSION), None);
}

#[tokio::test]
async fn a_session_that_was_ended_while_a_refresh_is_under_way_stays_so_and_its_tokens_are_revoked() {
    let (server, stage) = stage_with(|setup| setup.rotation(Duration::from_secs(60))).await;
    let visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let mut here = visitor.clone();
    let asking = tokio::spawn(async move { here.fetch("/").await.status() });
    held.holding(1).await;
    let _: u64 = server.ask(redis::cmd("DEL").arg(only_record(&server)));
    held.release();
    assert_eq!(asking.await.unwrap(), 401);
    eventually("the new refresh token is revoked", || async { stage.cognito.count(Endpoint::Revoke) == 1 })
        .await;
    assert!(!server.keys().iter().any(|key| key.contains("session:")), "{:?}", server.keys());
}

#[tokio::test]
async fn what_one_replica_refreshed_another_one_forwards() {
    let (_server, stage) = stage().await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    let bearer = last_bearer(&stage);
    assert_eq!(at(&visitor, other.address()).fetch("/").await.status(), 200);
    assert_eq!(last_bearer(&stage), bearer);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn case_126_a_record_that_redis_has_lost_the_last_write_of_does_not_replace_the_newer_session() {
    let (server, stage) = stage_with(|setup| {
        let setup = setup.set("session.refresh_margin", "290s").rotation(Duration::ZERO);
        setup.pool(|settings| settings.clients[0].access_token_validity = Duration::from_secs(300))
    })
    .await;
    let mut visitor = stage.signed_in().await;
    let record = only_record(&server);
    let before: Vec<u8> = server.ask(redis::cmd("HGET").arg(&record).arg("d"));
    stage.clock.advance(Duration::from_secs(300));
    assert_eq!(visitor.fetch("/").await.status(), 200);
    // As after a failover to a Redis that had not heard of it; the first refresh token is used up.
    let _: u64 = server.ask(redis::cmd("HSET").arg(&record).arg("d").arg(&before).arg("n").arg(0));
    stage.clock.advance(Duration::from_secs(10));
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.refreshed(2).await;
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
    // The newest is in Redis again.
    let other = stage.replica(&[]).await;
    stage.clock.advance(Duration::from_secs(5));
    assert_eq!(at(&visitor, other.address()).fetch("/").await.status(), 200);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
}

#[tokio::test]
async fn case_130_a_session_that_is_ended_while_a_replica_waits_for_its_turn_is_a_sign_in_and_no_503() {
    let (server, stage) = stage_with(|setup| setup.rotation(Duration::ZERO)).await;
    let (second, third) = (stage.replica(&[]).await, stage.replica(&[]).await);
    let visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    let refreshes = stage.cognito.hold(Endpoint::TokenRefresh);
    let mut here = visitor.clone();
    let first = tokio::spawn(async move { here.fetch("/").await.status() });
    refreshes.holding(1).await;
    let asked = scripts_run(&server);
    let (mut script, mut page) = (at(&visitor, second.address()), at(&visitor, second.address()));
    let script = tokio::spawn(async move { script.fetch("/").await.status() });
    let page = tokio::spawn(async move { page.navigate("/deep").await.status() });
    eventually("the second asks for its turn", || async { scripts_run(&server) >= asked + 2 }).await;
    assert_eq!(at(&visitor, third.address()).navigate("/oauth2/sign_out").await.status(), 303);
    // Cognito has not answered the first one yet.
    assert_eq!(
        (script.await.unwrap(), page.await.unwrap()),
        (StatusCode::UNAUTHORIZED, StatusCode::SEE_OTHER)
    );
    refreshes.release();
    assert_eq!(first.await.unwrap(), 401);
    assert_eq!(stage.app.count(), 1, "the first page alone");
}
