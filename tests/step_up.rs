//! Rules that want to have it proved of late who somebody is.

use std::time::Duration;

use cognigate::emulator::{Endpoint, TokenEdit};
use http::Method;
use http::header::{LOCATION, SET_COOKIE};

use crate::support::visitor::{Answer, FETCH, NAVIGATION, Visitor, header, json, location, parameter, text};
use crate::support::{Setup, Stage};

const RULES: &str = "
    [[rules]]
    path         = '/pay/*'
    max_auth_age = '5m'
    [[rules]]
    path         = '/api/*'
    access       = 'api'
    max_auth_age = '5m'
    [[rules]]
    path         = '/admin/*'
    groups       = ['admins']
    max_auth_age = '5m'";

const CHALLENGE: &str = "Bearer realm=\"https://app.test\", error=\"insufficient_user_authentication\", \
                         error_description=\"A more recent sign-in is required\", max_age=\"300\"";

/// Somebody who signed in six minutes ago.
async fn six_minutes_ago(change: impl FnOnce(Setup) -> Setup) -> (Stage, Visitor) {
    let stage = Stage::with(|setup| change(setup.tables(RULES))).await;
    let alice = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(6 * 60));
    (stage, alice)
}

/// Sent to Cognito, which is to ask for the password again.
#[track_caller]
fn assert_steps_up(answer: &Answer) -> String {
    assert_eq!(answer.status(), 303, "{}", text(answer));
    let target = location(answer);
    assert_eq!(parameter(&target, "prompt").as_deref(), Some("login"), "{target}");
    target
}

/// Told to prove it anew, by a 401 that sends nobody anywhere.
#[track_caller]
fn assert_told(answer: &Answer) {
    assert_eq!(answer.status(), 401, "{}", text(answer));
    assert_eq!(header(answer, "www-authenticate"), Some(CHALLENGE));
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"));
    assert!(!answer.headers().contains_key(LOCATION) && !answer.headers().contains_key(SET_COOKIE));
}

#[tokio::test]
async fn an_earlier_sign_in_gives_the_password_once_more_and_comes_back_to_the_page() {
    let (stage, mut alice) = six_minutes_ago(|setup| setup).await;
    assert_eq!(alice.navigate("/elsewhere").await.status(), 200);
    let reached = stage.app.count();
    let given = stage.cognito.count(Endpoint::Login);
    let target = assert_steps_up(&alice.navigate("/pay/now?x=%2F").await);
    let callback = alice.through_login("alice", &target).await;
    let back = alice.navigate(&callback).await;
    assert_eq!(location(&back), "/pay/now?x=%2F");
    assert_eq!(alice.follow(&back).await.status(), 200);
    assert_eq!(stage.app.count(), reached + 1, "the app heard of it before");
    assert_eq!(stage.cognito.count(Endpoint::Login), given + 2, "the form was shown and sent");
    // For five minutes.
    stage.clock.advance(Duration::from_secs(299));
    assert_eq!(alice.navigate("/pay/now").await.status(), 200);
    stage.clock.advance(Duration::from_secs(2));
    assert_steps_up(&alice.navigate("/pay/now").await);
}

#[tokio::test]
async fn a_refresh_is_no_proof() {
    let (stage, mut alice) = six_minutes_ago(|setup| setup).await;
    stage.clock.advance(Duration::from_secs(3600));
    assert_eq!(alice.navigate("/elsewhere").await.status(), 200);
    assert!(stage.cognito.count(Endpoint::Token) > 1, "it was refreshed");
    assert_steps_up(&alice.navigate("/pay/now").await);
}

#[tokio::test]
async fn whoever_is_not_signed_in_at_all_gives_the_password_once() {
    let stage = Stage::with(|setup| setup.tables(RULES)).await;
    let mut alice = stage.visitor();
    let begun = alice.navigate("/pay/now").await;
    assert_eq!(parameter(&location(&begun), "prompt"), None);
    let callback = alice.through_login("alice", &location(&begun)).await;
    let back = alice.navigate(&callback).await;
    assert_eq!(alice.follow(&back).await.status(), 200);
    // Signed in at Cognito a while ago, that is answered without a form, and then asked for.
    stage.clock.advance(Duration::from_secs(6 * 60));
    alice.jar.clear();
    let begun = alice.navigate("/pay/now").await;
    let callback = alice.through_login("alice", &location(&begun)).await;
    let back = alice.navigate(&callback).await;
    assert_steps_up(&alice.follow(&back).await);
}

#[tokio::test]
async fn a_call_is_told_in_the_words_of_rfc_9470_and_its_login_url_leads_the_way() {
    let (stage, mut alice) = six_minutes_ago(|setup| setup).await;
    let page = ("referer", "https://app.test/shop?x");
    let said = [&FETCH[..], &[page]].concat();
    for (method, path, said) in [
        (Method::POST, "/pay/now", &said[..]),
        (Method::GET, "/api/orders", &said),
        // A rule for programs redirects nobody.
        (Method::GET, "/api/orders", &[&NAVIGATION[..], &[page]].concat()),
        (Method::GET, "/pay/now", &[("accept", "application/json"), page]),
        (Method::GET, "/pay/now", &[("upgrade", "websocket"), ("connection", "upgrade"), page]),
    ] {
        let told = alice.send(method.clone(), path, said, "").await;
        assert_told(&told);
        let login = "https://app.test/oauth2/start?rd=%2Fshop%3Fx&max_age=300";
        assert_eq!(json(&told)["login_url"], login, "{method} {path}");
    }
    assert_eq!(stage.app.count(), 1);
    let target = assert_steps_up(&alice.navigate("/oauth2/start?rd=%2Fshop%3Fx&max_age=300").await);
    let callback = alice.through_login("alice", &target).await;
    assert_eq!(location(&alice.navigate(&callback).await), "/shop?x");
    assert_eq!(alice.send(Method::GET, "/api/orders", &said, "").await.status(), 200);
}

#[tokio::test]
async fn a_cognito_that_takes_an_earlier_proof_for_a_new_one_ends_on_a_page_and_not_in_a_loop() {
    let (stage, mut alice) = six_minutes_ago(|setup| setup).await;
    let earlier = stage.clock.now().0 - 6 * 60;
    for token in [TokenEdit::id(), TokenEdit::access()] {
        stage.cognito.edit_token(token.set("auth_time", earlier).always());
    }
    let mut answer = alice.navigate("/pay/now").await;
    let callback = alice.through_login("alice", &assert_steps_up(&answer)).await;
    answer = alice.navigate(&callback).await;
    assert_eq!(answer.status(), 403);
    assert!(text(&answer).contains("took an earlier one for it"), "{}", text(&answer));
    assert_eq!(stage.app.count(), 1, "the app was reached");
    // The rest of the site goes on as it was.
    assert_eq!(alice.navigate("/elsewhere").await.status(), 200);
}

#[tokio::test]
async fn whoever_may_not_pass_anyway_is_not_asked_for_the_password() {
    let (stage, _) = six_minutes_ago(|setup| setup).await;
    let mut bob = stage.visitor();
    bob.sign_in("bob", "/").await;
    stage.clock.advance(Duration::from_secs(6 * 60));
    assert_eq!(bob.navigate("/admin/x").await.status(), 403);
    // Nor is a page of another site a reason to ask.
    let cross_site = [&NAVIGATION[..3], &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")]];
    assert_eq!(bob.send(Method::POST, "/pay/now", &cross_site.concat(), "").await.status(), 403);
}

#[tokio::test]
async fn nginx_is_told_to_ask_and_sends_its_client_the_same_ways() {
    let stage = Stage::with(|setup| setup.tables(RULES).asked_by("nginx")).await;
    let mut alice = stage.visitor();
    assert_eq!(alice.sign_in("alice", "/oauth2/start?rd=/").await.status(), 404);
    stage.clock.advance(Duration::from_secs(6 * 60));
    let about = |path: &str| format!("https://app.test{path}");
    let (page, api) = (about("/pay/now?x"), about("/api/orders"));
    for url in [&page, &api] {
        let said = [("x-original-url", url.as_str()), ("x-original-method", "GET")];
        let no = alice.send(Method::GET, "/oauth2/auth", &said, "").await;
        assert_eq!(no.status(), 401);
        assert_eq!(header(&no, "www-authenticate"), Some(CHALLENGE));
    }
    for (url, kind) in [(&api, &FETCH[..]), (&api, &NAVIGATION), (&page, &FETCH)] {
        let said = [kind, &[("x-original-url", url.as_str()), ("x-original-method", "GET")]].concat();
        assert_told(&alice.send(Method::GET, "/oauth2/start", &said, "").await);
    }
    let said = [&NAVIGATION[..], &[("x-original-url", page.as_str()), ("x-original-method", "GET")]].concat();
    let target = assert_steps_up(&alice.send(Method::GET, "/oauth2/start", &said, "").await);
    let callback = alice.through_login("alice", &target).await;
    assert_eq!(location(&alice.navigate(&callback).await), "/pay/now?x");
    let said = [("x-original-url", page.as_str()), ("x-original-method", "GET")];
    assert_eq!(alice.send(Method::GET, "/oauth2/auth", &said, "").await.status(), 200);
}

#[tokio::test]
async fn a_token_of_an_earlier_sign_in_is_told_so_too_and_sent_nowhere() {
    let accept = |setup: Setup| setup.set("bearer.accept", "true").set("bearer.clients", "demo-client");
    let (stage, _) = six_minutes_ago(accept).await;
    let token = stage.app.last().header("authorization").unwrap().to_owned();
    let mut program = stage.visitor();
    for path in ["/api/orders", "/pay/now"] {
        let said = [&NAVIGATION[..], &[("authorization", token.as_str())]].concat();
        let told = program.send(Method::GET, path, &said, "").await;
        assert_told(&told);
        assert!(json(&told)["login_url"].is_null(), "{}", text(&told));
    }
    stage.signed_in().await;
    let token = stage.app.last().header("authorization").unwrap().to_owned();
    let said = [("authorization", token.as_str())];
    assert_eq!(program.send(Method::GET, "/api/orders", &said, "").await.status(), 200);
    // A token is nobody else's idea, whatever page the request says it is of.
    let said = [
        ("authorization", token.as_str()),
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.test"),
    ];
    assert_eq!(program.send(Method::POST, "/api/orders", &said, "").await.status(), 200);
}
