//! The end in its phases: ready no more, still accepting, then not, then over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cognigate::types::full;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::{GateProcess, run_with, stage_with};
use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::wire::{eventually, probe};

/// Longer than any step below takes.
const LONG: &str = "30s";
const HEAD: &str = "GET /open/ HTTP/1.1\r\nHost: app.test\r\n\r\n";
const PROMPTLY: Duration = Duration::from_secs(5);

async fn open() -> Stage {
    stage_with(|setup| setup.set("public", "/open/*")).await
}

/// A replica that goes on accepting for so long.
async fn delayed(stage: &Stage, delay: &str) -> GateProcess {
    run_with(stage, &[("shutdown.drain_delay", delay)]).await
}

async fn unready(gate: &GateProcess) {
    eventually("the gate is not ready", || async { probe(gate.admin, "/readyz").await == 503 }).await;
}

async fn answer(client: &mut Peer) -> Option<String> {
    client.send(HEAD).await;
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    client.exactly(head.one("content-length").unwrap().parse().unwrap()).await;
    head.one("connection").map(str::to_owned)
}

#[tokio::test]
async fn case_84_after_sigterm_readiness_fails_first_and_whoever_comes_is_served_and_asked_to_close() {
    let stage = open().await;
    let gate = delayed(&stage, LONG).await;
    let mut kept = Peer::to(gate.address).await;
    assert_eq!(answer(&mut kept).await, None);
    let mut multiplexed = speak_http2(gate.address).await;
    let (held, count) = (stage.app.hold(), stage.app.count());
    let request = Request::get("http://app.test/open/").body(Full::<Bytes>::default()).unwrap();
    let under_way = tokio::spawn(multiplexed.send_request(request));
    stage.app.reached(count + 1).await;
    gate.process.signal("TERM");
    unready(&gate).await;
    // A GOAWAY does not keep what is under way from its answer.
    drop(held);
    assert_eq!(under_way.await.unwrap().unwrap().status(), 200);
    eventually("a GOAWAY has come", || async { multiplexed.is_closed() }).await;
    let multiplexed = speak_http2(gate.address).await;
    eventually("a GOAWAY has come", || async { multiplexed.is_closed() }).await;
    // An idle connection is not closed under a request that may be on its way.
    assert_eq!(answer(&mut kept).await.as_deref(), Some("close"));
    assert!(kept.rest().await.is_empty());
    let mut new = Peer::to(gate.address).await;
    assert_eq!(answer(&mut new).await.as_deref(), Some("close"));
    assert_eq!(probe(gate.admin, "/livez").await, 200);
    // The second signal skips the delay.
    gate.process.signal("TERM");
    assert_eq!(gate.process.ends_within(PROMPTLY).code, Some(0));
}

#[tokio::test]
async fn sigint_has_no_delay_and_sigquit_ends_at_once_whatever_is_under_way() {
    let stage = open().await;
    let gate = delayed(&stage, LONG).await;
    gate.process.signal("INT");
    assert_eq!(gate.process.ends_within(PROMPTLY).code, Some(0));

    let _held = stage.app.hold();
    for before in [None, Some("TERM"), Some("INT")] {
        let gate = delayed(&stage, LONG).await;
        let count = stage.app.count();
        let mut waiting = Peer::to(gate.address).await;
        waiting.send(HEAD).await;
        stage.app.reached(count + 1).await;
        if let Some(before) = before {
            gate.process.signal(before);
            unready(&gate).await;
        }
        gate.process.signal("QUIT");
        assert_eq!(gate.process.ends_within(PROMPTLY).code, Some(0), "after {before:?}");
        assert!(waiting.rest().await.is_empty());
    }
}

#[tokio::test]
async fn nothing_that_is_not_under_way_holds_the_end_and_what_is_has_its_time_and_no_more() {
    let stage = open().await;
    let gate = run_with(&stage, &[("shutdown.timeout", "1s")]).await;
    let mut idle =
        vec![Peer::to(gate.address).await, Peer::to(gate.address).await, Peer::to(gate.address).await];
    idle[1].send(&HEAD[..20]).await;
    answer(&mut idle[2]).await;
    let _multiplexed = speak_http2(gate.address).await;
    let (began, held) = (Instant::now(), stage.app.hold());
    let count = stage.app.count();
    let mut waiting = Peer::to(gate.address).await;
    waiting.send(HEAD).await;
    stage.app.reached(count + 1).await;
    gate.process.signal("TERM");
    for mut peer in idle {
        assert!(peer.rest().await.is_empty());
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    unready(&gate).await;
    // The probes are answered to the last.
    assert_eq!(probe(gate.admin, "/livez").await, 200);
    let ended = gate.process.ends_within(PROMPTLY);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(ended.code, Some(0));
    assert!(ended.out.contains("the drain took too long"), "{}", ended.out);
    assert!(waiting.rest().await.is_empty());
    drop(held);
}

/// A load balancer that knows of one replica at a time, and goes by its readiness.
struct Balancer {
    replicas: std::sync::Mutex<Vec<(SocketAddr, SocketAddr)>>,
    ended: AtomicBool,
    answered: AtomicUsize,
}

impl Balancer {
    /// The first replica that says that it is ready.
    fn choose(&self) -> SocketAddr {
        self.replicas.lock().unwrap().last().expect("a replica").0
    }

    /// Sends requests one after the other, on one connection for as long as it is kept, to the end.
    async fn send_all(&self) {
        let mut connection = None;
        while !self.ended.load(Ordering::Relaxed) {
            let mut sender = match connection.take() {
                Some(sender) => sender,
                None => {
                    let stream = TcpStream::connect(self.choose()).await.expect("a replica that listens");
                    let (sender, driving) = http1::handshake(TokioIo::new(stream)).await.unwrap();
                    tokio::spawn(driving);
                    sender
                }
            };
            let request = Request::get("/open/").header("host", "app.test");
            let answer = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await;
            let answer = answer.expect("an answer, whatever happens to the replicas");
            assert_eq!(answer.status(), 200);
            let is_last = answer.headers().get("connection").is_some_and(|value| value == "close");
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "well");
            self.answered.fetch_add(1, Ordering::Relaxed);
            if !is_last {
                connection = Some(sender);
            }
        }
    }
}

#[tokio::test]
async fn case_84_a_rolling_restart_of_two_replicas_under_load_loses_no_request() {
    let stage = open().await;
    stage.app.answer(|_| Response::new(full("well")));
    let first = delayed(&stage, "1s").await;
    let second = delayed(&stage, "1s").await;
    let balancer = Arc::new(Balancer {
        replicas: vec![(second.address, second.admin), (first.address, first.admin)].into(),
        ended: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
    });
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let balancer = Arc::clone(&balancer);
            tokio::spawn(async move { balancer.send_all().await })
        })
        .collect();
    // To the end of the test, and no further.
    let mut in_their_place = Vec::new();
    for old in [first, second] {
        let before = balancer.answered.load(Ordering::Relaxed);
        let more = || async { balancer.answered.load(Ordering::Relaxed) > before + 100 };
        eventually("there is load", more).await;
        old.process.signal("TERM");
        // The balancer learns of it by the probe, and only then sends to another.
        unready(&old).await;
        balancer.replicas.lock().unwrap().retain(|(address, _)| *address != old.address);
        let new = delayed(&stage, "1s").await;
        balancer.replicas.lock().unwrap().insert(0, (new.address, new.admin));
        let ended = old.process.ends_within(PROMPTLY);
        assert_eq!(ended.code, Some(0));
        assert!(!ended.out.contains("the drain took too long"), "{}", ended.out);
        in_their_place.push(new);
    }
    balancer.ended.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no request was lost");
    }
    assert!(balancer.answered.load(Ordering::Relaxed) > 200);
}

async fn speak_http2(address: SocketAddr) -> http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://app.test/open/").body(Full::default()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    client
}
