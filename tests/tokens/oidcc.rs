//! The relying-party checks of the OpenID conformance suite (`oidcc-client-test-…`), by their names there.
//!
//! Its discovery checks are not among them: Cognito's endpoints follow from pool id and domain, so that nothing
//! is discovered.

use std::time::Duration;

use cognigate::emulator::{Endpoint, JwksShape, ReplyEdit, Signing, TokenEdit};
use serde_json::json;

use super::{access_key_alone, at, callback, is_accepted, is_refused};
use crate::support::Stage;
use crate::support::visitor::{Visitor, json};

#[tokio::test]
async fn oidcc_invalid_iss_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().corrupt("iss")).await;
}

#[tokio::test]
async fn oidcc_missing_sub_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().drop_claim("sub")).await;
}

#[tokio::test]
async fn oidcc_invalid_aud_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().corrupt("aud")).await;
}

#[tokio::test]
async fn oidcc_missing_aud_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().drop_claim("aud")).await;
}

#[tokio::test]
async fn oidcc_invalid_secondary_aud_is_rejected() {
    let audiences = json!(["demo-client", "somebody-else"]);
    is_refused(&Stage::new().await, TokenEdit::id().set("aud", audiences)).await;
}

#[tokio::test]
async fn oidcc_missing_iat_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().drop_claim("iat")).await;
}

#[tokio::test]
async fn oidcc_invalid_sig_rs256_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().sign(Signing::Corrupted)).await;
}

#[tokio::test]
async fn oidcc_invalid_sig_es256_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().sign(Signing::Es256)).await;
}

#[tokio::test]
async fn oidcc_invalid_sig_hs256_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().sign(Signing::Hs256PublicKey)).await;
}

#[tokio::test]
async fn oidcc_idtoken_sig_none_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().sign(Signing::None)).await;
}

#[tokio::test]
async fn oidcc_nonce_invalid_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().corrupt("nonce")).await;
}

#[tokio::test]
async fn oidcc_kid_absent_single_jwks_is_accepted() {
    let stage = Stage::new().await;
    stage.cognito.shape_jwks(access_key_alone());
    let gate = stage.replica(&[]).await;
    // Both tokens by the one key that is published.
    stage.cognito.edit_token(TokenEdit::id().sign(Signing::OtherTokensKey).drop_header("kid"));
    assert_eq!(callback(&mut at(&gate, &stage)).await.status(), 303);
    // The key itself may have no id either.
    stage.cognito.shape_jwks(JwksShape { without_kids: true, ..access_key_alone() });
    let gate = stage.replica(&[]).await;
    stage.cognito.edit_token(TokenEdit::id().sign(Signing::OtherTokensKey).drop_header("kid"));
    stage.cognito.edit_token(TokenEdit::access().drop_header("kid"));
    assert_eq!(callback(&mut at(&gate, &stage)).await.status(), 303);
}

#[tokio::test]
async fn oidcc_kid_absent_multiple_jwks_is_rejected() {
    is_refused(&Stage::new().await, TokenEdit::id().drop_header("kid")).await;
}

#[tokio::test]
async fn oidcc_idtoken_sig_rs256_is_accepted() {
    is_accepted(&Stage::new().await, TokenEdit::id().header("alg", "RS256")).await;
}

#[tokio::test]
async fn oidcc_client_secret_basic_is_accepted() {
    let stage = Stage::new().await;
    stage.signed_in().await;
    let call = stage.cognito.last(Endpoint::TokenCode).unwrap();
    // RFC 6749 §2.3.1: demo-client:demo-secret.
    assert_eq!(call.header("authorization"), Some("Basic ZGVtby1jbGllbnQ6ZGVtby1zZWNyZXQ="));
    assert_eq!((call.form("client_id"), call.form("client_secret")), (None, None));
}

#[tokio::test]
async fn oidcc_scope_userinfo_claims_are_accepted() {
    let scopes = "openid,email,profile,phone";
    let stage = Stage::with(|setup| setup.set("cognito.scopes", scopes)).await;
    stage.cognito.set_attribute("alice", "preferred_username", Some("ally"));
    let mut visitor = stage.signed_in().await;
    assert_eq!(
        stage.cognito.last(Endpoint::Authorize).unwrap().query("scope").unwrap(),
        scopes.replace(',', " ")
    );
    let info = json(&visitor.fetch("/oauth2/userinfo").await);
    assert_eq!(info["email"], "alice@example.com");
    assert_eq!(info["preferredUsername"], "ally");
    assert_eq!(info["claims"]["cognito:username"], "alice");
}

#[tokio::test]
async fn oidcc_signing_key_rotation_is_accepted() {
    let stage = Stage::new().await;
    stage.signed_in().await;
    stage.cognito.rotate_keys(true);
    stage.signed_in().await;
}

#[tokio::test]
async fn oidcc_signing_key_rotation_just_before_signing_is_accepted() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    stage.cognito.rotate_keys(false);
    assert_eq!(visitor.navigate(&callback).await.status(), 303);
    assert_eq!(visitor.navigate("/").await.status(), 200);
}

/// A browser whose session needs a refresh.
async fn due(stage: &Stage) -> Visitor {
    let visitor = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(3_600));
    visitor
}

#[tokio::test]
async fn oidcc_refresh_token_is_accepted() {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(
        stage.cognito.last(Endpoint::TokenRefresh).unwrap().form("grant_type").unwrap(),
        "refresh_token"
    );
}

#[tokio::test]
async fn oidcc_refresh_token_invalid_issuer_is_rejected() {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    stage.cognito.edit_token(TokenEdit::id().corrupt("iss"));
    assert_eq!(visitor.fetch("/").await.status(), 401);
}

#[tokio::test]
async fn oidcc_refresh_token_invalid_sub_is_rejected() {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    stage.cognito.edit_token(TokenEdit::id().corrupt("sub"));
    assert_eq!(visitor.fetch("/").await.status(), 401);
}

#[tokio::test]
async fn oidcc_token_type_case_insensitivity_is_accepted() {
    let stage = Stage::new().await;
    for kind in ["bearer", "BEARER", "bEaReR"] {
        stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::set("token_type", kind));
        stage.signed_in().await;
    }
}

#[tokio::test]
async fn oidcc_token_endpoint_response_without_expires_in_is_accepted() {
    let stage = Stage::new().await;
    stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::drop_member("expires_in"));
    stage.cognito.edit_reply(Endpoint::TokenRefresh, ReplyEdit::drop_member("expires_in"));
    let mut visitor = due(&stage).await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}
