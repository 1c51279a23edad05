//! How many connections there may be.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http2::connect;
use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::wire::{eventually, exchange};

const HEAD: &str = "GET /open/ HTTP/1.1\r\nHost: app.test\r\n\r\n";

/// Far below the time-outs that end connections: `limits.header_timeout` is 10 s, the others are longer.
const SOON: Duration = Duration::from_secs(7);

async fn at_most(connections: &str) -> Stage {
    Stage::with(|setup| setup.set("public", "/open/*").set("limits.connections", connections)).await
}

async fn answer(client: &mut Peer) {
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    client.exactly(head.one("content-length").unwrap().parse().unwrap()).await;
}

/// The value of a metric without labels.
async fn metric(stage: &Stage, name: &str) -> f64 {
    let request = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec();
    let text = String::from_utf8(exchange(stage.gate.admin_address(), request).await).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_until_one_ends() {
    let stage = at_most("2").await;
    let held = stage.app.hold();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Peer::to(stage.gate.address()).await;
        client.send(HEAD).await;
        clients.push(client);
    }
    stage.app.reached(2).await;
    eventually("one waits", || async { metric(&stage, "cognigate_connections_waited_total").await == 1.0 })
        .await;
    assert_eq!(metric(&stage, "cognigate_connections").await, 2.0);
    assert_eq!(stage.app.count(), 2);
    drop(held);
    for client in &mut clients {
        answer(client).await;
    }
    assert_eq!(stage.app.count(), 3);
}

#[tokio::test]
async fn whoever_has_been_idle_for_longest_goes_where_somebody_needs_the_place() {
    let stage = at_most("2").await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut client = Peer::to(stage.gate.address()).await;
        client.send(HEAD).await;
        answer(&mut client).await;
        idle.push(client);
        // A connection is at rest 250 ms after its answer: only then is it clear which came first.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let mut third = Peer::to(stage.gate.address()).await;
    third.send(HEAD).await;
    answer(&mut third).await;
    assert!(idle.remove(0).rest().await.is_empty());
    let mut second = idle.remove(0);
    second.send(HEAD).await;
    answer(&mut second).await;
}

/// A request by a connection of its own, answered sooner than any time-out ends another.
async fn is_served_soon(stage: &Stage) {
    let mut client = Peer::to(stage.gate.address()).await;
    client.send(HEAD).await;
    timeout(SOON, answer(&mut client)).await.expect("no place was made");
}

#[tokio::test]
async fn case_118_an_idle_http2_connection_goes_for_a_new_one() {
    let stage = at_most("5").await;
    let mut idle = Vec::new();
    for _ in 0..5 {
        let mut client = connect(&stage).await;
        let request = Request::get("http://app.test/open/").body(Full::default()).unwrap();
        let answer = client.send_request(request).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "the app");
        idle.push(client);
    }
    is_served_soon(&stage).await;
    eventually("the one that was idle for longest is told to go", || async { idle[0].is_closed() }).await;
    assert!(!idle[4].is_closed());
    assert_eq!(metric(&stage, "cognigate_connections_evicted_total{limit=\"connections\"}").await, 1.0);
}

#[tokio::test]
async fn case_119_uploads_that_drip_go_for_a_new_connection() {
    let stage = at_most("5").await;
    let mut dripping = JoinSet::new();
    for _ in 0..5 {
        let mut client = Peer::to(stage.gate.address()).await;
        client.send("POST /open/ HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000\r\n\r\n").await;
        let mut stream = client.into_stream();
        dripping.spawn(async move {
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    is_served_soon(&stage).await;
    timeout(SOON, dripping.join_next()).await.expect("all drip on");
}

#[tokio::test]
async fn case_119_heads_that_drip_go_for_a_new_connection() {
    let stage = at_most("5").await;
    let mut dripping = Vec::new();
    for _ in 0..5 {
        let mut client = Peer::to(stage.gate.address()).await;
        client.send("GET /open/ HTTP/1.1\r\nHost: app.te").await;
        dripping.push(client);
    }
    is_served_soon(&stage).await;
}

#[tokio::test]
async fn a_signed_in_users_idle_connection_goes_after_a_strangers() {
    let stage = at_most("2").await;
    let visitor = stage.signed_in().await;
    let cookies = visitor.jar.line().unwrap();
    let mut user = Peer::to(stage.gate.address()).await;
    let head =
        format!("GET /mine HTTP/1.1\r\nHost: app.test\r\nCookie: {}\r\n\r\n", cookies.to_str().unwrap());
    user.send(&head).await;
    answer(&mut user).await;
    // Idle for less than the user's.
    let mut stranger = Peer::to(stage.gate.address()).await;
    stranger.send(HEAD).await;
    answer(&mut stranger).await;
    is_served_soon(&stage).await;
    assert!(stranger.rest().await.is_empty());
    user.send(&head).await;
    answer(&mut user).await;
}
