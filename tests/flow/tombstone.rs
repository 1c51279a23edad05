//! After a sign-out, nothing that was under way or was copied brings the session back.

use std::time::Duration;

use cognigate::emulator::{Endpoint, ReplyEdit};
use http::Method;

use super::{NAME, is_signed_in};
use crate::support::Stage;
use crate::support::visitor::{FETCH, NAVIGATION, Visitor, json, location, set_cookies, text};

/// Turns the clock to where the next request refreshes, its access token being good for another while.
fn near_the_end(stage: &Stage) {
    stage.clock.advance(Duration::from_secs(3600 - 30));
}

#[tokio::test]
async fn an_answer_under_way_does_not_bring_the_session_back() {
    for also_signs_out in [false, true] {
        let stage = Stage::new().await;
        let mut visitor = stage.signed_in().await;
        near_the_end(&stage);
        let held = stage.app.hold();
        let slow = tokio::spawn({
            let mut visitor = visitor.clone();
            async move { visitor.fetch("/slow").await }
        });
        stage.app.reached(2).await;
        stage.refreshed(1).await;
        if also_signs_out {
            visitor.navigate("/oauth2/sign_out").await;
        }
        drop(held);
        let answer = slow.await.unwrap();
        assert_eq!(answer.status(), 200);
        // The renewed session comes along where nobody signed out, or this would prove nothing.
        let brought = set_cookies(&answer).iter().any(|cookie| cookie.name() == NAME);
        assert_eq!(brought, !also_signs_out);
        visitor.jar.take(answer.headers(), true);
        assert_eq!(is_signed_in(&mut visitor).await, !also_signs_out);
    }
}

#[tokio::test]
async fn an_answer_under_way_does_not_bring_back_a_session_that_was_refreshed_before_it() {
    for also_signs_out in [false, true] {
        let stage = Stage::new().await;
        let mut visitor = stage.signed_in().await;
        // The request waits for its refresh, so that its answer has the new session before the app is asked.
        stage.clock.advance(Duration::from_secs(3600));
        let held = stage.app.hold();
        let slow = tokio::spawn({
            let mut visitor = visitor.clone();
            async move { visitor.fetch("/slow").await }
        });
        stage.app.reached(2).await;
        if also_signs_out {
            visitor.navigate("/oauth2/sign_out").await;
        }
        drop(held);
        let answer = slow.await.unwrap();
        assert_eq!(answer.status(), 200);
        let brought = set_cookies(&answer).iter().any(|cookie| cookie.name() == NAME);
        assert_eq!(brought, !also_signs_out);
    }
}

#[tokio::test]
async fn case_50_a_copied_cookie_is_refused_from_the_sign_out_on() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let mut copy = visitor.clone();
    assert!(is_signed_in(&mut copy).await);
    visitor.navigate("/oauth2/sign_out").await;
    let before = stage.app.count();
    // Two minutes, the hour that the access token lasts, and beyond: its refresh token is revoked.
    for wait in [0, 119, 1, 3400, 79, 1, 60 * 60] {
        stage.clock.advance(Duration::from_secs(wait));
        let mut copy = copy.clone();
        assert_eq!(copy.fetch("/api").await.status(), 401, "after {wait} s more");
        assert!(!is_signed_in(&mut copy).await);
        let answer = copy.navigate("/").await;
        assert!(matches!(answer.status().as_u16(), 303 | 403), "{answer:?}");
        assert_eq!(copy.jar.get(NAME), None, "the copy was cleared");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn the_shared_refresh_result_is_dropped() {
    let stage = Stage::with(|setup| setup.rotation(Duration::from_secs(60))).await;
    let mut visitor = stage.signed_in().await;
    let mut old = visitor.clone();
    near_the_end(&stage);
    assert!(is_signed_in(&mut visitor).await);
    stage.refreshed(1).await;
    visitor.navigate("/oauth2/sign_out").await;
    // The cookie from before the refresh would otherwise be handed its result.
    let answer = old.send(Method::GET, "/api", &FETCH, "").await;
    assert_eq!(answer.status(), 401);
    assert!(set_cookies(&answer).is_empty());
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_refresh_under_way_ends_with_the_session_and_its_token_is_revoked() {
    let stage = Stage::with(|setup| setup.rotation(Duration::from_secs(60)).threads(2)).await;
    let mut visitor = stage.signed_in().await;
    // Past the end of the access token, so that the request waits for the refresh.
    stage.clock.advance(Duration::from_secs(3601));
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    let waiting = tokio::spawn({
        let mut visitor = visitor.clone();
        async move { visitor.send(Method::GET, "/page", &NAVIGATION, "").await }
    });
    held.holding(1).await;
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    let out = visitor.navigate("/oauth2/sign_out").await;
    assert_eq!(out.status(), 303);
    revocations.holding(1).await;
    // Cognito gives a new refresh token before it hears of the end.
    held.release();
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status(), 303, "to the login page");
    assert!(!set_cookies(&answer).iter().any(|cookie| cookie.name() == NAME && !cookie.value().is_empty()));
    assert_eq!(stage.app.count(), 1);
    // Both are revoked.
    revocations.holding(2).await;
}

#[tokio::test]
async fn one_session_of_a_user_ends_and_the_other_goes_on() {
    let stage = Stage::new().await;
    let mut here = stage.signed_in().await;
    let mut there = stage.signed_in().await;
    here.navigate("/oauth2/sign_out").await;
    assert_eq!(json(&there.fetch("/oauth2/userinfo").await)["preferredUsername"], "alice");
    assert!(!is_signed_in(&mut here).await);
}

/// What the page after a sign-out and a callback that this browser never began take a browser for.
async fn is_known_at_our_own_endpoints(visitor: &Visitor) -> bool {
    let page = visitor.clone().navigate("/oauth2/signed_out").await;
    assert_eq!(page.status(), 200);
    let is_known = text(&page).contains("You are signed in");
    assert_ne!(is_known, text(&page).contains("You are signed out"), "{}", text(&page));
    let answer = visitor.clone().navigate("/oauth2/callback?state=unknown&code=c").await;
    assert_eq!(answer.status(), 303);
    assert_eq!(is_known, location(&answer) == "/", "{}", location(&answer));
    assert_ne!(is_known, location(&answer).contains("/oauth2/authorize?"), "{}", location(&answer));
    is_known
}

#[tokio::test]
async fn case_129_a_copied_cookie_is_no_session_to_our_own_endpoints_after_the_sign_out() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let copy = visitor.clone();
    assert!(is_known_at_our_own_endpoints(&copy).await);
    visitor.navigate("/oauth2/sign_out").await;
    assert!(!is_known_at_our_own_endpoints(&copy).await);
}

#[tokio::test]
async fn case_129_a_session_that_is_over_is_none_to_our_own_endpoints() {
    for (limit, minutes) in [("session.max_lifetime", 50), ("session.idle_timeout", 50)] {
        let stage = Stage::with(|setup| setup.set(limit, &format!("{minutes}m"))).await;
        let visitor = stage.signed_in().await;
        stage.clock.advance(Duration::from_secs(minutes * 60 - 1));
        assert!(is_known_at_our_own_endpoints(&visitor).await, "{limit}");
        stage.clock.advance(Duration::from_secs(1));
        assert!(!is_known_at_our_own_endpoints(&visitor).await, "{limit}");
    }
    // Nor is one whose access token has run out where there is nothing to refresh it by.
    let stage = Stage::new().await;
    stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::drop_member("refresh_token"));
    let visitor = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(60 * 60 - 1));
    assert!(is_known_at_our_own_endpoints(&visitor).await);
    stage.clock.advance(Duration::from_secs(1));
    assert!(!is_known_at_our_own_endpoints(&visitor).await);
}
