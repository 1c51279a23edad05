//! The flow from outside: start, callback, sign-out, userinfo, and what else a visitor without a session sees.

mod caching;
mod callback;
mod callback_errors;
mod junk_callbacks;
mod login_cookies;
mod navigation;
mod redirects;
mod replays;
mod return_to;
mod sign_out;
mod sign_out_manners;
mod start;
mod step_up;
mod stuck;
mod token_endpoint;
mod tombstone;
mod userinfo;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::Cookie;
use http::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::support::Stage;
use crate::support::visitor::{Answer, Visitor, header, location, parameter, set_cookies, text};

/// The session cookie of a gate at an https address.
const NAME: &str = "__Host-cognigate";

/// A header and what it says.
type Said = (&'static str, &'static str);

/// The name of the login cookie that belongs to a state.
fn login_cookie(state: &str) -> String {
    format!("{NAME}-login-{}", &URL_SAFE_NO_PAD.encode(Sha256::digest(state))[..16])
}

/// The state of the authorization request that an answer redirects to.
fn state_of(answer: &Answer) -> String {
    parameter(&location(answer), "state").expect("a redirect with a state")
}

/// The one cookie of that name that an answer sets or ends.
fn set_cookie(answer: &Answer, name: &str) -> Option<Cookie<'static>> {
    let mut found = set_cookies(answer).into_iter().filter(|cookie| cookie.name() == name);
    let cookie = found.next();
    assert!(found.next().is_none(), "{name} is set twice");
    cookie
}

/// Follows redirects as a browser does; redirects without end are a failure.
async fn settle(visitor: &mut Visitor, mut answer: Answer) -> Answer {
    for _ in 0..10 {
        if !answer.status().is_redirection() {
            return answer;
        }
        answer = visitor.follow(&answer).await;
    }
    panic!("redirects without end, the last to {}", location(&answer))
}

/// A page of ours with that status, which offers one link; returns where it leads.
fn button(page: &Answer, status: u16) -> String {
    assert_eq!(page.status(), StatusCode::from_u16(status).unwrap(), "{}", text(page));
    assert_eq!(header(page, "location"), None);
    assert_eq!(header(page, "content-type"), Some("text/html; charset=utf-8"));
    assert_ours(page);
    let text = text(page);
    let mut links = text.split(" href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let link = links.next().unwrap_or_else(|| panic!("a page without a button: {text}"));
    assert_eq!(links.next(), None);
    link.replace("&amp;", "&").replace("&#38;", "&")
}

/// What every answer of our own carries, and what no page of ours holds.
fn assert_ours(answer: &Answer) {
    assert_eq!(header(answer, "cache-control"), Some("no-store"), "{answer:?}");
    let policy = header(answer, "content-security-policy").unwrap_or_else(|| panic!("no CSP: {answer:?}"));
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    assert_eq!(header(answer, "x-content-type-options"), Some("nosniff"));
    assert!(!text(answer).to_ascii_lowercase().contains("<script"), "{}", text(answer));
}

/// What alice sees of herself, where she is signed in.
async fn is_signed_in(visitor: &mut Visitor) -> bool {
    let info = visitor.fetch("/oauth2/userinfo").await;
    assert!(matches!(info.status().as_u16(), 200 | 401), "{info:?}");
    info.status() == 200
}

/// Where the emulator stands, as a URL.
fn cognito_url(stage: &Stage) -> String {
    format!("http://{}", stage.cognito_address)
}
