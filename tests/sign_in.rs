//! The main job, end to end: sign in through Cognito, reach the app, sign out.

use crate::support::Stage;
use crate::support::visitor::{header, json, location, parameter, text};

#[tokio::test]
async fn a_visitor_signs_in_and_lands_on_the_deep_link_with_its_query() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let page = visitor.sign_in("alice", "/deep/link?with=query&a=%2F").await;
    assert_eq!(page.status(), 200);
    assert_eq!(text(&page), "the app");
    let arrived = stage.app.last();
    assert_eq!(arrived.target, "/deep/link?with=query&a=%2F");
    assert!(arrived.header("authorization").unwrap().starts_with("Bearer ey"));
    assert_eq!(arrived.header("x-forwarded-email"), Some("alice@example.com"));
    assert_eq!(arrived.header("x-forwarded-groups"), Some("admins"));
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("alice"));
    assert_eq!(header(&page, "cache-control"), Some("private, no-store"));
    assert_eq!(arrived.header("cookie"), None);
}

#[tokio::test]
async fn a_public_client_signs_in_without_a_secret() {
    let stage = Stage::with(|setup| setup.public_client()).await;
    let mut visitor = stage.visitor();
    assert_eq!(visitor.sign_in("bob", "/").await.status(), 200);
    assert_eq!(stage.app.last().header("x-forwarded-email"), None);
}

#[tokio::test]
async fn userinfo_and_sign_out() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let info = visitor.fetch("/oauth2/userinfo").await;
    assert_eq!(json(&info)["email"], "alice@example.com");
    let out = visitor.navigate("/oauth2/sign_out").await;
    assert_eq!(out.status(), 303);
    assert_eq!(
        parameter(&location(&out), "logout_uri").as_deref(),
        Some("https://app.test/oauth2/signed_out")
    );
    assert!(visitor.jar.names().is_empty(), "{:?}", visitor.jar.names());
    let back = visitor.follow(&out).await;
    let page = visitor.follow(&back).await;
    assert!(text(&page).contains("You are signed out"));
    assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 401);
}
