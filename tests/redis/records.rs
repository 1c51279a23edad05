//! What the browser holds, and what Redis does.

use std::time::Duration;

use cognigate::emulator::Endpoint;

use super::{SESSION, last_bearer, only_record, stage, stage_with};
use crate::support::Stage;
use crate::support::redis::RedisServer;
use crate::support::visitor::set_cookies;

const OTHER_KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
const LIFETIME: Duration = Duration::from_secs(60 * 60);

fn holds(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len()).any(|part| part == needle.as_bytes())
}

#[tokio::test]
async fn the_cookie_is_a_short_ticket_with_the_attributes_of_every_session_cookie() {
    let (_server, stage) = stage().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let answer = visitor.navigate(&callback).await;
    let cookie = set_cookies(&answer).into_iter().find(|cookie| cookie.name() == SESSION).unwrap();
    assert_eq!(cookie.value().len(), 66);
    let line = cookie.to_string();
    assert!(line.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000"), "{line}");
    assert_eq!(visitor.follow(&answer).await.status(), 200);
    assert!(last_bearer(&stage).starts_with("Bearer ey"));
}

#[tokio::test]
async fn a_refresh_changes_the_record_and_not_the_ticket() {
    let (server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    let (ticket, bearer) = (visitor.jar.get(SESSION).unwrap().to_owned(), last_bearer(&stage));
    let record = only_record(&server);
    stage.clock.advance(LIFETIME);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_ne!(last_bearer(&stage), bearer);
    assert_eq!((visitor.jar.get(SESSION), only_record(&server)), (Some(&*ticket), record));
}

#[tokio::test]
async fn a_dump_of_redis_shows_no_token_no_claim_and_no_user() {
    let (server, stage) = stage().await;
    let visitor = stage.signed_in().await;
    let bearer = last_bearer(&stage);
    let (sub, dump) = (stage.app.last().header("x-forwarded-user").unwrap().to_owned(), server.dump());
    assert!(holds(&dump, "cognigate:session:{"), "this is no dump");
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let segments = token.split('.').map(|segment| &segment[..segment.len().min(12)]);
    let ticket = visitor.jar.get(SESSION).unwrap();
    for secret in segments.chain([&*sub, "alice", "example.com", &ticket[30..50]]) {
        assert!(!holds(&dump, secret), "{secret} is in the dump");
    }
}

#[tokio::test]
async fn a_record_opens_with_its_own_ticket_alone() {
    let (server, stage) = stage().await;
    let mut alice = stage.signed_in().await;
    let of_alice = only_record(&server);
    let mut bob = stage.visitor();
    bob.sign_in("bob", "/").await;
    let of_bob = server.keys().into_iter().find(|key| key.contains("session:") && *key != of_alice).unwrap();
    // Whoever may write to Redis exchanges the two.
    let () = server.ask(redis::cmd("COPY").arg(&of_alice).arg(&of_bob).arg("REPLACE"));
    assert_eq!(bob.fetch("/").await.status(), 401);
    assert_eq!(alice.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn the_record_lives_as_long_as_the_session_may() {
    let (server, stage) = stage_with(|setup| setup.set("session.max_lifetime", "10m")).await;
    let mut visitor = stage.signed_in().await;
    let left: i64 = server.ask(redis::cmd("TTL").arg(only_record(&server)));
    assert!((590..=600).contains(&left), "{left} s");
    // And not because Redis forgets it: its clock is not the gate's.
    stage.clock.advance(Duration::from_secs(600));
    assert_eq!(visitor.fetch("/").await.status(), 401);
    assert_eq!(visitor.navigate("/").await.status(), 303);
    assert_eq!(visitor.jar.get(SESSION), None);
}

#[tokio::test]
async fn a_touch_moves_the_end_of_the_record_and_of_the_cookie_a_tenth_at_a_time() {
    let (server, stage) = stage_with(|setup| setup.set("session.idle_timeout", "10m")).await;
    let mut visitor = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(59));
    assert!(set_cookies(&visitor.fetch("/").await).is_empty());
    let used =
        |server: &RedisServer| -> i64 { server.ask(redis::cmd("HGET").arg(only_record(server)).arg("u")) };
    let before = used(&server);
    stage.clock.advance(Duration::from_secs(1));
    let line = set_cookies(&visitor.fetch("/").await).remove(0).to_string();
    assert!(line.ends_with("; Max-Age=600"), "{line}");
    assert_eq!(used(&server), before + 60);
    stage.clock.advance(Duration::from_secs(599));
    assert_eq!(visitor.fetch("/").await.status(), 200);
    stage.clock.advance(Duration::from_secs(600));
    assert_eq!(visitor.fetch("/").await.status(), 401);
}

#[tokio::test]
async fn a_record_of_an_older_key_is_sealed_anew_and_one_of_a_removed_key_is_a_login() {
    let (_server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    let ticket = visitor.jar.get(SESSION).unwrap().to_owned();
    let mut old = visitor.clone();
    let both = stage.replica(&[("session.keys", &format!("{OTHER_KEY},{}", crate::support::TEST_KEY))]).await;
    visitor.go_to(both.address());
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(visitor.jar.get(SESSION), Some(&*ticket));
    let new_only = stage.replica(&[("session.keys", OTHER_KEY)]).await;
    visitor.go_to(new_only.address());
    assert_eq!(visitor.fetch("/").await.status(), 200);
    // The first gate has not got the new key.
    assert_eq!(old.fetch("/").await.status(), 401);
}

#[tokio::test]
async fn what_is_no_ticket_is_a_login_and_asks_redis_nothing() {
    let (mut server, stage) = stage().await;
    let honest = stage.signed_in().await.jar.get(SESSION).unwrap().to_owned();
    server.stop();
    let sealed = Stage::new().await.signed_in().await.jar.get(SESSION).unwrap().to_owned();
    for value in ["", "x", &honest[1..], &format!("{honest}A"), &sealed] {
        let mut visitor = stage.visitor();
        visitor.jar.set(SESSION, value);
        assert_eq!(visitor.fetch("/").await.status(), 401, "{value}");
        assert_eq!(visitor.navigate("/").await.status(), 303, "{value}");
        assert_eq!(visitor.jar.get(SESSION), None, "{value}");
    }
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 0);
}

#[tokio::test]
async fn case_42_a_ticket_with_one_character_changed_is_a_login() {
    let (_server, stage) = stage().await;
    let honest = stage.signed_in().await.jar.get(SESSION).unwrap().to_owned();
    for at in 0..honest.len() {
        let mut changed = honest.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let mut visitor = stage.visitor();
        visitor.jar.set(SESSION, str::from_utf8(&changed).unwrap());
        assert_eq!(visitor.fetch("/").await.status(), 401, "character {at}");
    }
}

#[tokio::test]
async fn a_session_too_large_for_cookies_fits() {
    let (_server, stage) = stage_with(|setup| {
        setup.pool(|settings| settings.users[0].groups = (0..500).map(|n| format!("group-{n:030}")).collect())
    })
    .await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    assert_eq!(visitor.navigate(&callback).await.status(), 303);
}

#[tokio::test]
async fn case_41_a_record_written_often_never_shows_a_nonce_twice() {
    let (server, stage) = stage_with(|setup| setup.set("session.idle_timeout", "10m")).await;
    let mut visitor = stage.signed_in().await;
    let mut nonces = std::collections::HashSet::new();
    for written in 0..10 {
        let sealed: Vec<u8> = server.ask(redis::cmd("HGET").arg(only_record(&server)).arg("d"));
        assert_eq!(sealed[0], 1, "the version");
        assert!(nonces.insert(sealed[5..29].to_vec()), "write {written}");
        stage.clock.advance(Duration::from_secs(60));
        assert_eq!(visitor.fetch("/").await.status(), 200);
    }
}

#[tokio::test]
async fn a_session_takes_as_much_memory_as_the_docs_say() {
    let (server, stage) = stage().await;
    stage.signed_in().await;
    let bytes: usize =
        server.keys().iter().map(|key| server.ask::<usize>(redis::cmd("MEMORY").arg("USAGE").arg(key))).sum();
    assert!(bytes <= 5_000, "{bytes} bytes");
}
