//! A callback that is visited again: one code, one exchange.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault};

use super::{button, is_signed_in, settle, state_of};
use crate::support::Stage;
use crate::support::visitor::location;

#[tokio::test]
async fn case_34_a_replayed_callback_makes_no_second_exchange() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let mut copy = visitor.clone();
    assert_eq!(location(&visitor.navigate(&callback).await), "/deep");
    // The reload of the one who is signed in.
    assert_eq!(location(&visitor.navigate(&callback).await), "/");
    // Whoever has the login cookie still, until it ends by itself.
    for wait in [0, 1, 598] {
        stage.clock.advance(Duration::from_secs(wait));
        let answer = copy.clone().navigate(&callback).await;
        assert!(state_of(&answer).ends_with("-r"), "after {wait} s more");
    }
    copy.jar.set("__Host-cognigate", visitor.jar.get("__Host-cognigate").unwrap());
    assert_eq!(location(&copy.navigate(&callback).await), "/");
    assert_eq!(stage.cognito.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_callback_that_is_visited_twice_at_once_is_exchanged_once() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let held = stage.cognito.hold(Endpoint::TokenCode);
    let first = tokio::spawn({
        let (mut visitor, callback) = (visitor.clone(), callback.clone());
        async move { visitor.navigate(&callback).await }
    });
    held.holding(1).await;
    let second = visitor.navigate(&callback).await;
    assert!(state_of(&second).ends_with("-r"));
    held.release();
    assert_eq!(location(&first.await.unwrap()), "/deep");
    assert_eq!(stage.cognito.count(Endpoint::Token), 1);
    // The second tab is signed in as well in the end.
    settle(&mut visitor, second).await;
    assert!(is_signed_in(&mut visitor).await);
}

#[tokio::test]
async fn a_code_whose_exchange_failed_is_not_sent_again() {
    let stage = Stage::new().await;
    stage.cognito.fail(Endpoint::TokenCode, Fault::close());
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let mut copy = visitor.clone();
    let page = visitor.navigate(&callback).await;
    assert_eq!(button(&page, 503), "/oauth2/start?rd=%2Fdeep");
    assert!(visitor.jar.names().is_empty());
    for reload in [&mut visitor, &mut copy] {
        let answer = reload.navigate(&callback).await;
        assert!(state_of(&answer).ends_with("-r"));
    }
    assert_eq!(stage.cognito.count(Endpoint::Token), 1);
}
