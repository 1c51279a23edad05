//! The switches over HTTP.

use http::StatusCode;
use serde_json::{Value, json};

use super::support::{Fixture, Tokens, authorize, part};

async fn counters(fixture: &Fixture) -> Value {
    fixture.get("/_emulator/counters", &[]).await.json()
}

#[tokio::test]
async fn faults_edits_and_shapes_are_turned_by_json() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    let turns = [
        (
            "fail",
            json!({ "endpoint": "token_refresh", "status": 503, "headers": [["retry-after", "1"]], "body": "x" }),
        ),
        ("edit_token", json!({ "token": "id", "set": { "aud": "x" }, "drop": ["sub"], "sign": "none" })),
        ("edit_reply", json!({ "endpoint": "token", "set": { "expires_in": -1 } })),
        ("shape_jwks", json!({ "only": "access" })),
        ("edit_callback", json!({ "error": "access_denied" })),
    ];
    for (switch, body) in turns {
        let answer = fixture.switch(switch, body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{switch}: {answer:?}");
    }
    let failed = fixture.refresh(&tokens.refresh).await;
    assert_eq!((failed.status.as_u16(), failed.body.as_str()), (503, "x"));
    let answer = fixture.refresh(&tokens.refresh).await;
    assert_eq!(answer.json()["expires_in"], -1);
    let id = Tokens::of(&answer).id;
    assert_eq!((&part(&id, 1)["aud"], part(&id, 1).get("sub")), (&json!("x"), None));
    assert_eq!(part(&id, 0)["alg"], "none");
    let jwks = fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await.json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
    let (answer, _) = fixture.sign_in(&authorize(&[]), "alice").await;
    assert_eq!(answer.query("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn keys_tokens_sessions_users_and_clients_are_changed_by_json() {
    let fixture = Fixture::start().await;
    let (answer, cookie) = fixture.sign_in(&authorize(&[]), "alice").await;
    let tokens = Tokens::of(&fixture.redeem(&answer.query("code").unwrap()).await);
    let before = fixture.switches.key_ids();
    let user =
        json!({ "username": "alice", "groups": ["staff"], "attributes": { "email": null, "name": "A" } });
    let client = json!({
        "id": "demo-client", "secrets": ["demo-secret", "next"], "rotation_grace": 60, "rotation_siblings": "end",
        "callback_urls": ["http://localhost:8080/oauth2/callback"], "logout_urls": [],
    });
    for (switch, body) in [
        ("rotate_keys", json!({ "keep_old": true })),
        ("user", user),
        ("client", client),
        ("end_sessions", json!({})),
    ] {
        assert_eq!(fixture.switch(switch, body).await.status, StatusCode::NO_CONTENT, "{switch}");
    }
    assert_ne!(fixture.switches.key_ids(), before);
    let after = Tokens::of(&fixture.refresh(&tokens.refresh).await);
    assert!(!after.refresh.is_empty(), "it rotates now");
    assert_eq!(fixture.refresh(&tokens.refresh).await.status, StatusCode::OK);
    assert_eq!(fixture.refresh(&after.refresh).await.refusal().1, "invalid_grant");
    let claims = part(&after.id, 1);
    assert_eq!(claims["cognito:groups"], json!(["staff"]));
    assert_eq!((claims.get("email"), &claims["name"]), (None, &json!("A")));
    assert!(fixture.get(&authorize(&[]), &[("cookie", &cookie)]).await.location().starts_with("/login?"));

    for action in ["expire", "revoke"] {
        let fresh = fixture.tokens("alice").await;
        let body = json!({ "action": action, "username": "alice" });
        assert_eq!(fixture.switch("refresh_tokens", body).await.status, StatusCode::NO_CONTENT);
        assert_eq!(fixture.refresh(&fresh.refresh).await.refusal().1, "invalid_grant", "{action}");
    }
    assert_eq!(
        fixture.switch("client", json!({ "id": "demo-client", "rotation_grace": null })).await.status,
        204
    );
    let plain = Tokens::of(&fixture.refresh(&fixture.tokens("alice").await.refresh).await);
    assert!(plain.refresh.is_empty());
}

#[tokio::test]
async fn counters_last_wait_hold_and_reset_work_from_outside() {
    let fixture = Fixture::start().await;
    assert_eq!(counters(&fixture).await["jwks"], 0);
    assert_eq!(fixture.switch("hold", json!({ "endpoint": "jwks" })).await.status, StatusCode::NO_CONTENT);
    let url = format!("{}/us-east-1_Emulated1/.well-known/jwks.json", fixture.base);
    let held = tokio::spawn(fixture.client().get(url).header("x-marker", "7").send());
    let waited = fixture.get("/_emulator/wait?endpoint=jwks&count=1", &[]).await;
    assert_eq!(waited.status, StatusCode::NO_CONTENT);
    assert!(!held.is_finished());
    let last = fixture.get("/_emulator/last?endpoint=jwks", &[]).await.json();
    assert_eq!((&last["method"], &last["body"]), (&json!("GET"), &json!("")));
    assert!(last["headers"].as_array().unwrap().contains(&json!(["x-marker", "7"])));
    fixture.switch("release", json!({ "endpoint": "jwks" })).await;
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    assert_eq!(counters(&fixture).await["jwks"], 1);
    fixture.switch("reset", json!({})).await;
    assert_eq!(counters(&fixture).await["jwks"], 0);
    assert_eq!(counters(&fixture).await.as_object().unwrap().len(), 11);
}

#[tokio::test]
async fn a_mistake_is_told_and_turns_nothing() {
    let fixture = Fixture::start().await;
    let mistakes = [
        ("fail", json!({ "status": 500 }), 400, "endpoint"),
        ("fail", json!({ "endpoint": "tokens", "status": 500 }), 400, "tokens"),
        ("fail", json!({ "endpoint": "jwks", "statsu": 500 }), 400, "statsu"),
        ("edit_token", json!({ "token": "id", "dorp": ["sub"] }), 400, "dorp"),
        ("edit_reply", json!({ "endpoint": "jwks", "sett": {} }), 400, "sett"),
        ("shape_jwks", json!({ "onyl": "id" }), 400, "onyl"),
        ("user", json!({ "username": "nobody" }), 400, "user"),
        ("client", json!({ "id": "nobody" }), 400, "client"),
        ("explode", json!({}), 404, "explode"),
    ];
    for (switch, body, status, named) in mistakes {
        let answer = fixture.switch(switch, body).await;
        assert_eq!(answer.status.as_u16(), status, "{switch}: {answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains(named), "{answer:?}");
    }
    assert_eq!(fixture.get("/_emulator/last?endpoint=jwks", &[]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.get("/_emulator/wait?endpoint=x", &[]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await.status, StatusCode::OK);
}
