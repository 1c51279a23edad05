//! Sign-out ends all three: our cookies, the refresh token, and Cognito's own session.

use cognigate::emulator::{Endpoint, TokenEdit};
use cookie::Cookie;
use http::Method;

use super::{assert_ours, button, is_signed_in};
use crate::support::Stage;
use crate::support::visitor::{header, json, location, set_cookies, text};

/// What a browser finds a cookie by, and what `Secure` and `__Host-` need.
fn attributes(cookie: &Cookie<'_>) -> String {
    let mut bare = cookie.clone();
    bare.set_value("");
    bare.unset_expires();
    bare.set_max_age(None);
    bare.to_string()
}

#[tokio::test]
async fn case_49_every_chunk_is_cleared_with_the_attributes_it_was_set_with() {
    for (url, flags) in [
        ("https://app.test", &[][..]),
        ("https://app.test", &[("cookie.same_site", "none")]),
        ("https://app.test", &[("cookie.domain", "app.test"), ("cookie.name", "gate")]),
        ("http://localhost:8080", &[]),
    ] {
        let stage = Stage::with(|setup| {
            flags.iter().fold(setup.public_url(url), |setup, (key, value)| setup.set(key, value))
        })
        .await;
        stage.cognito.edit_token(TokenEdit::access().set("padding", "x".repeat(9_000)).always());
        let mut visitor = stage.visitor();
        let callback = visitor.reach_callback("alice", "/").await;
        let set = set_cookies(&visitor.navigate(&callback).await);
        let set: Vec<String> =
            set.iter().filter(|cookie| !cookie.value().is_empty()).map(attributes).collect();
        assert!(set.len() >= 5, "four chunks and the mark: {set:?}");
        let out = visitor.navigate("/oauth2/sign_out").await;
        let cleared: Vec<_> = set_cookies(&out);
        for cookie in &cleared {
            assert!(cookie.value().is_empty() && cookie.max_age().unwrap().is_zero(), "{cookie}");
            assert!(cookie.expires_datetime().unwrap().unix_timestamp() <= 0, "{cookie}");
        }
        let cleared: Vec<String> = cleared.iter().map(attributes).collect();
        for line in &set {
            assert!(cleared.contains(line), "{line} is not among {cleared:?}");
        }
        assert!(visitor.jar.names().is_empty(), "{:?}", visitor.jar.names());
    }
}

#[tokio::test]
async fn the_refresh_token_is_revoked_in_the_background() {
    for public in [false, true] {
        let stage = Stage::with(|setup| if public { setup.public_client() } else { setup }).await;
        let mut visitor = stage.signed_in().await;
        let held = stage.cognito.hold(Endpoint::Revoke);
        // The answer is there while the revocation is still under way.
        let out = visitor.navigate("/oauth2/sign_out").await;
        assert_eq!(out.status(), 303);
        held.holding(1).await;
        held.release();
        let call = stage.cognito.last(Endpoint::Revoke).unwrap();
        assert_eq!(call.form("token").unwrap().split('.').count(), 5, "a refresh token");
        assert_eq!(call.form("client_id").is_some(), public);
        assert_eq!(call.header("authorization").is_some(), !public);
    }
}

#[tokio::test]
async fn revocations_under_way_are_bounded() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let held = stage.cognito.hold(Endpoint::Revoke);
    for _ in 0..260 {
        assert_eq!(visitor.clone().fetch("/oauth2/sign_out").await.status(), 200);
    }
    held.holding(256).await;
    // What is beyond was let go, not queued: the next to arrive is the next sign-out's.
    held.release();
    stage.cognito.reached(Endpoint::Revoke, 256).await;
    assert_eq!(stage.cognito.count(Endpoint::Revoke), 256);
}

#[tokio::test]
async fn a_sign_out_without_a_session_still_ends_cognitos() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let out = visitor.navigate("/oauth2/sign_out").await;
    assert_eq!(out.status(), 303);
    assert!(location(&out).contains("/logout?client_id="));
    assert_eq!(stage.cognito.count(Endpoint::Revoke), 0);
}

#[tokio::test]
async fn sign_in_after_a_sign_out_asks_for_the_password_again() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    // Without the sign-out, managed login asks for nothing.
    let authorize = visitor.navigate("/oauth2/start").await;
    let straight = visitor.follow(&authorize).await;
    assert!(location(&straight).starts_with("https://app.test/oauth2/callback?"));
    let out = visitor.navigate("/oauth2/sign_out").await;
    let back = visitor.follow(&out).await;
    assert_eq!(location(&back), "https://app.test/oauth2/signed_out");
    let page = visitor.follow(&back).await;
    assert!(text(&page).contains("You are signed out"), "{}", text(&page));
    assert_eq!(header(&page, "clear-site-data"), Some("\"cache\""));
    let again = button(&page, 200);
    assert_eq!(again, "/oauth2/start");
    let authorize = visitor.navigate(&again).await;
    let login = visitor.follow(&authorize).await;
    assert!(location(&login).starts_with("/login?"), "{}", location(&login));
    assert!(!is_signed_in(&mut visitor).await);
}

#[tokio::test]
async fn the_signed_out_page_has_the_cache_cleared_once_more_when_the_page_before_is_gone() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let page = visitor.navigate("/oauth2/signed_out").await;
    assert!(text(&page).contains("<img src=\"/oauth2/signed_out\""), "{}", text(&page));
    let picture =
        [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("sec-fetch-site", "same-origin")];
    let answer = visitor.send(Method::GET, "/oauth2/signed_out", &picture, "").await;
    assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0));
    assert_eq!(header(&answer, "clear-site-data"), Some("\"cache\""));
    assert_eq!(header(&answer, "cache-control"), Some("no-store"));
}

#[tokio::test]
async fn signed_out_tells_the_truth_to_one_who_is_signed_in() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let page = visitor.navigate("/oauth2/signed_out").await;
    assert_ours(&page);
    assert!(text(&page).contains("You are signed in"), "{}", text(&page));
    assert!(text(&page).contains("<form method=\"post\" action=\"/oauth2/sign_out\">"));
    assert!(is_signed_in(&mut visitor).await);
}

#[tokio::test]
async fn a_sign_out_that_cognito_does_not_hear_of_ends_the_session_here() {
    let stage = Stage::new().await;
    stage.cognito.fail(Endpoint::Revoke, cognigate::emulator::Fault::status(400).always());
    let mut visitor = stage.signed_in().await;
    let told = visitor.fetch("/oauth2/sign_out").await;
    assert!(json(&told)["logout_url"].is_string());
    stage.cognito.reached(Endpoint::Revoke, 1).await;
    assert!(!is_signed_in(&mut visitor).await);
}
