//! What whoever may not pass is told, before an app.

use std::time::Duration;

use http::Method;
use http::header::{LOCATION, SET_COOKIE};
use serde_json::json;

use crate::support::Stage;
use crate::support::visitor::{Answer, FETCH, NAVIGATION, Visitor, header, json, text};

const RULES: &str = "
    [[rules]]
    path = '/admin/*'
    groups = ['admins']
    [[rules]]
    path = '/closed/*'
    access = 'deny'
    [[rules]]
    path = '/api/*'
    access = 'api'
    users = ['alice']
    allow_preflight = true
    [[rules]]
    path = '/read/*'
    access = 'api'
    scopes = ['api/read']
    [[rules]]
    path = '/scoped/*'
    scopes = ['api/read', 'api/write']
    [[rules]]
    path = '/gold/*'
    claims = { 'custom:tier' = ['gold'] }
    [[rules]]
    path = '/recent/*'
    max_auth_age = '5m'";

async fn stage() -> Stage {
    Stage::with(|setup| {
        setup
            .pool(|pool| {
                pool.users[0].attributes.insert("custom:tier".to_owned(), "gold".to_owned());
            })
            .tables(RULES)
    })
    .await
}

async fn signed_in(stage: &Stage, username: &str) -> Visitor {
    let mut visitor = stage.visitor();
    assert_eq!(visitor.sign_in(username, "/").await.status(), 200);
    visitor
}

#[track_caller]
fn assert_page(answer: &Answer, status: u16, says: &[&str]) {
    assert_eq!(answer.status(), status, "{answer:?}");
    assert_eq!(header(answer, "content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(header(answer, "cache-control"), Some("no-store"));
    assert!(!answer.headers().contains_key(LOCATION));
    for says in says {
        assert!(text(answer).contains(says), "{says:?} is not in {}", text(answer));
    }
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status(), status, "{answer:?}");
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"));
    assert!(!answer.headers().contains_key(LOCATION));
    assert_eq!(json(answer)["status"], json!(status));
}

#[tokio::test]
async fn whoever_meets_the_rule_passes_and_nobody_else() {
    let stage = stage().await;
    let (mut alice, mut bob) = (signed_in(&stage, "alice").await, signed_in(&stage, "bob").await);
    for path in ["/admin/x", "/api/x", "/gold/x"] {
        assert_eq!(text(&alice.navigate(path).await), "the app", "{path}");
        assert!(stage.app.last().header("authorization").unwrap().starts_with("Bearer ey"));
        let before = stage.app.count();
        assert_eq!(bob.navigate(path).await.status(), 403, "{path}");
        assert_eq!(bob.fetch(path).await.status(), 403, "{path}");
        assert_eq!(stage.app.count(), before, "{path}");
    }
    for path in ["/", "/x"] {
        assert_eq!(bob.navigate(path).await.status(), 200);
    }
}

#[tokio::test]
async fn a_person_reads_who_they_are_and_can_change_it() {
    let stage = stage().await;
    let mut bob = signed_in(&stage, "bob").await;
    let page = bob.navigate("/admin/x").await;
    assert_page(&page, 403, &["signed in as bob", "/oauth2/sign_out", "another account"]);
    // Neither a sign-in, which would end here again, nor anything that changes the session.
    assert!(!page.headers().contains_key(SET_COOKIE));
    // The button, as the browser presses it.
    let pressed =
        [&NAVIGATION[..3], &[("sec-fetch-site", "same-origin"), ("referer", "https://app.test/admin/x")]];
    let out = bob.send(Method::GET, "/oauth2/sign_out", &pressed.concat(), "").await;
    assert_eq!(out.status(), 303);
    let back = bob.follow(&out).await;
    let farewell = bob.follow(&back).await;
    assert!(text(&farewell).contains("You are signed out"));
    assert_eq!(text(&bob.sign_in("alice", "/admin/x").await), "the app");
}

#[tokio::test]
async fn a_sign_in_that_ends_on_a_denied_page_goes_no_further_round() {
    let stage = stage().await;
    let mut bob = stage.visitor();
    let page = bob.sign_in("bob", "/admin/x?y=z").await;
    assert_page(&page, 403, &["signed in as bob"]);
    assert_page(&bob.navigate("/admin/x").await, 403, &["signed in as bob"]);
    assert_eq!(bob.navigate("/").await.status(), 200, "the session is good elsewhere");
    assert_eq!(stage.app.count(), 1);
}

#[tokio::test]
async fn an_account_is_named_by_what_its_user_knows_and_never_as_markup() {
    let stage = Stage::with(|setup| {
        setup
            .pool(|pool| {
                pool.users[0].email = Some("<b>\"alice\"</b>@example.com".to_owned());
                pool.users[1].attributes.insert("preferred_username".to_owned(), "b".repeat(500));
            })
            .tables("[[rules]]\ngroups = ['nobody']")
    })
    .await;
    let page = stage.visitor().sign_in("alice", "/").await;
    assert_page(&page, 403, &["&#60;b&#62;"]);
    assert!(!text(&page).contains("<b>"));
    let page = stage.visitor().sign_in("bob", "/").await;
    assert_page(&page, 403, &[&"b".repeat(100)]);
    assert!(!text(&page).contains(&"b".repeat(101)));
}

#[tokio::test]
async fn a_program_reads_a_problem() {
    let stage = stage().await;
    let mut bob = signed_in(&stage, "bob").await;
    for kind in [&FETCH[..], &[("accept", "application/json")], &[]] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let no = bob.send(method, "/admin/x", kind, "").await;
            assert_problem(&no, 403);
            assert_eq!(json(&no)["detail"], "The account may not do this.");
            assert!(!text(&no).contains("bob"));
            assert_eq!(header(&no, "www-authenticate"), None);
            assert_eq!(json(&no).get("login_url"), None, "another sign-in would not help");
        }
    }
}

#[tokio::test]
async fn missing_scopes_are_said_as_bearer_tokens_say_it() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let no = alice.fetch("/read/x").await;
    assert_problem(&no, 403);
    let expected = "Bearer realm=\"https://app.test\", error=\"insufficient_scope\", scope=\"api/read\"";
    assert_eq!(header(&no, "www-authenticate"), Some(expected));
    let no = alice.fetch("/scoped/x").await;
    assert_eq!(
        header(&no, "www-authenticate"),
        Some("Bearer realm=\"https://app.test\", error=\"insufficient_scope\""),
        "one of several would do"
    );
    assert_page(&alice.navigate("/scoped/x").await, 403, &["alice@example.com"]);
    let granted = Stage::with(|setup| setup.tables("[[rules]]\nscopes = ['x', 'email']")).await;
    assert_eq!(text(&granted.visitor().sign_in("bob", "/").await), "the app");
}

#[tokio::test]
async fn access_api_never_shows_a_page_and_never_redirects() {
    let stage = stage().await;
    let mut bob = signed_in(&stage, "bob").await;
    for kind in [&NAVIGATION[..], &FETCH, &[("accept", "text/html")], &[]] {
        let no = stage.visitor().send(Method::GET, "/api/x", kind, "").await;
        assert_problem(&no, 401);
        assert_eq!(json(&no)["login_url"], "https://app.test/oauth2/start?rd=%2F");
        assert_eq!(header(&no, "www-authenticate"), Some("Bearer realm=\"https://app.test\""));
        assert!(!no.headers().contains_key(SET_COOKIE), "no login is begun");
        assert_problem(&bob.send(Method::GET, "/api/x", kind, "").await, 403);
    }
    // A sign-in that did not stick is a 401 too.
    let mut forgetful = stage.visitor();
    let callback = forgetful.reach_callback("alice", "/").await;
    let back = forgetful.navigate(&callback).await;
    assert_eq!(back.status(), 303);
    forgetful.jar.remove("__Host-cognigate");
    assert_page(&forgetful.navigate("/").await, 403, &["The session was not kept"]);
    assert_problem(&forgetful.navigate("/api/x").await, 401);
}

#[tokio::test]
async fn what_is_denied_is_denied_to_everybody_and_asks_nobody_to_sign_in() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let before = stage.app.count();
    for visitor in [&mut alice, &mut stage.visitor()] {
        let page = visitor.navigate("/closed/x").await;
        assert_page(&page, 403, &["This address may not be opened."]);
        assert!(!text(&page).contains("alice") && !text(&page).contains("sign_out"));
        assert!(!page.headers().contains_key(SET_COOKIE));
        let no = visitor.fetch("/closed/x").await;
        assert_problem(&no, 403);
        assert_eq!(json(&no)["detail"], "Nobody may do this.");
    }
    assert_eq!(stage.app.count(), before);
    assert_eq!(stage.cognito.count(cognigate::emulator::Endpoint::Authorize), 1, "alice's own sign-in only");
}

#[tokio::test]
async fn a_preflight_passes_where_the_rule_allows_it_and_is_nobodys() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let preflight = [("origin", "https://spa.test"), ("access-control-request-method", "PUT")];
    for visitor in [&mut stage.visitor(), &mut alice] {
        let yes = visitor.send(Method::OPTIONS, "/api/x", &preflight, "").await;
        assert_eq!(text(&yes), "the app");
        let arrived = stage.app.last();
        assert_eq!(arrived.method, Method::OPTIONS);
        assert_eq!(arrived.header("origin"), Some("https://spa.test"));
        for name in ["authorization", "x-forwarded-user", "cookie"] {
            assert_eq!(arrived.header(name), None, "{name}");
        }
    }
    let mut nobody = stage.visitor();
    for (method, path, headers) in [
        (Method::OPTIONS, "/api/x", &preflight[..1]),
        (Method::OPTIONS, "/api/x", &preflight[1..]),
        (Method::OPTIONS, "/x", &preflight),
        (Method::OPTIONS, "/read/x", &preflight),
        (Method::OPTIONS, "/API/x", &preflight),
        (Method::OPTIONS, "*", &preflight),
        (Method::PUT, "/api/x", &preflight),
        (Method::GET, "/api/x", &preflight),
    ] {
        let no = nobody.send(method.clone(), path, headers, "").await;
        assert_eq!(no.status(), 401, "{method} {path} {headers:?}");
    }
}

#[tokio::test]
async fn case_128_options_of_the_whole_server_are_no_preflight() {
    const EVERYWHERE: &str = "
        [[rules]]
        access = 'api'
        allow_preflight = true";
    let stage = Stage::with(|setup| setup.tables(EVERYWHERE)).await;
    let preflight = [("origin", "https://spa.test"), ("access-control-request-method", "PUT")];
    let mut nobody = stage.visitor();
    assert_eq!(
        nobody.send(Method::OPTIONS, "/", &preflight, "").await.status(),
        200,
        "it is one of the root"
    );
    // No page of a browser can ask so.
    assert_eq!(nobody.send(Method::OPTIONS, "*", &preflight, "").await.status(), 401);
    assert_eq!(stage.app.count(), 1);
}

#[tokio::test]
async fn a_renewed_session_is_kept_though_its_request_is_denied() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO).tables(RULES)).await;
    let mut bob = signed_in(&stage, "bob").await;
    stage.clock.advance(Duration::from_secs(3601));
    let no = bob.navigate("/admin/x").await;
    assert_page(&no, 403, &["signed in as bob"]);
    assert!(no.headers().contains_key(SET_COOKIE), "the rotated token would be lost");
    stage.clock.advance(Duration::from_secs(3601));
    assert_eq!(bob.navigate("/").await.status(), 200);
}

#[tokio::test]
async fn case_59_a_group_that_was_taken_away_is_gone_after_the_refresh() {
    let stage = Stage::with(|setup| setup.tables(RULES)).await;
    let mut alice = signed_in(&stage, "alice").await;
    assert_eq!(alice.navigate("/admin/x").await.status(), 200);
    stage.cognito.set_groups("alice", &[]);
    stage.clock.advance(Duration::from_secs(3601));
    assert_eq!(alice.navigate("/admin/x").await.status(), 403);
    stage.cognito.set_groups("alice", &["admins"]);
    stage.clock.advance(Duration::from_secs(3601));
    assert_eq!(alice.navigate("/admin/x").await.status(), 200);
}

#[tokio::test]
async fn a_websocket_is_denied_before_the_upgrade() {
    let stage = stage().await;
    let mut bob = signed_in(&stage, "bob").await;
    let before = stage.app.count();
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("origin", "https://app.test"),
    ];
    assert_problem(&bob.send(Method::GET, "/admin/socket", &headers, "").await, 403);
    assert_problem(&stage.visitor().send(Method::GET, "/admin/socket", &headers, "").await, 401);
    assert_problem(&stage.visitor().send(Method::GET, "/closed/socket", &headers, "").await, 403);
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn an_old_proof_is_not_taken_for_a_recent_one() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    assert_eq!(alice.navigate("/recent/x").await.status(), 200);
    stage.clock.advance(Duration::from_secs(301));
    let before = stage.app.count();
    assert_ne!(alice.navigate("/recent/x").await.status(), 200);
    assert_ne!(alice.fetch("/recent/x").await.status(), 200);
    assert_eq!(stage.app.count(), before);
    assert_eq!(alice.navigate("/").await.status(), 200);
}

#[tokio::test]
async fn what_a_rule_asks_for_is_kept_through_refreshes_and_shown_to_its_user() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    stage.clock.advance(Duration::from_secs(3601));
    assert_eq!(alice.navigate("/gold/x").await.status(), 200);
    assert_eq!(json(&alice.fetch("/oauth2/userinfo").await)["claims"]["custom:tier"], "gold");
}
