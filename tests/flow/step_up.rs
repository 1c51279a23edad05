//! A sign-in that proves anew who somebody is.

use std::time::Duration;

use cognigate::emulator::{Endpoint, TokenEdit};

use super::{assert_ours, button, cognito_url, is_signed_in};
use crate::support::Stage;
use crate::support::visitor::{Visitor, location, parameter, text};

const STEP_UP: &str = "/oauth2/start?rd=%2Fpay%3Fx&max_age=300";

/// Somebody who signed in an hour ago, at Cognito too.
async fn long_ago() -> (Stage, Visitor) {
    let stage = Stage::new().await;
    let alice = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(50 * 60));
    (stage, alice)
}

#[tokio::test]
async fn it_asks_for_the_password_whoever_is_signed_in_and_comes_back() {
    let (stage, mut alice) = long_ago().await;
    let given = stage.cognito.count(Endpoint::Login);
    let begun = alice.navigate(STEP_UP).await;
    assert_eq!(parameter(&location(&begun), "prompt").as_deref(), Some("login"));
    // What Cognito does not know is not sent.
    assert_eq!(parameter(&location(&begun), "max_age"), None);
    let form = alice.follow(&begun).await;
    assert!(location(&form).contains("/login?"), "{}", location(&form));
    let callback = alice.through_login("alice", &location(&begun)).await;
    assert_eq!(location(&alice.navigate(&callback).await), "/pay?x");
    // The form was looked at, and sent.
    assert_eq!(stage.cognito.count(Endpoint::Login) - given, 2);
    assert!(is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn an_earlier_proof_that_is_passed_off_for_a_new_one_ends_on_a_page() {
    for is_told in [true, false] {
        let (stage, mut alice) = long_ago().await;
        let earlier = stage.clock.now().0 - 301;
        for token in [TokenEdit::id(), TokenEdit::access()] {
            let edit = if is_told { token.set("auth_time", earlier) } else { token.drop_claim("auth_time") };
            stage.cognito.edit_token(edit);
        }
        let before = alice.jar.get("__Host-cognigate").map(str::to_owned);
        let begun = alice.navigate(STEP_UP).await;
        let callback = alice.through_login("alice", &location(&begun)).await;
        let page = alice.navigate(&callback).await;
        assert_ours(&page);
        assert_eq!(button(&page, 403), "/oauth2/start?rd=%2Fpay%3Fx");
        assert!(text(&page).contains("its clock or that of this site is wrong"), "{}", text(&page));
        // Nothing is lost.
        assert_eq!(alice.jar.get("__Host-cognigate").map(str::to_owned), before);
        assert!(is_signed_in(&mut alice).await);
    }
}

#[tokio::test]
async fn an_age_that_is_none_asks_for_nothing() {
    let (stage, mut alice) = long_ago().await;
    for query in [
        "",
        "&max_age=",
        "&max_age=-1",
        "&max_age=5m",
        "&max_age=1&max_age=2",
        "&max_age=99999999999999999999",
    ] {
        let begun = alice.navigate(&format!("/oauth2/start?rd=%2F{query}")).await;
        assert!(location(&begun).starts_with(&cognito_url(&stage)));
        assert_eq!(parameter(&location(&begun), "prompt"), None, "{query}");
    }
}
