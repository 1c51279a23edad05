//! How long a session lasts: by what is sealed inside it, whatever the browser keeps.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use http::StatusCode;

use crate::support::visitor::{Answer, Visitor, header, set_cookies};
use crate::support::{SESSION, Stage};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// The session that a browser holds, sealed.
fn held(visitor: &Visitor) -> String {
    visitor.jar.get(SESSION).expect("a session cookie").to_owned()
}

/// The `Max-Age` of the session cookie that an answer sets.
fn max_age(answer: &Answer) -> Option<i64> {
    let cookie = set_cookies(answer).into_iter().find(|cookie| cookie.name() == SESSION)?;
    cookie.max_age().map(|age| age.whole_seconds())
}

#[tokio::test]
async fn a_session_ends_at_its_lifetime_however_much_it_is_used() {
    let stage = Stage::with(|setup| setup.set("session.max_lifetime", "2h")).await;
    let mut visitor = stage.signed_in().await;
    for _ in 0..7 {
        stage.clock.advance(17 * MINUTE);
        assert_eq!(visitor.fetch("/").await.status(), 200);
    }
    assert!(stage.cognito.count(Endpoint::TokenRefresh) >= 1, "it was refreshed meanwhile");
    stage.clock.advance(MINUTE - SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 200, "a second before its end");
    let grants = stage.cognito.count(Endpoint::TokenRefresh);
    let before = stage.app.count();
    stage.clock.advance(SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 401);
    assert_eq!(visitor.navigate("/deep").await.status(), 303);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), grants, "an ended session is not refreshed");
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn the_default_lifetime_is_30_days() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let landed = visitor.navigate(&callback).await;
    assert_eq!(max_age(&landed), Some(30 * 24 * 60 * 60));
}

#[tokio::test]
async fn a_cookie_is_kept_as_long_as_its_session_can_last() {
    let stage = Stage::with(|setup| setup.set("session.max_lifetime", "2h")).await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    assert_eq!(max_age(&visitor.navigate(&callback).await), Some(2 * 60 * 60));
    // The refresh does not begin the lifetime anew.
    stage.clock.advance(60 * MINUTE);
    assert_eq!(max_age(&visitor.fetch("/").await), Some(60 * 60));
}

#[tokio::test]
async fn a_session_that_is_idle_for_its_time_out_has_ended() {
    let stage = Stage::with(|setup| setup.set("session.idle_timeout", "20m")).await;
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(20 * MINUTE - SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 200, "used, and so not idle");
    stage.clock.advance(20 * MINUTE - SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 200, "the use before was written down");
    stage.clock.advance(20 * MINUTE);
    assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 401);
    assert_eq!(visitor.navigate("/").await.status(), 303);
}

#[tokio::test]
async fn case_123_a_session_that_is_never_idle_ends_at_its_lifetime_all_the_same() {
    let stage =
        Stage::with(|setup| setup.set("session.max_lifetime", "2h").set("session.idle_timeout", "20m")).await;
    let mut visitor = stage.signed_in().await;
    let mut touches = 0;
    for used in 1..=11 {
        stage.clock.advance(10 * MINUTE);
        let answer = visitor.fetch("/").await;
        assert_eq!(answer.status(), 200, "use {used}");
        if let Some(age) = max_age(&answer) {
            touches += 1;
            assert_eq!(age, (20 * 60).min((120 - 10 * used) * 60), "use {used}");
        }
    }
    assert!(touches >= 10, "{touches}");
    stage.clock.advance(10 * MINUTE - SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 200, "a second before its end");
    let before = stage.app.count();
    stage.clock.advance(SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 401);
    assert_eq!(visitor.navigate("/deep").await.status(), 303);
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn without_an_idle_timeout_a_session_may_lie_for_days_and_no_answer_sets_a_cookie() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for _ in 0..5 {
        stage.clock.advance(10 * MINUTE);
        assert_eq!(header(&visitor.fetch("/").await, "set-cookie"), None);
    }
    stage.clock.advance(28 * 24 * 60 * MINUTE);
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn a_use_is_written_down_at_most_once_in_a_tenth_of_the_time_out() {
    let stage = Stage::with(|setup| setup.set("session.idle_timeout", "20m")).await;
    let mut visitor = stage.signed_in().await;
    let mut touches = 0;
    for _ in 0..30 {
        stage.clock.advance(20 * SECOND);
        let answer = visitor.fetch("/").await;
        if let Some(age) = max_age(&answer) {
            assert_eq!(age, 20 * 60, "the browser keeps it for as long as it may lie idle");
            touches += 1;
        }
    }
    // Ten minutes of requests, and a tenth of the time-out is two.
    assert_eq!(touches, 5);
}

#[tokio::test]
async fn a_copy_of_a_cookie_that_was_not_used_ends_with_the_time_that_is_sealed_in_it() {
    let stage = Stage::with(|setup| setup.set("session.idle_timeout", "20m")).await;
    let mut visitor = stage.signed_in().await;
    let copy = held(&visitor);
    stage.clock.advance(15 * MINUTE);
    visitor.fetch("/").await;
    assert_ne!(held(&visitor), copy);
    stage.clock.advance(5 * MINUTE);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    let mut thief = stage.visitor();
    thief.jar.set(SESSION, &copy);
    assert_eq!(thief.fetch("/").await.status(), 401);
}

#[tokio::test]
async fn a_use_that_is_to_be_written_down_is_told_though_a_refresh_runs_beside_it() {
    let stage = Stage::with(|setup| setup.set("session.idle_timeout", "10m")).await;
    let mut visitor = stage.signed_in().await;
    for _ in 0..6 {
        stage.clock.advance(9 * MINUTE);
        visitor.fetch("/").await;
    }
    stage.clock.advance(5 * MINUTE + 30 * SECOND);
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let asking = tokio::spawn(async move { max_age(&visitor.fetch("/").await) });
    held.holding(1).await;
    stage.app.reached(8).await;
    held.release();
    assert_eq!(asking.await.unwrap(), Some(10 * 60));
}

#[tokio::test]
async fn a_touch_never_stores_tokens_that_a_refresh_has_replaced() {
    let stage = Stage::with(|setup| setup.set("session.idle_timeout", "10m")).await;
    let mut visitor = stage.signed_in().await;
    for _ in 0..6 {
        stage.clock.advance(9 * MINUTE);
        visitor.fetch("/").await;
    }
    let old = held(&visitor);
    let (mut slow, mut quick) = (stage.visitor(), stage.visitor());
    slow.jar.set(SESSION, &old);
    quick.jar.set(SESSION, &old);
    // Three minutes before the tokens end, a use that is to be written down is with the app.
    stage.clock.advance(3 * MINUTE);
    let (before, app) = (stage.app.count(), stage.app.hold());
    let touching = tokio::spawn(async move {
        let answer = slow.fetch("/slow").await;
        (answer.status(), max_age(&answer))
    });
    stage.app.reached(before + 1).await;
    // Meanwhile another tab has the session refreshed.
    stage.clock.advance(2 * MINUTE + 30 * SECOND);
    let refreshes = stage.cognito.hold(Endpoint::TokenRefresh);
    quick.fetch("/oauth2/userinfo").await;
    refreshes.holding(1).await;
    drop(app);
    assert_eq!(touching.await.unwrap(), (StatusCode::OK, None));
}
