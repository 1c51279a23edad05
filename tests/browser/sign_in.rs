//! Signing in: deep links, tabs, wrong passwords, no cookies.

use super::Site;
use super::chromium::Chromium;
use crate::demo::Demo;

#[tokio::test]
async fn the_demo_does_its_main_job_and_a_reload_changes_nothing() {
    let demo = Demo::start();
    let browser = Chromium::start().await;
    let target = format!("{}/deep/link?with=query&a=%2F%20", demo.url());
    browser.go(&target).await;
    assert!(
        browser.url().await.starts_with(&format!("{}/login?", demo.emulator_url())),
        "{}",
        browser.url().await
    );
    browser.sign_in("alice").await;
    browser.comes_to(&target).await;
    for text in ["Hello, alice", "alice@example.com", "admins", "with=query&a=%2F%20"] {
        browser.shows(text).await;
    }
    browser.reload().await;
    assert_eq!(browser.url().await, target);
    browser.shows("Hello, alice").await;
    assert_eq!(browser.cookie_names().await, ["cognigate", "cognigate-check"]);
}

#[tokio::test]
async fn two_tabs_sign_in_at_once_and_each_comes_to_its_own_page() {
    let site = Site::new().await;
    let browser = Chromium::start().await;
    let (one, first) = (site.url("/one?tab=1"), browser.tab().await);
    let two = site.url("/two?tab=2");
    browser.go(&one).await;
    browser.asks_for_the_password().await;
    let second = browser.new_tab().await;
    browser.go(&two).await;
    browser.asks_for_the_password().await;
    // The first to begin is the last to end.
    browser.sign_in("alice").await;
    browser.comes_to(&two).await;
    browser.to_tab(&first).await;
    browser.sign_in("alice").await;
    browser.comes_to(&one).await;
    browser.shows("Confidential").await;
    browser.to_tab(&second).await;
    browser.reload().await;
    browser.shows("/two?tab=2").await;
    assert_eq!(
        browser.cookie_names().await,
        ["cognigate", "cognigate-check"],
        "a login cookie was left behind"
    );
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_and_the_right_one_still_comes_to_the_page() {
    let site = Site::new().await;
    let browser = Chromium::start().await;
    browser.go(&site.url("/deep?x=1")).await;
    browser.sign_in_by("alice", "wrong").await;
    browser.shows("Incorrect username or password").await;
    assert_eq!(site.stage.app.count(), 0);
    browser.sign_in("alice").await;
    browser.comes_to(&site.url("/deep?x=1")).await;
    browser.shows("Confidential").await;
}

#[tokio::test]
async fn whoever_is_signed_in_at_cognito_is_not_asked_again() {
    let site = Site::new().await;
    let browser = site.signed_in("/").await;
    let given = site.passwords_given();
    browser.forget_cookies().await;
    browser.go(&site.url("/again")).await;
    assert_eq!(browser.url().await, site.url("/again"));
    browser.shows("Confidential").await;
    assert_eq!(site.passwords_given(), given);
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookies_gets_a_page_and_no_loop() {
    let site = Site::new().await;
    let browser = Chromium::without_cookies().await;
    browser.go(&site.url("/deep")).await;
    browser.sign_in("alice").await;
    // Its login is begun anew once, since a lost cookie may be an old one; Cognito keeps none either.
    browser.sign_in("alice").await;
    browser.shows("Sign-in failed").await;
    browser.shows("keeps no cookies").await;
    assert_eq!(site.stage.app.count(), 0);
}
