//! The login cookies: one for each attempt, few and small, worth nothing to another browser.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use cookie::SameSite;
use http::Method;

use super::{NAME, Said, is_signed_in, login_cookie, set_cookie, settle, state_of};
use crate::support::Stage;
use crate::support::visitor::{FETCH, NAVIGATION, Visitor, location, set_cookies, text};

/// The bytes of names and values of a visitor's login cookies.
fn bytes(visitor: &Visitor) -> usize {
    visitor.jar.logins().iter().map(|name| name.len() + visitor.jar.get(name).unwrap().len()).sum()
}

#[tokio::test]
async fn a_login_cookie_is_named_after_its_state_and_lives_for_ten_minutes() {
    for same_site in ["lax", "none"] {
        let stage = Stage::with(|setup| setup.set("cookie.same_site", same_site)).await;
        let answer = stage.visitor().navigate("/").await;
        let cookie = set_cookie(&answer, &login_cookie(&state_of(&answer))).expect("a cookie for the state");
        assert_eq!(set_cookies(&answer).len(), 1);
        assert_eq!(cookie.max_age().map(|age| age.whole_seconds()), Some(600));
        assert_eq!(cookie.same_site(), Some(SameSite::Lax), "the session's is {same_site}");
        assert_eq!((cookie.http_only(), cookie.secure()), (Some(true), Some(true)));
        assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None));
    }
}

#[tokio::test]
async fn only_navigations_are_given_a_login_cookie() {
    let stage = Stage::new().await;
    let frame = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("accept", "text/html")];
    let script = [("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")];
    let json = [("accept", "application/json")];
    for target in ["/", "/deep?x=1", "/oauth2/start", "/oauth2/sign_in?rd=/x", "/oauth2/userinfo"] {
        for headers in [FETCH.as_slice(), &frame, &script, &json] {
            let answer = stage.visitor().send(Method::GET, target, headers, "").await;
            assert_eq!(answer.status(), 401, "{target} {headers:?}");
            assert!(set_cookies(&answer).is_empty());
        }
    }
    // A script that meets the callback begins no login either.
    let answer = stage.visitor().fetch("/oauth2/callback?state=a&code=b").await;
    assert_eq!(answer.status(), 400);
    assert!(set_cookies(&answer).is_empty());
}

#[tokio::test]
async fn parallel_tabs_do_not_collide() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let first = visitor.reach_callback("alice", "/first").await;
    let second = visitor.reach_callback("alice", "/second").await;
    let third = visitor.reach_callback("alice", "/third").await;
    assert_eq!(visitor.jar.logins().len(), 3);
    for (callback, lands) in [(second, "/second"), (first, "/first"), (third, "/third")] {
        let answer = visitor.navigate(&callback).await;
        settle(&mut visitor, answer).await;
        assert_eq!(stage.app.last().target, lands);
    }
    assert!(visitor.jar.logins().is_empty());
}

#[tokio::test]
async fn case_40_twenty_tabs_log_in_at_once() {
    let stage = Stage::new().await;
    let mut browser = stage.visitor();
    // All tabs ask before any has an answer; their answers then meet in one jar.
    let mut authorize = Vec::new();
    for tab in 0..20 {
        let mut alone = stage.visitor();
        let answer = alone.navigate(&format!("/tab/{tab}?of=twenty")).await;
        browser.jar.take(answer.headers(), true);
        authorize.push(alone.target(&answer));
    }
    assert_eq!(browser.jar.logins().len(), 20);
    for (tab, authorize) in authorize.iter().enumerate() {
        let callback = browser.through_login("alice", authorize).await;
        let answer = browser.navigate(&callback).await;
        let page = settle(&mut browser, answer).await;
        assert_eq!(page.status(), 200, "{}", text(&page));
        assert_eq!(stage.app.last().target, format!("/tab/{tab}?of=twenty"));
    }
    assert_eq!(browser.jar.names(), [NAME, &format!("{NAME}-check")]);
}

#[tokio::test]
async fn at_most_twenty_login_cookies_are_left_and_the_oldest_go_first() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let mut states = Vec::new();
    for _ in 0..30 {
        states.push(state_of(&visitor.navigate("/").await));
        stage.clock.advance(Duration::from_secs(1));
        assert!(visitor.jar.logins().len() <= 20 && bytes(&visitor) <= 6 * 1024);
    }
    let mut newest: Vec<String> = states[10..].iter().map(|state| login_cookie(state)).collect();
    newest.sort();
    assert_eq!(visitor.jar.logins(), newest);
    // What many tabs brought in at once is swept too, and what no longer opens goes before everything else.
    for number in 0..30 {
        visitor.jar.set(&format!("{NAME}-login-{number:016}"), "AAAA");
    }
    let state = state_of(&visitor.navigate("/").await);
    assert_eq!(visitor.jar.logins().len(), 20);
    assert!(visitor.jar.get(&login_cookie(&state)).is_some());
    assert_eq!(newest.iter().filter(|name| visitor.jar.get(name).is_some()).count(), 19);
    assert!(!visitor.jar.logins().iter().any(|name| visitor.jar.get(name) == Some("AAAA")));
}

#[tokio::test]
async fn the_login_cookies_have_at_most_6_kb_and_the_oldest_go_first() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let mut states = Vec::new();
    for tab in 0..8 {
        let answer = visitor.navigate(&format!("/{tab}{}", "a".repeat(1000))).await;
        states.push(state_of(&answer));
        stage.clock.advance(Duration::from_secs(1));
        assert!(bytes(&visitor) <= 6 * 1024, "{} bytes", bytes(&visitor));
    }
    let left = visitor.jar.logins().len();
    assert!((2..8).contains(&left), "{left} are left");
    for state in &states[8 - left..] {
        assert!(visitor.jar.get(&login_cookie(state)).is_some());
    }
}

#[tokio::test]
async fn an_expired_login_cookie_is_swept_by_the_next_login() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let old = login_cookie(&state_of(&visitor.navigate("/").await));
    stage.clock.advance(Duration::from_secs(599));
    visitor.navigate("/").await;
    assert!(visitor.jar.get(&old).is_some());
    stage.clock.advance(Duration::from_secs(1));
    visitor.navigate("/").await;
    assert_eq!(visitor.jar.get(&old), None);
}

#[tokio::test]
async fn a_session_that_has_ended_leaves_no_cookie_but_the_new_logins() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(31));
    visitor.jar.set(NAME, "junk");
    visitor.jar.set(&format!("{NAME}-3"), "junk");
    let answer = visitor.navigate("/").await;
    assert_eq!(answer.status(), 303);
    assert_eq!(visitor.jar.logins(), [login_cookie(&state_of(&answer))]);
    assert_eq!(visitor.jar.get(NAME), None);
    assert_eq!(visitor.jar.get(&format!("{NAME}-3")), None);
}

#[tokio::test]
async fn a_program_that_names_no_kind_of_request_may_start_a_login() {
    let stage = Stage::new().await;
    let nothing: [Said; 0] = [];
    let any = [("accept", "*/*")];
    for headers in [nothing.as_slice(), &any, &NAVIGATION] {
        let answer = stage.visitor().send(Method::GET, "/oauth2/start?rd=/x", headers, "").await;
        assert_eq!(answer.status(), 303, "{headers:?}");
    }
}

#[tokio::test]
async fn case_86_a_login_is_known_to_its_browser_alone() {
    let stage = Stage::new().await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    // Begun at one gate and ended at another that has the same keys: neither had to remember it.
    visitor.go_to(other.address());
    assert_eq!(location(&visitor.navigate(&callback).await), "/deep");
    assert!(is_signed_in(&mut visitor).await);
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), 1);
}
