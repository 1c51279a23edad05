//! The pages, problems and redirects of our own: what they carry, and what can't get into them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cognigate::pages::problem::Problem;
use cognigate::pages::{Action, Page, see_other};
use cognigate::types::{Body, RequestId};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

const HOSTILE: &str = r#""'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"#;

fn page<'a>(title: &'a str, text: &'a [&'a str]) -> Page<'a> {
    Page {
        status: StatusCode::OK,
        title,
        text,
        action: None,
        request_id: None,
        form_origins: &[],
        afterwards: None,
    }
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn header<'a>(response: &'a Response<Body>, name: &HeaderName) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("{name} is missing")).to_str().unwrap()
}

#[tokio::test]
async fn case_36_what_a_stranger_wrote_is_escaped_wherever_it_lands() {
    let link = Action::Link { href: HOSTILE, label: HOSTILE };
    let post = Action::Post { action: HOSTILE, label: HOSTILE };
    for action in [link, post] {
        let paragraphs = [HOSTILE, HOSTILE];
        let page = Page { action: Some(action), ..page(HOSTILE, &paragraphs) };
        let html = text(page.into_response()).await;
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<img"), "{html}");
        assert!(!html.contains("\"\""), "an attribute was ended early: {html}");
        assert_eq!(html.matches("&#60;script&#62;").count(), 6, "{html}");
    }
}

proptest! {
    #[test]
    fn case_36_no_text_adds_a_tag_or_ends_an_attribute(hostile in "[\"'<>&/=a-z \\u{0}-\\u{20}é]{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let shape = |html: &str| (html.matches('<').count(), html.matches('>').count(), html.matches('"').count());
        let render = |fill: &str| {
            let paragraphs = [fill];
            let action = Some(Action::Link { href: fill, label: fill });
            runtime.block_on(text(Page { action, ..page(fill, &paragraphs) }.into_response()))
        };
        prop_assert_eq!(shape(&render(&hostile)), shape(&render("plain")));
    }
}

#[tokio::test]
async fn the_policy_allows_the_page_its_own_style_and_nothing_else() {
    let response = page("Signed out", &[]).into_response();
    let policy = header(&response, &CONTENT_SECURITY_POLICY).to_owned();
    let html = text(response).await;
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'; \
             form-action 'self'"
        )
    );
    assert!(!html.contains("style="), "an inline style that the policy forbids: {html}");
    assert!(!html.contains("src="), "something to load that the policy forbids: {html}");
}

#[tokio::test]
async fn a_page_that_asks_for_something_afterwards_is_allowed_pictures_of_our_own_and_shows_none() {
    let response = Page { afterwards: Some("/oauth2/signed_out"), ..page("Signed out", &[]) }.into_response();
    let policy = header(&response, &CONTENT_SECURITY_POLICY).to_owned();
    assert!(policy.starts_with("default-src 'none'; ") && policy.ends_with("; img-src 'self'"), "{policy}");
    assert!(text(response).await.contains("<img src=\"/oauth2/signed_out\" alt=\"\" hidden>"));
}

#[test]
fn form_action_takes_origins_and_leaves_out_what_would_end_the_directive() {
    let origins =
        ["https://pool.auth.eu-west-1.amazoncognito.com", "http://127.0.0.1:9400", "http://[::1]:9400"];
    let bad = [
        "https://x; script-src *",
        "https://a b",
        "'unsafe-inline'",
        "*",
        "https://x,y",
        "https://x\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "",
    ];
    let all: Vec<&str> = origins.into_iter().chain(bad).collect();
    let response = Page { form_origins: &all, ..page("Sign out?", &[]) }.into_response();
    let policy = header(&response, &CONTENT_SECURITY_POLICY);
    assert!(policy.ends_with(&format!("form-action 'self' {}", origins.join(" "))), "{policy}");
}

#[test]
fn a_page_is_neither_stored_nor_sniffed_nor_named_to_other_sites() {
    let response = Page { status: StatusCode::FORBIDDEN, ..page("Denied", &[]) }.into_response();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&response, &CACHE_CONTROL), "no-store");
    assert_eq!(header(&response, &CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&response, &X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(header(&response, &REFERRER_POLICY), "same-origin");
}

#[tokio::test]
async fn a_page_shows_its_request_id_and_a_failure_its_status() {
    let id = RequestId::from_client(b"abc-123").unwrap();
    let bad = Page { status: StatusCode::BAD_GATEWAY, request_id: Some(&id), ..page("Away", &["Soon."]) };
    let html = text(bad.into_response()).await;
    assert!(html.contains("502 Bad Gateway"), "{html}");
    assert!(html.contains("<code>abc-123</code>"), "{html}");
    assert!(html.contains("<p>Soon.</p>"), "{html}");
    let html = text(page("Signed out", &[]).into_response()).await;
    assert!(!html.contains("200"), "{html}");
    assert!(!html.contains("<footer>"), "{html}");
}

#[tokio::test]
async fn an_action_is_a_link_or_a_posting_button() {
    let link = Page { action: Some(Action::Link { href: "/a?b=1", label: "Go" }), ..page("t", &[]) };
    let html = text(link.into_response()).await;
    assert!(html.contains(r#"<a class="action" href="/a?b=1">Go</a>"#), "{html}");
    assert!(!html.contains("<form"), "{html}");
    let post = Page { action: Some(Action::Post { action: "/out", label: "Go" }), ..page("t", &[]) };
    let html = text(post.into_response()).await;
    assert!(html.contains(r#"<form method="post" action="/out">"#), "{html}");
    assert!(!html.contains("<a "), "{html}");
}

#[tokio::test]
async fn a_problem_is_rfc_9457_json_with_what_a_script_needs() {
    let id = RequestId::from_client(b"abc-123").unwrap();
    let problem = Problem {
        status: StatusCode::UNAUTHORIZED,
        title: "Sign in first",
        detail: "a \"quoted\" </script> detail",
        request_id: Some(&id),
        login_url: Some("https://app.test/oauth2/start?rd=%2F"),
    };
    let response = problem.into_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&response, &CONTENT_TYPE), "application/problem+json");
    assert_eq!(header(&response, &CACHE_CONTROL), "no-store");
    assert_eq!(header(&response, &X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(header(&response, &CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"));
    assert!(!response.headers().contains_key(SET_COOKIE));
    let json: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    let expected = serde_json::json!({
        "title": "Sign in first",
        "status": 401,
        "detail": "a \"quoted\" </script> detail",
        "request_id": "abc-123",
        "login_url": "https://app.test/oauth2/start?rd=%2F",
    });
    assert_eq!(json, expected);
}

#[tokio::test]
async fn a_problem_leaves_out_the_members_it_has_nothing_for() {
    let problem = Problem {
        status: StatusCode::BAD_GATEWAY,
        title: "t",
        detail: "d",
        request_id: None,
        login_url: None,
    };
    assert_eq!(text(problem.into_response()).await, r#"{"title":"t","status":502,"detail":"d"}"#);
}

#[test]
fn a_redirect_is_a_303_that_is_not_stored_and_says_nothing_of_where_it_was() {
    let cookies = vec![HeaderValue::from_static("a=1"), HeaderValue::from_static("b=2")];
    let response = see_other("/deep/link?with=query&x=%20", cookies);
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(&response, &LOCATION), "/deep/link?with=query&x=%20");
    assert_eq!(header(&response, &CACHE_CONTROL), "no-store");
    assert_eq!(header(&response, &REFERRER_POLICY), "no-referrer");
    assert_eq!(header(&response, &CONTENT_SECURITY_POLICY), "default-src 'none'; frame-ancestors 'none'");
    let set: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
    assert_eq!(set, ["a=1", "b=2"]);
}

#[test]
fn a_redirect_encodes_what_a_header_cannot_carry() {
    let response = see_other("/x\r\nSet-Cookie: a=b\u{0}/é", Vec::new());
    assert_eq!(header(&response, &LOCATION), "/x%0D%0ASet-Cookie:%20a=b%00/%C3%A9");
    assert!(!response.headers().contains_key(SET_COOKIE));
}
