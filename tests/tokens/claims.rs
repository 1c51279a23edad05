//! The claims of both tokens at the callback.

use cognigate::emulator::{Issuer, Settings, TokenEdit};
use serde_json::{Value, json};

use super::{BOTH, callback, is_accepted, is_refused, refused};
use crate::support::Stage;

/// What is no time at all, or none of this calendar.
fn no_times() -> [Value; 8] {
    [
        json!("1900003600"),
        json!(1e300),
        json!(-1),
        json!(null),
        json!(true),
        json!([1_900_003_600]),
        json!({}),
        json!(253_402_300_800_i64),
    ]
}

#[tokio::test]
async fn case_54_a_wrong_issuer_is_refused() {
    let stage = Stage::new().await;
    for token in BOTH {
        for issuer in [
            json!("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Another01"),
            json!("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1/"),
            json!("http://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1"),
            json!("https://evil.test/us-east-1_Emulated1"),
            json!(["https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1"]),
            json!(""),
        ] {
            is_refused(&stage, token().set("iss", issuer)).await;
        }
        is_refused(&stage, token().drop_claim("iss")).await;
    }
}

#[tokio::test]
async fn both_of_the_pools_issuers_are_accepted() {
    for issuer in [Issuer::Original, Issuer::Updated] {
        let stage = Stage::with(|setup| setup.pool(|pool| pool.issuer = issuer)).await;
        stage.signed_in().await;
    }
}

#[tokio::test]
async fn a_configured_issuer_takes_the_place_of_the_pools_own() {
    const OWN: &str = "https://issuer.test/pool";
    let pool = |pool: &mut Settings| pool.issuer = Issuer::Url(OWN.to_owned());
    let stage = Stage::with(|setup| setup.pool(pool).set("cognito.issuer", OWN)).await;
    stage.signed_in().await;
    let original = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1";
    stage.cognito.edit_token(TokenEdit::id().set("iss", original));
    let mut visitor = stage.visitor();
    refused(&callback(&mut visitor).await, &visitor, "the original issuer");
}

#[tokio::test]
async fn case_54_an_id_token_for_another_audience_is_refused() {
    let stage = Stage::new().await;
    for audience in [
        json!("another-client"),
        json!("demo-client "),
        json!("Demo-Client"),
        json!(""),
        json!([]),
        json!(["another-client"]),
        json!({ "demo-client": true }),
        json!(null),
    ] {
        is_refused(&stage, TokenEdit::id().set("aud", audience)).await;
    }
}

#[tokio::test]
async fn case_54_an_access_token_of_another_app_client_is_refused() {
    let stage = Stage::new().await;
    for client in [json!("another-client"), json!(""), json!(["demo-client"]), json!(null)] {
        is_refused(&stage, TokenEdit::access().set("client_id", client)).await;
    }
    is_refused(&stage, TokenEdit::access().drop_claim("client_id")).await;
    // An audience does not make up for it.
    is_refused(&stage, TokenEdit::access().drop_claim("client_id").set("aud", "demo-client")).await;
}

#[tokio::test]
async fn an_access_token_with_an_audience_of_its_own_is_accepted() {
    let stage = Stage::new().await;
    is_accepted(&stage, TokenEdit::access().set("aud", "https://api.test")).await;
}

#[tokio::test]
async fn case_54_each_token_is_taken_for_what_it_is_alone() {
    let stage = Stage::new().await;
    for (token, uses) in [
        (TokenEdit::id as fn() -> TokenEdit, ["access", "", "ID"]),
        (TokenEdit::access, ["id", "", "refresh"]),
    ] {
        for other in uses {
            is_refused(&stage, token().set("token_use", other)).await;
        }
        is_refused(&stage, token().drop_claim("token_use")).await;
    }
    // An access token in full, but for its place.
    let as_id = TokenEdit::id().set("token_use", "access").set("client_id", "demo-client");
    is_refused(&stage, as_id.drop_claim("aud")).await;
}

#[tokio::test]
async fn case_55_an_expiry_that_is_past_absent_or_no_time_is_refused() {
    let stage = Stage::new().await;
    let now = stage.clock.now().0;
    for token in BOTH {
        is_refused(&stage, token().set("exp", now - 60)).await;
        is_refused(&stage, token().drop_claim("exp")).await;
        for value in no_times() {
            is_refused(&stage, token().set("exp", value)).await;
        }
    }
}

#[tokio::test]
async fn case_55_a_token_of_the_future_is_refused() {
    let stage = Stage::new().await;
    let now = stage.clock.now().0;
    for token in BOTH {
        for claim in ["iat", "nbf"] {
            is_refused(&stage, token().set(claim, now + 61)).await;
            for value in no_times() {
                is_refused(&stage, token().set(claim, value)).await;
            }
        }
    }
}

#[tokio::test]
async fn times_with_a_fraction_are_times() {
    let stage = Stage::new().await;
    let (now, end) = (stage.clock.now().0, stage.clock.now().0 + 3_600);
    for token in BOTH {
        let edit = token().set("exp", json!(f64::from(u32::try_from(end).unwrap()) + 0.5));
        is_accepted(&stage, edit.set("nbf", json!(f64::from(u32::try_from(now).unwrap()) - 0.5))).await;
    }
}

#[tokio::test]
async fn the_nonce_must_be_the_one_that_was_sent() {
    let stage = Stage::new().await;
    is_refused(&stage, TokenEdit::id().corrupt("nonce")).await;
    is_refused(&stage, TokenEdit::id().drop_claim("nonce")).await;
    is_refused(&stage, TokenEdit::id().set("nonce", "")).await;
    is_refused(&stage, TokenEdit::id().set("nonce", json!(null))).await;
}

#[tokio::test]
async fn both_tokens_must_name_the_same_subject() {
    let stage = Stage::new().await;
    for token in BOTH {
        is_refused(&stage, token().corrupt("sub")).await;
        is_refused(&stage, token().drop_claim("sub")).await;
        is_refused(&stage, token().set("sub", "")).await;
        is_refused(&stage, token().set("sub", 1)).await;
    }
}

#[tokio::test]
async fn claims_that_nobody_knows_are_ignored() {
    let stage = Stage::new().await;
    for token in BOTH {
        is_accepted(&stage, token().set("custom:anything", json!({ "nested": [1, null] }))).await;
    }
}
