//! What pages of other sites may do in the name of a user who is signed in here.

use http::Method;

use crate::support::visitor::{Answer, NAVIGATION, Visitor, header, json, text};
use crate::support::{Setup, Stage};

type Said = (&'static str, &'static str);

const SITE: &str = "sec-fetch-site";
const SAME_ORIGIN: Said = (SITE, "same-origin");
const SAME_SITE: Said = (SITE, "same-site");
const CROSS_SITE: Said = (SITE, "cross-site");
const OWN: Said = ("origin", "https://app.test");
const SIBLING: Said = ("origin", "https://other.test");
const FOREIGN: Said = ("origin", "https://evil.test");
const OPAQUE: Said = ("origin", "null");
const LISTED: Said = ("origin", "https://front.test");

async fn stage(change: impl FnOnce(Setup) -> Setup) -> (Stage, Visitor) {
    let stage = Stage::with(change).await;
    let alice = stage.signed_in().await;
    (stage, alice)
}

async fn post(visitor: &mut Visitor, headers: &[Said]) -> Answer {
    visitor.send(Method::POST, "/orders", headers, "amount=1").await
}

/// Each request either reaches the app or is a 403 that leaves the app alone.
async fn assert_each(stage: &Stage, alice: &Visitor, cases: &[(&[Said], bool)]) {
    for (headers, passes) in cases {
        let before = stage.app.count();
        let answer = post(&mut alice.clone(), headers).await;
        assert_eq!(answer.status(), if *passes { 200 } else { 403 }, "{headers:?}");
        assert_eq!(stage.app.count() - before, usize::from(*passes), "{headers:?}");
    }
}

#[tokio::test]
async fn strict_takes_changes_from_pages_of_the_same_origin_alone() {
    let (stage, alice) = stage(|setup| setup).await;
    assert_each(
        &stage,
        &alice,
        &[
            (&[SAME_ORIGIN, OWN], true),
            // With a referrer policy of none, a form of our own says so.
            (&[SAME_ORIGIN, OPAQUE], true),
            // The user's own doing: an address that was typed, a bookmark.
            (&[(SITE, "none")], true),
            (&[SAME_SITE, SIBLING], false),
            (&[SAME_SITE], false),
            (&[CROSS_SITE, FOREIGN], false),
            (&[CROSS_SITE, OPAQUE], false),
            (&[CROSS_SITE], false),
            // A referrer is no origin, where there is Fetch Metadata.
            (&[CROSS_SITE, ("referer", "https://app.test/")], false),
            (&[("sec-fetch-site", "x"), FOREIGN], false),
            (&[SAME_ORIGIN, SAME_ORIGIN, FOREIGN], false),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_browser_without_fetch_metadata_is_judged_by_origin_and_else_by_referer() {
    let cases: &[(&[Said], bool)] = &[
        (&[OWN], true),
        (&[("origin", "https://APP.test:443")], true),
        (&[FOREIGN], false),
        (&[OPAQUE], false),
        (&[("origin", "")], false),
        (&[OWN, OWN], false),
        (&[("origin", "http://app.test")], false),
        // Whoever sits on the network can be that one.
        (&[("origin", "http://app.test:443")], false),
        (&[("referer", "http://app.test:443/form")], false),
        (&[("origin", "https://app.test:8443")], false),
        (&[("origin", "https://app.test.evil.test")], false),
        (&[("origin", "https://app.test@evil.test")], false),
        (&[SIBLING], false),
        (&[FOREIGN, ("referer", "https://app.test/")], false),
        (&[("referer", "https://app.test/form?x=1")], true),
        (&[("referer", "https://evil.test/https://app.test/")], false),
        (&[("referer", "https://app.test.evil.test/")], false),
        (&[("referer", "about:blank")], false),
        // No browser of today leaves all three out.
        (&[], true),
        (&[("content-type", "text/plain")], true),
    ];
    for mode in ["strict", "lax"] {
        let (stage, alice) = stage(|setup| setup.set("csrf", mode)).await;
        assert_each(&stage, &alice, cases).await;
    }
}

#[tokio::test]
async fn lax_takes_them_from_siblings_too_and_off_from_anybody() {
    let (stage_lax, alice) = stage(|setup| setup.set("csrf", "lax")).await;
    let cases: &[(&[Said], bool)] =
        &[(&[SAME_SITE, SIBLING], true), (&[SAME_ORIGIN], true), (&[CROSS_SITE, FOREIGN], false)];
    assert_each(&stage_lax, &alice, cases).await;
    let (stage_off, alice) = stage(|setup| setup.set("csrf", "off")).await;
    assert_each(&stage_off, &alice, &[(&[CROSS_SITE, FOREIGN], true), (&[OPAQUE], true)]).await;
}

#[tokio::test]
async fn pages_of_listed_origins_are_taken_for_ours() {
    let (stage, alice) =
        stage(|setup| setup.set("csrf_origins", "https://front.test,http://localhost:3000")).await;
    let cases: &[(&[Said], bool)] = &[
        (&[CROSS_SITE, LISTED], true),
        (&[SAME_SITE, LISTED], true),
        (&[LISTED], true),
        (&[CROSS_SITE, ("origin", "http://localhost:3000")], true),
        (&[CROSS_SITE, ("origin", "http://localhost:3001")], false),
        (&[CROSS_SITE, ("origin", "http://front.test")], false),
        (&[CROSS_SITE, FOREIGN], false),
    ];
    assert_each(&stage, &alice, cases).await;
}

#[tokio::test]
async fn each_host_is_its_own_pages_origin() {
    let (stage, alice) =
        stage(|setup| setup.set("listen.hosts", "other.test").set("cookie.name", "cognigate")).await;
    let host = ("host", "other.test");
    let cases: &[(&[Said], bool)] =
        &[(&[host, SIBLING], true), (&[host, OWN], true), (&[host, FOREIGN], false)];
    assert_each(&stage, &alice, cases).await;
}

#[tokio::test]
async fn only_what_changes_something_is_judged() {
    let (stage, mut alice) = stage(|setup| setup).await;
    let said = [CROSS_SITE, FOREIGN];
    for (method, status) in [
        (Method::GET, 200),
        (Method::HEAD, 200),
        (Method::OPTIONS, 200),
        (Method::PUT, 403),
        (Method::PATCH, 403),
        (Method::DELETE, 403),
        (Method::from_bytes(b"FOO").unwrap(), 403),
        (Method::from_bytes(b"get").unwrap(), 403),
    ] {
        let answer = alice.send(method.clone(), "/orders", &said, "").await;
        assert_eq!(answer.status(), status, "{method}");
    }
    assert_eq!(stage.app.count(), 1 + 3);
}

#[tokio::test]
async fn only_what_a_session_carries_is_judged() {
    let stage = Stage::with(|setup| setup.set("public", "/hooks/*")).await;
    let mut nobody = stage.visitor();
    // A page of another site learns nothing, and a webhook passes.
    assert_eq!(post(&mut nobody, &[CROSS_SITE, FOREIGN]).await.status(), 401);
    let mut alice = stage.signed_in().await;
    let hook = alice.send(Method::POST, "/hooks/1", &[CROSS_SITE, FOREIGN], "").await;
    assert_eq!(hook.status(), 200);
    assert!(!stage.app.last().headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_script_is_told_by_a_problem_and_a_person_by_a_page_and_both_stay_signed_in() {
    let (_stage, mut alice) = stage(|setup| setup).await;
    let told = post(&mut alice, &[CROSS_SITE, FOREIGN, ("sec-fetch-mode", "cors")]).await;
    assert_eq!(header(&told, "content-type"), Some("application/problem+json"));
    assert_eq!(json(&told)["title"], "Another site asked for this");
    assert_eq!(json(&told)["login_url"], serde_json::Value::Null, "a sign-in would not help");
    let shown = post(&mut alice, &[&NAVIGATION[..3], &[CROSS_SITE, FOREIGN]].concat()).await;
    assert_eq!(header(&shown, "content-type"), Some("text/html; charset=utf-8"));
    assert!(text(&shown).contains("href=\"https://app.test\""), "{}", text(&shown));
    assert_eq!(alice.navigate("/").await.status(), 200);
}

#[tokio::test]
async fn a_session_that_was_refreshed_on_the_way_is_not_lost_with_the_refusal() {
    let (stage, mut alice) = stage(|setup| setup.rotation(std::time::Duration::ZERO)).await;
    stage.clock.advance(std::time::Duration::from_secs(3600 + 10));
    let refused = post(&mut alice, &[CROSS_SITE, FOREIGN]).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.headers().contains_key("set-cookie"));
    stage.clock.advance(std::time::Duration::from_secs(600));
    assert_eq!(alice.navigate("/").await.status(), 200);
}

#[tokio::test]
async fn a_rule_makes_an_exception_and_a_reading_that_it_does_not_name_makes_none() {
    let tables = "
        [[rules]]
        path = '/import/*'
        csrf = 'off'
        [[rules]]
        path = '/siblings/*'
        csrf = 'lax'
        [[rules]]
        path   = '/import/private/*'
        groups = ['admins']";
    let (stage, mut alice) = stage(|setup| setup.tables(tables)).await;
    for (path, said, status) in [
        ("/import/x", &[CROSS_SITE, FOREIGN], 200),
        ("/siblings/x", &[CROSS_SITE, FOREIGN], 403),
        ("/siblings/x", &[SAME_SITE, SIBLING], 200),
        ("/orders", &[SAME_SITE, SIBLING], 403),
        // What an app may read as another path is under that one's rule too.
        ("/import//private/x", &[CROSS_SITE, FOREIGN], 403),
        ("/import/private/x", &[CROSS_SITE, FOREIGN], 403),
    ] {
        let answer = alice.send(Method::POST, path, said, "").await;
        assert_eq!(answer.status(), status, "{path} {said:?}");
    }
    assert_eq!(stage.app.count(), 1 + 2);
}

#[tokio::test]
async fn a_rule_is_stricter_where_the_rest_is_not() {
    let tables = "
        [[rules]]
        path = '/pay/*'
        csrf = 'strict'";
    let (_stage, mut alice) = stage(|setup| setup.set("csrf", "off").tables(tables)).await;
    for (path, status) in [("/pay/x", 403), ("/orders", 200)] {
        let answer = alice.send(Method::POST, path, &[CROSS_SITE, FOREIGN], "").await;
        assert_eq!(answer.status(), status, "{path}");
    }
}
