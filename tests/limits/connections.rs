//! How many connections there may be.

use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::wire::{eventually, exchange};

const HEAD: &str = "GET /open/ HTTP/1.1\r\nHost: app.test\r\n\r\n";

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
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
    let mut third = Peer::to(stage.gate.address()).await;
    third.send(HEAD).await;
    answer(&mut third).await;
    assert!(idle.remove(0).rest().await.is_empty());
    let mut second = idle.remove(0);
    second.send(HEAD).await;
    answer(&mut second).await;
}
