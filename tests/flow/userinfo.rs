//! Userinfo: what a page may know of its user.

use http::Method;
use serde_json::json;

use super::assert_ours;
use crate::support::Stage;
use crate::support::visitor::{FETCH, NAVIGATION, header, json, set_cookies, text};

#[tokio::test]
async fn userinfo_has_the_members_that_users_of_oauth2_proxy_know_and_the_claims() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let info = visitor.fetch("/oauth2/userinfo").await;
    assert_ours(&info);
    assert_eq!(header(&info, "content-type"), Some("application/json"));
    let sub = stage.app.last().header("x-forwarded-user").unwrap().to_owned();
    let expected = json!({
        "user": sub,
        "sub": sub,
        "email": "alice@example.com",
        "groups": ["admins"],
        "preferredUsername": "alice",
        "claims": {
            "sub": sub,
            "cognito:username": "alice",
            "email": "alice@example.com",
            "cognito:groups": ["admins"],
        },
        "expires_at": stage.clock.now().0 + 3600,
    });
    assert_eq!(json(&info), expected);
    // No token is ever shown to a script.
    assert!(!text(&info).contains("eyJ"), "{}", text(&info));
    // A navigation sees the same.
    assert_eq!(json(&visitor.navigate("/oauth2/userinfo").await), expected);
}

#[tokio::test]
async fn userinfo_prefers_preferred_username_and_has_no_claim_that_is_absent() {
    let stage = Stage::new().await;
    stage.cognito.set_attribute("bob", "preferred_username", Some("Bobby"));
    let mut visitor = stage.visitor();
    visitor.sign_in("bob", "/").await;
    let info = json(&visitor.fetch("/oauth2/userinfo").await);
    assert_eq!(info["preferredUsername"], "Bobby");
    assert_eq!(info["claims"]["preferred_username"], "Bobby");
    assert_eq!(info["groups"], json!([]));
    assert!(info["email"].is_null());
    assert!(info["claims"].get("email").is_none() && info["claims"].get("cognito:groups").is_none());
}

#[tokio::test]
async fn userinfo_without_a_session_is_a_401_for_navigations_too() {
    let stage = Stage::new().await;
    for headers in [FETCH.as_slice(), &NAVIGATION, &[("accept", "text/html")], &[]] {
        let answer = stage.visitor().send(Method::GET, "/oauth2/userinfo", headers, "").await;
        assert_eq!(answer.status(), 401, "{headers:?}");
        assert_ours(&answer);
        assert!(set_cookies(&answer).is_empty());
        assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
        assert_eq!(header(&answer, "www-authenticate"), Some("Bearer realm=\"https://app.test\""));
        assert_eq!(json(&answer)["login_url"], "https://app.test/oauth2/start?rd=%2F");
    }
}
