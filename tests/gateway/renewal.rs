//! Case 81: what a refresh renews gets to the browser by nginx's hands, or is not lost.

use cognigate::emulator::{Endpoint, Fault};

use super::*;

/// So many groups that a session takes three cookies.
pub(crate) fn many_groups(setup: Setup) -> Setup {
    setup.pool(|pool| {
        let names = (0..90).map(|n| format!("department-{n:03}-of-the-company"));
        pool.users[0].groups = names.collect();
    })
}

/// Until the access token has run out.
fn an_hour(stage: &Stage) {
    stage.clock.advance(std::time::Duration::from_secs(3600));
}

fn mirrored(answer: &Answer) -> Vec<String> {
    let value = |n| header(answer, &format!("x-auth-set-cookie-{n}")).map(str::to_owned);
    (1..=9).map_while(value).collect()
}

#[tokio::test]
async fn case_81_a_renewed_session_is_mirrored_in_one_numbered_header() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let token = header(&ask(&mut alice, DEEP_LINK).await, "authorization").unwrap().to_owned();
    an_hour(&stage);
    let yes = ask(&mut alice, DEEP_LINK).await;
    assert_eq!(yes.status(), 200);
    assert_ne!(header(&yes, "authorization"), Some(token.as_str()), "not refreshed");
    assert_eq!(mirrored(&yes), [header(&yes, "set-cookie").unwrap()]);
    assert!(mirrored(&yes)[0].starts_with("__Host-cognigate="));
    // The jar has it now.
    assert!(mirrored(&ask(&mut alice, DEEP_LINK).await).is_empty());
    assert_eq!(stage.cognito.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn case_81_a_renewed_session_of_three_cookies_is_mirrored_in_three() {
    let stage = stage_with(many_groups).await;
    let mut alice = signed_in(&stage, "alice").await;
    let names = ["__Host-cognigate-1", "__Host-cognigate-2", "__Host-cognigate-3"];
    assert_eq!(alice.jar.names()[..3], names);
    assert!(alice.jar.get("__Host-cognigate").is_none() && alice.jar.get("__Host-cognigate-4").is_none());
    an_hour(&stage);
    // As nginx hands them on: the numbered ones and no others.
    let yes = ask(&mut alice.clone(), DEEP_LINK).await;
    let lines = mirrored(&yes);
    assert_eq!(lines.len(), 3);
    assert!(yes.headers().get_all(SET_COOKIE).iter().eq(lines.iter()));
    for (line, name) in lines.iter().zip(names) {
        assert!(line.starts_with(&format!("{name}=")), "{line}");
        let (value, _) = line[name.len() + 1..].split_once(';').unwrap();
        alice.jar.set(name, value);
    }
    let yes = ask(&mut alice, DEEP_LINK).await;
    assert_eq!(yes.status(), 200);
    assert!(mirrored(&yes).is_empty(), "the browser has them");
}

#[tokio::test]
async fn while_cognito_is_down_nobody_passes_on_an_expired_token_and_nobody_is_signed_out() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    stage.clock.advance(std::time::Duration::from_secs(3601));
    stage.cognito.fail(Endpoint::Token, Fault::status(503).times(1));
    assert_refused(&ask(&mut alice, DEEP_LINK).await, 401);
    // Where nginx goes then, it is explained, to people and to programs, and is no call to sign in.
    for kind in [&NAVIGATION[..], &FETCH] {
        let answer = start(&mut alice, kind, &[(URL, DEEP_LINK), (METHOD, "GET")]).await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after") && !answer.headers().contains_key(SET_COOKIE));
    }
    stage.clock.advance(std::time::Duration::from_secs(6));
    assert_eq!(ask(&mut alice, DEEP_LINK).await.status(), 200);
}

#[tokio::test]
async fn case_81_start_loses_no_session_that_is_renewed_there() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let headers = [(URL, DEEP_LINK), (METHOD, "GET")];
    let back = start(&mut alice, &NAVIGATION, &headers).await;
    assert_eq!(location(&back), DEEP_LINK.strip_prefix(PUBLIC_URL).unwrap());
    assert!(!back.headers().contains_key(SET_COOKIE));
    an_hour(&stage);
    let back = start(&mut alice, &NAVIGATION, &headers).await;
    assert_eq!(back.status(), 303);
    assert!(header(&back, "set-cookie").unwrap().starts_with("__Host-cognigate="));
}

#[tokio::test]
async fn a_session_that_is_over_is_swept_by_start() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    alice.jar.set("__Host-cognigate", "spoiled");
    // Later than the sign-in, whose mark would make another failure of it.
    stage.clock.advance(std::time::Duration::from_secs(60));
    assert_refused(&ask(&mut alice, DEEP_LINK).await, 401);
    let begun = start(&mut alice, &NAVIGATION, &[(URL, DEEP_LINK), (METHOD, "GET")]).await;
    assert_eq!(begun.status(), 303);
    assert!(alice.jar.get("__Host-cognigate").is_none());
}

#[tokio::test]
async fn a_session_cookie_that_does_not_stick_is_told_with_the_way_back() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let mark = "__Host-cognigate-check";
    let mut visitor = stage.visitor();
    visitor.jar.set(mark, &stage.clock.now().to_string());
    alice.jar.clear();
    assert_refused(&ask(&mut visitor, DEEP_LINK).await, 401);
    let told = start(&mut visitor, &NAVIGATION, &[(URL, DEEP_LINK), (METHOD, "GET")]).await;
    assert_eq!(told.status(), 403);
    let again = "/oauth2/start?rd=%2Fdeep%2Flink%3Fwith%3Dquery%26a%3D%252F%26b%3Dc%2520d";
    assert!(text(&told).contains(&again.replace('&', "&#38;")), "{}", text(&told));
}

#[tokio::test]
async fn a_question_about_a_token_that_is_good_never_waits_and_a_later_one_brings_the_new_session() {
    let stage = stage_with(|setup| setup.rotation(std::time::Duration::ZERO)).await;
    let mut alice = signed_in(&stage, "alice").await;
    let token = header(&ask(&mut alice, DEEP_LINK).await, "authorization").unwrap().to_owned();
    stage.clock.advance(std::time::Duration::from_secs(3570));
    let held = stage.cognito.hold(Endpoint::TokenRefresh);
    for _ in 0..2 {
        let yes = ask(&mut alice, DEEP_LINK).await;
        assert_eq!((yes.status().as_u16(), header(&yes, "authorization")), (200, Some(token.as_str())));
        assert!(mirrored(&yes).is_empty() && !yes.headers().contains_key(SET_COOKIE));
    }
    held.holding(1).await;
    held.release();
    stage.refreshed(1).await;
    let mut last_tab = alice.clone();
    // However late.
    stage.clock.advance(std::time::Duration::from_secs(1800));
    for browser in [&mut alice, &mut last_tab] {
        let yes = ask(browser, DEEP_LINK).await;
        assert_eq!(yes.status(), 200);
        assert_ne!(header(&yes, "authorization"), Some(token.as_str()));
        assert!(stage.has_tickets() || mirrored(&yes) == [header(&yes, "set-cookie").unwrap()]);
    }
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}
