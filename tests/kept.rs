//! What a session keeps of the id token.

use std::time::Duration;

use cognigate::emulator::TokenEdit;
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
