//! docs/spa.md in a real browser, its scripts as they stand there.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use cognigate::types::{Body, full};
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::Site;
use super::chromium::Chromium;
use crate::support::Setup;
use crate::support::app::Arrived;

const PAGE: &str = include_str!("../../docs/spa.md");

/// The page's scripts, in order: the fetch that signs in, the probe, the sign-out.
fn script(at: usize) -> &'static str {
    PAGE.split("```js\n").skip(1).filter_map(|rest| rest.split("```").next()).nth(at).unwrap()
}

/// A page that anybody sees, which calls an API that needs a session, twice at once as pages do.
const HTML: &str = "<!doctype html><title>Shop</title><h1>Shop</h1><p id='said'>nothing yet</p>
    <button id='call'>Call</button><script type='module'>
    import { gateFetch } from '/shop/gate.js';
    const say = text => { document.getElementById('said').textContent = text };
    const call = async () => {
        const [answer] = await Promise.all([gateFetch('/api/time'), gateFetch('/api/time')]);
        say(answer.ok ? `it is ${await answer.text()}` : `refused by ${answer.status}`);
    };
    document.getElementById('call').onclick = call;
    if (location.search.includes('at-once')) call();
    </script>";

fn answer(arrived: &Arrived) -> Response<Body> {
    let path = arrived.target.split('?').next().unwrap_or_default();
    let (kind, text) = match path {
        "/shop/gate.js" => ("text/javascript", script(0)),
        "/api/time" => ("text/plain", "noon"),
        "/api/own" => ("application/json", r#"{ "error": "not with this key" }"#),
        _ => ("text/html", HTML),
    };
    let mut response = Response::new(full(text));
    response.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
    if path == "/api/own" {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    response
}

async fn shop(change: impl FnOnce(Setup) -> Setup) -> Site {
    let site = Site::with(|setup| change(setup.set("public", "/shop/*"))).await;
    site.stage.app.answer(answer);
    site
}

fn calls(site: &Site) -> usize {
    site.stage.app.received().iter().filter(|arrived| arrived.target == "/api/time").count()
}

#[test]
fn it_is_no_more_than_twenty_lines() {
    let lines = script(0).lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= 20, "{lines}");
}

#[tokio::test]
async fn a_call_without_a_session_signs_in_and_comes_back_to_the_very_page() {
    let site = shop(|setup| setup).await;
    let browser = Chromium::start().await;
    let here = site.url("/shop/cart?at-once&item=a%2Fb#total");
    browser.go(&here).await;
    browser.sign_in("alice").await;
    browser.comes_to(&here).await;
    browser.shows("it is noon").await;
    assert_eq!(calls(&site), 2);
    assert!(site.stage.app.last().header("authorization").unwrap().starts_with("Bearer "));
    // Of two calls at once, one has sent the browser away.
    assert_eq!(site.stage.cognito.count(Endpoint::Authorize), 1);
    assert_eq!(browser.script("return sessionStorage.getItem('hash')").await, Value::Null);
}

#[tokio::test]
async fn a_session_that_ends_under_an_open_page_is_begun_anew_without_a_form() {
    let site = shop(|setup| setup).await;
    let browser = site.signed_in("/shop/cart?at-once").await;
    browser.shows("it is noon").await;
    let given = site.passwords_given();
    browser.forget_cookies().await;
    // The minute is over.
    browser.script("sessionStorage.clear(); location.hash = '#open'; return 1").await;
    browser.click("#call").await;
    browser.comes_to(&site.url("/shop/cart?at-once#open")).await;
    browser.shows("it is noon").await;
    assert_eq!(site.passwords_given(), given);
}

#[tokio::test]
async fn a_sign_in_that_does_not_help_is_tried_once_and_an_apps_own_401_never() {
    let site = shop(|setup| setup).await;
    let browser = site.signed_in("/private").await;
    browser.go(&site.url("/shop/cart")).await;
    let own =
        "const { gateFetch } = await import('/shop/gate.js'); return (await gateFetch('/api/own')).status";
    assert_eq!(browser.script(own).await, json!(401));
    site.stage.cognito.fail(Endpoint::Token, cognigate::emulator::Fault::status(500).always());
    browser.forget_cookies().await;
    browser.click("#call").await;
    browser.shows("Sign-in failed").await;
    browser.go(&site.url("/shop/cart")).await;
    browser.click("#call").await;
    browser.shows("refused by 401").await;
    assert_eq!(calls(&site), 0);
}

#[tokio::test]
async fn a_call_that_needs_a_recent_sign_in_asks_for_the_password_and_comes_back() {
    let rules = "[[rules]]\npath = '/api/*'\naccess = 'api'\nmax_auth_age = '5m'";
    let site = shop(|setup| setup.tables(rules)).await;
    let browser = site.signed_in("/shop/cart?at-once").await;
    browser.shows("it is noon").await;
    site.stage.clock.advance(Duration::from_secs(6 * 60));
    let given = site.passwords_given();
    browser.click("#call").await;
    browser.sign_in("alice").await;
    browser.comes_to(&site.url("/shop/cart?at-once")).await;
    browser.shows("it is noon").await;
    assert_eq!(site.passwords_given() - given, 2, "the form was shown and sent once");
}

#[tokio::test]
async fn the_probe_knows_who_is_signed_in_and_the_sign_out_ends_it() {
    let site = shop(|setup| setup).await;
    let browser = site.signed_in("/private").await;
    let probe = format!("{} return user && user.email", script(1));
    assert_eq!(browser.script(&probe).await, json!("alice@example.com"));
    browser.script(&format!("setTimeout(async () => {{ {} }}); return 1", script(2))).await;
    browser.shows("You are signed out").await;
    browser.go(&site.url("/shop/cart")).await;
    assert_eq!(browser.script(&probe).await, Value::Null);
}
