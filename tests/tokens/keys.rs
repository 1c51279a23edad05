//! The signing keys: loaded, kept, and looked up anew.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault, JwksShape, ReplyEdit, TokenEdit};
use serde_json::json;
use tokio::task::JoinSet;

use super::{at, callback, forged_callback, refused, reply};
use crate::support::visitor::location;
use crate::support::wire::probe;
use crate::support::{Stage, ready};

/// An unknown key id causes a fetch at most this often.
const INTERVAL: Duration = Duration::from_secs(10);

/// Something that is wrong with the key set.
type Breakage = (&'static str, fn(&Stage));

/// Makes the gate look for a key that does not exist.
async fn look_for_an_unknown_key(stage: &Stage) {
    stage.cognito.edit_token(TokenEdit::id().header("kid", "nobody's"));
    let mut visitor = stage.visitor();
    refused(&callback(&mut visitor).await, &visitor, "an unknown key");
}

#[tokio::test]
async fn out_of_reach_at_start_the_gate_lives_and_is_not_ready_and_keeps_trying() {
    let stage = Stage::new().await;
    let before = stage.cognito.count(Endpoint::Jwks);
    let held = stage.cognito.hold(Endpoint::Jwks);
    stage.cognito.fail(Endpoint::Jwks, Fault::status(503));
    let gate = stage.start(&[], stage.clock.clone());
    held.holding(1).await;
    let admin = gate.admin_address();
    assert_eq!((probe(admin, "/livez").await, probe(admin, "/readyz").await), (200, 503));
    // It serves all the same: a login begins.
    let answer = at(&gate, &stage).navigate("/").await;
    assert!(location(&answer).contains("/oauth2/authorize"));

    held.release();
    stage.cognito.reached(Endpoint::Jwks, before + 2).await;
    ready(admin).await;
    assert_eq!(at(&gate, &stage).sign_in("alice", "/").await.status(), 200);

    // Ready is what it stays, whatever becomes of Cognito.
    stage.cognito.fail(Endpoint::Jwks, Fault::status(503).always());
    look_for_an_unknown_key(&stage).await;
    assert_eq!(probe(admin, "/readyz").await, 200);
}

#[tokio::test]
async fn keys_that_were_never_loaded_are_looked_up_for_the_first_sign_in() {
    let stage = Stage::new().await;
    stage.cognito.fail(Endpoint::Jwks, Fault::status(503));
    let before = stage.cognito.count(Endpoint::Jwks);
    let gate = stage.start(&[], stage.clock.clone());
    stage.cognito.reached(Endpoint::Jwks, before + 1).await;
    assert_eq!(callback(&mut at(&gate, &stage)).await.status(), 303);
}

#[tokio::test]
async fn keys_that_were_rotated_just_before_signing_are_fetched_and_accepted() {
    let stage = Stage::new().await;
    for keep_old in [true, false] {
        stage.cognito.rotate_keys(keep_old);
        let before = stage.cognito.count(Endpoint::Jwks);
        stage.signed_in().await;
        assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 1);
        stage.clock.advance(INTERVAL);
    }
}

#[tokio::test]
async fn a_refresh_after_a_rotation_of_the_keys_is_accepted() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    stage.cognito.rotate_keys(false);
    stage.clock.advance(Duration::from_secs(3_600));
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn a_key_that_left_the_set_is_not_believed_any_more() {
    let stage = Stage::new().await;
    stage.signed_in().await;
    let bearer = stage.app.last().header("authorization").unwrap().to_owned();
    let by_the_old_key = bearer.strip_prefix("Bearer ").unwrap();
    let replay = || ReplyEdit::set("access_token", by_the_old_key);
    stage.cognito.edit_reply(Endpoint::TokenCode, replay());
    assert_eq!(callback(&mut stage.visitor()).await.status(), 303);

    stage.cognito.rotate_keys(false);
    stage.signed_in().await;
    stage.cognito.edit_reply(Endpoint::TokenCode, replay());
    let mut visitor = stage.visitor();
    refused(&callback(&mut visitor).await, &visitor, "a withdrawn key");
}

#[tokio::test]
async fn case_57_sign_ins_by_unknown_keys_cause_one_fetch_an_interval_and_known_keys_work_on() {
    // No more sign-ins are completed at once for one address.
    const TOKENS: usize = 50;
    let stage = Stage::new().await;
    let before = stage.cognito.count(Endpoint::Jwks);
    // One browser's login is as good as another's: the codes are answered in any order.
    for token in 0..TOKENS {
        let header = json!({ "alg": "RS256", "kid": format!("unknown-{token}") });
        let token = format!("{}.e30.AAAA", base64_url(&header.to_string()));
        let body = reply(&token, &token).to_string();
        stage.cognito.fail(Endpoint::TokenCode, Fault::status(200).body(&body));
    }
    let mut browsers = JoinSet::new();
    for _ in 0..10 {
        let mut visitor = stage.visitor();
        browsers.spawn(async move {
            for _ in 0..TOKENS / 10 {
                let callback = forged_callback(&mut visitor, "code").await;
                assert_eq!(visitor.navigate(&callback).await.status(), 502);
            }
        });
    }
    browsers.join_all().await;
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), TOKENS as u64);
    assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 1);
    stage.signed_in().await;

    stage.clock.advance(INTERVAL - Duration::from_secs(1));
    look_for_an_unknown_key(&stage).await;
    assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 1);
    stage.clock.advance(Duration::from_secs(1));
    look_for_an_unknown_key(&stage).await;
    assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 2);
}

fn base64_url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn fail(stage: &Stage, fault: Fault) {
    stage.cognito.fail(Endpoint::Jwks, fault);
}

fn shape(stage: &Stage, body: &str) {
    stage.cognito.shape_jwks(JwksShape { raw: Some(body.to_owned()), ..JwksShape::default() });
}

/// Everything that a key set's address may answer but a key set.
const BREAKAGES: &[Breakage] = &[
    ("down", |stage| fail(stage, Fault::status(503))),
    ("gone", |stage| fail(stage, Fault::status(404))),
    ("no content", |stage| fail(stage, Fault::status(204))),
    ("a lost connection", |stage| fail(stage, Fault::close())),
    ("huge", |stage| fail(stage, Fault::status(200).body(r#"{"keys":[]}"#).fill(10_000_000))),
    ("huge and endless", |stage| fail(stage, Fault::status(200).fill(1_000_000).stall())),
    ("no bytes", |stage| shape(stage, "")),
    ("no JSON", |stage| shape(stage, "<html>")),
    ("half of it", |stage| shape(stage, r#"{"keys":[{"kty":"RSA""#)),
    ("no set", |stage| shape(stage, "[]")),
    ("no keys", |stage| shape(stage, r#"{"keys":null}"#)),
    ("an empty set", |stage| shape(stage, r#"{"keys":[]}"#)),
    ("bad elements alone", |stage| shape(stage, r#"{"keys":[1,null,{},{"kty":"RSA","kid":"a"}]}"#)),
    ("deep", |stage| shape(stage, &"[".repeat(100_000))),
    ("a redirect", |stage| fail(stage, Fault::redirect("http://169.254.169.254/latest/meta-data/"))),
];

#[tokio::test]
async fn case_58_whatever_becomes_of_the_key_set_the_keys_in_hand_are_kept() {
    let stage = Stage::new().await;
    for (what, breaks) in BREAKAGES {
        stage.clock.advance(INTERVAL);
        breaks(&stage);
        let before = stage.cognito.count(Endpoint::Jwks);
        look_for_an_unknown_key(&stage).await;
        assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 1, "{what}: it was not asked for");
        let mut visitor = stage.visitor();
        assert_eq!(visitor.sign_in("alice", "/").await.status(), 200, "{what}");
        stage.cognito.reset();
    }
}

#[tokio::test]
async fn case_58_a_key_set_of_10_megabytes_is_not_taken_though_its_keys_are_good() {
    let stage = Stage::new().await;
    let mut set = stage.jwks().await;
    for key in set["keys"].as_array_mut().unwrap() {
        key["kid"] = json!("another");
    }
    stage.cognito.fail(Endpoint::Jwks, Fault::status(200).body(&set.to_string()).fill(10_000_000));
    look_for_an_unknown_key(&stage).await;
    // Had it been taken, the keys in hand were gone, and the interval keeps them from being fetched again.
    stage.signed_in().await;
}

#[tokio::test]
async fn case_58_while_the_key_set_is_slow_known_keys_work() {
    let stage = Stage::new().await;
    stage.cognito.edit_token(TokenEdit::id().header("kid", "nobody's"));
    let mut slow = stage.visitor();
    let to_slow = slow.reach_callback("alice", "/").await;
    let held = stage.cognito.hold(Endpoint::Jwks);
    let waiting = tokio::spawn(async move { slow.navigate(&to_slow).await });
    held.holding(1).await;
    stage.signed_in().await;
    assert!(!waiting.is_finished());
    held.release();
    assert_eq!(waiting.await.unwrap().status(), 502);
}

#[tokio::test]
async fn case_58_a_bad_element_is_passed_over_and_the_good_ones_are_taken() {
    let stage = Stage::new().await;
    let junk = vec![
        json!(null),
        json!("RSA"),
        json!({}),
        json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": "AAAA", "y": "AAAA" }),
        json!({ "kty": "oct", "kid": "oct", "k": "AAAA", "alg": "HS256" }),
        json!({ "kty": "RSA", "kid": "no-modulus", "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "bad-modulus", "n": "!!!", "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": 7, "n": [], "e": {} }),
    ];
    stage.cognito.shape_jwks(JwksShape { junk, ..JwksShape::default() });
    let gate = stage.replica(&[]).await;
    assert_eq!(at(&gate, &stage).sign_in("alice", "/").await.status(), 200);
}

#[tokio::test]
async fn case_58_the_keys_of_a_set_are_bounded_in_number() {
    let stage = Stage::new().await;
    let junk = (0..64).map(|n| json!({ "kty": "RSA", "kid": n.to_string() })).collect();
    stage.cognito.shape_jwks(JwksShape { junk, ..JwksShape::default() });
    let before = stage.cognito.count(Endpoint::Jwks);
    // The real keys stand behind the 64 that are looked at.
    let gate = stage.start(&[], stage.clock.clone());
    stage.cognito.reached(Endpoint::Jwks, before + 2).await;
    assert_eq!(probe(gate.admin_address(), "/readyz").await, 503);
}

#[tokio::test]
async fn keys_for_other_purposes_are_not_taken() {
    let stage = Stage::new().await;
    let raw = stage.jwks().await;
    for (member, value) in [("use", "enc"), ("alg", "RS512"), ("alg", "PS256"), ("kty", "RSA-OAEP")] {
        let mut set = raw.clone();
        for key in set["keys"].as_array_mut().unwrap() {
            key[member] = json!(value);
        }
        shape(&stage, &set.to_string());
        let before = stage.cognito.count(Endpoint::Jwks);
        let gate = stage.start(&[], stage.clock.clone());
        stage.cognito.reached(Endpoint::Jwks, before + 2).await;
        assert_eq!(probe(gate.admin_address(), "/readyz").await, 503, "{member} = {value}");
    }
}

#[tokio::test]
async fn case_87_a_redirect_of_the_key_sets_address_is_not_followed() {
    let stage = Stage::new().await;
    let set = stage.jwks().await.to_string();
    stage.app.answer(move |_| http::Response::new(cognigate::types::full(set.clone())));
    let before = stage.cognito.count(Endpoint::Jwks);
    let elsewhere = format!("http://{}/jwks.json", stage.app.address());
    stage.cognito.fail(Endpoint::Jwks, Fault::status(302).header("location", &elsewhere).always());
    let gate = stage.start(&[], stage.clock.clone());
    stage.cognito.reached(Endpoint::Jwks, before + 2).await;
    assert_eq!(probe(gate.admin_address(), "/readyz").await, 503);
    assert_eq!(stage.app.count(), 0);
}
