//! What may be kept in a cache: nothing of ours, and of the app's only what the app says itself.

use std::time::Duration;

use cognigate::emulator::{CallbackEdit, Endpoint, Fault};
use cognigate::types::full;
use http::{Method, Response};

use super::{NAME, assert_ours, set_cookie};
use crate::support::Stage;
use crate::support::visitor::{NAVIGATION, header, set_cookies, text};

/// The app answers with these lines and that status from now on.
fn app_says(stage: &Stage, status: u16, lines: &'static [(&'static str, &'static str)]) {
    stage.app.answer(move |_| {
        let response = lines.iter().fold(Response::builder().status(status), |response, (name, value)| {
            response.header(*name, *value)
        });
        response.body(full("the app")).unwrap()
    });
}

#[tokio::test]
async fn cache_control_is_added_where_the_app_sets_none() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for status in [200, 201, 301, 404, 500] {
        app_says(&stage, status, &[("etag", "\"x\""), ("expires", "Thu, 01 Jan 2099 00:00:00 GMT")]);
        let answer = visitor.navigate("/").await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(header(&answer, "cache-control"), Some("private, no-store"));
        assert_eq!(header(&answer, "etag"), Some("\"x\""));
    }
    for own in ["public, max-age=3600", "no-cache", "private, max-age=60", ""] {
        stage
            .app
            .answer(move |_| Response::builder().header("cache-control", own).body(full("the app")).unwrap());
        let answer = visitor.navigate("/").await;
        assert_eq!(header(&answer, "cache-control"), Some(own));
    }
}

#[tokio::test]
async fn a_renewed_cookie_is_never_put_on_a_publicly_cacheable_answer() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("cache-control", "public, max-age=3600")], "private, no-store"),
        (&[("cache-control", "max-age=3600")], "private, no-store"),
        (&[("cache-control", "s-maxage=3600, no-cache=\"x\"")], "private, no-store"),
        (&[("cache-control", "private=\"x-header\", max-age=3600")], "private, no-store"),
        (&[("cache-control", "")], "private, no-store"),
        (&[("cache-control", "private, max-age=60")], "private, max-age=60"),
        (&[("cache-control", "max-age=60,PRIVATE")], "max-age=60,PRIVATE"),
        (&[("cache-control", "no-store")], "no-store"),
        // The caches of one operator, which look at these in place of the other (RFC 9213).
        (
            &[
                ("cdn-cache-control", "max-age=600"),
                ("cloudflare-cdn-cache-control", "max-age=600"),
                ("surrogate-control", "max-age=600"),
                ("x-accel-expires", "600"),
                ("cache-control", "private"),
            ],
            "private",
        ),
    ];
    for (lines, expected) in cases {
        app_says(&stage, 200, lines);
        stage.clock.advance(Duration::from_secs(3600));
        let answer = visitor.navigate("/").await;
        assert!(set_cookie(&answer, NAME).is_some(), "no renewed cookie: {answer:?}");
        assert_eq!(header(&answer, "cache-control"), Some(expected), "{lines:?}");
        for targeted in
            ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control", "x-accel-expires"]
        {
            assert_eq!(header(&answer, targeted), None);
        }
        // Without a new cookie the app's own word stands.
        let answer = visitor.navigate("/").await;
        assert!(set_cookies(&answer).is_empty());
        for (name, value) in lines {
            assert_eq!(header(&answer, name), Some(*value));
        }
    }
}

#[tokio::test]
async fn every_answer_of_our_own_is_no_store_with_a_strict_policy() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for target in ["/oauth2/userinfo", "/oauth2/signed_out", "/oauth2/nothing", "/a/../b", "/oauth2/start"] {
        assert_ours(&visitor.navigate(target).await);
        assert_ours(&visitor.fetch(target).await);
    }
    assert_ours(&visitor.send(Method::GET, "/oauth2/sign_out", &[], "").await);
    assert_ours(&visitor.send(Method::PUT, "/oauth2/sign_out", &NAVIGATION, "").await);
    assert_ours(&visitor.send(Method::GET, "/", &[("host", "evil.test")], "").await);
    // A session that cannot be refreshed, and then the app that cannot be reached.
    stage.clock.advance(Duration::from_secs(3600));
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::redirect("http://127.0.0.1:1/"));
    for answer in [visitor.clone().navigate("/").await, visitor.clone().fetch("/").await] {
        assert_eq!(answer.status(), 503);
        assert_ours(&answer);
    }
    let alone = stage.replica(&[("upstream", "http://127.0.0.1:1")]).await;
    visitor.go_to(alone.address());
    for answer in [visitor.clone().navigate("/").await, visitor.clone().fetch("/").await] {
        assert_eq!(answer.status(), 502);
        assert_ours(&answer);
    }
    // The sign-in's own.
    let mut stranger = stage.visitor();
    assert_ours(&stranger.navigate("/").await);
    assert_ours(&stranger.fetch("/").await);
    stage.cognito.edit_callback(CallbackEdit::error("access_denied", None));
    let callback = stranger.reach_callback("alice", "/").await;
    assert_ours(&stranger.navigate(&callback).await);
    let callback = stranger.reach_callback("alice", "/").await;
    let landed = stranger.navigate(&callback).await;
    assert_eq!(landed.status(), 303);
    assert_ours(&landed);
    // The callback's address holds the code, which nobody is told.
    assert_eq!(header(&landed, "referrer-policy"), Some("no-referrer"));
    assert_ours(&stranger.navigate("/oauth2/sign_out").await);
}

#[tokio::test]
async fn case_71_a_protected_page_is_in_no_cache_after_the_sign_out() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let page = visitor.navigate("/secret").await;
    assert_eq!(header(&page, "cache-control"), Some("private, no-store"));
    let out = visitor.navigate("/oauth2/sign_out").await;
    assert_ours(&out);
    let back = visitor.follow(&out).await;
    let signed_out = visitor.follow(&back).await;
    // What the app allowed its pages to be kept for goes with this.
    assert_eq!(header(&signed_out, "clear-site-data"), Some("\"cache\""));
    let again = visitor.navigate("/secret").await;
    assert_eq!(again.status(), 303);
    assert_ours(&again);
    assert!(!text(&again).contains("the app"));
}
