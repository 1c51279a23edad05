//! Bodies far larger than what the gate may keep of them.

use std::fs;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{run, stage};
use crate::support::peer::Peer;

const GIBIBYTE: usize = 1 << 30;
const PART: usize = 1 << 20;
/// What the process may gain while a gibibyte goes through: its buffers and some slack, for both ways.
const GAIN: u64 = 16 << 20;

/// The most memory that a process has ever had, in bytes.
pub(super) fn most_memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

async fn give(to: &mut (impl AsyncWrite + Unpin)) {
    let part = vec![b'x'; PART];
    for _ in 0..GIBIBYTE / PART {
        to.write_all(&part).await.unwrap();
    }
}

async fn take(from: &mut (impl AsyncRead + Unpin)) {
    let mut part = vec![0; PART];
    let mut left = GIBIBYTE;
    while left > 0 {
        let read = from.read(&mut part[..PART.min(left)]).await.unwrap();
        assert!(read > 0, "it ends {left} bytes early");
        assert!(part[0] == b'x' && part[read - 1] == b'x');
        left -= read;
    }
}

#[tokio::test]
async fn a_gibibyte_each_way_at_once_leaves_the_memory_as_it_was() {
    let stage = stage().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let upstream = format!("--set=upstream=http://{}", listener.local_addr().unwrap());
    let gate = run(&stage, &["upstream"], |mut program| {
        program.command.arg(upstream);
        program.variable("COGNIGATE_PUBLIC", "/large")
    })
    .await;
    // Warm: what the first request needs is not the body's.
    let began = Instant::now();
    let mut before = 0;
    for length in [0, GIBIBYTE] {
        before = most_memory(gate.process.id()).max(before);
        let mut client = Peer::to(gate.address).await;
        client
            .send(format!("POST /large HTTP/1.1\r\nHost: app.test\r\nContent-Length: {length}\r\n\r\n"))
            .await;
        let (app, _) = listener.accept().await.unwrap();
        let mut app = Peer::of(app);
        assert_eq!(app.head().await.one("content-length"), Some(length.to_string().as_str()));
        app.send(format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")).await;
        assert_eq!(client.head().await.status(), 200);
        if length > 0 {
            let (mut client_reads, mut client_writes) = client.into_stream().into_split();
            let (mut app_reads, mut app_writes) = app.into_stream().into_split();
            tokio::join!(
                give(&mut client_writes),
                take(&mut app_reads),
                give(&mut app_writes),
                take(&mut client_reads)
            );
        }
    }
    let gain = most_memory(gate.process.id()) - before;
    assert!(gain < GAIN, "{} MiB more after {:?}", gain >> 20, began.elapsed());
}
