//! `GET /oauth2/authorize`.

use http::StatusCode;

use super::support::{CALLBACK, Fixture, authorize, challenge};

#[tokio::test]
async fn a_request_without_a_session_goes_to_the_login_page_with_its_whole_query() {
    let fixture = Fixture::start().await;
    let target = authorize(&[("lang", "de"), ("login_hint", "alice")]);
    let answer = fixture.get(&target, &[]).await;
    assert_eq!(answer.location(), target.replacen("/oauth2/authorize", "/login", 1));
}

#[tokio::test]
async fn signing_in_gives_a_uuid_as_code_and_the_state_back() {
    let fixture = Fixture::start().await;
    let (answer, _) = fixture.sign_in(&authorize(&[]), "alice").await;
    let code = answer.query("code").unwrap();
    assert_eq!(answer.location(), format!("{CALLBACK}?code={code}&state=the-state"));
    let lengths: Vec<_> = code.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
}

#[tokio::test]
async fn a_request_without_state_gets_none_back() {
    let fixture = Fixture::start().await;
    let (answer, _) = fixture.sign_in(&authorize(&[("state", "")]), "alice").await;
    assert_eq!(answer.query("state"), None);
}

#[tokio::test]
async fn cognitos_own_session_signs_in_without_asking() {
    let fixture = Fixture::start().await;
    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    let answer = fixture.get(&authorize(&[("client_id", "demo-public")]), &[("cookie", &cookie)]).await;
    assert!(answer.query("code").is_some(), "{answer:?}");
}

#[tokio::test]
async fn prompt_login_asks_even_who_is_signed_in() {
    let fixture = Fixture::start().await;
    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    let answer = fixture.get(&authorize(&[("prompt", "login")]), &[("cookie", &cookie)]).await;
    assert!(answer.location().starts_with("/login?"));
}

#[tokio::test]
async fn prompt_none_gives_a_code_or_login_required() {
    let fixture = Fixture::start().await;
    let target = authorize(&[("prompt", "none")]);
    let stranger = fixture.get(&target, &[]).await;
    assert_eq!(stranger.location(), format!("{CALLBACK}?state=the-state&error=login_required"));
    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    assert!(fixture.get(&target, &[("cookie", &cookie)]).await.query("code").is_some());
}

#[tokio::test]
async fn an_identity_provider_may_be_named_by_name_or_alias() {
    let fixture = Fixture::start().await;
    for name in ["identity_provider", "idp_identifier"] {
        let target = authorize(&[(name, "Google")]).replacen("/oauth2/authorize", "/login", 1);
        let page = fixture.get(&target, &[]).await;
        assert!(page.body.contains("Sign in with <strong>Google</strong>"), "{}", page.body);
    }
    let cognito = authorize(&[("identity_provider", "COGNITO")]);
    assert!(fixture.get(&cognito, &[]).await.location().starts_with("/login?"));
}

/// Cognito decodes `=`, `/` and `+` on the way: a client must not use them in its state.
#[tokio::test]
async fn a_state_with_plus_comes_back_with_a_space() {
    let fixture = Fixture::start().await;
    let (answer, _) = fixture.sign_in(&authorize(&[("state", "a+b/c==&d e")]), "alice").await;
    assert!(answer.location().ends_with("&state=a+b/c==%26d%20e"), "{}", answer.location());
    assert_eq!(answer.query("state").unwrap(), "a b/c==&d e");
}

#[tokio::test]
async fn malformed_requests_go_back_to_the_callback_with_their_state() {
    let fixture = Fixture::start().await;
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[("response_type", "")], "error=invalid_request"),
        (&[("response_type", "id_token")], "error=invalid_request"),
        (&[("response_type", "token")], "error=unauthorized_client"),
        (&[("code_challenge_method", "plain")], "error=invalid_request"),
        (&[("code_challenge_method", "")], "error=invalid_request"),
        (&[("code_challenge", "")], "error=invalid_request"),
        (&[("code_challenge", "short")], "error=invalid_request"),
        (&[("prompt", "sometimes")], "error=invalid_request"),
        (&[("scope", "openid groups")], "error=invalid_scope"),
        (&[("scope", "email")], "error=invalid_scope"),
        (&[("scope", " ")], "error=invalid_scope"),
        (&[("resource", "not a uri")], "error=invalid_request"),
    ];
    for (changes, error) in cases {
        let answer = fixture.get(&authorize(changes), &[]).await;
        let location = answer.location();
        assert!(location.starts_with(&format!("{CALLBACK}?")), "{changes:?}: {location}");
        assert!(location.ends_with(&format!("state=the-state&{error}")), "{changes:?}: {location}");
    }
}

/// As it was seen in the wild: the reason is in the description, and the error is a general one.
#[tokio::test]
async fn a_scope_that_the_client_may_not_have_is_an_invalid_request() {
    let mut settings = cognigate::emulator::Settings::default();
    settings.client_mut("demo-client").unwrap().scopes = vec!["openid".to_owned()];
    let fixture = Fixture::with(settings).await;
    let answer = fixture.get(&authorize(&[("scope", "openid phone")]), &[]).await;
    let expected =
        format!("{CALLBACK}?error_description=invalid_scope&state=the-state&error=invalid_request");
    assert_eq!(answer.location(), expected);
}

#[tokio::test]
async fn a_parameter_that_is_there_twice_is_an_invalid_request() {
    let fixture = Fixture::start().await;
    let twice = fixture.get(&format!("{}&nonce=another", authorize(&[])), &[]).await;
    assert_eq!(twice.query("error").as_deref(), Some("invalid_request"));
    let redirect = fixture.get(&format!("{}&redirect_uri=https://evil.test", authorize(&[])), &[]).await;
    assert_eq!(redirect.location(), "/error?error=invalid_request");
}

#[tokio::test]
async fn what_cannot_be_trusted_ends_on_the_error_page() {
    let fixture = Fixture::start().await;
    let long = format!("https://app.test/{}", "x".repeat(1024));
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("redirect_uri", "")], "Required String parameter 'redirect_uri' is not present"),
        (&[("client_id", "")], "Required String parameter 'client_id' is not present"),
        (&[("client_id", "nobody")], "Client does not exist"),
        (&[("redirect_uri", "http://localhost:8080/oauth2/callback/")], "redirect_mismatch"),
        (&[("redirect_uri", "http://localhost:8080/oauth2/callback?x=1")], "redirect_mismatch"),
        (&[("redirect_uri", "HTTP://localhost:8080/oauth2/callback")], "redirect_mismatch"),
        (&[("redirect_uri", &long)], "redirect_mismatch"),
    ];
    for (changes, message) in cases {
        for path in ["/oauth2/authorize", "/login"] {
            let answer = fixture.get(&authorize(changes).replacen("/oauth2/authorize", path, 1), &[]).await;
            assert!(answer.location().starts_with("/error?"), "{changes:?}: {answer:?}");
            assert_eq!(answer.query("error").as_deref(), Some(message));
        }
    }
}

#[tokio::test]
async fn a_callback_with_a_query_of_its_own_keeps_it() {
    let mut settings = cognigate::emulator::Settings::default();
    let callback = "https://app.test/callback?tenant=1".to_owned();
    settings.client_mut("demo-client").unwrap().callback_urls.push(callback.clone());
    let fixture = Fixture::with(settings).await;
    let (answer, _) = fixture.sign_in(&authorize(&[("redirect_uri", &callback)]), "alice").await;
    assert!(answer.location().starts_with("https://app.test/callback?tenant=1&code="));
}

#[tokio::test]
async fn only_get_authorizes() {
    let fixture = Fixture::start().await;
    let answer = fixture.post(&authorize(&[]), &[("code_challenge", &challenge())], &[]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}
