//! `GET /logout`, in both of its forms and in the one that everybody tries first.

use http::StatusCode;

use super::support::{CALLBACK, Fixture, SIGNED_OUT, authorize};

fn logout(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/logout?{query}")
}

async fn is_signed_in(fixture: &Fixture, cookie: &str) -> bool {
    fixture.get(&authorize(&[]), &[("cookie", cookie)]).await.query("code").is_some()
}

#[tokio::test]
async fn with_a_logout_uri_it_ends_the_session_and_goes_there() {
    let fixture = Fixture::start().await;
    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    let target = logout(&[("client_id", "demo-client"), ("logout_uri", SIGNED_OUT), ("state", "ignored")]);
    let answer = fixture.get(&target, &[("cookie", &cookie)]).await;
    assert_eq!(answer.location(), SIGNED_OUT);
    assert_eq!(answer.header("set-cookie"), "cognito=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    assert!(!is_signed_in(&fixture, &cookie).await, "the old cookie must be worth nothing");
}

#[tokio::test]
async fn with_a_redirect_uri_it_ends_the_session_and_shows_the_login_page() {
    let fixture = Fixture::start().await;
    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    let form_b = [
        ("client_id", "demo-client"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("state", "the-state"),
        ("scope", "openid"),
    ];
    let answer = fixture.get(&logout(&form_b), &[("cookie", &cookie)]).await;
    assert!(!is_signed_in(&fixture, &cookie).await);
    let login = answer.location().to_owned();
    assert!(login.starts_with("/login?"));
    assert_eq!(fixture.get(&login, &[]).await.status, StatusCode::OK);
    let form = [("username", "alice"), ("password", "Passw0rd!")];
    let back = fixture.post(&login, &form, &[]).await;
    assert!(back.location().starts_with(&format!("{CALLBACK}?code=")));
}

/// OpenID Connect's own parameters, and a sign-out URL that is not registered, end on the page that so many
/// bug reports show. The user is signed out all the same.
#[tokio::test]
async fn anything_else_misses_its_redirect_uri() {
    let fixture = Fixture::start().await;
    let other = format!("{SIGNED_OUT}/");
    let cases: [&[(&str, &str)]; 3] = [
        &[("post_logout_redirect_uri", SIGNED_OUT), ("id_token_hint", "e30.e30.x")],
        &[("client_id", "demo-client"), ("post_logout_redirect_uri", SIGNED_OUT)],
        &[("client_id", "demo-client"), ("logout_uri", &other)],
    ];
    for parameters in cases {
        let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
        let login = fixture.get(&logout(parameters), &[("cookie", &cookie)]).await;
        assert!(!is_signed_in(&fixture, &cookie).await);
        let error = fixture.get(login.location(), &[]).await;
        let message = "Required String parameter 'redirect_uri' is not present";
        assert_eq!(error.query("error").as_deref(), Some(message), "{parameters:?}");
        let page = fixture.get(error.location(), &[]).await;
        assert!(page.body.contains("Required String parameter &#39;redirect_uri&#39; is not present"));
    }
}

#[tokio::test]
async fn only_get_signs_out() {
    let fixture = Fixture::start().await;
    let answer = fixture.post("/logout", &[("client_id", "demo-client")], &[]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}
