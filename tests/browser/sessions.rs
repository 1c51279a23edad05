//! A session while it lasts: refreshed unnoticed, in one cookie or several, and missing.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Settings};
use serde_json::json;

use super::Site;
use super::chromium::Chromium;
use crate::demo::Demo;

const TWENTY_FETCHES: &str = "
    const all = Array.from({ length: 20 }, (_, i) => fetch('/api/' + i));
    return (await Promise.all(all)).map(answer => answer.status);
";

#[tokio::test]
async fn an_expired_token_is_refreshed_without_the_user_noticing() {
    let site = Site::new().await;
    let browser = site.signed_in("/page?x=1").await;
    let (cognito, given) = (&site.stage.cognito, site.passwords_given());
    let token = || site.stage.app.last().header("authorization").unwrap().to_owned();
    let (first, authorized) = (token(), cognito.count(Endpoint::Authorize));

    site.stage.clock.advance(Duration::from_secs(2 * 60 * 60));
    browser.reload().await;
    assert_eq!(browser.url().await, site.url("/page?x=1"));
    browser.shows("Confidential").await;
    let second = token();
    assert_ne!(first, second);
    assert_eq!(cognito.count(Endpoint::TokenRefresh), 1);

    // The browser has the new session: what comes next needs no refresh.
    assert_eq!(browser.script(TWENTY_FETCHES).await, json!(vec![200; 20]));
    assert_eq!((token(), cognito.count(Endpoint::TokenRefresh)), (second, 1));

    // And where many requests find it expired at once, there is one refresh for all.
    site.stage.clock.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(browser.script(TWENTY_FETCHES).await, json!(vec![200; 20]));
    assert_eq!(cognito.count(Endpoint::TokenRefresh), 2);
    assert_eq!((site.passwords_given(), cognito.count(Endpoint::Authorize)), (given, authorized));
}

#[tokio::test]
async fn a_session_of_several_cookies_lives_in_a_real_jar_and_shrinks_and_goes() {
    let many: Vec<String> = (0..180).map(|n| format!("a-group-with-quite-a-name-{n}")).collect();
    let groups = |settings: &mut Settings| settings.users[0].groups = many.clone();
    // The prefix and all: a browser takes localhost for a secure place.
    let site = Site::with(|setup| setup.pool(groups).set("cookie.secure", "true")).await;
    let browser = site.signed_in("/").await;
    assert_eq!(
        browser.cookie_names().await,
        ["1", "2", "3", "4", "5", "check"].map(|n| format!("__Host-cognigate-{n}"))
    );
    for cookie in browser.cookies().await {
        assert_eq!((cookie.secure, cookie.path.as_deref()), (Some(true), Some("/")), "{cookie:?}");
    }
    assert_eq!(browser.script("return document.cookie").await, json!(""), "a script can read them");
    browser.reload().await;
    browser.shows("Confidential").await;
    assert!(
        site.stage
            .app
            .last()
            .header("x-forwarded-groups")
            .unwrap()
            .ends_with("a-group-with-quite-a-name-179")
    );

    assert!(site.stage.cognito.set_groups("alice", &["few"]));
    site.stage.clock.advance(Duration::from_secs(2 * 60 * 60));
    browser.reload().await;
    browser.shows("Confidential").await;
    assert_eq!(browser.cookie_names().await, ["__Host-cognigate", "__Host-cognigate-check"]);
    browser.reload().await;
    assert_eq!(site.stage.app.last().header("x-forwarded-groups"), Some("few"));

    assert!(site.stage.cognito.set_groups("alice", &many.iter().map(String::as_str).collect::<Vec<_>>()));
    site.stage.clock.advance(Duration::from_secs(2 * 60 * 60));
    browser.reload().await;
    assert!(browser.cookie_names().await.len() > 2);
    browser.click("#out").await;
    browser.shows("You are signed out").await;
    assert_eq!(browser.cookie_names().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_script_without_a_session_is_told_where_to_sign_in_and_comes_back_to_its_page() {
    let demo = Demo::start();
    let browser = Chromium::start().await;
    let page = format!("{}/report?month=5", demo.url());
    browser.go(&page).await;
    browser.sign_in("alice").await;
    browser.comes_to(&page).await;
    browser.click("#fetch").await;
    browser.shows("200 application/json").await;

    browser.forget_cookies().await;
    browser.click("#fetch").await;
    browser.shows("401 application/problem+json").await;
    browser.shows(&format!("\"login_url\": \"{}/oauth2/start?rd=", demo.url())).await;
    assert_eq!(browser.cookie_names().await, Vec::<String>::new(), "a fetch was given a cookie");
    browser.click("#login a").await;
    // Cognito still knows her, so that no password is asked for.
    browser.comes_to(&page).await;
    browser.click("#fetch").await;
    browser.shows("200 application/json").await;
}
