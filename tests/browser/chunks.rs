//! Chunks of a session in a real jar: missing, doubled, shadowed, left over.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use serde_json::json;

use super::Site;
use super::chromium::Chromium;

const HOURS: Duration = Duration::from_secs(2 * 60 * 60);

/// A site without TLS, whose cookies have no prefix, and a browser whose session fills five of them.
async fn in_chunks(secure: bool) -> (Site, Chromium) {
    let many: Vec<String> = (0..180).map(|n| format!("a-group-with-quite-a-name-{n}")).collect();
    let site = Site::with(|setup| {
        let setup = setup.pool(|settings| settings.users[0].groups = many);
        setup.set("cookie.secure", if secure { "true" } else { "false" })
    })
    .await;
    let browser = site.signed_in("/page").await;
    // Past the moments in which a lost session tells of cookies that do not stick.
    site.stage.clock.advance(Duration::from_secs(60));
    (site, browser)
}

/// The cookies of the session.
async fn session_cookies(browser: &Chromium) -> Vec<String> {
    browser.cookie_names().await.into_iter().filter(|name| !name.ends_with("-check")).collect()
}

fn chunks(name: &str) -> Vec<String> {
    (1..=5).map(|n| format!("{name}-{n}")).collect()
}

#[tokio::test]
async fn a_chunk_that_went_missing_is_a_sign_in_that_nobody_sees() {
    let (site, browser) = in_chunks(false).await;
    let given = site.passwords_given();
    for missing in ["cognigate-1", "cognigate-3", "cognigate-5"] {
        browser.forget_cookie(missing).await;
        browser.reload().await;
        browser.comes_to(&site.url("/page")).await;
        browser.shows("Confidential").await;
        assert_eq!(session_cookies(&browser).await, chunks("cognigate"), "{missing}");
        site.stage.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(site.passwords_given(), given, "Cognito still knows her");
}

#[tokio::test]
async fn case_10_a_chunk_that_a_script_doubles_below_a_path_is_no_session_there_and_no_loop() {
    let (site, browser) = in_chunks(false).await;
    browser.script("document.cookie = 'cognigate-2=tossed; path=/page'").await;
    let authorized = site.stage.cognito.count(Endpoint::Authorize);
    browser.go(&site.url("/page/deep")).await;
    // One sign-in, which Cognito answers at once, and then a page in the place of another.
    browser.shows("The session was not kept").await;
    assert_eq!(site.stage.cognito.count(Endpoint::Authorize), authorized + 1);
    // Elsewhere nothing is doubled.
    browser.go(&site.url("/")).await;
    browser.shows("Confidential").await;
}

#[tokio::test]
async fn case_11_no_script_doubles_or_shadows_a_chunk_with_the_prefix() {
    let (site, browser) = in_chunks(true).await;
    let given = site.passwords_given();
    for cookie in [
        "__Host-cognigate-2=tossed; path=/page; secure",
        "__Host-cognigate-2=tossed; path=/; domain=localhost; secure",
        "__Host-cognigate-2=tossed; path=/",
        "__Host-cognigate-2=tossed; path=/; secure",
    ] {
        browser.script(&format!("document.cookie = '{cookie}'")).await;
        assert_eq!(browser.script("return document.cookie").await, json!(""), "{cookie}");
    }
    let authorized = site.stage.cognito.count(Endpoint::Authorize);
    browser.reload().await;
    browser.shows("Confidential").await;
    assert_eq!((site.passwords_given(), site.stage.cognito.count(Endpoint::Authorize)), (given, authorized));
}

#[tokio::test]
async fn case_46_what_shadows_the_chunks_or_trails_them_is_ignored_and_swept_by_the_next_refresh() {
    let (site, browser) = in_chunks(false).await;
    let authorized = site.stage.cognito.count(Endpoint::Authorize);
    browser
        .script("document.cookie = 'cognigate=noise; path=/'; document.cookie = 'cognigate-7=stale; path=/'")
        .await;
    let with_noise =
        [vec!["cognigate".to_owned()], chunks("cognigate"), vec!["cognigate-7".to_owned()]].concat();
    assert_eq!(session_cookies(&browser).await, with_noise);
    browser.reload().await;
    browser.shows("Confidential").await;
    site.stage.clock.advance(HOURS);
    browser.reload().await;
    browser.shows("Confidential").await;
    assert_eq!(session_cookies(&browser).await, chunks("cognigate"));
    assert_eq!(browser.script("return document.cookie").await, json!(""));
    assert_eq!(site.stage.cognito.count(Endpoint::Authorize), authorized, "the session was never lost");
}

#[tokio::test]
async fn tabs_that_were_open_for_hours_go_on_when_one_of_them_has_had_the_session_refreshed() {
    let (site, browser) = in_chunks(false).await;
    assert!(site.stage.cognito.set_rotation("demo-client", Some(Duration::ZERO)));
    let (given, authorized) = (site.passwords_given(), site.stage.cognito.count(Endpoint::Authorize));
    let first = browser.tab().await;
    let second = browser.new_tab().await;
    browser.go(&site.url("/other")).await;
    for refreshes in 1..=3 {
        site.stage.clock.advance(HOURS);
        browser.to_tab(&first).await;
        browser.reload().await;
        browser.shows("Confidential").await;
        browser.to_tab(&second).await;
        let script = "return (await fetch('/api')).status";
        assert_eq!(browser.script(script).await, json!(200));
        browser.reload().await;
        browser.shows("Confidential").await;
        assert_eq!(site.stage.cognito.count(Endpoint::TokenRefresh), refreshes);
    }
    assert_eq!((site.passwords_given(), site.stage.cognito.count(Endpoint::Authorize)), (given, authorized));
}
