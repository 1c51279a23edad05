//! Unfinished logins cost the browser a cookie and the gate nothing.

use std::fs;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{GateProcess, run_alone};
use crate::program::Program;

/// How each answer of [`ask`] begins.
const START: &[u8] = b"HTTP/1.1 303 See Other\r\n";

/// How many logins begin: a thousand, unless `UNFINISHED_LOGINS` says otherwise.
fn logins() -> usize {
    std::env::var("UNFINISHED_LOGINS").map_or(1_000, |logins| logins.parse().unwrap())
}

#[tokio::test]
async fn case_86_a_thousand_unfinished_logins_leave_the_memory_flat() {
    stays_flat(&run_alone(quiet)).await;
}

#[cfg(feature = "redis-tests")]
#[tokio::test]
async fn case_86_a_thousand_unfinished_logins_leave_the_memory_flat_and_redis_empty() {
    let server = crate::support::redis::RedisServer::start();
    let sets = [
        "--set=session.keys=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned(),
        "--set=session.store=redis".to_owned(),
        format!("--set=redis.url={}", server.url()),
    ];
    let gate = run_alone(|program| {
        let mut program = quiet(program);
        program.command.args(sets);
        program
    });
    stays_flat(&gate).await;
    assert_eq!(server.keys(), Vec::<String>::new());
}

fn quiet(program: Program) -> Program {
    program.variable("COGNIGATE_LOG__LEVEL", "info,cognigate::access=off")
}

/// Begins logins, and comes back from others that never began.
async fn stays_flat(gate: &GateProcess) {
    // What would be kept for each is its return path at least: 2 kB, so 2 MB for a thousand.
    let begin = format!("/{}", "a".repeat(2000));
    let unknown = "/oauth2/callback?state=unknown&code=c";
    ask(gate.address, &begin, 300).await;
    ask(gate.address, unknown, 300).await;
    let before = resident_bytes(gate);
    ask(gate.address, &begin, logins()).await;
    ask(gate.address, unknown, logins() / 2).await;
    let grown = resident_bytes(gate).saturating_sub(before);
    assert!(grown < 1024 * 1024, "{grown} bytes more");
}

/// Asks so many times (hundreds) on one connection, each time as a browser without a cookie.
async fn ask(gate: SocketAddr, target: &str, times: usize) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: app.test\r\nAccept: text/html\r\n\r\n");
    let (mut reader, mut writer) = TcpStream::connect(gate).await.unwrap().into_split();
    let writing = tokio::spawn(async move {
        for _ in 0..times / 100 {
            writer.write_all(request.repeat(100).as_bytes()).await.unwrap();
        }
        writer
    });
    let mut answers = 0;
    let mut tail = Vec::new();
    while answers < times {
        let read = reader.read_buf(&mut tail).await.unwrap();
        assert!(read > 0, "the gate hung up after {answers} answers");
        answers += tail.windows(START.len()).filter(|part| *part == START).count();
        // An answer may be cut within its first words.
        tail.drain(..tail.len().saturating_sub(START.len() - 1));
    }
    drop(writing.await);
}

fn resident_bytes(gate: &GateProcess) -> usize {
    let pages = fs::read_to_string(format!("/proc/{}/statm", gate.process.id())).unwrap();
    let resident: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}
