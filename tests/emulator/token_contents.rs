//! What the tokens look like, to the claim.

use cognigate::emulator::{Issuer, Settings};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::support::{Fixture, Tokens, authorize, part, verifies};

fn names(claims: &Value) -> Vec<&str> {
    let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

async fn tokens_for(fixture: &Fixture, changes: &[(&str, &str)], username: &str) -> Tokens {
    let code = fixture.sign_in(&authorize(changes), username).await.0.query("code").unwrap();
    Tokens::of(&fixture.redeem(&code).await)
}

#[tokio::test]
async fn the_access_token_has_cognitos_claims_and_no_aud() {
    let fixture = Fixture::start().await;
    let claims = part(&fixture.tokens("alice").await.access, 1);
    let expected = [
        "auth_time",
        "client_id",
        "cognito:groups",
        "event_id",
        "exp",
        "iat",
        "iss",
        "jti",
        "origin_jti",
        "scope",
        "sub",
        "token_use",
        "username",
        "version",
    ];
    assert_eq!(names(&claims), expected);
    assert_eq!(claims["token_use"], "access");
    assert_eq!(claims["client_id"], "demo-client");
    assert_eq!(claims["username"], "alice");
    assert_eq!(claims["version"], 2);
    assert_eq!(claims["scope"], "openid email profile");
    assert_eq!(claims["cognito:groups"], json!(["admins"]));
    assert_eq!(claims["iss"], "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1");
    assert_eq!(claims["iat"], 1_790_000_000);
    assert_eq!(claims["exp"], 1_790_003_600);
}

#[tokio::test]
async fn the_id_token_has_cognitos_claims() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let claims = part(&tokens.id, 1);
    let expected = [
        "at_hash",
        "aud",
        "auth_time",
        "cognito:groups",
        "cognito:username",
        "email",
        "email_verified",
        "event_id",
        "exp",
        "iat",
        "iss",
        "jti",
        "nonce",
        "origin_jti",
        "sub",
        "token_use",
    ];
    assert_eq!(names(&claims), expected);
    assert_eq!(claims["token_use"], "id");
    assert_eq!(claims["aud"], "demo-client");
    assert_eq!(claims["cognito:username"], "alice");
    assert_eq!(claims["nonce"], "the-nonce");
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["email_verified"], true);
    let hash = Sha256::digest(&tokens.access);
    use base64::Engine as _;
    assert_eq!(claims["at_hash"], base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&hash[..16]));
    let access = part(&tokens.access, 1);
    for shared in ["sub", "origin_jti", "event_id", "auth_time"] {
        assert_eq!(claims[shared], access[shared], "{shared}");
    }
    assert_ne!(claims["jti"], access["jti"]);
}

#[tokio::test]
async fn a_user_may_have_neither_email_nor_groups() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("bob").await;
    for absent in ["email", "email_verified", "cognito:groups"] {
        assert!(part(&tokens.id, 1).get(absent).is_none(), "{absent}");
    }
    assert!(part(&tokens.access, 1).get("cognito:groups").is_none());
}

#[tokio::test]
async fn both_tokens_are_rs256_under_different_keys_of_the_jwks() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let [id_key, access_key] = fixture.switches.key_ids();
    assert_ne!(id_key, access_key);
    for (token, kid) in [(&tokens.id, id_key), (&tokens.access, access_key)] {
        assert_eq!(part(token, 0), json!({ "kid": kid, "alg": "RS256" }));
        assert!(verifies(&fixture, token).await);
    }
}

#[tokio::test]
async fn the_refresh_token_is_a_compact_jwe_of_the_real_size() {
    let fixture = Fixture::start().await;
    let token = fixture.tokens("alice").await.refresh;
    assert_eq!(token.split('.').count(), 5);
    assert_eq!(part(&token, 0), json!({ "cty": "JWT", "enc": "A256GCM", "alg": "RSA-OAEP" }));
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=.".contains(&b)));
    assert!((1770..=1790).contains(&token.len()), "{}", token.len());
}

#[tokio::test]
async fn the_jwts_are_about_as_large_as_cognitos() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    assert!((1000..=1250).contains(&tokens.access.len()), "{}", tokens.access.len());
    assert!((1100..=1350).contains(&tokens.id.len()), "{}", tokens.id.len());
}

#[tokio::test]
async fn a_resource_becomes_the_access_tokens_aud_and_stays_so() {
    let fixture = Fixture::start().await;
    let tokens = tokens_for(&fixture, &[("resource", "https://api.example.com")], "alice").await;
    assert_eq!(part(&tokens.access, 1)["aud"], "https://api.example.com");
    assert_eq!(part(&tokens.id, 1)["aud"], "demo-client");
    let after = Tokens::of(&fixture.refresh(&tokens.refresh).await);
    assert_eq!(part(&after.access, 1)["aud"], "https://api.example.com");
}

#[tokio::test]
async fn no_nonce_asked_is_no_nonce_given() {
    let fixture = Fixture::start().await;
    let tokens = tokens_for(&fixture, &[("nonce", "")], "alice").await;
    assert!(part(&tokens.id, 1).get("nonce").is_none());
}

#[tokio::test]
async fn the_session_that_signs_in_silently_keeps_its_auth_time() {
    let fixture = Fixture::start().await;
    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    fixture.clock.advance(std::time::Duration::from_secs(600));
    let code = fixture.get(&authorize(&[]), &[("cookie", &cookie)]).await.query("code").unwrap();
    let claims = part(&Tokens::of(&fixture.redeem(&code).await).id, 1);
    assert_eq!(claims["auth_time"], 1_790_000_000);
    assert_eq!(claims["iat"], 1_790_000_600);
}

#[tokio::test]
async fn scopes_decide_which_attributes_are_shown() {
    let mut settings = Settings::default();
    let alice = &mut settings.users[0];
    for (name, value) in
        [("name", "Alice"), ("phone_number", "+15550100"), ("phone_number_verified", "false")]
    {
        alice.attributes.insert(name.to_owned(), value.to_owned());
    }
    let fixture = Fixture::with(settings).await;
    let shown = async |scope: &str| {
        let claims = part(&tokens_for(&fixture, &[("scope", scope)], "alice").await.id, 1);
        ["email", "name", "phone_number"].map(|name| claims.get(name).is_some())
    };
    assert_eq!(shown("openid").await, [true, true, true]);
    assert_eq!(shown("openid profile").await, [true, true, true]);
    assert_eq!(shown("openid email").await, [true, false, false]);
    assert_eq!(shown("openid phone").await, [false, false, true]);
    let claims = part(&fixture.tokens("alice").await.id, 1);
    assert_eq!(claims["phone_number_verified"], false);
}

#[tokio::test]
async fn a_federated_user_has_identities_and_the_providers_group() {
    let settings = Settings::from_toml(
        r#"
        [[users]]
        username = "google_1"
        password = "Passw0rd!"
        sub = "not-a-uuid"
        identity_provider = "Google"
        roles = ["arn:aws:iam::123456789012:role/one", "arn:aws:iam::123456789012:role/two"]
        device_key = "us-east-1_device"
        [users.attributes]
        "custom:plan" = "7"
        "#,
    )
    .unwrap();
    let fixture = Fixture::with(settings).await;
    let tokens = fixture.tokens("google_1").await;
    let id = part(&tokens.id, 1);
    assert_eq!(id["sub"], "not-a-uuid");
    assert_eq!(id["cognito:groups"], json!(["us-east-1_Emulated1_Google"]));
    assert_eq!(id["identities"][0]["providerName"], "Google");
    assert!(id["identities"][0].as_object().unwrap().values().all(Value::is_string));
    assert_eq!(id["custom:plan"], "7");
    assert_eq!(id["cognito:preferred_role"], "arn:aws:iam::123456789012:role/one");
    assert_eq!(id["cognito:roles"].as_array().unwrap().len(), 2);
    assert_eq!(part(&tokens.access, 1)["device_key"], "us-east-1_device");
}

#[tokio::test]
async fn a_sub_is_the_same_after_a_restart_and_differs_between_users() {
    let (first, second) = (Fixture::start().await, Fixture::start().await);
    let sub = async |fixture: &Fixture, user: &str| part(&fixture.tokens(user).await.id, 1)["sub"].clone();
    assert_eq!(sub(&first, "alice").await, sub(&second, "alice").await);
    assert_ne!(sub(&first, "alice").await, sub(&first, "bob").await);
}

#[tokio::test]
async fn the_issuer_may_be_the_updated_form_or_any_url() {
    let updated = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1";
    let own = "http://127.0.0.1:9400/us-east-1_Emulated1";
    for (issuer, expected) in [(Issuer::Updated, updated), (Issuer::Url(own.to_owned()), own)] {
        let fixture = Fixture::with(Settings { issuer, ..Settings::default() }).await;
        assert_eq!(part(&fixture.tokens("alice").await.id, 1)["iss"], expected);
        let document = fixture.get("/us-east-1_Emulated1/.well-known/openid-configuration", &[]).await;
        assert_eq!(document.status, StatusCode::OK);
        assert_eq!(document.json()["issuer"], expected);
    }
}
