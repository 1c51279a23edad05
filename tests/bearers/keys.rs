//! The signing keys, as tokens from clients meet them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognigate::emulator::{Endpoint, Fault, JwksShape, TokenEdit};
use serde_json::json;
use tokio::task::JoinSet;

use super::*;

/// An unknown key id causes a fetch at most this often.
const INTERVAL: Duration = Duration::from_secs(10);

#[tokio::test]
async fn case_57_a_thousand_tokens_of_unknown_keys_cause_one_fetch_an_interval_and_known_keys_work_on() {
    const TOKENS: usize = 1_000;
    let stage = stage().await;
    let good = service_token(&stage).await;
    let before = stage.cognito.count(Endpoint::Jwks);
    let mut clients = JoinSet::new();
    for client in 0..20 {
        let mut visitor = stage.visitor();
        clients.spawn(async move {
            for token in 0..TOKENS / 20 {
                let header = json!({ "alg": "RS256", "kid": format!("unknown-{client}-{token}") });
                let token = format!("Bearer {}.e30.AAAA", URL_SAFE_NO_PAD.encode(header.to_string()));
                assert_eq!(with(&mut visitor, &token).await.status(), 401);
            }
        });
    }
    clients.join_all().await;
    assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 1);
    assert_eq!(stage.app.count(), 0);
    // The set is the same as before, so that what is remembered stays good.
    for _ in 0..2 {
        assert_eq!(bring(&stage, &good).await.status(), 200);
    }
    stage.clock.advance(INTERVAL);
    let unknown = edited(&stage, TokenEdit::access().header("kid", "nobody's")).await;
    assert_invalid(&bring(&stage, &unknown).await, "an unknown key");
    assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 2);
    assert_eq!(bring(&stage, &good).await.status(), 200);
    assert_eq!(
        (counted(&stage, "verified").await.to_bits(), counted(&stage, "remembered").await.to_bits()),
        (1.0_f64.to_bits(), 2.0_f64.to_bits())
    );
}

#[tokio::test]
async fn case_58_with_the_key_set_down_or_broken_known_keys_go_on_vouching_for_new_tokens() {
    let stage = stage().await;
    let breakages: [fn(&Stage); 4] = [
        |stage| stage.cognito.fail(Endpoint::Jwks, Fault::status(503).always()),
        |stage| stage.cognito.shape_jwks(JwksShape { empty: true, ..JwksShape::default() }),
        |stage| stage.cognito.shape_jwks(JwksShape { raw: Some("{".to_owned()), ..JwksShape::default() }),
        |stage| {
            stage.cognito.shape_jwks(JwksShape { raw: Some(" ".repeat(300 * 1024)), ..JwksShape::default() })
        },
    ];
    for breakage in breakages {
        stage.cognito.reset();
        breakage(&stage);
        stage.clock.advance(INTERVAL);
        let unknown = edited(&stage, TokenEdit::access().header("kid", "nobody's")).await;
        assert_invalid(&bring(&stage, &unknown).await, "an unknown key");
        assert_eq!(stage.cognito.count(Endpoint::Jwks), 1);
        assert_eq!(bring(&stage, &service_token(&stage).await).await.status(), 200);
    }
}

#[tokio::test]
async fn case_58_before_the_keys_were_ever_loaded_a_token_is_neither_good_nor_bad() {
    let stage = stage().await;
    stage.cognito.fail(Endpoint::Jwks, Fault::status(503).always());
    let gate = stage.start(&[], stage.clock.clone());
    let mut client = stage.visitor();
    client.go_to(gate.address());
    let authorization = format!("Bearer {}", service_token(&stage).await);
    let answer = with(&mut client, &authorization).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(header(&answer, "retry-after"), Some("5"));
    // What is no token of anybody's is bad all the same.
    assert_invalid(&with(&mut client, "Bearer junk").await, "junk");
    stage.cognito.reset();
    stage.clock.advance(INTERVAL);
    assert_eq!(with(&mut client, &authorization).await.status(), 200);
}

#[tokio::test]
async fn keys_that_were_rotated_are_fetched_for_the_first_token_that_names_them() {
    let stage = stage().await;
    for keep_old in [true, false] {
        stage.cognito.rotate_keys(keep_old);
        assert_eq!(bring(&stage, &service_token(&stage).await).await.status(), 200);
        stage.clock.advance(INTERVAL);
    }
}

#[tokio::test]
async fn what_a_withdrawn_key_vouched_for_is_not_remembered_any_more() {
    let stage = stage().await;
    let old = service_token(&stage).await;
    assert_eq!(bring(&stage, &old).await.status(), 200);
    stage.cognito.rotate_keys(false);
    // Nobody knows yet.
    assert_eq!(bring(&stage, &old).await.status(), 200);
    let new = service_token(&stage).await;
    assert_eq!(bring(&stage, &new).await.status(), 200);
    assert_invalid(&bring(&stage, &old).await, "a withdrawn key's");
    assert_eq!(bring(&stage, &new).await.status(), 200);
}
