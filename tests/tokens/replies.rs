//! The token endpoint's replies to the code grant, and what it is sent.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault, ReplyEdit};
use http::Method;
use serde_json::json;

use super::{callback, refused};
use crate::support::visitor::{NAVIGATION, header, json, text};
use crate::support::{SESSION, Stage};

#[tokio::test]
async fn case_39_another_token_type_is_refused() {
    let stage = Stage::new().await;
    for kind in [json!("DPoP"), json!("mac"), json!(""), json!("Bearer "), json!(null), json!(["Bearer"])] {
        stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::set("token_type", kind.clone()));
        let mut visitor = stage.visitor();
        refused(&callback(&mut visitor).await, &visitor, &kind.to_string());
    }
    stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::drop_member("token_type"));
    let mut visitor = stage.visitor();
    refused(&callback(&mut visitor).await, &visitor, "none");
}

#[tokio::test]
async fn case_39_an_expires_in_that_is_nonsense_makes_no_difference() {
    let stage = Stage::new().await;
    for value in [json!(-1), json!(1e300), json!(0), json!("soon"), json!(null)] {
        stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::set("expires_in", value.clone()));
        let mut visitor = stage.visitor();
        assert_eq!(visitor.sign_in("alice", "/").await.status(), 200, "{value}");
        // An hour by the token itself.
        let info = json(&visitor.fetch("/oauth2/userinfo").await);
        assert_eq!(info["expires_at"], stage.clock.now().0 + 3_600, "{value}");
    }
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);
}

#[tokio::test]
async fn case_39_a_reply_of_10_megabytes_is_refused_unread() {
    let stage = Stage::new().await;
    stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::pad(10_000_000));
    let mut visitor = stage.visitor();
    let page = callback(&mut visitor).await;
    assert_eq!(page.status(), 503);
    assert!(visitor.jar.names().is_empty());
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), 1);
    // One that never ends is cut off at the same point.
    let endless = Fault::status(200).fill(1_000_000).stall();
    stage.cognito.fail(Endpoint::TokenCode, endless);
    assert_eq!(callback(&mut stage.visitor()).await.status(), 503);
}

#[tokio::test]
async fn a_reply_that_lacks_a_token_is_refused() {
    let stage = Stage::new().await;
    for name in ["access_token", "id_token"] {
        for edit in [ReplyEdit::drop_member(name), ReplyEdit::set(name, ""), ReplyEdit::set(name, 1)] {
            stage.cognito.edit_reply(Endpoint::TokenCode, edit);
            let mut visitor = stage.visitor();
            refused(&callback(&mut visitor).await, &visitor, name);
        }
    }
}

#[tokio::test]
async fn a_reply_that_is_no_json_object_is_a_service_out_of_reach() {
    let stage = Stage::new().await;
    for body in ["", "<html>", "[]", "\"Bearer\"", "{\"access_token\":", "null"] {
        stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::raw(body));
        let mut visitor = stage.visitor();
        let page = callback(&mut visitor).await;
        assert_eq!(page.status(), 503, "{body}");
        assert!(header(&page, "retry-after").is_some(), "{body}");
        assert_eq!(visitor.jar.get(SESSION), None, "{body}");
    }
}

#[tokio::test]
async fn case_76_the_token_call_carries_nothing_of_the_clients_headers_or_body() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let of_the_client = [
        ("authorization", "Bearer SENTINEL"),
        ("x-forwarded-for", "SENTINEL"),
        ("x-sentinel", "SENTINEL"),
        ("user-agent", "SENTINEL"),
        ("referer", "https://app.test/SENTINEL"),
        ("traceparent", "SENTINEL"),
        ("cookie", "other=SENTINEL"),
        ("accept-language", "SENTINEL"),
    ];
    let headers = [NAVIGATION.as_slice(), &of_the_client].concat();
    let answer = visitor.send(Method::GET, &callback, &headers, "grant_type=SENTINEL").await;
    assert_eq!(answer.status(), 303);
    let call = stage.cognito.last(Endpoint::TokenCode).unwrap();
    let mut names: Vec<_> = call.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let own = ["accept", "authorization", "content-length", "content-type", "host", "user-agent"];
    assert_eq!(names, own);
    assert!(!format!("{:?} {:?}", call.headers, call.body).contains("SENTINEL"));
    assert_eq!(call.uri, "/oauth2/token");
    assert_eq!(call.form("redirect_uri").as_deref(), Some("https://app.test/oauth2/callback"));
    let body = call.body.to_vec();
    let mut fields: Vec<_> = url::form_urlencoded::parse(&body).map(|(name, _)| name.into_owned()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["code", "code_verifier", "grant_type", "redirect_uri"]);
}

#[tokio::test]
async fn case_87_a_redirect_of_the_token_endpoint_is_not_followed() {
    let stage = Stage::new().await;
    let seen = format!("http://{}/stolen", stage.app.address());
    for status in [301, 302, 303, 307, 308] {
        for target in ["http://169.254.169.254/latest/meta-data/", &seen] {
            let redirect = Fault::status(status).header("location", target);
            stage.cognito.fail(Endpoint::TokenCode, redirect);
            let mut visitor = stage.visitor();
            let page = callback(&mut visitor).await;
            assert_eq!(page.status(), 503, "{status} {target}");
            assert!(!text(&page).contains("169.254"), "{status} {target}");
            assert_eq!(visitor.jar.get(SESSION), None, "{status} {target}");
        }
    }
    // Neither the code nor the client's secret went anywhere else.
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn case_87_a_redirect_of_the_refresh_and_of_the_revocation_is_not_followed() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let forwarded = stage.app.count();
    let seen = format!("http://{}/stolen", stage.app.address());
    stage.clock.advance(Duration::from_secs(3_600));
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(307).header("location", &seen));
    assert_eq!(visitor.fetch("/").await.status(), 503);
    stage.cognito.fail(Endpoint::Revoke, Fault::status(307).header("location", &seen));
    visitor.navigate("/oauth2/sign_out").await;
    stage.cognito.reached(Endpoint::Revoke, 1).await;
    assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 401);
    assert_eq!(stage.app.count(), forwarded);
}
