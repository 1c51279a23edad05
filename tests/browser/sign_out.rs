//! Signing out: from where it asks first, and what is left to be seen afterwards.

use cognigate::types::full;
use http::Response;
use serde_json::json;

use super::chromium::Chromium;
use super::{Site, page};
use crate::demo::Demo;
use crate::support::app::App;

const USERINFO: &str = "return (await fetch('/oauth2/userinfo')).status";

#[tokio::test]
async fn after_a_sign_out_the_back_button_shows_no_app_and_signing_in_asks_for_the_password() {
    let demo = Demo::start();
    let browser = Chromium::start().await;
    let page = format!("{}/confidential", demo.url());
    browser.go(&page).await;
    browser.sign_in("alice").await;
    browser.comes_to(&page).await;
    browser.shows("Hello, alice").await;

    // A link on the app's own page goes straight through.
    browser.click("a[href='/oauth2/sign_out']").await;
    browser.comes_to(&format!("{}/oauth2/signed_out", demo.url())).await;
    browser.shows("You are signed out").await;
    assert_eq!(browser.cookie_names().await, Vec::<String>::new());

    browser.settles().await;
    browser.back().await;
    browser.asks_for_the_password().await;
    assert!(!browser.text().await.contains("Hello"), "{}", browser.text().await);

    browser.go(&format!("{}/oauth2/signed_out", demo.url())).await;
    browser.click("a.action").await;
    browser.asks_for_the_password().await;
    browser.sign_in("bob").await;
    browser.shows("Hello, bob").await;
}

#[tokio::test]
async fn after_a_sign_out_not_even_pages_that_the_app_lets_browsers_keep_are_shown_again() {
    let site = Site::new().await;
    site.stage.app.answer(|arrived| page(arrived, Some("private, max-age=600")));
    let browser = site.signed_in("/first").await;
    // That the browser does keep them, and shows them without asking anyone, is what makes this a test.
    browser.click("#on").await;
    browser.comes_to(&site.url("/further")).await;
    let asked = site.stage.app.count();
    browser.back().await;
    browser.comes_to(&site.url("/first")).await;
    browser.shows("kept").await;
    assert_eq!(site.stage.app.count(), asked);

    browser.click("#out").await;
    browser.shows("You are signed out").await;
    browser.settles().await;
    browser.back().await;
    browser.asks_for_the_password().await;
    assert!(!browser.text().await.contains("Confidential"), "{}", browser.text().await);
    assert_eq!(site.stage.app.count(), asked);
}

/// A page of another site, at `http://127.0.0.1:…`, that would like somebody to be signed out.
fn elsewhere(html: String) -> String {
    let app = App::bind();
    app.answer(move |_| {
        let mut response = Response::new(full(html.clone()));
        response.headers_mut().insert("content-type", "text/html".parse().unwrap());
        response
    });
    tokio::spawn(app.serving());
    format!("http://{}/", app.address())
}

#[tokio::test]
async fn case_70_a_link_or_form_of_another_site_asks_first_and_the_button_signs_out() {
    let site = Site::new().await;
    let target = site.url("/oauth2/sign_out");
    let browser = site.signed_in("/").await;
    for html in [
        format!("<a class='go' href='{target}'>a prize</a>"),
        format!("<form method='post' action='{target}'><button class='go'>a prize</button></form>"),
        format!("<form method='get' action='{target}'><button class='go'>a prize</button></form>"),
    ] {
        browser.go(&elsewhere(html)).await;
        browser.click(".go").await;
        browser.shows("Sign out?").await;
        browser.go(&site.url("/")).await;
        assert_eq!(browser.script(USERINFO).await, json!(200), "another site signed her out");
    }
    // A picture, a frame and a script of another site's do nothing either.
    browser.go(&elsewhere(format!("<img src='{target}'><iframe src='{target}'></iframe><p>done</p>"))).await;
    let no_cors = format!(
        "await fetch('{target}', {{ mode: 'no-cors', credentials: 'include', method: 'POST' }}); return 1"
    );
    assert_eq!(browser.script(&no_cors).await, json!(1));
    browser.go(&site.url("/")).await;
    assert_eq!(browser.script(USERINFO).await, json!(200), "another site signed her out");

    browser.go(&elsewhere(format!("<a class='go' href='{target}'>a prize</a>"))).await;
    browser.click(".go").await;
    browser.shows("Sign out?").await;
    // Over a redirect to Cognito, which the page's policy must allow its form.
    browser.click("form button").await;
    browser.comes_to(&site.url("/oauth2/signed_out")).await;
    browser.shows("You are signed out").await;
    browser.go(&site.url("/")).await;
    browser.asks_for_the_password().await;
}

#[tokio::test]
async fn a_typed_address_signs_out_at_once_and_a_script_is_told_where_to_go() {
    let site = Site::new().await;
    let browser = site.signed_in("/").await;
    browser.go(&site.url("/oauth2/sign_out")).await;
    browser.comes_to(&site.url("/oauth2/signed_out")).await;

    browser.go(&site.url("/")).await;
    browser.sign_in("alice").await;
    browser.shows("Confidential").await;
    let told = browser.script("return (await fetch('/oauth2/sign_out', { method: 'POST' })).json()").await;
    let logout = told["logout_url"].as_str().unwrap().to_owned();
    assert_eq!(browser.script(USERINFO).await, json!(401));
    browser.script(&format!("location = {logout:?}")).await;
    browser.comes_to(&site.url("/oauth2/signed_out")).await;
    browser.go(&site.url("/")).await;
    browser.asks_for_the_password().await;
}
