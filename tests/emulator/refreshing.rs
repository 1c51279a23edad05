//! `POST /oauth2/token`: the refresh grant, with and without rotation.

use std::time::Duration;

use cognigate::emulator::{Settings, Siblings};
use http::StatusCode;

use super::support::{Fixture, Tokens, part};

fn rotating(grace: u64) -> Settings {
    let mut settings = Settings::default();
    settings.client_mut("demo-client").unwrap().rotation_grace = Some(Duration::from_secs(grace));
    settings
}

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

#[tokio::test]
async fn without_rotation_the_answer_has_no_refresh_token_and_the_old_one_stays_good() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    for _ in 0..2 {
        let answer = fixture.refresh(&tokens.refresh).await;
        let mut members: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(members, ["access_token", "expires_in", "id_token", "token_type"]);
    }
}

#[tokio::test]
async fn rotation_without_grace_ends_the_old_token_at_once() {
    let fixture = Fixture::with(rotating(0)).await;
    let first = fixture.tokens("alice").await;
    let second = Tokens::of(&fixture.refresh(&first.refresh).await);
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), invalid_grant());
    assert_eq!(fixture.refresh(&second.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn within_the_grace_the_old_token_is_good_and_using_it_does_not_prolong_it() {
    let fixture = Fixture::with(rotating(60)).await;
    let first = fixture.tokens("alice").await;
    let second = Tokens::of(&fixture.refresh(&first.refresh).await);
    fixture.clock.advance(Duration::from_secs(59));
    let third = Tokens::of(&fixture.refresh(&first.refresh).await);
    assert_ne!(third.refresh, second.refresh);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), invalid_grant());
    assert_eq!(fixture.refresh(&second.refresh).await.status, StatusCode::OK);
    assert_eq!(fixture.refresh(&third.refresh).await.status, StatusCode::OK);
}

/// An access token's status at userInfo.
async fn status(fixture: &Fixture, access: &str) -> u16 {
    let bearer = format!("Bearer {access}");
    fixture.get("/oauth2/userInfo", &[("authorization", &bearer)]).await.status.as_u16()
}

#[tokio::test]
async fn siblings_stay_good_unless_they_are_to_end() {
    let fixture = Fixture::with(rotating(10)).await;
    let first = fixture.tokens("alice").await;
    let one = Tokens::of(&fixture.refresh(&first.refresh).await);
    let other = Tokens::of(&fixture.refresh(&first.refresh).await);
    fixture.clock.advance(Duration::from_secs(10));
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), invalid_grant());
    for sibling in [&one, &other] {
        assert_eq!(status(&fixture, &sibling.access).await, 200);
        assert_eq!(fixture.refresh(&sibling.refresh).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn where_siblings_end_the_latest_use_alone_has_tokens() {
    let fixture = Fixture::with(rotating(10)).await;
    assert!(fixture.switches.set_siblings("demo-client", Siblings::End));
    let first = fixture.tokens("alice").await;
    let bob = fixture.tokens("bob").await;
    let one = Tokens::of(&fixture.refresh(&first.refresh).await);
    let of_one = Tokens::of(&fixture.refresh(&one.refresh).await);
    let other = Tokens::of(&fixture.refresh(&first.refresh).await);
    for ended in [&one, &of_one] {
        assert_eq!(fixture.refresh(&ended.refresh).await.refusal(), invalid_grant());
        assert_eq!(status(&fixture, &ended.access).await, 401);
    }
    for good in [&first, &other, &bob] {
        assert_eq!(status(&fixture, &good.access).await, 200);
    }
    let of_other = Tokens::of(&fixture.refresh(&other.refresh).await);

    // After the grace the old token gives nothing, and takes what is left.
    fixture.clock.advance(Duration::from_secs(10));
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), invalid_grant());
    assert_eq!(fixture.refresh(&of_other.refresh).await.refusal(), invalid_grant());
    assert_eq!(status(&fixture, &of_other.access).await, 401);
    assert_eq!(fixture.refresh(&bob.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_ends_at_its_time_whatever_was_done_with_it() {
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    let second = Duration::from_secs(1);
    let plain = Fixture::start().await;
    let tokens = plain.tokens("alice").await;
    plain.clock.advance(month - second);
    assert_eq!(plain.refresh(&tokens.refresh).await.status, StatusCode::OK);
    plain.clock.advance(second);
    assert_eq!(plain.refresh(&tokens.refresh).await.refusal(), invalid_grant());

    let rotating = Fixture::with(rotating(0)).await;
    let tokens = rotating.tokens("alice").await;
    rotating.clock.advance(month - second);
    let last = Tokens::of(&rotating.refresh(&tokens.refresh).await);
    rotating.clock.advance(second);
    assert_eq!(rotating.refresh(&last.refresh).await.refusal(), invalid_grant());
}

#[tokio::test]
async fn auth_time_and_origin_survive_a_refresh_and_the_rest_is_new() {
    let fixture = Fixture::start().await;
    let before = fixture.tokens("alice").await;
    fixture.clock.advance(Duration::from_secs(1000));
    let after = Tokens::of(&fixture.refresh(&before.refresh).await);
    for (old, new) in [(&before.access, &after.access), (&before.id, &after.id)] {
        let (old, new) = (part(old, 1), part(new, 1));
        for kept in ["auth_time", "origin_jti", "event_id", "sub", "iss"] {
            assert_eq!(old[kept], new[kept], "{kept}");
        }
        assert_ne!(old["jti"], new["jti"]);
        for moved in ["iat", "exp"] {
            assert_eq!(old[moved].as_i64().unwrap() + 1000, new[moved].as_i64().unwrap(), "{moved}");
        }
    }
    assert!(part(&after.id, 1).get("nonce").is_none());
}

#[tokio::test]
async fn a_group_that_was_removed_is_gone_after_the_refresh() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    assert_eq!(part(&tokens.access, 1)["cognito:groups"][0], "admins");
    assert!(fixture.switches.set_groups("alice", &[]));
    let after = Tokens::of(&fixture.refresh(&tokens.refresh).await);
    assert!(part(&after.access, 1).get("cognito:groups").is_none());
    assert!(part(&after.id, 1).get("cognito:groups").is_none());
}

#[tokio::test]
async fn unknown_expired_and_foreign_refresh_tokens_are_invalid_grants() {
    let fixture = Fixture::start().await;
    let tokens = fixture.tokens("alice").await;
    assert_eq!(fixture.refresh("unknown").await.refusal(), invalid_grant());
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("client_id", "demo-public"),
    ];
    assert_eq!(fixture.post("/oauth2/token", &form, &[]).await.refusal(), invalid_grant());

    let bob = fixture.tokens("bob").await;
    fixture.switches.expire_refresh_tokens(Some("alice"));
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), invalid_grant());
    assert_eq!(fixture.refresh(&bob.refresh).await.status, StatusCode::OK);
    fixture.switches.revoke_refresh_tokens(None);
    assert_eq!(fixture.refresh(&bob.refresh).await.refusal(), invalid_grant());
}
