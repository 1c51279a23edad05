//! A session cookie that does not come back after the callback gets a page, not a loop.

use std::time::Duration;

use cognigate::emulator::{Endpoint, ReplyEdit, TokenEdit};

use super::{NAME, button, is_signed_in, settle};
use crate::support::Stage;
use crate::support::visitor::{Visitor, header, location, text};

#[tokio::test]
async fn a_session_cookie_that_did_not_stick_gets_a_page_and_not_a_loop() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep?q").await;
    let answer = visitor.navigate(&callback).await;
    visitor.jar.remove(NAME).unwrap();
    let page = visitor.follow(&answer).await;
    assert_eq!(button(&page, 403), "/oauth2/start?rd=%2Fdeep%3Fq");
    let unauthorized = visitor.fetch("/api").await;
    assert_eq!(unauthorized.status(), 401);
    assert_eq!(header(&unauthorized, "content-type"), Some("application/problem+json"));
    assert_eq!(stage.app.count(), 0);
    // The button is a real attempt; where the cookie is lost again, so is the page there again.
    let answer = visitor.navigate("/oauth2/start?rd=%2Fdeep%3Fq").await;
    let callback = visitor.through_login("alice", &visitor.target(&answer)).await;
    let answer = visitor.navigate(&callback).await;
    let mut kept = visitor.clone();
    visitor.jar.remove(NAME).unwrap();
    assert_eq!(visitor.follow(&answer).await.status(), 403);
    assert_eq!(kept.follow(&answer).await.status(), 200);
}

#[tokio::test]
async fn the_page_is_for_the_moment_after_a_sign_in_only() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    visitor.jar.remove(NAME).unwrap();
    stage.clock.advance(Duration::from_secs(29));
    assert_eq!(visitor.navigate("/").await.status(), 403);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(visitor.navigate("/").await.status(), 303);
    // Signing out is no loss of a cookie.
    let mut visitor = stage.signed_in().await;
    visitor.navigate("/oauth2/sign_out").await;
    assert_eq!(visitor.navigate("/").await.status(), 303);
}

#[tokio::test]
async fn case_134_a_mark_from_the_future_or_of_no_time_keeps_nobody_from_signing_in() {
    const MARK: &str = "__Host-cognigate-check";
    let stage = Stage::new().await;
    let now = stage.clock.now().0;
    for (mark, status) in [
        // As the gate sets it: what follows is about the time in it.
        (now.to_string(), 403),
        ((now + 1).to_string(), 303),
        ((now + 3600).to_string(), 303),
        (i64::MAX.to_string(), 303),
        (i64::MIN.to_string(), 303),
        ("-1".to_owned(), 303),
        ("99999999999999999999".to_owned(), 303),
        (String::new(), 303),
        ("soon".to_owned(), 303),
    ] {
        let mut visitor = stage.visitor();
        visitor.jar.set(MARK, &mark);
        assert_eq!(visitor.navigate("/").await.status(), status, "{mark}");
    }
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookies_at_all_ends_on_a_page_after_one_restart() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let mut target = callback;
    let mut restarts = 0;
    let page = loop {
        visitor.jar.clear();
        let answer = visitor.navigate(&target).await;
        if !answer.status().is_redirection() {
            break answer;
        }
        target = visitor.target(&answer);
        restarts += usize::from(target.contains("/oauth2/authorize?"));
        assert!(restarts <= 1, "a loop");
    };
    assert_eq!(button(&page, 400), "/oauth2/start?rd=%2F");
    assert_eq!(restarts, 1);
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
}

#[tokio::test]
async fn case_07_a_session_too_large_for_one_cookie_is_chunked() {
    let stage = Stage::new().await;
    stage.cognito.edit_token(TokenEdit::access().set("padding", "x".repeat(9_000)).always());
    let mut visitor = stage.signed_in().await;
    let names: Vec<&str> =
        visitor.jar.names().into_iter().filter(|name| *name != "__Host-cognigate-check").collect();
    assert_eq!(
        names,
        ["__Host-cognigate-1", "__Host-cognigate-2", "__Host-cognigate-3", "__Host-cognigate-4"]
    );
    assert!(stage.app.last().header("authorization").unwrap().len() > 12_000);
    assert!(is_signed_in(&mut visitor).await);
}

#[tokio::test]
async fn case_07_a_session_too_large_for_any_cookies_is_a_clear_error_and_no_loop() {
    let stage = Stage::new().await;
    stage.cognito.edit_token(TokenEdit::access().set("padding", "x".repeat(40_000)).always());
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let page = visitor.navigate(&callback).await;
    assert_eq!(page.status(), 500);
    assert!(text(&page).contains("too large"), "{}", text(&page));
    assert!(visitor.jar.names().is_empty());
    assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 401);
}

#[tokio::test]
async fn case_07_a_chunk_that_the_browser_dropped_gets_the_page_and_not_a_loop() {
    let stage = Stage::new().await;
    stage.cognito.edit_token(TokenEdit::access().set("padding", "x".repeat(9_000)).always());
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let answer = visitor.navigate(&callback).await;
    visitor.jar.remove("__Host-cognigate-4").unwrap();
    let page = visitor.follow(&answer).await;
    assert_eq!(button(&page, 403), "/oauth2/start?rd=%2Fdeep");
    assert_eq!(stage.app.count(), 0);
    // Later it is a broken session like any other.
    stage.clock.advance(Duration::from_secs(30));
    let answer = visitor.navigate("/deep").await;
    assert!(location(&answer).contains("/oauth2/authorize?"));
    assert!(visitor.jar.names().iter().all(|name| name.contains("-login-") || name.ends_with("-check")));
    let page = settle(&mut visitor, answer).await;
    assert_eq!(page.status(), 200);
}

/// From `target` through as many sign-ins as it takes to end on something that is no redirect; five at most.
async fn rounds(visitor: &mut Visitor, target: &str) -> (u16, usize) {
    let first = visitor.navigate(target).await;
    let mut next = visitor.target(&first);
    for round in 1..=5 {
        next = visitor.through_login("alice", &next).await;
        let mut answer = visitor.navigate(&next).await;
        while answer.status().is_redirection() && !visitor.target(&answer).contains("/oauth2/authorize") {
            answer = visitor.follow(&answer).await;
        }
        if !answer.status().is_redirection() {
            return (answer.status().as_u16(), round);
        }
        next = visitor.target(&answer);
    }
    panic!("it goes round and round");
}

#[tokio::test]
async fn tokens_that_are_over_on_arrival_end_on_a_page_after_one_sign_in() {
    let stage = Stage::new().await;
    let past = stage.clock.now().0 - 30;
    // Within the skew that the callback grants, and past what is forwarded; and nothing to refresh it by.
    stage.cognito.edit_token(TokenEdit::access().set("exp", past).always());
    stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::drop_member("refresh_token").always());
    assert_eq!(rounds(&mut stage.visitor(), "/deep").await, (403, 1));
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn replicas_that_do_not_share_their_keys_end_on_a_page_after_one_sign_in() {
    const OTHER_KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
    let stage = Stage::new().await;
    let other = stage.replica(&[("session.keys", OTHER_KEY)]).await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let answer = visitor.navigate(&callback).await;
    visitor.go_to(other.address());
    assert_eq!(button(&visitor.follow(&answer).await, 403), "/oauth2/start?rd=%2Fdeep");
}
