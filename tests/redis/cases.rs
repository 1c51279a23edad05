//! Attack cases of sessions in cookies, where the sessions are in Redis.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;

use super::{SESSION, last_bearer, only_record, stage};
use crate::session_cookie::{assert_neither_of_two_is_taken, assert_too_large, set_groups};
use crate::support::Stage;
use crate::support::visitor::{FETCH, NAVIGATION, Visitor};

/// A browser at a gate of another origin, with another's cookies.
fn at(stage: &Stage, origin: &str, gate: SocketAddr, loot: &Visitor) -> Visitor {
    let mut visitor = Visitor::new(origin, gate, stage.cognito_address);
    visitor.jar = loot.jar.clone();
    visitor
}

#[tokio::test]
async fn case_07_a_session_that_fills_all_cookies_is_one_ticket() {
    let (_server, stage) = stage().await;
    set_groups(&stage, 14_000);
    let mut visitor = stage.signed_in().await;
    let names: Vec<_> = visitor.jar.names().into_iter().filter(|name| !name.ends_with("-check")).collect();
    assert_eq!(names, [SESSION]);
    assert!(last_bearer(&stage).len() > 14_000);
    stage.clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn case_07_a_session_too_large_for_a_record_is_a_page_that_says_so_and_no_loop() {
    let (server, stage) = stage().await;
    set_groups(&stage, 40_000);
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    assert_too_large(&mut visitor, &callback).await;
    assert!(visitor.jar.names().is_empty(), "{:?}", visitor.jar.names());
    assert_eq!((server.keys(), stage.app.count()), (Vec::new(), 0));
}

#[tokio::test]
async fn case_07_a_session_that_grows_too_large_for_a_record_ends_on_a_page_after_one_sign_in() {
    let (_server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    set_groups(&stage, 40_000);
    stage.clock.advance(Duration::from_secs(60 * 60));
    visitor.fetch("/").await;
    let login = visitor.navigate("/").await;
    assert_eq!(login.status(), 303);
    let callback = visitor.through_login("alice", &visitor.target(&login)).await;
    assert_too_large(&mut visitor, &callback).await;
}

#[tokio::test]
async fn case_10_of_two_tickets_neither_is_taken() {
    let (_server, stage) = stage().await;
    assert_neither_of_two_is_taken(&stage).await;
}

#[tokio::test]
async fn case_42_a_record_with_one_bit_changed_is_a_login() {
    let (server, stage) = stage().await;
    let visitor = stage.signed_in().await;
    let record = only_record(&server);
    let honest: Vec<u8> = server.ask(redis::cmd("HGET").arg(&record).arg("d"));
    let put = |bytes: &[u8]| {
        let _: i64 = server.ask(redis::cmd("HSET").arg(&record).arg("d").arg(bytes));
    };
    let forwarded = stage.app.count();
    // Each part of what comes before the ciphertext, its beginning and its end.
    for at in (0..64).chain(honest.len() - 32..honest.len()) {
        let mut changed = honest.clone();
        changed[at] ^= 1 << (at % 8);
        put(&changed);
        assert_eq!(visitor.clone().fetch("/").await.status(), 401, "byte {at}");
    }
    put(&honest[..honest.len() - 1]);
    assert_eq!(visitor.clone().fetch("/").await.status(), 401);
    assert_eq!(stage.app.count(), forwarded);
    put(&honest);
    assert_eq!(visitor.clone().fetch("/").await.status(), 200);
}

#[tokio::test]
async fn case_45_a_hosts_ticket_is_refused_by_another_host_that_shares_keys_and_redis() {
    let (server, stage) = stage().await;
    let mut visitor = stage.signed_in().await;
    let other = stage.replica(&[("public_url", "https://b.test")]).await;
    let forwarded = stage.app.count();
    assert_eq!(at(&stage, "https://b.test", other.address(), &visitor).fetch("/").await.status(), 401);
    // The same host, but tokens of another app client or pool.
    for change in [("cognito.user_pool_id", "us-east-1_Another01"), ("cognito.client_id", "another-client")] {
        let other = stage.replica(&[change]).await;
        let mut presented = at(&stage, "https://app.test", other.address(), &visitor);
        assert_eq!(presented.fetch("/").await.status(), 401, "{change:?}");
    }
    assert_eq!(stage.app.count(), forwarded);
    // Nor has any of them ended it.
    assert!(only_record(&server).starts_with("cognigate:session:{"));
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn case_46_chunks_beside_a_ticket_change_nothing_and_alone_they_are_a_login_that_asks_redis_nothing() {
    let (mut server, stage) = stage().await;
    let visitor = stage.signed_in().await;
    let ticket = visitor.jar.get(SESSION).unwrap().to_owned();
    let forged = ["99999999.AAAA", "-1.AAAA", "2.AAAA", "8.", ticket.as_str()];
    for head in forged {
        let mut beside = visitor.clone();
        beside.jar.set(&format!("{SESSION}-1"), head);
        beside.jar.set(&format!("{SESSION}-2"), "AAAA");
        assert_eq!(beside.fetch("/").await.status(), 200, "{head}");
    }
    server.stop();
    for head in forged {
        let cookie = format!("{SESSION}-1={head}; {SESSION}-2=AAAA; {SESSION}-9=A");
        let headers = [FETCH.as_slice(), &[("cookie", cookie.as_str())]].concat();
        assert_eq!(stage.visitor().send(Method::GET, "/", &headers, "").await.status(), 401, "{head}");
        let headers = [NAVIGATION.as_slice(), &[("cookie", cookie.as_str())]].concat();
        assert_eq!(stage.visitor().send(Method::GET, "/", &headers, "").await.status(), 303, "{head}");
    }
}

#[tokio::test]
async fn chunks_of_a_session_in_cookies_are_swept_where_a_ticket_takes_their_place() {
    let (_server, stage) = stage().await;
    let mut visitor = stage.visitor();
    for n in 1..=3 {
        visitor.jar.set(&format!("{SESSION}-{n}"), "stale");
    }
    visitor.sign_in("alice", "/").await;
    let names: Vec<_> = visitor.jar.names().into_iter().filter(|name| !name.ends_with("-check")).collect();
    assert_eq!(names, [SESSION]);
}

#[tokio::test]
async fn case_86_a_login_that_is_not_finished_leaves_nothing_in_redis() {
    let (server, stage) = stage().await;
    for n in 0..50 {
        assert_eq!(stage.visitor().navigate(&format!("/{n}")).await.status(), 303);
        let callback = "/oauth2/callback?state=unknown&code=c";
        assert_eq!(stage.visitor().navigate(callback).await.status(), 303);
    }
    assert_eq!(server.keys(), Vec::<String>::new());
}
