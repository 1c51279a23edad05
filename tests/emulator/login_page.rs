//! `/login`, `/error`, and managed login's own session cookie.

use std::time::Duration;

use http::StatusCode;

use super::support::{Fixture, authorize};

fn login(changes: &[(&str, &str)]) -> String {
    authorize(changes).replacen("/oauth2/authorize", "/login", 1)
}

#[tokio::test]
async fn the_page_has_a_form_that_posts_to_its_own_address() {
    let fixture = Fixture::start().await;
    let page = fixture.get(&login(&[]), &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for part in
        ["<form method=\"post\">", "name=\"username\"", "name=\"password\"", "color-scheme", "viewport"]
    {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
}

#[tokio::test]
async fn a_login_hint_fills_in_the_name() {
    let fixture = Fixture::start().await;
    let page = fixture.get(&login(&[("login_hint", "alice")]), &[]).await;
    assert!(page.body.contains("value=\"alice\""));
}

#[tokio::test]
async fn what_a_stranger_wrote_is_escaped_on_every_page() {
    let fixture = Fixture::start().await;
    let nasty = "\"><script>alert(1)</script>";
    let hint = fixture.get(&login(&[("login_hint", nasty), ("identity_provider", nasty)]), &[]).await;
    let failed = fixture.post(&login(&[]), &[("username", nasty), ("password", "x")], &[]).await;
    let error = fixture.get("/error?error=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", &[]).await;
    for page in [hint, failed, error] {
        assert!(!page.body.contains("<script"), "{}", page.body);
        assert!(page.body.contains("script"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_and_opens_no_session() {
    let fixture = Fixture::start().await;
    for (username, password) in [("alice", "passw0rd!"), ("nobody", "Passw0rd!"), ("alice", ""), ("", "")] {
        let page = fixture.post(&login(&[]), &[("username", username), ("password", password)], &[]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.body.contains("Incorrect username or password."));
        assert!(!page.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn the_session_cookie_is_http_only_lax_and_lasts_an_hour() {
    let fixture = Fixture::start().await;
    let form = [("username", "alice"), ("password", "Passw0rd!")];
    let answer = fixture.post(&login(&[]), &form, &[]).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("cognito="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"), "{cookie}");

    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    fixture.clock.advance(Duration::from_secs(3599));
    assert!(fixture.get(&authorize(&[]), &[("cookie", &cookie)]).await.query("code").is_some());
    fixture.clock.advance(Duration::from_secs(1));
    let answer = fixture.get(&authorize(&[]), &[("cookie", &cookie)]).await;
    assert!(answer.location().starts_with("/login?"), "it must not slide: {answer:?}");
}

#[tokio::test]
async fn a_session_cookie_that_nobody_got_is_nothing() {
    let fixture = Fixture::start().await;
    let answer = fixture.get(&authorize(&[]), &[("cookie", "other=1; cognito=guessed; cognito2=x")]).await;
    assert!(answer.location().starts_with("/login?"));
}

#[tokio::test]
async fn the_error_page_says_what_happened() {
    let fixture = Fixture::start().await;
    let page = fixture.get("/error?error=redirect_mismatch", &[]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.body.contains("redirect_mismatch"));
}
