//! Rules where nginx asks: its questions, and the two places where it sends whoever is refused.

use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, LOCATION, SET_COOKIE};

use crate::support::Stage;
use crate::support::visitor::{Answer, FETCH, NAVIGATION, Visitor, header, text};

const RULES: &str = "
    [[rules]]
    path = '/admin/*'
    groups = ['admins']
    [[rules]]
    path = '/api/*'
    access = 'api'
    groups = ['admins']
    allow_preflight = true
    [[rules]]
    path = '/closed/*'
    access = 'deny'
    [[rules]]
    path = '/read/*'
    scopes = ['api/read']";

const BY_METHOD: &str = "
    [[rules]]
    path = '/orders/*'
    methods = ['GET', 'HEAD']
    access = 'public'";

async fn stage(rules: &str) -> Stage {
    Stage::with(|setup| setup.asked_by("nginx").tables(rules)).await
}

async fn signed_in(stage: &Stage, username: &str) -> Visitor {
    let mut visitor = stage.visitor();
    visitor.sign_in(username, "/oauth2/start?rd=/").await;
    visitor
}

/// Sends what nginx sends to one of the three endpoints about a request for `path`.
async fn tell(
    visitor: &mut Visitor,
    endpoint: &str,
    method: &str,
    path: &str,
    kind: &[(&str, &str)],
) -> Answer {
    let url = format!("https://app.test{path}");
    let told = [("x-original-url", url.as_str()), ("x-original-method", method)];
    visitor.send(Method::GET, &format!("/oauth2/{endpoint}"), &[kind, &told].concat(), "").await
}

async fn ask(visitor: &mut Visitor, method: &str, path: &str) -> u16 {
    let answer = tell(visitor, "auth", method, path, &[]).await;
    let status = answer.status().as_u16();
    assert_eq!(text(&answer), "", "{path}");
    if status != 200 {
        let headers = answer.headers();
        assert!(!headers.contains_key(AUTHORIZATION) && !headers.contains_key(SET_COOKIE), "{headers:?}");
        assert!(!headers.contains_key(LOCATION), "{headers:?}");
    }
    status
}

#[tokio::test]
async fn a_question_is_answered_by_the_rule() {
    let stage = stage(RULES).await;
    let (mut alice, mut bob) = (signed_in(&stage, "alice").await, signed_in(&stage, "bob").await);
    let mut nobody = stage.visitor();
    for (path, of_alice, of_bob, of_nobody) in [
        ("/", 200, 200, 401),
        ("/admin/x", 200, 403, 401),
        ("/ADMIN/x", 200, 403, 401),
        ("/api/x", 200, 403, 401),
        ("/closed/x", 403, 403, 403),
        ("/read/x", 403, 403, 401),
    ] {
        let statuses = (
            ask(&mut alice, "GET", path).await,
            ask(&mut bob, "GET", path).await,
            ask(&mut nobody, "GET", path).await,
        );
        assert_eq!(statuses, (of_alice, of_bob, of_nobody), "{path}");
    }
}

#[tokio::test]
async fn the_method_is_the_original_requests_and_must_be_said_where_it_counts() {
    let stage = stage(BY_METHOD).await;
    let mut nobody = stage.visitor();
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 401), ("get", 401)] {
        assert_eq!(ask(&mut nobody, method, "/orders/x").await, status, "{method}");
    }
    let unsaid = [("x-original-url", "https://app.test/orders/x")];
    for method in [Method::GET, Method::POST] {
        let no = nobody.send(method, "/oauth2/auth", &unsaid, "").await;
        assert_eq!(no.status(), 403);
    }
    let elsewhere = self::stage(RULES).await;
    let yes = signed_in(&elsewhere, "alice").await.send(Method::GET, "/oauth2/auth", &unsaid, "").await;
    assert_eq!(yes.status(), 200, "where no rule is by method, nobody needs to know it");
}

#[tokio::test]
async fn a_preflight_is_let_through_where_the_rule_allows_it() {
    let stage = stage(RULES).await;
    let preflight = [("origin", "https://spa.test"), ("access-control-request-method", "PUT")];
    for visitor in [&mut stage.visitor(), &mut signed_in(&stage, "bob").await] {
        let yes = tell(visitor, "auth", "OPTIONS", "/api/x", &preflight).await;
        assert_eq!(yes.status(), 200);
        assert!(!yes.headers().contains_key(AUTHORIZATION));
    }
    let mut nobody = stage.visitor();
    for (method, path, headers) in [
        ("GET", "/api/x", &preflight[..]),
        ("OPTIONS", "/x", &preflight),
        ("OPTIONS", "/api/x", &preflight[1..]),
    ] {
        assert_eq!(tell(&mut nobody, "auth", method, path, headers).await.status(), 401, "{method} {path}");
    }
}

#[tokio::test]
async fn start_sends_nobody_to_sign_in_from_an_api() {
    let stage = stage(RULES).await;
    for kind in [&NAVIGATION[..], &FETCH] {
        let no = tell(&mut stage.visitor(), "start", "GET", "/api/x", kind).await;
        assert_eq!(no.status(), 401);
        assert_eq!(header(&no, "content-type"), Some("application/problem+json"));
        assert!(!no.headers().contains_key(SET_COOKIE));
    }
    assert_eq!(tell(&mut stage.visitor(), "start", "GET", "/admin/x", &NAVIGATION).await.status(), 303);
}

#[tokio::test]
async fn denied_says_to_whoever_sent_the_request_why_they_may_not_pass() {
    let stage = stage(RULES).await;
    let mut bob = signed_in(&stage, "bob").await;
    let page = tell(&mut bob, "denied", "GET", "/admin/x", &NAVIGATION).await;
    assert_eq!(page.status(), 403);
    assert_eq!(header(&page, "content-type"), Some("text/html; charset=utf-8"));
    for says in ["signed in as bob", "/oauth2/sign_out"] {
        assert!(text(&page).contains(says), "{}", text(&page));
    }
    for (path, kind) in
        [("/admin/x", &FETCH[..]), ("/admin/x", &[]), ("/api/x", &NAVIGATION), ("/closed/x", &FETCH)]
    {
        let no = tell(&mut bob, "denied", "GET", path, kind).await;
        assert_eq!(no.status(), 403);
        assert_eq!(header(&no, "content-type"), Some("application/problem+json"), "{path}");
        assert!(!text(&no).contains("bob"));
    }
    // Of a form that was posted, though it comes by GET.
    let html = [("accept", "text/html")];
    assert!(text(&tell(&mut bob, "denied", "POST", "/admin/x", &html).await).contains("bob"));
    let no = tell(&mut bob, "denied", "GET", "/read/x", &FETCH).await;
    let challenge = "Bearer realm=\"https://app.test\", error=\"insufficient_scope\", scope=\"api/read\"";
    assert_eq!(header(&no, "www-authenticate"), Some(challenge));
}

#[tokio::test]
async fn denied_explains_too_what_a_page_of_another_site_asked_for() {
    let stage = stage(RULES).await;
    let mut alice = signed_in(&stage, "alice").await;
    let foreign =
        [("accept", "text/html"), ("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")];
    assert_eq!(tell(&mut alice, "auth", "POST", "/admin/x", &foreign).await.status(), 403);
    let page = tell(&mut alice, "denied", "POST", "/admin/x", &foreign).await;
    assert_eq!(page.status(), 403);
    assert!(text(&page).contains("Another site asked for this"), "{}", text(&page));
}

#[tokio::test]
async fn denied_is_a_403_whatever_has_changed_since_and_whoever_asks() {
    let stage = stage(RULES).await;
    let mut alice = signed_in(&stage, "alice").await;
    for (visitor, path) in [
        (&mut alice, "/admin/x"),
        (&mut stage.visitor(), "/admin/x"),
        (&mut stage.visitor(), "/closed/x"),
        (&mut stage.visitor(), "/public/../admin"),
        (&mut stage.visitor(), "/oauth2/sign_out"),
    ] {
        let no = tell(visitor, "denied", "GET", path, &NAVIGATION).await;
        assert_eq!(no.status(), 403, "{path}");
        assert!(!no.headers().contains_key(LOCATION) && !no.headers().contains_key(SET_COOKIE));
        assert!(!text(&no).contains("alice"));
    }
    // Without nginx's word for it, it tells nothing of anybody.
    let no = alice.navigate("/oauth2/denied").await;
    assert_eq!(no.status(), 403);
    assert!(!text(&no).contains("alice"));
    assert_eq!(alice.send(Method::POST, "/oauth2/denied", &FETCH, "").await.status(), 405);
    let before_an_app = Stage::with(|setup| setup.tables(RULES)).await;
    assert_eq!(before_an_app.visitor().navigate("/oauth2/denied").await.status(), 404);
}

#[tokio::test]
async fn case_81_a_rotated_token_is_not_lost_where_the_request_is_denied() {
    let stage = Stage::with(|setup| setup.asked_by("nginx").rotation(Duration::ZERO).tables(RULES)).await;
    let mut bob = signed_in(&stage, "bob").await;
    stage.clock.advance(Duration::from_secs(3601));
    assert_eq!(ask(&mut bob, "GET", "/admin/x").await, 403);
    let no = tell(&mut bob, "denied", "GET", "/admin/x", &NAVIGATION).await;
    assert_eq!(no.status(), 403);
    assert_eq!(no.headers().contains_key(SET_COOKIE), !stage.has_tickets(), "{no:?}");
    stage.clock.advance(Duration::from_secs(3601));
    assert_eq!(ask(&mut bob, "GET", "/").await, 200);
}
