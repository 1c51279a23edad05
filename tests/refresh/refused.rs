//! A refresh that Cognito refuses, or answers with somebody else's tokens.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Signing, TokenEdit};

use super::{SECOND, due, last_bearer, session};
use crate::support::Stage;
use crate::support::wire::eventually;

#[tokio::test]
async fn invalid_grant_lets_the_session_go_on_until_exp_without_another_attempt_and_then_asks_to_sign_in() {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    let bearer = last_bearer(&stage);
    stage.cognito.revoke_refresh_tokens(None);
    for _ in 0..3 {
        assert_eq!(visitor.fetch("/").await.status(), 200);
        stage.refreshed(1).await;
        assert_eq!(last_bearer(&stage), bearer);
        // Longer than the pause after a passing fault.
        stage.clock.advance(Duration::from_secs(9));
    }
    stage.clock.advance(3 * SECOND);
    let forwarded = stage.app.count();
    assert_eq!(visitor.clone().fetch("/").await.status(), 401);
    let login = visitor.navigate("/").await;
    assert_eq!(login.status(), 303);
    assert_eq!(session(&visitor), None);
    assert_eq!(stage.app.count(), forwarded);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn after_invalid_grant_the_user_signs_in_again_and_goes_on() {
    let stage = Stage::new().await;
    let mut visitor = super::expired(&stage).await;
    stage.cognito.expire_refresh_tokens(None);
    let page = visitor.sign_in("alice", "/deep?a=b").await;
    assert_eq!(page.status(), 200);
    assert_eq!(stage.app.last().target, "/deep?a=b");
}

async fn ends_the_session(edit: TokenEdit) {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    let shown = format!("{edit:?}");
    stage.cognito.edit_token(edit);
    // As soon as the refresh is over, though the session's own access token is still valid.
    let has_ended = || async { visitor.clone().fetch("/").await.status() == 401 };
    eventually(&format!("the session has ended by {shown}"), has_ended).await;
    let forwarded = stage.app.count();
    assert_eq!(visitor.navigate("/").await.status(), 303, "{shown}");
    assert_eq!(session(&visitor), None, "{shown}");
    assert_eq!(stage.app.count(), forwarded, "{shown}");
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1, "{shown}");
}

#[tokio::test]
async fn case_38_a_refreshed_token_of_another_sub_ends_the_session() {
    for token in [TokenEdit::id, TokenEdit::access] {
        ends_the_session(token().corrupt("sub")).await;
        ends_the_session(token().drop_claim("sub")).await;
    }
}

#[tokio::test]
async fn case_38_a_refreshed_token_of_another_issuer_ends_the_session() {
    for token in [TokenEdit::id, TokenEdit::access] {
        ends_the_session(token().corrupt("iss")).await;
    }
}

#[tokio::test]
async fn case_38_a_refreshed_token_with_a_bad_signature_ends_the_session() {
    for token in [TokenEdit::id, TokenEdit::access] {
        for signing in [Signing::Corrupted, Signing::ForeignKey, Signing::None, Signing::Hs256PublicKey] {
            ends_the_session(token().sign(signing)).await;
        }
    }
}

#[tokio::test]
async fn a_refreshed_token_of_another_app_client_ends_the_session() {
    ends_the_session(TokenEdit::id().corrupt("aud")).await;
    ends_the_session(TokenEdit::access().corrupt("client_id")).await;
    ends_the_session(TokenEdit::access().set("token_use", "id")).await;
}
