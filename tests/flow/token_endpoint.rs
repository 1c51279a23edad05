//! The exchange of the code: how we say who we are, and what each answer of the token endpoint leads to.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cognigate::emulator::{Endpoint, Fault, ReplyEdit};

use super::{button, settle};
use crate::support::Stage;
use crate::support::visitor::{Answer, header, location};

/// Signs in as alice up to the callback's answer.
async fn callback(stage: &Stage) -> Answer {
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let answer = visitor.navigate(&callback).await;
    let signed_in = visitor.jar.get(super::NAME).is_some();
    assert_eq!(signed_in, answer.status() == 303, "{answer:?}");
    if !signed_in {
        assert!(visitor.jar.names().is_empty(), "{:?}", visitor.jar.names());
    }
    answer
}

#[tokio::test]
async fn a_confidential_client_authenticates_by_basic_alone() {
    let stage = Stage::new().await;
    callback(&stage).await;
    let call = stage.cognito.last(Endpoint::TokenCode).unwrap();
    let basic = format!("Basic {}", STANDARD.encode("demo-client:demo-secret"));
    assert_eq!(call.header("authorization"), Some(basic.as_str()));
    assert_eq!((call.form("client_id"), call.form("client_secret")), (None, None));
    assert_eq!(call.form("redirect_uri").as_deref(), Some("https://app.test/oauth2/callback"));
    assert_eq!(call.form("code_verifier").unwrap().len(), 43);
}

#[tokio::test]
async fn a_public_client_sends_only_its_id() {
    let stage = Stage::with(|setup| setup.public_client()).await;
    callback(&stage).await;
    let call = stage.cognito.last(Endpoint::TokenCode).unwrap();
    assert_eq!(call.header("authorization"), None);
    assert_eq!(call.form("client_id").as_deref(), Some("demo-public"));
    assert_eq!(call.form("client_secret"), None);
    assert_eq!(call.form("code_verifier").unwrap().len(), 43);
}

#[tokio::test]
async fn a_passing_fault_is_retried() {
    for fault in [
        Fault::status(429).header("retry-after", "1"),
        Fault::status(500),
        Fault::status(502).body("<html>Bad Gateway</html>"),
        Fault::status(503),
        Fault::status(400).body(r#"{"__type":"TooManyRequestsException"}"#),
    ] {
        let stage = Stage::new().await;
        stage.cognito.fail(Endpoint::TokenCode, fault.times(2));
        let answer = callback(&stage).await;
        assert_eq!(location(&answer), "/deep");
        assert_eq!(stage.cognito.count(Endpoint::TokenCode), 3);
    }
}

#[tokio::test]
async fn a_refusal_is_a_page_and_no_second_call() {
    for (error, status) in [
        (r#"{"error":"invalid_grant"}"#, 403),
        (r#"{"error":"invalid_client"}"#, 502),
        (r#"{"error":"unauthorized_client","error_description":"invalid_redirect"}"#, 502),
        (r#"{"error":"invalid_request"}"#, 502),
        (r#"{"error":"unsupported_grant_type"}"#, 502),
        ("<html>Forbidden</html>", 503),
        ("", 503),
    ] {
        for code in [400, 401] {
            let stage = Stage::new().await;
            stage.cognito.fail(Endpoint::TokenCode, Fault::status(code).body(error));
            let page = callback(&stage).await;
            assert_eq!(button(&page, status), "/oauth2/start?rd=%2Fdeep", "{code} {error}");
            assert_eq!(stage.cognito.count(Endpoint::TokenCode), 1);
        }
    }
}

#[tokio::test]
async fn a_200_without_usable_tokens_is_a_page_and_no_second_call() {
    for (edit, status) in [
        (ReplyEdit::raw("<html>Sign in to the Wi-Fi</html>"), 503),
        (ReplyEdit::raw(""), 503),
        (ReplyEdit::raw("[]"), 503),
        (ReplyEdit::raw("{}"), 502),
        (ReplyEdit::drop_member("access_token"), 502),
        (ReplyEdit::drop_member("id_token"), 502),
        (ReplyEdit::drop_member("token_type"), 502),
        (ReplyEdit::set("access_token", 17), 502),
    ] {
        let stage = Stage::new().await;
        stage.cognito.edit_reply(Endpoint::TokenCode, edit);
        let page = callback(&stage).await;
        assert_eq!(button(&page, status), "/oauth2/start?rd=%2Fdeep");
        assert_eq!(header(&page, "retry-after").is_some(), status == 503);
        assert_eq!(stage.cognito.count(Endpoint::TokenCode), 1);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_no_reason_to_send_the_code_again() {
    for fault in [Fault::close(), Fault::close().after_work()] {
        let stage = Stage::new().await;
        stage.cognito.fail(Endpoint::TokenCode, fault);
        let page = callback(&stage).await;
        assert_eq!(button(&page, 503), "/oauth2/start?rd=%2Fdeep");
        assert_eq!(stage.cognito.count(Endpoint::TokenCode), 1);
    }
}

#[tokio::test]
async fn a_secret_that_cognito_does_not_know_is_a_page() {
    let stage = Stage::new().await;
    stage.cognito.set_secrets("demo-client", &["another"]);
    let page = callback(&stage).await;
    assert_eq!(button(&page, 502), "/oauth2/start?rd=%2Fdeep");
    // A failed client authentication does not use up a code; signing in again works once it is put right.
    stage.cognito.set_secrets("demo-client", &["another", "demo-secret"]);
    let mut visitor = stage.visitor();
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);
}

// The one test that waits: ten seconds are what it pins.
#[tokio::test]
async fn an_endpoint_out_of_reach_is_retried_for_ten_seconds_at_most() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = Stage::new().await;
    let gate = stage.replica(&[("cognito.token_url", &format!("http://{nobody}/oauth2/token"))]).await;
    let mut visitor = stage.visitor();
    visitor.go_to(gate.address());
    let answer = visitor.navigate("/deep").await;
    let begun = Instant::now();
    let callback = visitor.through_login("alice", &visitor.target(&answer)).await;
    let page = visitor.navigate(&callback).await;
    let took = begun.elapsed();
    assert_eq!(button(&page, 503), "/oauth2/start?rd=%2Fdeep");
    assert_eq!(header(&page, "retry-after"), Some("5"));
    assert!((Duration::from_secs(5)..Duration::from_secs(11)).contains(&took), "{took:?}");
    // Elsewhere the same browser signs in.
    visitor.go_to(stage.gate.address());
    let answer = visitor.navigate("/deep").await;
    assert_eq!(settle(&mut visitor, answer).await.status(), 200);
}
