//! What a session keeps of the id token.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault, ReplyEdit, TokenEdit};
use serde_json::json;

use crate::support::visitor::{json as body, set_cookies};
use crate::support::{SESSION, Stage};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn claims_that_are_asked_for_are_kept_and_renewed_and_no_others() {
    let stage = Stage::with(|setup| setup.set("session.claims", "custom:tenant,roles,email,absent")).await;
    stage.cognito.edit_token(TokenEdit::id().set("custom:tenant", "blue").set("custom:other", "red"));
    stage.cognito.edit_token(TokenEdit::id().set("roles", json!([{ "name": "a" }, 2])));
    let mut visitor = stage.signed_in().await;
    let claims = body(&visitor.fetch("/oauth2/userinfo").await)["claims"].clone();
    assert_eq!(claims["custom:tenant"], "blue");
    assert_eq!(claims["roles"], json!([{ "name": "a" }, 2]));
    assert_eq!(claims["email"], "alice@example.com");
    assert!(claims.get("custom:other").is_none() && claims.get("absent").is_none(), "{claims}");

    stage.cognito.edit_token(TokenEdit::id().set("custom:tenant", "green"));
    stage.clock.advance(HOUR);
    let claims = body(&visitor.fetch("/oauth2/userinfo").await)["claims"].clone();
    assert_eq!(claims["custom:tenant"], "green");
}

/// A stage that asks userInfo, for a pool whose id tokens have no email and no tier.
async fn asking_userinfo() -> Stage {
    let stage = Stage::with(|setup| {
        setup.set("session.userinfo", "true").set("session.claims", "custom:tier,email_verified,name")
    })
    .await;
    for (name, value) in [("custom:tier", "gold"), ("preferred_username", "Alice"), ("name", "Alice A.")] {
        stage.cognito.set_attribute("alice", name, Some(value));
    }
    let names = ["email", "email_verified", "custom:tier", "preferred_username"];
    let short = names.into_iter().fold(TokenEdit::id().always(), |edit, name| edit.drop_claim(name));
    stage.cognito.edit_token(short);
    stage
}

#[tokio::test]
async fn userinfo_says_what_the_id_token_does_not_and_nothing_else() {
    let stage = asking_userinfo().await;
    stage.cognito.edit_token(TokenEdit::id().set("name", "as the id token says"));
    let mut visitor = stage.signed_in().await;
    let claims = body(&visitor.fetch("/oauth2/userinfo").await)["claims"].clone();
    assert_eq!(claims["custom:tier"], "gold");
    assert_eq!(claims["email_verified"], json!(true), "userInfo has it as a text");
    assert_eq!(claims["name"], "as the id token says");
    let arrived = stage.app.last();
    assert_eq!(arrived.header("x-forwarded-email"), Some("alice@example.com"));
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("Alice"));
    let asked = stage.cognito.last(Endpoint::Userinfo).unwrap();
    assert_eq!(asked.header("authorization"), arrived.header("authorization"));
    assert_eq!(stage.cognito.count(Endpoint::Userinfo), 1);
}

#[tokio::test]
async fn userinfo_is_not_asked_unless_it_is_wanted() {
    let stage = Stage::with(|setup| setup.set("session.claims", "custom:tier")).await;
    stage.cognito.edit_token(TokenEdit::id().drop_claim("email"));
    stage.signed_in().await;
    assert_eq!(stage.app.last().header("x-forwarded-email"), None);
    assert_eq!(stage.cognito.count(Endpoint::Userinfo), 0);
}

#[tokio::test]
async fn userinfo_is_asked_again_by_a_refresh_and_may_then_be_out_of_reach() {
    let stage = asking_userinfo().await;
    let mut visitor = stage.signed_in().await;
    stage.cognito.set_attribute("alice", "custom:tier", Some("silver"));
    stage.clock.advance(HOUR);
    let claims = body(&visitor.fetch("/oauth2/userinfo").await)["claims"].clone();
    assert_eq!(claims["custom:tier"], "silver");
    stage.cognito.set_attribute("alice", "custom:tier", None);
    for fault in [Fault::status(503), Fault::status(200).body("<html>")] {
        stage.cognito.fail(Endpoint::Userinfo, fault);
        stage.clock.advance(HOUR);
        let claims = body(&visitor.fetch("/oauth2/userinfo").await)["claims"].clone();
        assert_eq!(
            (&claims["custom:tier"], &claims["email"]),
            (&json!("silver"), &json!("alice@example.com"))
        );
    }
    stage.clock.advance(HOUR);
    let claims = body(&visitor.fetch("/oauth2/userinfo").await)["claims"].clone();
    assert!(claims.get("custom:tier").is_none(), "gone there, gone here");
}

#[tokio::test]
async fn a_userinfo_that_is_out_of_reach_or_about_somebody_else_lets_nobody_in() {
    let stage = asking_userinfo().await;
    type Breakage = fn(&Stage);
    let breakages: [(Breakage, u16); 3] = [
        (|stage| stage.cognito.fail(Endpoint::Userinfo, Fault::status(503)), 503),
        (|stage| stage.cognito.edit_reply(Endpoint::Userinfo, ReplyEdit::set("sub", "somebody else")), 502),
        (|stage| stage.cognito.edit_reply(Endpoint::Userinfo, ReplyEdit::drop_member("sub")), 502),
    ];
    for (breakage, status) in breakages {
        breakage(&stage);
        let mut visitor = stage.visitor();
        let callback = visitor.reach_callback("alice", "/").await;
        assert_eq!(visitor.navigate(&callback).await.status(), status);
        assert!(visitor.jar.get(SESSION).is_none());
    }
    let mut visitor = stage.signed_in().await;
    stage.cognito.edit_reply(Endpoint::Userinfo, ReplyEdit::set("sub", "somebody else"));
    stage.clock.advance(HOUR);
    assert_eq!(visitor.fetch("/").await.status(), 401, "the session is over");
}

#[tokio::test]
async fn the_id_token_is_kept_where_it_is_asked_for_and_goes_to_nobody() {
    let mut sizes = Vec::new();
    for kept in ["false", "true"] {
        let stage = Stage::with(|setup| setup.set("session.store_id_token", kept)).await;
        let mut visitor = stage.visitor();
        let callback = visitor.reach_callback("alice", "/").await;
        let landed = visitor.navigate(&callback).await;
        let session = set_cookies(&landed).into_iter().filter(|cookie| cookie.name().starts_with(SESSION));
        let session = session.filter(|cookie| !cookie.name().ends_with("-check"));
        sizes.push(session.map(|cookie| cookie.value().len()).sum::<usize>());
        assert_eq!(visitor.fetch("/").await.status(), 200);
        let received = stage.app.last();
        let id_tokens = received.headers.values().filter(|value| {
            let token = value.to_str().unwrap_or_default().trim_start_matches("Bearer ").split('.').nth(1);
            token.is_some_and(|payload| {
                use base64::Engine as _;
                let bytes =
                    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
                String::from_utf8_lossy(&bytes).contains("\"token_use\":\"id\"")
            })
        });
        assert_eq!(id_tokens.count(), 0);
        stage.clock.advance(HOUR);
        assert_eq!(visitor.fetch("/").await.status(), 200, "it is refreshed too");
    }
    assert!(sizes[1] > sizes[0] + 800, "{sizes:?}");
}
