//! Callbacks with codes that nobody issued: how many calls they cost Cognito, and whether others can still sign in.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault};
use http::Method;

use super::{button, login_cookie};
use crate::support::Stage;
use crate::support::visitor::{Answer, FETCH, NAVIGATION, Visitor, header, json, location, parameter, text};
use crate::support::wire::{eventually, metric};

const SECOND: Duration = Duration::from_secs(1);

/// A gate that believes what 127.0.0.1 says of the client's address.
async fn stage() -> Stage {
    Stage::with(|setup| setup.set("listen.trusted_proxies", "127.0.0.1")).await
}

/// A visit by the client at `address`.
async fn visit(visitor: &mut Visitor, address: &str, target: &str) -> Answer {
    let headers = [NAVIGATION.as_slice(), &[("x-forwarded-for", address)]].concat();
    visitor.send(Method::GET, target, &headers, "").await
}

/// Begins a login and comes back with a junk code: the status of the answer.
async fn junk(stage: &Stage, address: &str) -> u16 {
    let mut visitor = stage.visitor();
    let answer = visit(&mut visitor, address, "/oauth2/start").await;
    let state = parameter(&location(&answer), "state").unwrap();
    let answer = visit(&mut visitor, address, &format!("/oauth2/callback?code=junk&state={state}")).await;
    answer.status().as_u16()
}

/// Signs in from `address`: the last answer.
async fn sign_in(stage: &Stage, address: &str) -> Answer {
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    visit(&mut visitor, address, &callback).await
}

fn calls(stage: &Stage) -> u64 {
    stage.cognito.count(Endpoint::Token)
}

#[tokio::test]
async fn case_112_more_than_a_thousand_junk_callbacks_of_one_address_make_three_calls_and_another_signs_in() {
    let stage = stage().await;
    let mut statuses = Vec::new();
    for _ in 0..1_500 {
        statuses.push(junk(&stage, "198.51.100.7").await);
    }
    assert_eq!(calls(&stage), 3);
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 3);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1_497);
    assert_eq!(location(&sign_in(&stage, "203.0.113.9").await), "/");
    for second in 1..4 {
        stage.clock.advance(SECOND);
        for _ in 0..20 {
            junk(&stage, "198.51.100.7").await;
        }
        assert_eq!(calls(&stage), 4 + second);
    }
    let throttled = metric(stage.gate.admin_address(), "cognigate_logins_total{result=\"throttled\"}").await;
    assert!((throttled - 1_554.0).abs() < 0.5, "{throttled}");
}

#[tokio::test]
async fn case_112_junk_callbacks_without_their_login_cookie_make_no_call() {
    let stage = stage().await;
    let mut visitor = stage.visitor();
    let begun = visit(&mut visitor, "198.51.100.7", "/oauth2/start").await;
    let state = parameter(&location(&begun), "state").unwrap();
    let cookie = visitor.jar.get(&login_cookie(&state)).unwrap().to_owned();
    for attempt in 0..500 {
        let mut other = stage.visitor();
        let state = match attempt % 3 {
            0 => state.clone(),
            // The cookie of another state, under this one's name and under its own.
            1 => {
                let made_up = format!("made-up-{attempt}");
                other.jar.set(&login_cookie(&made_up), &cookie);
                made_up
            }
            _ => {
                other.jar.set(&login_cookie(&state), &cookie);
                format!("{state}{attempt}")
            }
        };
        let target = format!("/oauth2/callback?code=junk&state={state}");
        assert_eq!(visit(&mut other, "198.51.100.7", &target).await.status(), 303);
    }
    assert_eq!(calls(&stage), 0);
    // Nor do they count: this address may still sign in.
    assert_eq!(location(&sign_in(&stage, "198.51.100.7").await), "/");
}

#[tokio::test]
async fn case_112_a_login_state_is_worth_one_call() {
    let stage = stage().await;
    let mut visitor = stage.visitor();
    let begun = visit(&mut visitor, "198.51.100.7", "/oauth2/start").await;
    let state = parameter(&location(&begun), "state").unwrap();
    for attempt in 0..600 {
        let target = format!("/oauth2/callback?code=junk-{attempt}&state={state}");
        visit(&mut visitor.clone(), &format!("198.51.100.{}", attempt % 200), &target).await;
        stage.clock.advance(Duration::from_secs(u64::from(attempt < 599)));
    }
    assert_eq!(calls(&stage), 1);
}

#[tokio::test]
async fn case_112_junk_of_many_addresses_is_bounded_for_the_process_and_leaves_half_to_the_others() {
    let stage = stage().await;
    for last in 0..200 {
        junk(&stage, &format!("198.51.100.{last}")).await;
    }
    assert_eq!(calls(&stage), 100, "as many as the process may make at once");
    stage.clock.advance(SECOND);
    for last in 0..200 {
        junk(&stage, &format!("198.51.100.{}", last % 100)).await;
    }
    // Each of these addresses has failed.
    assert_eq!(calls(&stage), 150);
    for last in 0..20 {
        assert_eq!(location(&sign_in(&stage, &format!("203.0.113.{last}")).await), "/");
    }
}

#[tokio::test]
async fn case_112_beyond_the_rate_nothing_is_used_up_and_the_same_callback_works_later() {
    let stage = stage().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep?q=1").await;
    for _ in 0..4 {
        junk(&stage, "198.51.100.7").await;
    }
    let before = calls(&stage);
    let page = visit(&mut visitor, "198.51.100.7", &callback).await;
    assert_eq!(header(&page, "retry-after"), Some("1"));
    assert!(header(&page, "set-cookie").is_none(), "{page:?}");
    assert!(text(&page).contains("wait a second"), "{}", text(&page));
    // The button leads to the same callback.
    let again = button(&page, 429);
    assert!(callback.ends_with(&again), "{again}");
    let mut script = visitor.clone();
    let headers = [FETCH.as_slice(), &[("x-forwarded-for", "198.51.100.7")]].concat();
    let problem = script.send(Method::GET, &callback, &headers, "").await;
    assert_eq!((problem.status().as_u16(), header(&problem, "retry-after")), (429, Some("1")));
    assert_eq!(header(&problem, "content-type"), Some("application/problem+json"));
    assert_eq!((json(&problem)["status"].as_u64(), calls(&stage)), (Some(429), before));
    stage.clock.advance(SECOND);
    assert_eq!(location(&visit(&mut visitor, "198.51.100.7", &again).await), "/deep?q=1");
}

#[tokio::test]
async fn case_112_an_address_that_is_made_up_by_the_client_does_not_help() {
    let stage = Stage::new().await;
    for last in 0..100 {
        junk(&stage, &format!("198.51.100.{last}")).await;
    }
    assert_eq!(calls(&stage), 3);
}

#[tokio::test]
async fn case_112_a_code_is_not_sent_again_for_ever_while_cognito_throttles() {
    let stage = stage().await;
    // What the process may make at once is used up but for one call.
    for last in 0..99 {
        junk(&stage, &format!("198.51.100.{last}")).await;
    }
    stage.cognito.fail(Endpoint::TokenCode, Fault::status(429).always());
    assert_eq!(sign_in(&stage, "203.0.113.9").await.status(), 503);
    assert_eq!(calls(&stage), 100);
}

#[tokio::test]
async fn case_112_a_client_that_goes_away_before_the_answer_has_it_no_cheaper() {
    let stage = stage().await;
    let held = stage.cognito.hold(Endpoint::TokenCode);
    let mut under_way = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let mut visitor = stage.visitor();
        under_way.spawn(async move {
            let answer = visit(&mut visitor, "198.51.100.7", "/oauth2/start").await;
            let state = parameter(&location(&answer), "state").unwrap();
            visit(&mut visitor, "198.51.100.7", &format!("/oauth2/callback?code=junk&state={state}")).await
        });
    }
    held.holding(10).await;
    under_way.shutdown().await;
    held.release();
    eventually("the address is refused", || async { junk(&stage, "198.51.100.7").await == 429 }).await;
    // Ten calls that were refused are what this address may make in ten seconds.
    stage.clock.advance(SECOND * 3);
    assert_eq!(junk(&stage, "198.51.100.7").await, 429);
}
