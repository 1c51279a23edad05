//! Rules, judged by the tokens that clients bring.

use std::time::Duration;

use super::*;
use crate::support::visitor::NAVIGATION;

const RULES: &str = r#"
[[rules]]
path = "/read/*"
scopes = ["api/read"]

[[rules]]
path = "/admin/*"
groups = ["admins"]

[[rules]]
path = "/gold/*"
claims = { "custom:tier" = ["gold"] }

[[rules]]
path = "/mail/*"
email_domains = ["example.com"]

[[rules]]
path = "/program/*"
claims = { client_id = ["demo-service"] }

[[rules]]
path = "/recent/*"
max_auth_age = "5m"
"#;

/// The status of a navigation to `path` with a token: whoever brings one is never sent to sign in.
async fn status(stage: &Stage, token: &str, path: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let headers = [&NAVIGATION[..], &[("authorization", authorization.as_str())]].concat();
    let answer = stage.visitor().send(Method::GET, path, &headers, "").await;
    assert!(!answer.headers().contains_key("set-cookie"), "{path}");
    if answer.status() != 200 {
        assert_eq!(header(&answer, "content-type"), Some("application/problem+json"), "{path}");
    }
    answer.status().as_u16()
}

#[tokio::test]
async fn a_token_is_judged_by_its_own_claims() {
    let stage = stage_with(|setup| setup.tables(RULES)).await;
    let service = service_token(&stage).await;
    let alice = user_token(&stage, "alice").await;
    let gold = TokenEdit::access().set("custom:tier", "gold").set("scope", "api/read");
    stage.cognito.edit_token(gold.set("email", "bob@example.com"));
    let bob = user_token(&stage, "bob").await;
    for (path, [by_service, by_alice, by_bob]) in [
        ("/", [200, 200, 200]),
        ("/read/x", [200, 403, 200]),
        ("/admin/x", [403, 200, 403]),
        ("/gold/x", [403, 403, 200]),
        // An email that nobody verified.
        ("/mail/x", [403, 403, 403]),
        ("/program/x", [200, 403, 403]),
        // A program proves nothing, however new its token is.
        ("/recent/x", [403, 200, 200]),
    ] {
        assert_eq!(status(&stage, &service, path).await, by_service, "the program at {path}");
        assert_eq!(status(&stage, &alice, path).await, by_alice, "alice at {path}");
        assert_eq!(status(&stage, &bob, path).await, by_bob, "bob at {path}");
    }
    stage.clock.advance(Duration::from_secs(301));
    assert_eq!(status(&stage, &alice, "/recent/x").await, 401, "a sign-in would not make the token newer");
}

#[tokio::test]
async fn a_proof_that_lies_in_the_future_is_none() {
    let stage = stage_with(|setup| setup.tables(RULES)).await;
    for (ahead, expected) in [(59, 200), (3600, 401)] {
        let proved = stage.clock.now().0 + ahead;
        stage.cognito.edit_token(TokenEdit::access().set("auth_time", proved));
        let alice = user_token(&stage, "alice").await;
        assert_eq!(status(&stage, &alice, "/recent/x").await, expected, "{ahead} s ahead");
    }
}

#[tokio::test]
async fn a_bad_token_is_bad_wherever_somebody_is_asked_for() {
    let rules = "[[rules]]\npath = '/api/*'\naccess = 'api'\n[[rules]]\npath = '/none/*'\naccess = 'deny'\n";
    let stage = stage_with(|setup| setup.tables(rules)).await;
    let good = service_token(&stage).await;
    assert_eq!((status(&stage, &good, "/api/x").await, status(&stage, "junk", "/api/x").await), (200, 401));
    assert_eq!((status(&stage, &good, "/x").await, status(&stage, "junk", "/x").await), (200, 401));
    let nowhere = with(&mut stage.visitor(), &format!("Bearer {good}")).await;
    assert_eq!(nowhere.status(), 200);
    let headers = [("authorization", "Bearer junk")];
    assert_eq!(stage.visitor().send(Method::GET, "/none/x", &headers, "").await.status(), 403);
}

#[tokio::test]
async fn what_brings_a_token_of_its_own_is_nobody_elses_idea() {
    let stage = stage().await;
    let mut alice = stage.signed_in().await;
    let authorization = format!("Bearer {}", service_token(&stage).await);
    let cross_site = [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")];
    assert_eq!(alice.send(Method::POST, "/", &cross_site, "").await.status(), 403);
    let headers = [&cross_site[..], &[("authorization", authorization.as_str())]].concat();
    assert_eq!(alice.send(Method::POST, "/", &headers, "").await.status(), 200);
}
