//! `POST /oauth2/revoke`.

use std::time::Duration;

use http::StatusCode;

use super::support::{Basic, Fixture, Tokens, authorize, basic, code_grant};

#[tokio::test]
async fn revoking_ends_the_refresh_token_and_its_access_tokens_at_userinfo() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let bearer = format!("Bearer {}", tokens.access);
    assert_eq!(fixture.get("/oauth2/userInfo", &[("authorization", &bearer)]).await.status, StatusCode::OK);
    let client = basic("demo-client", "demo-secret");
    let answer = fixture.post("/oauth2/revoke", &[("token", &tokens.refresh)], &[client.pair()]).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), (400, "invalid_grant".to_owned()));
    let userinfo = fixture.get("/oauth2/userInfo", &[("authorization", &bearer)]).await;
    assert_eq!(userinfo.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn revoking_does_not_end_cognitos_own_session() {
    let fixture = Fixture::start().await;
    let (answer, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    let tokens = Tokens::of(&fixture.redeem(&answer.query("code").unwrap()).await);
    let client = basic("demo-client", "demo-secret");
    fixture.post("/oauth2/revoke", &[("token", &tokens.refresh)], &[client.pair()]).await;
    assert!(fixture.get(&authorize(&[]), &[("cookie", &cookie)]).await.query("code").is_some());
}

#[tokio::test]
async fn a_token_that_is_unknown_or_revoked_already_is_200_and_empty() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let client = basic("demo-client", "demo-secret");
    for token in ["unknown", &tokens.refresh, &tokens.refresh] {
        let answer = fixture.post("/oauth2/revoke", &[("token", token)], &[client.pair()]).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    }
}

#[tokio::test]
async fn a_public_client_revokes_by_its_id_and_another_clients_token_lives_on() {
    let fixture = Fixture::start().await;
    let target = authorize(&[("client_id", "demo-public")]);
    let code = fixture.sign_in(&target, "alice").await.0.query("code").unwrap();
    let mut form = code_grant(&code).to_vec();
    form.push(("client_id", "demo-public"));
    let public = Tokens::of(&fixture.post("/oauth2/token", &form, &[]).await);
    let confidential = fixture.tokens("alice").await;

    let revoke = async |token: &str| {
        let form = [("token", token), ("client_id", "demo-public")];
        fixture.post("/oauth2/revoke", &form, &[]).await.status
    };
    assert_eq!(revoke(&confidential.refresh).await, StatusCode::OK);
    assert_eq!(fixture.refresh(&confidential.refresh).await.status, StatusCode::OK);

    assert_eq!(revoke(&public.refresh).await, StatusCode::OK);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", public.refresh.as_str()),
        ("client_id", "demo-public"),
    ];
    assert_eq!(fixture.post("/oauth2/token", &form, &[]).await.refusal().1, "invalid_grant");
}

#[tokio::test]
async fn revocation_refuses_by_name() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let right = basic("demo-client", "demo-secret");
    let wrong = basic("demo-client", "wrong");
    let revoke = async |form: &[(&str, &str)], client: &Basic| {
        fixture.post("/oauth2/revoke", form, &[client.pair()]).await.refusal()
    };
    assert_eq!(revoke(&[], &right).await, (400, "invalid_request".to_owned()));
    let jwt = [("token", tokens.access.as_str())];
    assert_eq!(revoke(&jwt, &right).await, (400, "unsupported_token_type".to_owned()));
    let token = [("token", tokens.refresh.as_str())];
    assert_eq!(revoke(&token, &wrong).await, (401, "invalid_client".to_owned()));
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::OK);
    assert_eq!(fixture.get("/oauth2/revoke", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn revoking_a_rotated_token_ends_its_successor() {
    let fixture = Fixture::start().await;
    assert!(fixture.switches.set_rotation("demo-client", Some(Duration::from_secs(60))));
    let first = fixture.tokens("alice").await;
    let second = Tokens::of(&fixture.refresh(&first.refresh).await);
    let client = basic("demo-client", "demo-secret");
    fixture.post("/oauth2/revoke", &[("token", &first.refresh)], &[client.pair()]).await;
    assert_eq!(fixture.refresh(&second.refresh).await.refusal().1, "invalid_grant");
}
