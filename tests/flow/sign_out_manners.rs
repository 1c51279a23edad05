//! Who is signed out at once, who is told where to go, and who is asked first.

use http::Method;

use super::{Said, assert_ours, cognito_url, is_signed_in};
use crate::support::Stage;
use crate::support::visitor::{Answer, header, json, location, set_cookies, text};

/// Signs out; goes to Cognito, is told to, or is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Leaves,
    IsTold,
    IsAsked,
}

use Manner::{IsAsked, IsTold, Leaves};

const HTML: Said = ("accept", "text/html");
const JSON: Said = ("accept", "application/json");
const DOCUMENT: Said = ("sec-fetch-dest", "document");
const NAVIGATE: Said = ("sec-fetch-mode", "navigate");
const CORS: Said = ("sec-fetch-mode", "cors");
const SAME_ORIGIN: Said = ("sec-fetch-site", "same-origin");
const CROSS_SITE: Said = ("sec-fetch-site", "cross-site");
const OWN_ORIGIN: Said = ("origin", "https://app.test");
const SCRIPT: Said = ("x-requested-with", "XMLHttpRequest");

/// A request for a sign-out, and what must become of it.
type Case<'a> = (Method, &'a [Said], Manner);

/// Sends each request with the cookies of one who is signed in, and looks at what becomes of it.
async fn assert_manners(cases: &[Case<'_>]) {
    let stage = Stage::new().await;
    let signed_in = stage.signed_in().await;
    let logout = format!(
        "{}/logout?client_id=demo-client&logout_uri=https%3A%2F%2Fapp.test%2Foauth2%2Fsigned_out",
        cognito_url(&stage)
    );
    // Those who are asked come first: one sign-out ends the session of all these copies.
    let mut sorted = cases.to_vec();
    sorted.sort_by_key(|(.., manner)| *manner != IsAsked);
    for (method, headers, manner) in sorted {
        let mut visitor = signed_in.clone();
        let answer = visitor.send(method.clone(), "/oauth2/sign_out", headers, "").await;
        assert_ours(&answer);
        let why = format!("{method} {headers:?}");
        match manner {
            Leaves => {
                assert_eq!(answer.status(), 303, "{why}");
                assert_eq!(location(&answer), logout);
                assert_eq!(visitor.jar.names(), Vec::<&str>::new(), "{why}");
            }
            IsTold => {
                assert_eq!(answer.status(), 200, "{why}");
                assert_eq!(json(&answer), serde_json::json!({ "logout_url": logout }));
                assert_eq!(header(&answer, "content-type"), Some("application/json"));
                assert_eq!(visitor.jar.names(), Vec::<&str>::new(), "{why}");
            }
            IsAsked => {
                assert_confirmation(&answer, &cognito_url(&stage), &why);
                assert!(is_signed_in(&mut visitor).await, "{why}");
            }
        }
    }
}

fn assert_confirmation(page: &Answer, cognito: &str, why: &str) {
    assert_eq!(page.status(), 200, "{why}");
    assert_eq!(header(page, "content-type"), Some("text/html; charset=utf-8"));
    assert!(set_cookies(page).is_empty());
    let form = "<form method=\"post\" action=\"/oauth2/sign_out\">";
    assert!(text(page).contains(form), "{}", text(page));
    // Browsers hold the redirect after the form to this too.
    let policy = header(page, "content-security-policy").unwrap();
    let directive = policy.split(';').map(str::trim).find(|directive| directive.starts_with("form-action"));
    assert_eq!(directive, Some(format!("form-action 'self' {cognito}").as_str()));
}

#[tokio::test]
async fn a_document_navigation_of_ones_own_goes_straight_through() {
    assert_manners(&[
        (Method::GET, &[NAVIGATE, DOCUMENT, SAME_ORIGIN], Leaves),
        (Method::GET, &[NAVIGATE, DOCUMENT, ("sec-fetch-site", "none")], Leaves),
        (Method::POST, &[NAVIGATE, DOCUMENT, SAME_ORIGIN, OWN_ORIGIN], Leaves),
        // The button of the page in a browser without Fetch Metadata.
        (Method::POST, &[HTML, OWN_ORIGIN], Leaves),
    ])
    .await;
}

#[tokio::test]
async fn a_fetch_of_ones_own_is_told_where_to_go() {
    assert_manners(&[
        (Method::GET, &[CORS, SAME_ORIGIN, ("sec-fetch-dest", "empty")], IsTold),
        (Method::POST, &[CORS, SAME_ORIGIN, OWN_ORIGIN], IsTold),
        (Method::POST, &[("sec-fetch-mode", "same-origin"), SAME_ORIGIN, OWN_ORIGIN], IsTold),
        (Method::POST, &[OWN_ORIGIN, SCRIPT], IsTold),
        (Method::POST, &[OWN_ORIGIN, JSON], IsTold),
        (Method::GET, &[SCRIPT], IsTold),
        (Method::GET, &[JSON], IsTold),
    ])
    .await;
}

#[tokio::test]
async fn case_70_what_another_site_may_have_caused_is_asked_first() {
    assert_manners(&[
        (Method::GET, &[NAVIGATE, DOCUMENT, CROSS_SITE], IsAsked),
        (Method::POST, &[NAVIGATE, DOCUMENT, CROSS_SITE, ("origin", "https://evil.test")], IsAsked),
        (Method::POST, &[NAVIGATE, DOCUMENT, CROSS_SITE, ("origin", "null")], IsAsked),
        (Method::GET, &[NAVIGATE, DOCUMENT, ("sec-fetch-site", "same-site")], IsAsked),
        (Method::GET, &[CORS, CROSS_SITE, ("origin", "https://evil.test")], IsAsked),
        (Method::POST, &[CORS, CROSS_SITE, OWN_ORIGIN], IsAsked),
        (Method::GET, &[CORS, ("sec-fetch-site", "none")], IsAsked),
    ])
    .await;
}

#[tokio::test]
async fn everything_else_is_asked_first() {
    let referer = ("referer", "https://app.test/page");
    assert_manners(&[
        // A picture, a frame, a worker, a prefetch of our own origin: not the user's own step.
        (Method::GET, &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), SAME_ORIGIN], IsAsked),
        (Method::GET, &[NAVIGATE, ("sec-fetch-dest", "iframe"), SAME_ORIGIN], IsAsked),
        (Method::GET, &[NAVIGATE, SAME_ORIGIN], IsAsked),
        (Method::GET, &[NAVIGATE, DOCUMENT, SAME_ORIGIN, ("sec-purpose", "prefetch;prerender")], IsAsked),
        (Method::GET, &[NAVIGATE, DOCUMENT], IsAsked),
        (Method::GET, &[NAVIGATE, DOCUMENT, SAME_ORIGIN, CROSS_SITE], IsAsked),
        // No Fetch Metadata: a missing Referer is no consent, and a Referer is none either.
        (Method::GET, &[], IsAsked),
        (Method::GET, &[HTML], IsAsked),
        (Method::GET, &[HTML, referer], IsAsked),
        (Method::POST, &[HTML], IsAsked),
        (Method::POST, &[HTML, referer], IsAsked),
        (Method::POST, &[HTML, ("origin", "https://app.test.evil.test")], IsAsked),
        (Method::POST, &[HTML, ("origin", "http://app.test")], IsAsked),
        (Method::POST, &[SCRIPT, ("origin", "https://evil.test")], IsAsked),
        (Method::POST, &[JSON, ("origin", "null")], IsAsked),
        (Method::GET, &[JSON, ("referer", "https://evil.test/page")], IsAsked),
        (Method::POST, &[JSON, ("referer", "https://other.app.test/")], IsAsked),
    ])
    .await;
}

#[tokio::test]
async fn the_button_of_the_confirmation_signs_out() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let page = visitor.send(Method::GET, "/oauth2/sign_out", &[NAVIGATE, DOCUMENT, CROSS_SITE], "").await;
    assert_confirmation(&page, &cognito_url(&stage), "");
    // So that the button's request carries a Referer, which old browsers without an Origin are judged by.
    assert_eq!(header(&page, "referrer-policy"), Some("same-origin"));
    let headers = [NAVIGATE, DOCUMENT, SAME_ORIGIN, OWN_ORIGIN];
    let mut copy = visitor.clone();
    let answer = visitor.send(Method::POST, "/oauth2/sign_out", &headers, "").await;
    assert_eq!(answer.status(), 303);
    assert!(visitor.jar.names().is_empty());
    assert!(!is_signed_in(&mut copy).await);
}
