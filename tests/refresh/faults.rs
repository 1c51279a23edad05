//! A Cognito that cannot be asked at the moment.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Fault, ReplyEdit};

use super::{due, expired, last_bearer, session};
use crate::support::Stage;
use crate::support::visitor::{header, json, text};

const THROTTLED: &str = r#"{"__type":"TooManyRequestsException"}"#;

/// What says that Cognito has a problem, and nothing of the refresh token.
fn passing_faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("500", Fault::status(500)),
        ("502 with a page", Fault::status(502).body("<html>bad gateway</html>")),
        ("503 that names an error", Fault::status(503).body(r#"{"error":"invalid_grant"}"#)),
        ("429", Fault::status(429).header("retry-after", "1")),
        ("throttled by 400", Fault::status(400).body(THROTTLED)),
        ("400 with a page", Fault::status(400).body("<html>who are you</html>")),
        ("200 with a page", Fault::status(200).body("<html>maintenance</html>")),
        ("200 with half of it", Fault::status(200).body(r#"{"access_token":"#)),
        ("403 of a firewall", Fault::status(403)),
        ("a connection that breaks off twice", Fault::close().times(2)),
        ("a redirect", Fault::redirect("http://169.254.169.254/latest/meta-data/")),
        ("a client that is not known", Fault::status(400).body(r#"{"error":"invalid_client"}"#)),
    ]
}

#[tokio::test]
async fn case_80_a_passing_fault_leaves_the_session_alone_and_the_next_attempt_comes_5_seconds_later() {
    let stage = Stage::new().await;
    for (ended, (what, fault)) in (0..).step_by(2).zip(passing_faults()) {
        stage.cognito.reset();
        let mut visitor = due(&stage).await;
        let (bearer, cookie) = (last_bearer(&stage), session(&visitor));
        stage.cognito.fail(Endpoint::TokenRefresh, fault);
        assert_eq!(visitor.fetch("/").await.status(), 200, "{what}");
        stage.refreshed(ended + 1).await;
        let asked = stage.cognito.count(Endpoint::TokenRefresh);
        stage.clock.advance(Duration::from_secs(4));
        assert_eq!(visitor.fetch("/").await.status(), 200, "{what}");
        assert_eq!((last_bearer(&stage), session(&visitor)), (bearer.clone(), cookie), "{what}");
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), asked, "{what}");

        stage.clock.advance(Duration::from_secs(1));
        assert_eq!(visitor.fetch("/").await.status(), 200, "{what}");
        stage.refreshed(ended + 2).await;
        assert_eq!(visitor.fetch("/").await.status(), 200, "{what}");
        assert_ne!(last_bearer(&stage), bearer, "{what}");
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), asked + 1, "{what}");
    }
}

#[tokio::test]
async fn a_refresh_is_one_attempt_at_a_cognito_in_trouble() {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(503).always());
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.refreshed(1).await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn a_passing_fault_after_expiry_is_a_503_with_retry_after_and_the_session_stays() {
    let stage = Stage::new().await;
    for (what, fault) in passing_faults() {
        stage.cognito.reset();
        let mut visitor = expired(&stage).await;
        let (forwarded, cookie) = (stage.app.count(), session(&visitor));
        stage.cognito.fail(Endpoint::TokenRefresh, fault);
        let page = visitor.navigate("/").await;
        assert_eq!(page.status(), 503, "{what}");
        assert_eq!(header(&page, "retry-after"), Some("5"), "{what}");
        assert!(text(&page).contains("cannot be reached"), "{what}");
        stage.clock.advance(Duration::from_secs(2));
        let problem = visitor.fetch("/").await;
        assert_eq!(problem.status(), 503, "{what}");
        assert_eq!(header(&problem, "content-type"), Some("application/problem+json"), "{what}");
        assert_eq!(json(&problem)["status"], 503, "{what}");
        assert_eq!(header(&problem, "retry-after"), Some("3"), "{what}");
        assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 503, "{what}");
        assert_eq!((stage.app.count(), session(&visitor)), (forwarded, cookie), "{what}");

        stage.clock.advance(Duration::from_secs(3));
        assert_eq!(visitor.fetch("/").await.status(), 200, "{what}");
    }
}

#[tokio::test]
async fn the_session_goes_on_through_an_outage_until_exp_and_no_longer() {
    let stage = Stage::new().await;
    let mut visitor = due(&stage).await;
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(500).always());
    for attempt in 1..=6 {
        assert_eq!(visitor.fetch("/").await.status(), 200, "attempt {attempt}");
        stage.refreshed(attempt).await;
        stage.clock.advance(Duration::from_secs(5));
    }
    let forwarded = stage.app.count();
    assert_eq!(visitor.fetch("/").await.status(), 503);
    assert_eq!(stage.app.count(), forwarded);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 7);
}

#[tokio::test]
async fn a_refresh_that_is_never_answered_is_given_up() {
    let stage = Stage::new().await;
    let mut visitor = expired(&stage).await;
    let forwarded = stage.app.count();
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::hang());
    let answer = visitor.fetch("/").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(header(&answer, "retry-after"), Some("5"));
    assert_eq!(stage.app.count(), forwarded);
    stage.clock.advance(Duration::from_secs(5));
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_within_the_grace_of_rotation() {
    let stage = Stage::with(|setup| setup.rotation(Duration::from_secs(60))).await;
    let mut visitor = due(&stage).await;
    let lost = Fault::status(502).after_work();
    stage.cognito.fail(Endpoint::TokenRefresh, lost);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.refreshed(1).await;
    stage.clock.advance(Duration::from_secs(5));
    let bearer = last_bearer(&stage);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.refreshed(2).await;
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_ne!(last_bearer(&stage), bearer);
}

#[tokio::test]
async fn a_token_type_that_is_not_bearer_is_not_taken() {
    let stage = Stage::new().await;
    let mut visitor = expired(&stage).await;
    stage.cognito.edit_reply(Endpoint::TokenRefresh, ReplyEdit::set("token_type", "DPoP"));
    assert_eq!(visitor.fetch("/").await.status(), 503);
}
