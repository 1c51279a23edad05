//! A refresh in mid-use: the new cookies get to the browser.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault};
use cognigate::types::full;
use http::header::SET_COOKIE;
use http::{Response, StatusCode};

use super::*;
use crate::gateway::renewal::many_groups;
use crate::support::visitor::set_cookies;

with_both!(
    a_refresh_in_mid_use_renews_one_cookie,
    a_refresh_in_mid_use_renews_three_cookies,
    the_largest_session_comes_and_goes_in_eight_cookies,
    the_apps_404_keeps_the_renewed_cookie,
    while_cognito_is_down_it_says_so_and_nobody_is_signed_out,
    a_rotated_refresh_token_is_never_lost,
);

/// Until the access token is due for a refresh, and still good.
const HOUR: Duration = Duration::from_secs(3600);

fn session_cookies(answer: &crate::support::visitor::Answer) -> Vec<String> {
    set_cookies(answer).iter().map(|cookie| cookie.name().to_owned()).collect()
}

/// Turns the clock, and sees that the next page brings these cookies and the one after it none.
async fn renews(front: &Front, alice: &mut Visitor, names: &[String]) {
    alice.navigate("/").await;
    let token = front.stage.app.last().header("authorization").unwrap().to_owned();
    front.stage.clock.advance(HOUR);
    let page = alice.navigate(DEEP_LINK).await;
    assert_eq!(page.status(), 200, "{}", front.nginx.log());
    assert_eq!(session_cookies(&page), names);
    let renewed = front.stage.app.last().header("authorization").unwrap().to_owned();
    assert_ne!(renewed, token, "not refreshed");
    let page = alice.navigate("/").await;
    assert_eq!(session_cookies(&page), Vec::<String>::new());
    assert_eq!(front.stage.app.last().header("authorization"), Some(renewed.as_str()));
}

fn chunks(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("__Host-cognigate-{n}")).collect()
}

async fn a_refresh_in_mid_use_renews_one_cookie(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    renews(&front, &mut alice, &["__Host-cognigate".to_owned()]).await;
    renews(&front, &mut alice, &["__Host-cognigate".to_owned()]).await;
    assert_eq!(front.stage.cognito.count(Endpoint::Token), 3);
}

async fn a_refresh_in_mid_use_renews_three_cookies(which: Which) {
    let front = Front::with(which, many_groups).await;
    let mut alice = front.signed_in().await;
    renews(&front, &mut alice, &chunks(3)).await;
    renews(&front, &mut alice, &chunks(3)).await;
    assert_eq!(front.stage.cognito.count(Endpoint::Token), 3);
}

async fn the_largest_session_comes_and_goes_in_eight_cookies(which: Which) {
    let front = Front::with(which, |setup| {
        setup.pool(|pool| {
            pool.users[0].groups = (0..340).map(|n| format!("department-{n:03}-of-the-company")).collect();
        })
    });
    let front = front.await;
    let mut alice = front.signed_in().await;
    renews(&front, &mut alice, &chunks(8)).await;
}

async fn the_apps_404_keeps_the_renewed_cookie(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    for status in [StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::UNAUTHORIZED] {
        front.stage.app.answer(move |_| {
            let mut page = Response::new(full("no such page"));
            *page.status_mut() = status;
            page.headers_mut().insert(SET_COOKIE, "theme=dark".parse().unwrap());
            page
        });
        front.stage.clock.advance(HOUR);
        let page = alice.navigate("/no/such/page").await;
        assert_eq!((page.status(), text(&page).as_str()), (status, "no such page"), "the app's own answer");
        assert_eq!(session_cookies(&page), ["theme", "__Host-cognigate"]);
    }
    assert_eq!(alice.navigate("/").await.headers().get_all(SET_COOKIE).iter().count(), 1);
}

async fn while_cognito_is_down_it_says_so_and_nobody_is_signed_out(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    front.stage.clock.advance(Duration::from_secs(3601));
    front.stage.cognito.fail(Endpoint::Token, Fault::status(503));
    for kind in [&NAVIGATION[..], &FETCH] {
        let answer = alice.send(Method::GET, "/", kind, "").await;
        assert_eq!(answer.status(), 503, "{}", front.nginx.log());
        assert!(answer.headers().contains_key("retry-after") && !answer.headers().contains_key(SET_COOKIE));
    }
    assert_eq!(front.stage.app.count(), 1, "an expired token went on");
    front.stage.clock.advance(Duration::from_secs(6));
    assert_eq!(alice.navigate("/").await.status(), 200);
}

async fn a_rotated_refresh_token_is_never_lost(which: Which) {
    let front = Front::with(which, |setup| many_groups(setup.rotation(Duration::ZERO))).await;
    let mut alice = front.signed_in().await;
    for _ in 0..3 {
        renews(&front, &mut alice, &chunks(3)).await;
        // Past what the gate remembers of its own.
        front.stage.clock.advance(Duration::from_secs(120));
    }
}
