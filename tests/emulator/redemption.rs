//! `POST /oauth2/token`: client authentication and the code grant.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use http::StatusCode;

use super::support::{CALLBACK, Fixture, Tokens, authorize, basic, code_grant};

fn refused(error: &str) -> (u16, String) {
    (400, error.to_owned())
}

#[tokio::test]
async fn a_code_gives_three_tokens_and_no_scope() {
    let fixture = Fixture::start().await;
    let code = fixture.code("alice").await;
    let answer = fixture.redeem(&code).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "refresh_token", "token_type"]);
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.json()["expires_in"], 3600);
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let fixture = Fixture::start().await;
    let target = authorize(&[("scope", "aws.cognito.signin.user.admin")]);
    let code = fixture.sign_in(&target, "alice").await.0.query("code").unwrap();
    assert!(fixture.redeem(&code).await.json().get("id_token").is_none());
}

#[tokio::test]
async fn without_scope_all_of_the_clients_scopes_are_granted() {
    let fixture = Fixture::start().await;
    let code = fixture.sign_in(&authorize(&[("scope", "")]), "alice").await.0.query("code").unwrap();
    let tokens = Tokens::of(&fixture.redeem(&code).await);
    let scope = super::support::part(&tokens.access, 1)["scope"].clone();
    assert_eq!(scope, "openid email profile phone aws.cognito.signin.user.admin");
}

#[tokio::test]
async fn a_client_authenticates_by_basic_or_by_post_with_either_secret() {
    let fixture = Fixture::start().await;
    assert!(fixture.switches.set_secrets("demo-client", &["old-secret", "new-secret"]));
    for secret in ["old-secret", "new-secret"] {
        let code = fixture.code("alice").await;
        let answer =
            fixture.post("/oauth2/token", &code_grant(&code), &[basic("demo-client", secret).pair()]).await;
        assert_eq!(answer.status, StatusCode::OK);

        let code = fixture.code("alice").await;
        let mut form = code_grant(&code).to_vec();
        form.extend([("client_id", "demo-client"), ("client_secret", secret)]);
        assert_eq!(fixture.post("/oauth2/token", &form, &[]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_public_client_says_its_id_and_nothing_more() {
    let fixture = Fixture::start().await;
    let target = authorize(&[("client_id", "demo-public")]);
    let code = fixture.sign_in(&target, "alice").await.0.query("code").unwrap();
    let mut form = code_grant(&code).to_vec();
    form.push(("client_id", "demo-public"));
    let mut with_secret = form.clone();
    with_secret.push(("client_secret", "any"));
    assert_eq!(fixture.post("/oauth2/token", &with_secret, &[]).await.refusal(), refused("invalid_client"));
    assert_eq!(fixture.post("/oauth2/token", &form, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn failed_client_authentication_does_not_use_up_the_code() {
    let fixture = Fixture::start().await;
    let code = fixture.code("alice").await;
    let form = code_grant(&code);
    let mut id_only = form.to_vec();
    id_only.push(("client_id", "demo-client"));
    let mut other_id = form.to_vec();
    other_id.push(("client_id", "demo-public"));
    let right = basic("demo-client", "demo-secret");
    let attempts = [
        (form.to_vec(), Some(basic("demo-client", "wrong")), "invalid_client"),
        (form.to_vec(), Some(basic("nobody", "demo-secret")), "invalid_client"),
        (form.to_vec(), Some(basic("demo-public", "")), "invalid_client"),
        (other_id, Some(right), "invalid_client"),
        (id_only, None, "invalid_client"),
        (form.to_vec(), None, "invalid_request"),
    ];
    for (form, header, error) in attempts {
        let headers: Vec<_> = header.iter().map(super::support::Basic::pair).collect();
        let answer = fixture.post("/oauth2/token", &form, &headers).await;
        assert_eq!(answer.refusal(), refused(error), "{form:?}");
    }
    assert_eq!(fixture.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_is_good_once() {
    let fixture = Fixture::start().await;
    let code = fixture.code("alice").await;
    assert_eq!(fixture.redeem(&code).await.status, StatusCode::OK);
    assert_eq!(fixture.redeem(&code).await.refusal(), refused("invalid_grant"));
    assert_eq!(fixture.redeem("no-such-code").await.refusal(), refused("invalid_grant"));
}

#[tokio::test]
async fn a_code_lives_five_minutes() {
    let fixture = Fixture::start().await;
    let (early, late) = (fixture.code("alice").await, fixture.code("alice").await);
    fixture.clock.advance(Duration::from_secs(299));
    assert_eq!(fixture.redeem(&early).await.status, StatusCode::OK);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.redeem(&late).await.refusal(), refused("invalid_grant"));
}

#[tokio::test]
async fn another_clients_code_is_invalid_and_stays_good_for_its_own() {
    let fixture = Fixture::start().await;
    let code = fixture.code("alice").await;
    let mut form = code_grant(&code).to_vec();
    form.push(("client_id", "demo-public"));
    assert_eq!(fixture.post("/oauth2/token", &form, &[]).await.refusal(), refused("invalid_grant"));
    assert_eq!(fixture.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_redirect_uri_is_an_unauthorized_client() {
    let fixture = Fixture::start().await;
    let code = fixture.code("alice").await;
    let mut form = code_grant(&code);
    let other = format!("{CALLBACK}/");
    form[2].1 = &other;
    let answer = fixture.post("/oauth2/token", &form, &[basic("demo-client", "demo-secret").pair()]).await;
    assert_eq!(answer.refusal(), refused("unauthorized_client"));
    assert_eq!(answer.json()["error_description"], "invalid_redirect");
}

#[tokio::test]
async fn the_verifier_must_fit_the_challenge() {
    let fixture = Fixture::start().await;
    let other = "another-verifier-of-the-least-length-43-char";
    for verifier in [None, Some("short"), Some(other)] {
        let code = fixture.code("alice").await;
        let mut form = code_grant(&code)[..3].to_vec();
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer =
            fixture.post("/oauth2/token", &form, &[basic("demo-client", "demo-secret").pair()]).await;
        assert_eq!(answer.refusal(), refused("invalid_grant"), "{verifier:?}");
    }
}

#[tokio::test]
async fn a_request_without_challenge_needs_no_verifier() {
    let fixture = Fixture::start().await;
    let target = authorize(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let code = fixture.sign_in(&target, "alice").await.0.query("code").unwrap();
    let form = &code_grant(&code)[..3];
    let answer = fixture.post("/oauth2/token", form, &[basic("demo-client", "demo-secret").pair()]).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn incomplete_and_foreign_grants_are_refused_by_name() {
    let fixture = Fixture::start().await;
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("redirect_uri", CALLBACK)], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("code", "x")], "invalid_request"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
        (&[("grant_type", "refresh_token"), ("grant_type", "refresh_token")], "invalid_request"),
        (&[("grant_type", "client_credentials")], "unauthorized_client"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
    ];
    for (form, error) in cases {
        let answer = fixture.post("/oauth2/token", form, &[basic("demo-client", "demo-secret").pair()]).await;
        assert_eq!(answer.refusal(), refused(error), "{form:?}");
    }
}

#[tokio::test]
async fn two_ways_of_authentication_at_once_are_an_invalid_request() {
    let fixture = Fixture::start().await;
    let code = fixture.code("alice").await;
    let mut form = code_grant(&code).to_vec();
    form.push(("client_secret", "demo-secret"));
    let answer = fixture.post("/oauth2/token", &form, &[basic("demo-client", "demo-secret").pair()]).await;
    assert_eq!(answer.refusal(), refused("invalid_request"));
}

#[tokio::test]
async fn only_a_form_that_is_posted_is_read() {
    let fixture = Fixture::start().await;
    assert_eq!(fixture.get("/oauth2/token", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let code = fixture.code("alice").await;
    let url = format!("{}/oauth2/token", fixture.base);
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(code_grant(&code)).finish();
    let client = basic("demo-client", "demo-secret");
    let text = fixture.client().post(&url).body(form.clone());
    assert_eq!(fixture.send(text, &[client.pair()]).await.refusal(), refused("invalid_request"));
    let named = ("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    let answer = fixture.send(fixture.client().post(&url).body(form), &[client.pair(), named]).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_64_kib_is_not_taken() {
    let fixture = Fixture::start().await;
    let large = "x".repeat(64 * 1024);
    let answer = fixture.post("/oauth2/token", &[("grant_type", &large)], &[]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(fixture.switches.count(Endpoint::Token), 0);
}
