//! Session cookies where they do not belong: twice, on other hosts, after the sign-out, under other keys.

use std::time::Duration;

use cognigate::commands::run::Gate;
use cognigate::emulator::Endpoint;
use http::header::SET_COOKIE;

use super::{SESSION, assert_neither_of_two_is_taken, session_names};
use crate::support::visitor::Visitor;
use crate::support::{PUBLIC_URL, Stage, TEST_KEY};

/// Another key for tests: 32 bytes of 8.
const NEW_KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn case_10_two_session_cookies_of_one_name_are_not_guessed_between() {
    assert_neither_of_two_is_taken(&Stage::new().await).await;
}

#[tokio::test]
async fn case_44_a_session_under_an_older_key_is_accepted_and_sealed_anew() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let keys = format!("{NEW_KEY},{TEST_KEY}");
    let rotated = stage.replica(&[("session.keys", &keys)]).await;
    let old = visitor.jar.get(SESSION).unwrap().to_owned();
    visitor.go_to(rotated.address());
    assert_eq!(visitor.fetch("/").await.status(), 200);
    let resealed = visitor.jar.get(SESSION).unwrap().to_owned();
    assert_ne!(resealed, old);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(visitor.jar.get(SESSION), Some(resealed.as_str()), "it is sealed anew at every request");
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);

    // The old key may leave the ring now; what only it can open is no session any more.
    let without = stage.replica(&[("session.keys", NEW_KEY)]).await;
    visitor.go_to(without.address());
    assert_eq!(visitor.fetch("/").await.status(), 200);
    visitor.jar.set(SESSION, &old);
    assert_eq!(visitor.fetch("/").await.status(), 401);
    // Right after the sign-in it would be taken for a cookie that did not stick.
    stage.clock.advance(Duration::from_secs(30));
    assert_eq!(visitor.navigate("/").await.status(), 303);
    assert_eq!(session_names(&visitor), Vec::<String>::new());
}

#[tokio::test]
async fn older_tokens_are_not_sealed_anew_over_those_of_a_refresh() {
    let stage = Stage::with(|setup| setup.rotation(Duration::ZERO)).await;
    let mut visitor = stage.signed_in().await;
    let keys = format!("{NEW_KEY},{TEST_KEY}");
    let rotated = stage.replica(&[("session.keys", &keys)]).await;
    visitor.go_to(rotated.address());
    let mut other_tab = visitor.clone();

    let held = stage.app.hold();
    let under_way = tokio::spawn(async move { visitor.fetch("/slow").await });
    stage.app.reached(stage.app.count() + 1).await;
    stage.clock.advance(59 * MINUTE + Duration::from_secs(30));
    let refreshes = stage.cognito.hold(Endpoint::TokenRefresh);
    other_tab.fetch("/oauth2/userinfo").await;
    refreshes.holding(1).await;
    drop(held);
    let answer = under_way.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key(SET_COOKIE), "{answer:?}");
}

#[tokio::test]
async fn any_replica_with_the_same_keys_serves_the_session() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let other = stage.replica(&[]).await;
    visitor.go_to(other.address());
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

/// A browser at a gate of another origin, with another's cookies.
fn at(stage: &Stage, origin: &str, gate: &Gate, loot: &Visitor) -> Visitor {
    let mut visitor = Visitor::new(origin, gate.address(), stage.cognito_address);
    visitor.jar = loot.jar.clone();
    visitor
}

#[tokio::test]
async fn case_45_a_hosts_cookie_is_refused_by_another_host_that_shares_the_keys() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let other = stage.replica(&[("public_url", "https://b.test")]).await;
    let forwarded = stage.app.count();
    assert_eq!(at(&stage, "https://b.test", &other, &visitor).fetch("/").await.status(), 401);
    assert_eq!(stage.app.count(), forwarded);

    // Another name of the same gate is not another host: what counts is the configuration, not the Host header.
    let alias = stage.replica(&[("listen.hosts", "b.test")]).await;
    assert_eq!(at(&stage, "https://b.test", &alias, &visitor).fetch("/").await.status(), 200);
}

#[tokio::test]
async fn case_45_hosts_that_are_configured_to_share_a_session_do() {
    let stage =
        Stage::with(|setup| setup.public_url("https://a.corp.test").set("cookie.domain", "corp.test")).await;
    let visitor = stage.signed_in().await;
    let other = stage.replica(&[("public_url", "https://b.corp.test")]).await;
    assert_eq!(at(&stage, "https://b.corp.test", &other, &visitor).fetch("/").await.status(), 200);
    // Without the setting, the same cookie is nothing to it.
    let apart =
        stage.replica(&[("public_url", "https://b.corp.test"), ("cookie.domain", "b.corp.test")]).await;
    assert_eq!(at(&stage, "https://b.corp.test", &apart, &visitor).fetch("/").await.status(), 401);
}

#[tokio::test]
async fn case_50_a_copied_cookie_is_refused_after_the_sign_out() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let copy = visitor.clone();
    assert_eq!(copy.clone().fetch("/").await.status(), 200);
    visitor.navigate("/oauth2/sign_out").await;
    let forwarded = stage.app.count();
    for wait in [Duration::ZERO, 2 * MINUTE - Duration::from_secs(1)] {
        stage.clock.advance(wait);
        assert_eq!(copy.clone().fetch("/").await.status(), 401);
        assert_eq!(copy.clone().fetch("/oauth2/userinfo").await.status(), 401);
    }
    assert_eq!(stage.app.count(), forwarded);
}

#[tokio::test]
async fn case_50_on_another_replica_a_copy_lives_no_longer_than_its_access_token() {
    let stage = Stage::new().await;
    let other = stage.replica(&[]).await;
    let mut visitor = stage.signed_in().await;
    let mut copy = visitor.clone();
    copy.go_to(other.address());
    let revocations = stage.cognito.hold(Endpoint::Revoke);
    visitor.navigate("/oauth2/sign_out").await;
    revocations.holding(1).await;
    revocations.release();
    stage.clock.advance(2 * MINUTE);
    // The documented window of sessions that live in the browser alone.
    assert_eq!(copy.clone().fetch("/").await.status(), 200);
    stage.clock.advance(60 * MINUTE);
    assert_eq!(copy.clone().fetch("/").await.status(), 401);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}

#[tokio::test]
async fn case_56_a_session_of_one_pool_is_nothing_to_a_gate_of_another() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let forwarded = stage.app.count();
    for change in [("cognito.user_pool_id", "us-east-1_Another01"), ("cognito.client_id", "another-client")] {
        // The same host, the same keys.
        let other = stage.replica(&[change]).await;
        let mut presented = at(&stage, PUBLIC_URL, &other, &visitor);
        assert_eq!(presented.fetch("/").await.status(), 401, "{change:?}");
    }
    assert_eq!(stage.app.count(), forwarded);
}
