//! Who comes by a token of their own, and what the app is told of them.

use std::time::Duration;

use cognigate::emulator::TokenEdit;
use http::Method;
use serde_json::json;

use super::*;
use crate::support::SESSION;
use crate::support::visitor::{FETCH, NAVIGATION};
use crate::support::wire::metric;

#[tokio::test]
async fn a_program_passes_by_its_token_and_is_nobody() {
    let stage = stage_with(|setup| setup.set("forward.headers", "X-Client=client_id,X-Scope=scope")).await;
    let token = service_token(&stage).await;
    let answer = bring(&stage, &token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "cache-control"), Some("private, no-store"));
    assert!(!answer.headers().contains_key("set-cookie"));
    let arrived = stage.app.last();
    assert_eq!(arrived.header("authorization"), Some(format!("Bearer {token}").as_str()));
    let told =
        ["x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username"];
    assert!(told.iter().all(|name| arrived.header(name).is_none()), "{:?}", arrived.headers);
    assert_eq!(arrived.header("x-client"), Some("demo-service"));
    assert_eq!(arrived.header("x-scope"), Some("api/read api/write"));
}

#[tokio::test]
async fn a_token_is_a_programs_where_its_sub_is_its_client_and_it_names_no_user() {
    let stage = stage().await;
    stage.signed_in().await;
    let alice = stage.app.last().header("x-forwarded-user").unwrap().to_owned();
    stage.cognito.edit_token(TokenEdit::access().drop_claim("username"));
    let nameless = user_token(&stage, "alice").await;
    let named = edited(&stage, TokenEdit::access().set("username", "somebody")).await;
    for (token, user) in [(nameless, alice.as_str()), (named, "demo-service")] {
        assert_eq!(bring(&stage, &token).await.status(), 200, "{user}");
        assert_eq!(stage.app.last().header("x-forwarded-user"), Some(user));
    }
}

#[tokio::test]
async fn a_users_token_says_who_it_is_as_a_session_does() {
    let stage = stage().await;
    stage.signed_in().await;
    let sub = stage.app.last().header("x-forwarded-user").unwrap().to_owned();
    let token = user_token(&stage, "alice").await;
    assert_eq!(bring(&stage, &token).await.status(), 200);
    let arrived = stage.app.last();
    assert_eq!(arrived.header("authorization"), Some(format!("Bearer {token}").as_str()));
    assert_eq!(arrived.header("x-forwarded-user"), Some(sub.as_str()));
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("alice"));
    assert_eq!(arrived.header("x-forwarded-groups"), Some("admins"));
    assert_eq!(arrived.header("x-forwarded-email"), None, "an access token has none");
    // Unless the pool puts it there.
    stage.cognito.edit_token(TokenEdit::access().set("email", "alice@example.com"));
    let token = user_token(&stage, "alice").await;
    assert_eq!(bring(&stage, &token).await.status(), 200);
    assert_eq!(stage.app.last().header("x-forwarded-email"), Some("alice@example.com"));
}

#[tokio::test]
async fn a_token_wins_over_a_session_which_is_then_not_looked_at() {
    let stage = stage().await;
    let mut alice = stage.signed_in().await;
    let token = service_token(&stage).await;
    let authorization = format!("Bearer {token}");
    // Its access token is over: a request of the session's own would refresh it.
    stage.clock.advance(Duration::from_secs(3_590));
    let answer = with(&mut alice, &authorization).await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("set-cookie"));
    let arrived = stage.app.last();
    assert_eq!(arrived.header("authorization"), Some(authorization.as_str()));
    assert_eq!((arrived.header("x-forwarded-user"), arrived.header("cookie")), (None, None));
    assert_eq!(alice.fetch("/").await.status(), 200);
    assert_eq!(stage.app.last().header("x-forwarded-preferred-username"), Some("alice"));
    assert!(alice.jar.get(SESSION).is_some());
}

#[tokio::test]
async fn without_a_token_the_session_counts_and_so_it_does_beside_other_schemes() {
    let stage = stage().await;
    let mut alice = stage.signed_in().await;
    for authorization in ["Basic eDp5", "Digest a=b", "", "Bearerish x", "Negotiate Bearer"] {
        assert_eq!(with(&mut alice, authorization).await.status(), 200, "{authorization}");
        assert_eq!(stage.app.last().header("x-forwarded-preferred-username"), Some("alice"));
        assert!(stage.app.last().header("authorization").unwrap().starts_with("Bearer ey"));
        let mut nobody = stage.visitor();
        let headers = [&NAVIGATION[..], &[("authorization", authorization)]].concat();
        assert_eq!(nobody.send(Method::GET, "/", &headers, "").await.status(), 303, "{authorization}");
        let headers = [&FETCH[..], &[("authorization", authorization)]].concat();
        let answer = nobody.send(Method::GET, "/", &headers, "").await;
        assert_eq!(header(&answer, "www-authenticate"), Some("Bearer realm=\"https://app.test\""));
    }
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case_and_the_token_goes_on_as_it_should_be() {
    let stage = stage().await;
    let token = service_token(&stage).await;
    for scheme in ["Bearer ", "bearer ", "BEARER ", "Bearer   ", "Bearer\t"] {
        let answer = with(&mut stage.visitor(), &format!("{scheme}{token}")).await;
        assert_eq!(answer.status(), 200, "{scheme:?}");
        assert_eq!(stage.app.last().header("authorization"), Some(format!("Bearer {token}").as_str()));
    }
}

#[tokio::test]
async fn tokens_are_accepted_where_it_is_said_and_of_those_app_clients_alone() {
    for (settings, accepted) in [
        (&[][..], false),
        (&[("bearer.clients", "demo-service")], false),
        (&[("bearer.accept", "true"), ("bearer.clients", "demo-service")], true),
        (&[("bearer.accept", "true"), ("bearer.clients", "demo-client")], false),
        (&[("bearer.accept", "true"), ("bearer.clients", "demo-servic,demo-service2")], false),
    ] {
        let set = |setup: Setup| settings.iter().fold(setup, |setup, (key, value)| setup.set(key, value));
        let stage = Stage::with(set).await;
        let status = bring(&stage, &service_token(&stage).await).await.status();
        assert_eq!(status, if accepted { 200 } else { 401 }, "{settings:?}");
        assert_eq!(stage.app.count(), usize::from(accepted));
    }
}

#[tokio::test]
async fn the_gates_own_access_token_counts_where_its_app_client_is_listed() {
    for (clients, status) in [("demo-client", 200), ("demo-service", 401)] {
        let stage = stage_with(|setup| setup.set("bearer.clients", clients)).await;
        stage.signed_in().await;
        let own = stage.app.last().header("authorization").unwrap().to_owned();
        assert_eq!(with(&mut stage.visitor(), &own).await.status(), status);
    }
}

#[tokio::test]
async fn a_token_without_a_required_scope_is_a_403_that_names_them() {
    let stage = stage_with(|setup| setup.set("bearer.scopes", "api/read,api/write")).await;
    let mut alice = stage.signed_in().await;
    let count = stage.app.count();
    for scope in [
        json!("api/read"),
        json!("api/write"),
        json!(""),
        json!("api/readapi/write"),
        json!(["api/read", "api/write"]),
    ] {
        let token = edited(&stage, TokenEdit::access().set("scope", scope.clone())).await;
        for visitor in [&mut stage.visitor(), &mut alice] {
            let answer = with(visitor, &format!("Bearer {token}")).await;
            assert_eq!(answer.status(), 403, "{scope}");
            let expected = "Bearer realm=\"https://app.test\", error=\"insufficient_scope\", scope=\"api/read api/write\"";
            assert_eq!(header(&answer, "www-authenticate"), Some(expected));
            assert_eq!(header(&answer, "content-type"), Some("application/problem+json"));
        }
    }
    assert_eq!(stage.app.count(), count);
    assert_eq!(bring(&stage, &service_token(&stage).await).await.status(), 200);
    let more = TokenEdit::access().set("scope", "api/other  api/write api/read");
    assert_eq!(bring(&stage, &edited(&stage, more).await).await.status(), 200);
    // A session's scopes are another matter.
    assert_eq!(alice.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn where_the_app_gets_id_tokens_a_clients_access_token_does_not_pass_for_one() {
    for bearer in ["id", "none"] {
        let stage = stage_with(|setup| setup.set("forward.bearer", bearer)).await;
        assert_eq!(bring(&stage, &user_token(&stage, "alice").await).await.status(), 200);
        let arrived = stage.app.last();
        assert_eq!(arrived.header("authorization"), None);
        assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("alice"));
    }
}

#[tokio::test]
async fn userinfo_answers_for_a_token_too() {
    let stage = stage().await;
    let ask = async |token: &str, navigates: bool| {
        let authorization = format!("Bearer {token}");
        let kind = if navigates { &NAVIGATION[..] } else { &FETCH };
        let headers = [kind, &[("authorization", authorization.as_str())]].concat();
        stage.visitor().send(Method::GET, "/oauth2/userinfo", &headers, "").await
    };
    let token = service_token(&stage).await;
    let expected = json!({
        "user": null,
        "sub": "demo-service",
        "email": null,
        "groups": [],
        "preferredUsername": null,
        "claims": { "sub": "demo-service" },
        "expires_at": stage.clock.now().0 + 3600,
    });
    assert_eq!(json(&ask(&token, false).await), expected);
    let info = json(&ask(&user_token(&stage, "alice").await, true).await);
    assert_eq!((&info["preferredUsername"], &info["groups"]), (&json!("alice"), &json!(["admins"])));
    assert_eq!(info["user"], info["sub"]);
    assert_invalid(&ask("junk", true).await, "userinfo");
}

#[tokio::test]
async fn what_was_decided_is_counted_and_a_verified_token_is_not_verified_again() {
    let stage = stage_with(|setup| setup.set("bearer.scopes", "api/read")).await;
    let token = service_token(&stage).await;
    for _ in 0..3 {
        assert_eq!(bring(&stage, &token).await.status(), 200);
    }
    let other = edited(&stage, TokenEdit::access().set("scope", "api/other")).await;
    assert_eq!(bring(&stage, &other).await.status(), 403);
    assert_eq!(bring(&stage, &other).await.status(), 403);
    assert_eq!(bring(&stage, "junk").await.status(), 401);
    assert_eq!(bring(&stage, "junk").await.status(), 401);
    for (result, count) in [("verified", 2.0), ("remembered", 3.0), ("refused", 2.0), ("unavailable", 0.0)] {
        assert_eq!(counted(&stage, result).await.to_bits(), f64::to_bits(count), "{result}");
    }
    let admin = stage.gate.admin_address();
    for (result, count) in [("bearer", 3.0), ("denied", 2.0), ("invalid_token", 2.0), ("forward", 0.0)] {
        let series = format!("cognigate_auth_decisions_total{{result=\"{result}\"}}");
        assert_eq!(metric(admin, &series).await.to_bits(), f64::to_bits(count), "{result}");
    }
}
