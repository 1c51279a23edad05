//! The switches of a test in the same process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cognigate::emulator::{CallbackEdit, Endpoint, Fault, ReplyEdit, Settings};
use http::StatusCode;
use serde_json::json;

use super::support::{CALLBACK, Fixture, Tokens, authorize, basic, code_grant, soon};

#[tokio::test]
async fn faults_queue_up_and_are_spent_one_request_at_a_time() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let throttled = Fault::status(429).header("retry-after", "1").body("slow down").times(2);
    fixture.switches.fail(Endpoint::Token, throttled);
    fixture.switches.fail(Endpoint::Token, Fault::status(503));
    fixture.switches.fail(Endpoint::Token, Fault::status(500).times(0));
    for _ in 0..2 {
        let answer = fixture.refresh(&tokens.refresh).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (429, "slow down"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_token_endpoint_fails_by_grant_type() {
    let fixture = Fixture::start().await;
    fixture.switches.fail(Endpoint::TokenRefresh, Fault::status(503).always());
    let tokens = fixture.tokens("alice").await;
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::SERVICE_UNAVAILABLE);
    fixture.switches.reset();
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::OK);
    fixture.switches.fail(Endpoint::TokenCode, Fault::status(503));
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::OK);
    let code = fixture.code("alice").await;
    assert_eq!(fixture.redeem(&code).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fixture.redeem(&code).await.status, StatusCode::OK, "a failure does not use up the code");
}

#[tokio::test]
async fn every_endpoint_can_fail() {
    let fixture = Fixture::start().await;
    let targets = [
        (Endpoint::Authorize, authorize(&[])),
        (Endpoint::Login, authorize(&[]).replacen("/oauth2/authorize", "/login", 1)),
        (Endpoint::Userinfo, "/oauth2/userInfo".to_owned()),
        (Endpoint::Logout, "/logout".to_owned()),
        (Endpoint::Jwks, "/us-east-1_Emulated1/.well-known/jwks.json".to_owned()),
        (Endpoint::Discovery, "/us-east-1_Emulated1/.well-known/openid-configuration".to_owned()),
        (Endpoint::Revoke, "/oauth2/revoke".to_owned()),
        (Endpoint::Error, "/error".to_owned()),
    ];
    for (endpoint, target) in targets {
        fixture.switches.fail(endpoint, Fault::redirect("http://169.254.169.254/"));
        let answer = fixture.get(&target, &[]).await;
        assert_eq!(answer.location(), "http://169.254.169.254/", "{endpoint:?}");
        assert_eq!(fixture.switches.count(endpoint), 1);
    }
}

#[tokio::test]
async fn a_body_can_be_ten_megabytes() {
    let fixture = Fixture::start().await;
    fixture.switches.fail(Endpoint::Jwks, Fault::status(200).body("{\"keys\":[]}").fill(10_000_000));
    let answer = fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await;
    assert_eq!(answer.body.len(), 10_000_000);
    assert_eq!(answer.json(), json!({ "keys": [] }));
}

#[tokio::test]
async fn a_hanging_endpoint_answers_neither_head_nor_the_end_of_a_stalled_body() {
    let fixture = Fixture::start().await;
    fixture.switches.fail(Endpoint::Jwks, Fault::hang());
    fixture.switches.fail(Endpoint::Jwks, Fault::status(200).body("{").stall());
    let url = format!("{}/us-east-1_Emulated1/.well-known/jwks.json", fixture.base);
    let soon = Duration::from_millis(200);
    assert!(fixture.client().get(&url).timeout(soon).send().await.unwrap_err().is_timeout());
    let mut stalled = fixture.client().get(&url).send().await.unwrap();
    assert_eq!(stalled.chunk().await.unwrap().unwrap(), "{");
    tokio::time::timeout(soon, stalled.chunk()).await.unwrap_err();
}

#[tokio::test]
async fn a_delay_serves_late() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    fixture.switches.fail(Endpoint::Token, Fault::delay(Duration::from_millis(150)));
    let start = Instant::now();
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::OK);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_work_was_done() {
    let mut settings = Settings::default();
    settings.client_mut("demo-client").unwrap().rotation_grace = Some(Duration::ZERO);
    let fixture = Fixture::with(settings).await;
    let code = fixture.code("alice").await;
    let mut form = code_grant(&code).to_vec();
    form.extend([("client_id", "demo-client"), ("client_secret", "demo-secret")]);
    fixture.switches.fail(Endpoint::Token, Fault::close());
    fixture.try_post("/oauth2/token", &form).await.unwrap_err();
    let tokens = Tokens::of(&fixture.post("/oauth2/token", &form, &[]).await);

    fixture.switches.fail(Endpoint::TokenRefresh, Fault::status(502).after_work());
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal().1, "invalid_grant", "it was rotated");
}

#[tokio::test]
async fn the_gate_holds_requests_until_it_is_released() {
    let fixture = Arc::new(Fixture::start().await);
    let tokens = fixture.tokens("alice").await;
    let gate = fixture.switches.hold(Endpoint::TokenRefresh);
    let requests: Vec<_> = (0..3)
        .map(|_| {
            let (fixture, token) = (Arc::clone(&fixture), tokens.refresh.clone());
            tokio::spawn(async move { fixture.refresh(&token).await.status })
        })
        .collect();
    soon(gate.holding(3)).await;
    assert_eq!(fixture.switches.count(Endpoint::TokenRefresh), 3);
    assert!(requests.iter().all(|request| !request.is_finished()));
    let other = fixture.code("alice").await;
    assert_eq!(fixture.redeem(&other).await.status, StatusCode::OK, "the code grant is not held");
    gate.release();
    for request in requests {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_client_that_leaves_the_gate_is_not_counted_there() {
    let fixture = Fixture::start().await;
    let gate = fixture.switches.hold(Endpoint::Jwks);
    let url = format!("{}/us-east-1_Emulated1/.well-known/jwks.json", fixture.base);
    let impatient = fixture.client().get(&url).timeout(Duration::from_millis(100)).send();
    assert!(impatient.await.unwrap_err().is_timeout());
    let patient = tokio::spawn(fixture.client().get(&url).send());
    soon(fixture.switches.reached(Endpoint::Jwks, 2)).await;
    soon(gate.holding(1)).await;
    tokio::time::timeout(Duration::from_millis(300), gate.holding(2)).await.unwrap_err();
    drop(gate);
    assert_eq!(patient.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn counters_and_the_last_request_tell_what_was_sent() {
    let fixture = Fixture::start().await;
    let code = fixture.code("alice").await;
    let client = basic("demo-client", "demo-secret");
    fixture.post("/oauth2/token", &code_grant(&code), &[client.pair(), ("x-marker", "1")]).await;
    let counts = fixture.switches.counts();
    let counted = [Endpoint::Login, Endpoint::Token, Endpoint::TokenCode, Endpoint::TokenRefresh];
    assert_eq!(counted.map(|endpoint| counts[&endpoint]), [1, 1, 1, 0]);
    let last = fixture.switches.last(Endpoint::TokenCode).unwrap();
    assert_eq!(last.to_string(), "POST /oauth2/token");
    assert_eq!(last.form("code"), Some(code));
    assert_eq!(last.form("redirect_uri").as_deref(), Some(CALLBACK));
    assert_eq!(last.header("x-marker"), Some("1"));
    assert_eq!(last.header("authorization"), Some(client.pair().1));
    let login = fixture.switches.last(Endpoint::Login).unwrap();
    assert_eq!(login.query("state").as_deref(), Some("the-state"));
    fixture.switches.reset();
    assert!(fixture.switches.counts().values().all(|count| *count == 0));
    assert!(fixture.switches.last(Endpoint::Login).is_none());
}

#[tokio::test]
async fn a_test_can_wait_for_a_request_to_arrive() {
    let fixture = Arc::new(Fixture::start().await);
    let switches = fixture.switches.clone();
    let waiting = tokio::spawn(async move { switches.reached(Endpoint::Jwks, 2).await });
    fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await;
    assert!(!waiting.is_finished());
    fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await;
    soon(waiting).await.unwrap();
}

#[tokio::test]
async fn token_replies_can_be_overridden() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let edits = [
        ReplyEdit::set("token_type", "mac").and_set("expires_in", 1e300),
        ReplyEdit::set("expires_in", -1),
        ReplyEdit::drop_member("id_token"),
    ];
    for edit in edits {
        fixture.switches.edit_reply(Endpoint::TokenRefresh, edit);
    }
    let reply = fixture.refresh(&tokens.refresh).await.json();
    assert_eq!((&reply["token_type"], &reply["expires_in"]), (&json!("mac"), &json!(-1)));
    assert!(reply.get("id_token").is_none());
    fixture.switches.edit_reply(Endpoint::Token, ReplyEdit::set("expires_in", 1e300));
    assert_eq!(fixture.refresh(&tokens.refresh).await.json()["expires_in"], 1e300);
    fixture.switches.edit_reply(Endpoint::Token, ReplyEdit::pad(10_000_000));
    assert!(fixture.refresh(&tokens.refresh).await.body.len() > 10_000_000);
    fixture.switches.edit_reply(Endpoint::Token, ReplyEdit::raw("<html>"));
    assert_eq!(fixture.refresh(&tokens.refresh).await.body, "<html>");
    let plain = fixture.refresh(&tokens.refresh).await.json();
    assert_eq!(plain["token_type"], "Bearer");
    let discovery = "/us-east-1_Emulated1/.well-known/openid-configuration";
    fixture.switches.edit_reply(Endpoint::Discovery, ReplyEdit::set("issuer", "https://evil.test"));
    assert_eq!(fixture.get(discovery, &[]).await.json()["issuer"], "https://evil.test");
}

#[tokio::test]
async fn callbacks_can_carry_any_error_and_any_parameter() {
    let fixture = Fixture::start().await;
    let failed =
        CallbackEdit::error("invalid_request", Some("Timeout occurred in calling IdP token endpoint"));
    fixture.switches.edit_callback(failed);
    let (answer, _) = fixture.sign_in(&authorize(&[]), "alice").await;
    let description = "Timeout%20occurred%20in%20calling%20IdP%20token%20endpoint";
    let expected =
        format!("{CALLBACK}?error_description={description}&state=the-state&error=invalid_request");
    assert_eq!(answer.location(), expected);

    fixture.switches.edit_callback(CallbackEdit::add("code", "another"));
    fixture.switches.edit_callback(CallbackEdit::drop_parameter("state"));
    let (answer, _) = fixture.sign_in(&authorize(&[]), "alice").await;
    assert_eq!(answer.location().matches("code=").count(), 2);
    assert_eq!(answer.query("state"), None);
    assert!(fixture.sign_in(&authorize(&[]), "alice").await.0.query("state").is_some());
}

#[tokio::test]
async fn ending_the_sessions_asks_for_the_password_again() {
    let fixture = Fixture::start().await;
    let (_, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    fixture.switches.end_sessions();
    let answer = fixture.get(&authorize(&[]), &[("cookie", &cookie)]).await;
    assert!(answer.location().starts_with("/login?"));
}

#[tokio::test]
async fn attributes_and_urls_change_while_it_runs() {
    let fixture = Fixture::start().await;
    let switches = &fixture.switches;
    assert!(switches.set_attribute("alice", "email", None));
    assert!(switches.set_attribute("alice", "name", Some("Alice")));
    let claims = super::support::part(&fixture.tokens("alice").await.id, 1);
    assert_eq!((claims.get("email"), &claims["name"]), (None, &json!("Alice")));
    assert!(switches.set_urls("demo-client", &["https://app.test/cb"], &[]));
    let (answer, _) = fixture.sign_in(&authorize(&[("redirect_uri", "https://app.test/cb")]), "alice").await;
    assert!(answer.location().starts_with("https://app.test/cb?code="));
    assert!(!switches.set_groups("nobody", &[]));
    assert!(!switches.set_urls("nobody", &[], &[]));
}
