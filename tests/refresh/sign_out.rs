//! A sign-out and a refresh of the same session at the same time.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use http::header::SET_COOKIE;

use super::{expired, session};
use crate::support::Stage;

fn revoked(stage: &Stage) -> String {
    stage.cognito.last(Endpoint::Revoke).unwrap().form("token").unwrap()
}

#[tokio::test]
async fn a_sign_out_during_a_refresh_revokes_the_new_refresh_token_and_no_cookie_comes_back() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let visitor = expired(&stage).await;
    let forwarded = stage.app.count();
    let refreshes = stage.cognito.hold(Endpoint::TokenRefresh);
    // Held too, so that the old token is still good when the refresh is answered.
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    let mut waiting = visitor.clone();
    let asking = tokio::spawn(async move { waiting.fetch("/").await });
    refreshes.holding(1).await;
    let mut leaving = visitor.clone();
    assert_eq!(leaving.navigate("/oauth2/sign_out").await.status(), 303);
    revocations.holding(1).await;
    let old = revoked(&stage);

    refreshes.release();
    let answer = asking.await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(!answer.headers().contains_key(SET_COOKIE), "{answer:?}");
    revocations.holding(2).await;
    assert_ne!(revoked(&stage), old);
    assert_eq!(stage.app.count(), forwarded);
    assert_eq!(visitor.clone().fetch("/").await.status(), 401);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_sign_out_with_the_old_cookie_revokes_what_the_refresh_gave() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = expired(&stage).await;
    let mut old = visitor.clone();
    visitor.fetch("/").await;
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    assert_eq!(old.navigate("/oauth2/sign_out").await.status(), 303);
    revocations.holding(2).await;
    revocations.release();
    // Both are one session, so the new cookie is refused as well, for as long as its access token could live.
    for hour in 0..24 {
        assert_eq!(visitor.clone().fetch("/").await.status(), 401, "after {hour} h");
        stage.clock.advance(super::LIFETIME);
    }
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
    // And then its refresh token is dead.
    assert_eq!(visitor.fetch("/").await.status(), 401);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 2);
}

#[tokio::test]
async fn a_sign_out_drops_the_shared_result() {
    let stage = Stage::new().await;
    let mut visitor = expired(&stage).await;
    let old = visitor.clone();
    visitor.fetch("/").await;
    visitor.navigate("/oauth2/sign_out").await;
    stage.cognito.reached(Endpoint::Revoke, 1).await;
    let forwarded = stage.app.count();
    let mut latecomer = old.clone();
    assert_eq!(latecomer.fetch("/").await.status(), 401);
    assert_eq!(session(&latecomer), session(&old), "a fetch was given cookies");
    assert_eq!(stage.app.count(), forwarded);
}
