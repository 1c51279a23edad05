//! A refresh beside the requests of a session whose access token is still good.

use std::time::{Duration, Instant};

use cognigate::emulator::{Endpoint, Fault};
use http::header::SET_COOKIE;
use tokio::time::timeout;

use super::{DUE, LIFETIME, due, expired, last_bearer, session};
use crate::support::Stage;
use crate::support::visitor::{Visitor, set_cookies};
use crate::support::wire::{PATIENCE, eventually};

const MINUTE: Duration = Duration::from_secs(60);

/// The refresh token that Cognito was last shown.
fn last_shown(stage: &Stage) -> String {
    stage.cognito.last(Endpoint::TokenRefresh).unwrap().form("refresh_token").unwrap()
}

/// A session whose refresh has ended without an answer that could have carried its result.
async fn uncarried(stage: &Stage) -> Visitor {
    let mut visitor = due(stage).await;
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let answer = visitor.fetch("/").await;
    assert!(set_cookies(&answer).is_empty(), "{answer:?}");
    held.release();
    stage.refreshed(1).await;
    visitor
}

#[tokio::test]
async fn a_request_whose_token_is_good_never_waits_and_the_next_answer_brings_the_new_session() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = due(&stage).await;
    let (bearer, old) = (last_bearer(&stage), session(&visitor));
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    for page in ["/", "/oauth2/userinfo", "/"] {
        let answer = visitor.fetch(page).await;
        assert_eq!(answer.status(), 200, "{page}");
        assert!(!answer.headers().contains_key(SET_COOKIE), "{answer:?}");
    }
    held.holding(1).await;
    assert_eq!(last_bearer(&stage), bearer);
    held.release();
    stage.refreshed(1).await;
    let answer = visitor.fetch("/").await;
    assert_ne!(last_bearer(&stage), bearer);
    assert!(stage.has_tickets() || session(&visitor) != old, "{answer:?}");
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn an_answer_carries_what_came_in_time() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = due(&stage).await;
    let (bearer, held) = (last_bearer(&stage), stage.app.hold());
    let asking = tokio::spawn(async move {
        let answer = visitor.fetch("/slow").await;
        (visitor, answer)
    });
    stage.app.reached(2).await;
    stage.refreshed(1).await;
    drop(held);
    let (mut visitor, answer) = asking.await.unwrap();
    assert_eq!(last_bearer(&stage), bearer, "the request waited");
    assert_eq!(set_cookies(&answer).len(), 1, "{answer:?}");
    visitor.fetch("/").await;
    assert_ne!(last_bearer(&stage), bearer);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_result_that_no_answer_carried_waits_for_its_browser() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = uncarried(&stage).await;
    let old = session(&visitor);
    // Past the end of the old access token, and of what is kept for latecomers.
    stage.clock.advance(30 * MINUTE);
    let other_tab = visitor.clone();
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert!(stage.has_tickets() || session(&visitor) != old);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
    // Once it is with the browser it is kept for latecomers alone.
    stage.clock.advance(Duration::from_secs(59));
    assert_eq!(other_tab.clone().fetch("/").await.status(), 200);
    if !stage.has_tickets() {
        stage.clock.advance(Duration::from_secs(1));
        assert_eq!(other_tab.clone().fetch("/").await.status(), 401);
    }
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn a_result_that_ran_out_before_it_was_carried_is_refreshed_by_its_own_refresh_token() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = uncarried(&stage).await;
    let first = last_shown(&stage);
    for round in 2..=4 {
        // Each time for the old cookie alone, so that the chain grows.
        stage.clock.advance(2 * LIFETIME);
        let held = stage.app.hold();
        let mut gone = visitor.clone();
        let asking = tokio::spawn(async move { gone.fetch("/").await });
        let forwarded = stage.app.reached(stage.app.count() + 1);
        timeout(PATIENCE, forwarded).await.expect("the request is with the app");
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), round);
        asking.abort();
        let _ = asking.await;
        drop(held);
    }
    assert_ne!(last_shown(&stage), first);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 4);
}

#[tokio::test]
async fn where_the_newest_refresh_token_is_refused_the_browsers_own_is_tried() {
    let stage = Stage::with(|setup| setup.rotation(MINUTE)).await;
    let other = stage.replica(&[]).await;
    let here = stage.gate.address();
    let mut visitor = uncarried(&stage).await;
    // Another replica gives the browser a session with a refresh token of its own.
    visitor.go_to(other.address());
    let old = session(&visitor);
    eventually("the other one has refreshed too", || {
        let mut visitor = visitor.clone();
        let old = old.clone();
        async move {
            visitor.fetch("/").await;
            session(&visitor) != old
        }
    })
    .await;
    visitor.fetch("/").await;
    assert_ne!(session(&visitor), old);
    stage.clock.advance(LIFETIME);
    visitor.go_to(here);
    let refused = Fault::status(400).body(r#"{"error":"invalid_grant"}"#);
    stage.cognito.fail(Endpoint::TokenRefresh, refused);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 4);
}

#[tokio::test]
async fn a_result_too_large_for_cookies_is_told_before_the_app_acts_once_it_is_there() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = due(&stage).await;
    let groups: Vec<_> = (0..350).map(|n| format!("group-{n:040}")).collect();
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    stage.cognito.set_groups("alice", &groups);
    let answer = visitor.fetch("/").await;
    assert_eq!(answer.status(), 200, "its own token is good");
    stage.refreshed(1).await;
    let forwarded = stage.app.count();
    let (status, more) = if stage.has_tickets() { (200, 1) } else { (500, 0) };
    assert_eq!(visitor.fetch("/").await.status(), status);
    assert_eq!(stage.app.count(), forwarded + more);
}

#[tokio::test]
async fn a_sign_out_during_the_refresh_revokes_what_it_gives() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = due(&stage).await;
    let (held, app) = (stage.cognito.hold(Endpoint::TokenRefresh), stage.app.hold());
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    let asking = tokio::spawn({
        let mut visitor = visitor.clone();
        async move { visitor.fetch("/slow").await }
    });
    stage.app.reached(2).await;
    held.holding(1).await;
    assert_eq!(visitor.clone().navigate("/oauth2/sign_out").await.status(), 303);
    revocations.holding(1).await;
    held.release();
    revocations.holding(2).await;
    drop(app);
    let answer = asking.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key(SET_COOKIE), "{answer:?}");
    assert_eq!(visitor.fetch("/").await.status(), 401);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn what_a_refresh_beside_did_not_bring_in_time_is_waited_for_once_the_token_has_run_out() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = due(&stage).await;
    let bearer = last_bearer(&stage);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    held.holding(1).await;
    stage.clock.advance(LIFETIME - DUE);
    let asking = tokio::spawn(async move { visitor.fetch("/").await.status() });
    // Answered by the same thread, so that the other one is waiting by then.
    for _ in 0..2 {
        assert_eq!(stage.visitor().fetch("/oauth2/userinfo").await.status(), 401);
    }
    assert!(!asking.is_finished());
    held.release();
    assert_eq!(asking.await.unwrap(), 200);
    assert_ne!(last_bearer(&stage), bearer);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn while_cognito_is_away_an_uncarried_result_is_still_good() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = uncarried(&stage).await;
    // The result is due itself.
    stage.clock.advance(LIFETIME - 10 * super::SECOND);
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(503).always());
    for _ in 0..2 {
        assert_eq!(visitor.fetch("/").await.status(), 200);
        stage.refreshed(2).await;
    }
    let mut other = expired(&stage).await;
    assert_eq!(other.fetch("/").await.status(), 503);
}

/// How long an answer took that a refresh runs beside, while Cognito does not answer that.
async fn held_up(stage: &Stage, visitor: &mut Visitor) -> Duration {
    stage.clock.advance(DUE);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let (bearer, began) = (last_bearer(stage), Instant::now());
    let answer = visitor.fetch("/").await;
    let took = began.elapsed();
    assert_eq!((answer.status().as_u16(), last_bearer(stage)), (200, bearer));
    drop(held);
    took
}

#[tokio::test]
async fn where_tokens_rotate_and_nobody_else_would_know_the_answer_waits_for_the_refresh_and_not_the_request()
{
    let stage = Stage::with(|setup| setup.rotation(Duration::from_secs(10))).await;
    // The first refresh of all: whether tokens rotate is not known yet.
    let mut visitor = due(&stage).await;
    let other = stage.replica(&[]).await;
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let asking = tokio::spawn(async move {
        visitor.fetch("/").await;
        visitor
    });
    // It is with the app already.
    stage.app.reached(stage.app.count() + 1).await;
    held.holding(1).await;
    held.release();
    let mut visitor = asking.await.unwrap();
    // What it brought is of use where nothing is known of it, when the grace is over.
    stage.clock.advance(MINUTE);
    visitor.go_to(other.address());
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn it_waits_for_a_second_at_most_and_without_rotation_not_at_all() {
    let second = super::SECOND;
    for rotates in [true, false] {
        let stage = Stage::with(|setup| if rotates { setup.rotation(Duration::ZERO) } else { setup }).await;
        let mut visitor = expired(&stage).await;
        visitor.fetch("/").await;
        let took = held_up(&stage, &mut visitor).await;
        // Sessions in Redis are known to every replica.
        let waits = rotates && !stage.has_tickets();
        assert_eq!(took >= second * 9 / 10, waits, "{took:?}");
        assert!(took < 3 * second, "{took:?}");
    }
}
