//! When a session is refreshed, and what it has afterwards.

use std::time::Duration;

use cognigate::emulator::{Endpoint, ReplyEdit, TokenEdit};

use super::{LIFETIME, SECOND, due, expired, last_bearer, session};
use crate::support::Stage;
use crate::support::visitor::json;

#[tokio::test]
async fn a_refresh_is_due_when_the_access_token_ends_within_the_margin() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let (first_bearer, first_cookie) = (last_bearer(&stage), session(&visitor));
    stage.clock.advance(LIFETIME - Duration::from_secs(61));
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!((last_bearer(&stage), session(&visitor)), (first_bearer.clone(), first_cookie.clone()));
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);

    stage.clock.advance(SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.refreshed(1).await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_ne!(last_bearer(&stage), first_bearer);
    assert!(stage.has_tickets() || session(&visitor) != first_cookie);
    let renewed = last_bearer(&stage);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(last_bearer(&stage), renewed);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn the_margin_is_the_configured_one() {
    let stage = Stage::with(|setup| setup.set("session.refresh_margin", "4m")).await;
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME - Duration::from_secs(241));
    visitor.fetch("/").await;
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);
    stage.clock.advance(SECOND);
    visitor.fetch("/").await;
    stage.cognito.reached(Endpoint::TokenRefresh, 1).await;
}

#[tokio::test]
async fn the_access_tokens_own_exp_decides_and_not_expires_in() {
    let stage = Stage::new().await;
    stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::set("expires_in", 10));
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(600));
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);

    // The id token's end is no reason either.
    let past = stage.clock.now().0 - 30;
    stage.cognito.edit_token(TokenEdit::id().set("exp", past));
    let mut visitor = stage.signed_in().await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);
}

#[tokio::test]
async fn expired_access_token_is_never_forwarded() {
    let stage = Stage::new().await;
    let mut visitor = expired(&stage).await;
    let old = last_bearer(&stage);
    assert_eq!(visitor.navigate("/page").await.status(), 200);
    assert_ne!(last_bearer(&stage), old);

    // At the callback 60 s of skew are granted; the first request afterwards is refreshed all the same.
    let past = stage.clock.now().0 - 30;
    stage.cognito.edit_token(TokenEdit::access().set("exp", past));
    let mut visitor = stage.visitor();
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
}

#[tokio::test]
async fn a_refreshed_token_that_has_expired_already_is_not_forwarded_and_not_asked_for_again_at_once() {
    let stage = Stage::new().await;
    let mut visitor = expired(&stage).await;
    let forwarded = stage.app.count();
    let past = stage.clock.now().0 - 30;
    stage.cognito.edit_token(TokenEdit::access().set("exp", past).always());
    for _ in 0..2 {
        assert_eq!(visitor.fetch("/").await.status(), 503);
    }
    assert_eq!(stage.app.count(), forwarded);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_refresh_that_gives_the_same_token_again_is_no_loop() {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    let bearer = last_bearer(&stage);
    let same = bearer.strip_prefix("Bearer ").unwrap();
    stage.cognito.edit_reply(Endpoint::TokenRefresh, ReplyEdit::set("access_token", same).always());
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.refreshed(1).await;
    assert_eq!(last_bearer(&stage), bearer);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_refresh_that_gives_no_more_time_is_one_call_a_request_and_no_loop() {
    let stage = Stage::new().await;
    let end = stage.clock.now().0 + 30;
    stage.cognito.edit_token(TokenEdit::access().set("exp", end).always());
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    assert_eq!(visitor.navigate(&callback).await.status(), 303);
    for round in 1..=3 {
        assert_eq!(visitor.fetch("/").await.status(), 200);
        stage.refreshed(round).await;
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), u64::from(round));
    }
}

#[tokio::test]
async fn without_a_refresh_token_the_session_ends_with_its_access_token() {
    let stage = Stage::new().await;
    stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::drop_member("refresh_token"));
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME - SECOND);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.clock.advance(SECOND);
    assert_eq!(visitor.navigate("/").await.status(), 303);
    assert_eq!(session(&visitor), None);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_kept() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = stage.signed_in().await;
    let mut used = Vec::new();
    for round in 1..=3 {
        stage.clock.advance(LIFETIME);
        assert_eq!(visitor.fetch("/").await.status(), 200);
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), round);
        used.push(stage.cognito.last(Endpoint::TokenRefresh).unwrap().form("refresh_token").unwrap());
    }
    used.dedup();
    assert_eq!(used.len(), 3, "a refresh token was used twice");
}

#[tokio::test]
async fn without_rotation_the_refresh_token_stays() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let mut used = Vec::new();
    for _ in 0..2 {
        stage.clock.advance(LIFETIME);
        assert_eq!(visitor.fetch("/").await.status(), 200);
        used.push(stage.cognito.last(Endpoint::TokenRefresh).unwrap().form("refresh_token").unwrap());
    }
    assert_eq!(used[0], used[1]);
}

#[tokio::test]
async fn userinfo_refreshes_too() {
    let stage = Stage::new().await;
    let mut visitor = expired(&stage).await;
    let before = session(&visitor);
    let info = json(&visitor.fetch("/oauth2/userinfo").await);
    assert_eq!(info["expires_at"], stage.clock.now().plus(LIFETIME).0);
    assert!(stage.has_tickets() || session(&visitor) != before);
}

#[tokio::test]
async fn case_59_a_group_removed_at_the_identity_provider_is_gone_after_the_next_refresh() {
    let stage = Stage::new().await;
    let mut visitor = expired(&stage).await;
    assert_eq!(stage.app.last().header("x-forwarded-groups"), Some("admins"));
    stage.cognito.set_groups("alice", &[]);
    visitor.fetch("/").await;
    assert_eq!(stage.app.last().header("x-forwarded-groups"), None);
}
