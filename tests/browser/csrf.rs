//! A page that asks for a change, as a browser sends it.

use cognigate::types::full;
use http::Response;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::Site;
use crate::support::app::App;

/// A page at another port of the same machine: the same site to a browser, which sends the session's cookie along, and
/// another origin.
async fn neighbour() -> String {
    let page = App::bind();
    page.answer(|_| {
        let mut response = Response::new(full("<!doctype html><title>Next door</title><h1>Neighbour</h1>"));
        response.headers_mut().insert(CONTENT_TYPE, "text/html".parse().unwrap());
        response
    });
    tokio::spawn(page.serving());
    format!("http://localhost:{}", page.address().port())
}

/// A script that puts a form onto the page.
fn form(to: &str) -> String {
    format!(
        "document.body.innerHTML = '<form method=post action=\"{to}\"><button id=go>Go</button></form>'; return 1"
    )
}

#[tokio::test]
async fn a_neighbours_form_and_fetch_change_nothing_and_ones_own_do() {
    let site = Site::new().await;
    let browser = site.signed_in("/").await;
    let own = "return (await fetch('/orders', { method: 'POST', body: 'x' })).status";
    assert_eq!(browser.script(own).await, json!(200));
    let reached = site.stage.app.count();
    browser.go(&neighbour().await).await;
    let fetch = format!(
        "return (await fetch('{}', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }})).type",
        site.url("/orders")
    );
    assert_eq!(browser.script(&fetch).await, json!("opaque"));
    browser.script(&form(&site.url("/orders"))).await;
    browser.click("#go").await;
    browser.shows("Another site asked for this").await;
    assert_eq!(site.stage.app.count(), reached, "the app was reached");
    // A link is no change, and the session is still there.
    browser.go(&site.url("/further")).await;
    browser.shows("Confidential").await;
}

#[tokio::test]
async fn a_neighbour_that_is_listed_or_let_in_may() {
    let page = neighbour().await;
    let lax = Site::with(|setup| setup.set("csrf", "lax")).await;
    let listed = Site::with(|setup| setup.set("csrf_origins", &page)).await;
    for site in [lax, listed] {
        let browser = site.signed_in("/").await;
        browser.go(&page).await;
        browser.script(&form(&site.url("/orders"))).await;
        browser.click("#go").await;
        browser.comes_to(&site.url("/orders")).await;
        browser.shows("Confidential").await;
    }
}
