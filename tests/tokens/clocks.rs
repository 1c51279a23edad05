//! Cognito's clock and ours.

use std::time::Duration;

use cognigate::clock::{Clock, UnixTime};
use cognigate::commands::run::Gate;
use cognigate::emulator::{Endpoint, Fault, Settings, TokenEdit};

use super::{BOTH, at, callback, is_accepted, refused};
use crate::support::{Stage, ready};

#[tokio::test]
async fn sixty_seconds_of_skew_are_granted_at_the_callback() {
    let stage = Stage::new().await;
    let now = stage.clock.now().0;
    for token in BOTH {
        is_accepted(&stage, token().set("iat", now + 60)).await;
        is_accepted(&stage, token().set("nbf", now + 60)).await;
        is_accepted(&stage, token().set("exp", now - 59)).await;
    }
}

#[tokio::test]
async fn no_skew_is_granted_when_forwarding() {
    let stage = Stage::new().await;
    let now = stage.clock.now().0;
    for end in [now - 59, now] {
        stage.cognito.reset();
        stage.cognito.edit_token(TokenEdit::access().set("exp", end));
        let mut visitor = stage.visitor();
        assert_eq!(callback(&mut visitor).await.status(), 303);
        // The first request afterwards needs another token, and Cognito has none.
        stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(500));
        assert_eq!(visitor.fetch("/").await.status(), 503);
        assert_eq!(stage.app.count(), 0);
    }
}

/// A gate whose clock is `seconds` ahead of Cognito's.
async fn gate_ahead(stage: &Stage, seconds: i64) -> Gate {
    let clock = Clock::manual(UnixTime(stage.clock.now().0 + seconds));
    let gate = stage.start(&[], clock);
    ready(gate.admin_address()).await;
    gate
}

#[tokio::test]
async fn case_83_a_clock_up_to_a_minute_slow_works_and_five_minutes_slow_does_not() {
    let stage = Stage::new().await;
    for (seconds, works) in [(-60, true), (-61, false), (-300, false)] {
        let gate = gate_ahead(&stage, seconds).await;
        let mut visitor = at(&gate, &stage);
        let answer = callback(&mut visitor).await;
        if works {
            assert_eq!(answer.status(), 303, "{seconds} s");
            assert_eq!(visitor.fetch("/").await.status(), 200, "{seconds} s");
        } else {
            refused(&answer, &visitor, "tokens of the future");
        }
    }
}

#[tokio::test]
async fn case_83_a_clock_five_minutes_fast_costs_those_minutes_of_each_token_and_no_more() {
    let stage = Stage::new().await;
    let gate = gate_ahead(&stage, 300).await;
    let mut visitor = at(&gate, &stage);
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);
}

#[tokio::test]
async fn case_83_tokens_that_a_fast_clock_takes_for_expired_are_not_forwarded() {
    let five_minutes = Duration::from_secs(300);
    let short = |pool: &mut Settings| {
        pool.clients[0].access_token_validity = five_minutes;
        pool.clients[0].id_token_validity = five_minutes;
    };
    let stage = Stage::with(|setup| setup.pool(short)).await;
    // Past the skew, they are not believed.
    let gate = gate_ahead(&stage, 360).await;
    let mut visitor = at(&gate, &stage);
    refused(&callback(&mut visitor).await, &visitor, "tokens of the past");
    // Within it, they are; but nothing is forwarded, and Cognito is not asked in a circle.
    let gate = gate_ahead(&stage, 330).await;
    let mut visitor = at(&gate, &stage);
    assert_eq!(callback(&mut visitor).await.status(), 303);
    let answer = visitor.navigate("/").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
    assert_eq!(stage.app.count(), 0);
}
