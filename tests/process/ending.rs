//! The end: by which signals, how soon, and what still finishes.

use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use cognigate::types::{BoxError, full};
use http::{Response, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{ALONE, GateProcess, run, run_alone, stage};
use crate::program::Program;
use crate::support::visitor::NAVIGATION;
use crate::support::wire;

/// Far below the half minute that a request's head, or the drain, may take.
const PROMPTLY: Duration = Duration::from_secs(5);

/// Connections that have nothing under way: one that never said a word, one that has its answer, on either port.
async fn idle_connections(gate: &GateProcess) -> Vec<TcpStream> {
    let mut idle = Vec::new();
    for address in [gate.address, gate.admin] {
        idle.push(TcpStream::connect(address).await.unwrap());
        let mut kept = TcpStream::connect(address).await.unwrap();
        kept.write_all(b"GET /livez HTTP/1.1\r\nHost: app.test\r\n\r\n").await.unwrap();
        let mut begin = [0; 12];
        kept.read_exact(&mut begin).await.unwrap();
        assert!(begin.starts_with(b"HTTP/1.1 "), "{begin:?}");
        idle.push(kept);
    }
    idle
}

#[tokio::test]
async fn run_ends_with_0_and_promptly_after_either_signal_though_connections_are_kept_alive() {
    for name in ["INT", "TERM"] {
        let gate = run_alone(|program| program);
        let _idle = idle_connections(&gate).await;
        gate.process.signal(name);
        let ended = gate.process.ends_within(PROMPTLY);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "SIG{name}: {ended:?}");
        assert!(ended.out.contains(&format!("\"signal\":\"SIG{name}\"")), "{}", ended.out);
    }
}

#[tokio::test]
async fn a_gate_that_logs_errors_alone_serves_until_it_is_told_to_end() {
    // It prints no line that says where it listens. Both ports at once, so that they differ.
    let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [address, admin] = free.map(|listener| listener.local_addr().unwrap());
    let gate = Program::new(&["run", "--config=alone.toml", "--log-level=error"])
        .file("alone.toml", &ALONE.replacen("127.0.0.1:0", &address.to_string(), 1))
        .variable("COGNIGATE_ADMIN__ADDRESS", &admin.to_string())
        .start();
    let live = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    wire::eventually("the gate serves", || async {
        TcpStream::connect(admin).await.is_ok()
            && wire::status(&wire::exchange(admin, live.to_vec()).await) == 200
    })
    .await;
    gate.signal("TERM");
    let ended = gate.ends_within(PROMPTLY);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "", ""));
}

#[tokio::test]
async fn case_84_an_answer_under_way_is_finished_after_sigterm() {
    let stage = stage().await;
    let gate = run(&stage, &[], |program| program).await;
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);

    let (more, rest) = mpsc::unbounded_channel::<Bytes>();
    let rest = Mutex::new(Some(rest));
    stage.app.answer(move |_| {
        let rest = rest.lock().unwrap().take().unwrap();
        let frames = futures_util::stream::unfold(rest, |mut rest| async {
            let chunk = rest.recv().await?;
            Some((Ok::<_, BoxError>(Frame::data(chunk)), rest))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    });
    let mut connection = TcpStream::connect(gate.address).await.unwrap();
    let cookies = visitor.jar.line().unwrap();
    let mut request =
        format!("GET /long HTTP/1.1\r\nhost: app.test\r\ncookie: {}\r\n", cookies.to_str().unwrap());
    for (name, value) in NAVIGATION {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    connection.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    more.send(Bytes::from_static(b"the beginning")).unwrap();
    let mut answer = Vec::new();
    read_until(&mut connection, &mut answer, "the beginning").await;

    gate.process.signal("TERM");
    closed(gate.address).await;
    more.send(Bytes::from_static(b" and the end")).unwrap();
    drop(more);
    connection.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(" and the end\r\n0\r\n\r\n"), "the answer was cut off: {answer}");
    assert_eq!(gate.process.ends_within(PROMPTLY).code, Some(0));
}

#[tokio::test]
async fn case_84_a_request_that_waits_for_the_app_gets_its_answer_after_sigterm_and_is_told_to_close() {
    let stage = stage().await;
    let gate = run(&stage, &[], |program| program).await;
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);

    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (arrived, mut arrives) = mpsc::unbounded_channel();
    let wait = Mutex::new(wait);
    stage.app.answer(move |_| {
        arrived.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        Response::new(full("late, but here"))
    });
    let asking = tokio::spawn(async move { visitor.navigate("/slow").await });
    arrives.recv().await.unwrap();
    gate.process.signal("TERM");
    closed(gate.address).await;
    go_on.send(()).unwrap();
    let answer = asking.await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (200, b"late, but here".as_ref()));
    assert_eq!(answer.headers()[header::CONNECTION], "close");
    assert_eq!(gate.process.ends_within(PROMPTLY).code, Some(0));
}

/// Waits until whoever comes is not served any more, which says that the end has begun.
async fn closed(address: SocketAddr) {
    wire::eventually("the public port is closed", || async { TcpStream::connect(address).await.is_err() })
        .await;
}

/// Reads on until `part` has come.
async fn read_until(connection: &mut TcpStream, so_far: &mut Vec<u8>, part: &str) {
    while !String::from_utf8_lossy(so_far).contains(part) {
        let read = tokio::time::timeout(wire::PATIENCE, connection.read_buf(so_far)).await;
        assert_ne!(read.expect("it did not come").unwrap(), 0, "closed before {part:?}");
    }
}
