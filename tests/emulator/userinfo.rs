//! `GET /oauth2/userInfo`.

use std::time::Duration;

use cognigate::emulator::{Signing, TokenEdit};
use http::StatusCode;
use serde_json::json;

use super::support::{Fixture, Tokens, authorize, part};

async fn ask(fixture: &Fixture, token: &str) -> super::support::Answer {
    fixture.get("/oauth2/userInfo", &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn every_value_is_a_text_and_email_verified_too() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let answer = ask(&fixture, &tokens.access).await;
    let expected = json!({
        "sub": part(&tokens.id, 1)["sub"],
        "username": "alice",
        "email": "alice@example.com",
        "email_verified": "true",
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn no_other_token_than_a_good_access_token_will_do() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    fixture.switches.edit_token(TokenEdit::access().sign(Signing::Corrupted));
    let corrupted = Tokens::of(&fixture.refresh(&tokens.refresh).await).access;
    fixture.switches.edit_token(TokenEdit::access().sign(Signing::None));
    let unsigned = Tokens::of(&fixture.refresh(&tokens.refresh).await).access;
    let code = fixture
        .sign_in(&authorize(&[("scope", "aws.cognito.signin.user.admin")]), "alice")
        .await
        .0
        .query("code")
        .unwrap();
    let without_openid = Tokens::of(&fixture.redeem(&code).await).access;
    for token in ["junk", &tokens.id, &tokens.refresh, &corrupted, &unsigned, &without_openid] {
        let answer = ask(&fixture, token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
        assert!(answer.header("www-authenticate").starts_with("error=\"invalid_token\""));
    }
}

#[tokio::test]
async fn an_access_token_is_good_until_it_expires() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    fixture.clock.advance(Duration::from_secs(3599));
    assert_eq!(ask(&fixture, &tokens.access).await.status, StatusCode::OK);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&fixture, &tokens.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_request_without_bearer_is_a_bad_request() {
    let fixture = Fixture::start().await;
    for headers in [&[][..], &[("authorization", "Basic eDp5")][..]] {
        let answer = fixture.get("/oauth2/userInfo", headers).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.header("www-authenticate").starts_with("error=\"invalid_request\""));
    }
}
