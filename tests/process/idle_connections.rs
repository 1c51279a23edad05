//! What connections cost that nobody uses.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{GateProcess, MANY_CONNECTIONS, run_with, stage_with};
use crate::support::wire::{PATIENCE, eventually};

const CONNECTIONS: usize = 10_000;
/// Of the gate's memory, for each.
const MOST_BYTES: usize = 15_000;

#[tokio::test]
async fn idle_connections_cost_at_most_15_kb_each_and_a_full_gate_makes_room() {
    let _alone = MANY_CONNECTIONS.lock().await;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let stage = stage_with(|setup| setup.set("public", "/open/*")).await;
    let most = CONNECTIONS.to_string();
    let gate = run_with(
        &stage,
        &[
            ("limits.connections", &most),
            ("limits.idle_timeout", "1h"),
            ("log.level", "info,cognigate::access=off"),
        ],
    )
    .await;
    // What the first requests set up is not the connections'.
    for _ in 0..20 {
        served(&gate).await;
    }
    let before = resident_bytes(&gate);
    let mut idle = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS / 100 {
        let begun: Vec<_> = (0..100).map(|_| served(&gate)).collect();
        idle.extend(futures_util::future::join_all(begun).await);
    }
    let grown = resident_bytes(&gate).saturating_sub(before);
    let each = grown / CONNECTIONS;
    println!("{each} bytes for each idle connection");
    assert!(each <= MOST_BYTES, "{each} bytes for each of {CONNECTIONS} connections");
    // Beyond the limit, one that has been idle for long goes.
    let _further = timeout(PATIENCE, served(&gate)).await.expect("no room");
    eventually("one is closed", || {
        let closed = idle.iter().any(|stream| stream.try_read(&mut [0]).is_ok_and(|read| read == 0));
        async move { closed }
    })
    .await;
}

/// A connection that has had one answer.
async fn served(gate: &GateProcess) -> TcpStream {
    let mut stream = TcpStream::connect(gate.address).await.unwrap();
    let request = format!("GET /open/ HTTP/1.1\r\nHost: app.test\r\nCookie: a={}\r\n\r\n", "b".repeat(4000));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"the app") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    stream
}

fn resident_bytes(gate: &GateProcess) -> usize {
    let pages = fs::read_to_string(format!("/proc/{}/statm", gate.process.id())).unwrap();
    let resident: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}
