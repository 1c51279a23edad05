//! A key set that has none of the keys that verified tokens so far.
//!
//! The key set is what tokens are believed by: a token that a key of the new set signed is accepted, whoever made the set.
//! What these cases are about is availability. A wrong set, be it for a minute, must not end the sessions of everyone.

use std::time::Duration;

use cognigate::emulator::{Endpoint, JwksShape, ReplyEdit, TokenEdit};
use serde_json::Value;

use super::{callback, refused};
use crate::support::Stage;
use crate::support::visitor::Visitor;

/// An unknown key id causes a fetch at most this often.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long keys that verified tokens stay beside a set that has none of them.
const KEPT: Duration = Duration::from_secs(30 * 60);

/// The key set of a pool that is not ours.
async fn foreign() -> Value {
    let other = Stage::new().await;
    other.cognito.rotate_keys(false);
    other.jwks().await
}

/// Has the gate fetch `set`, since a token names a key that it does not know.
async fn serve(stage: &Stage, set: &Value) {
    let shape = JwksShape { raw: Some(set.to_string()), ..JwksShape::default() };
    stage.cognito.shape_jwks(shape);
    stage.clock.advance(INTERVAL);
    let before = stage.cognito.count(Endpoint::Jwks);
    stage.cognito.edit_token(TokenEdit::id().header("kid", "nobody's"));
    let mut visitor = stage.visitor();
    refused(&callback(&mut visitor).await, &visitor, "an unknown key");
    assert_eq!(stage.cognito.count(Endpoint::Jwks), before + 1, "the set was not fetched");
}

/// The access token of a user who signs in now.
async fn access_token(stage: &Stage) -> String {
    let visitor = stage.signed_in().await;
    drop::<Visitor>(visitor);
    stage.app.last().header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

#[tokio::test]
async fn case_113_a_set_of_foreign_keys_does_not_replace_those_that_verified_tokens() {
    let stage = Stage::new().await;
    stage.signed_in().await;
    let (good, foreign) = (stage.jwks().await, foreign().await);
    assert_ne!(good, foreign);
    serve(&stage, &foreign).await;
    // Tokens are still signed by the old keys, and still verify.
    stage.signed_in().await;
    let mut same_ids = foreign.clone();
    for (key, of) in same_ids["keys"].as_array_mut().unwrap().iter_mut().zip(good["keys"].as_array().unwrap())
    {
        key["kid"] = of["kid"].clone();
    }
    // Other keys under the ids of the good ones hide nothing.
    serve(&stage, &same_ids).await;
    stage.signed_in().await;
    // Where the good set is back in time, nothing has happened.
    serve(&stage, &good).await;
    stage.clock.advance(KEPT);
    stage.signed_in().await;
}

#[tokio::test]
async fn case_113_the_old_keys_leave_once_the_new_set_has_verified_a_token() {
    let stage = Stage::new().await;
    let by_the_old_key = access_token(&stage).await;
    let replay = || ReplyEdit::set("access_token", by_the_old_key.as_str());
    stage.cognito.rotate_keys(false);
    let rotated = stage.jwks().await;
    serve(&stage, &rotated).await;
    // Both were signed in a moment ago; the new id token is what proves the new set, and the old access token comes too late.
    stage.cognito.edit_reply(Endpoint::TokenCode, replay());
    let mut visitor = stage.visitor();
    refused(&callback(&mut visitor).await, &visitor, "a key that left");
    stage.signed_in().await;
}

#[tokio::test]
async fn case_113_the_old_keys_leave_after_half_an_hour_though_no_new_one_verified_a_token() {
    let stage = Stage::new().await;
    stage.signed_in().await;
    let one = foreign().await;
    serve(&stage, &one).await;
    stage.clock.advance(KEPT - Duration::from_secs(20));
    stage.signed_in().await;
    // Another foreign set does not give them more time.
    let mut other = one.clone();
    other["keys"].as_array_mut().unwrap().pop();
    serve(&stage, &other).await;
    stage.clock.advance(Duration::from_secs(10));
    let mut visitor = stage.visitor();
    refused(&callback(&mut visitor).await, &visitor, "keys whose time is over");
}

#[tokio::test]
async fn case_113_keys_that_verified_nothing_are_replaced_at_once() {
    let stage = Stage::new().await;
    let by_the_old_key = {
        let other = stage.replica(&[]).await;
        let mut visitor = super::at(&other, &stage);
        visitor.sign_in("alice", "/").await;
        stage.app.last().header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned()
    };
    stage.cognito.rotate_keys(false);
    let rotated = stage.jwks().await;
    serve(&stage, &rotated).await;
    for token in ["access_token", "id_token"] {
        stage.cognito.edit_reply(Endpoint::TokenCode, ReplyEdit::set(token, by_the_old_key.as_str()));
        let mut visitor = stage.visitor();
        refused(&callback(&mut visitor).await, &visitor, token);
    }
}
