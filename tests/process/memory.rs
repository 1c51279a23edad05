//! What clients can have the gate hold, in control groups as small as those of the manifests.
//!
//! These tests make control groups, which takes root and a memory controller that can be written to.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{GateProcess, MANY_CONNECTIONS, run, stage_with};
use crate::limits::floods::{END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame, get_of};
use crate::program::is_optimized;
use crate::support::Stage;
use crate::support::visitor::Visitor;
use crate::support::wire::exchange;

/// What the manifests of deploy/kubernetes allow, and a quarter of it.
const GROUPS: [u64; 2] = [256 << 20, 64 << 20];
/// How much later than without an attack a signed-in user's page may come. A build for debugging takes ten times as long
/// for everything that the attackers ask for.
fn later() -> Duration {
    Duration::from_secs(if is_optimized() { 1 } else { 10 })
}

/// How soon memory is given back once the attackers have gone, and what may be missing of it; else a quarter.
const GIVEN_BACK: Duration = Duration::from_secs(10);
const KEPT: usize = 16 << 20;
/// A client that has its answers wait: the window of every stream is 0 (`SETTINGS_INITIAL_WINDOW_SIZE`).
const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// A control group for one process, with a bound for its memory. Removed when it is dropped, after the process.
struct ControlGroup(PathBuf);

impl ControlGroup {
    fn new(bytes: u64) -> Self {
        let name = format!("cognigate-test-{}-{bytes}", std::process::id());
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let version_1 = Path::new("/sys/fs/cgroup/memory");
        let (parent, file) = if version_1.join("memory.limit_in_bytes").exists() {
            (version_1.to_owned(), "memory.limit_in_bytes")
        } else {
            let path = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
            (Path::new("/sys/fs/cgroup").join(path), "memory.max")
        };
        let group = Self(parent.join(name));
        let made =
            fs::create_dir_all(&group.0).and_then(|()| fs::write(group.0.join(file), bytes.to_string()));
        if let Err(error) = made {
            panic!(
                "{}: {error}: this test needs root, and control groups that can be written",
                group.0.display()
            );
        }
        group
    }

    fn processes(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // Kept where a process is left in it, which does no harm.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Attackers of one kind, on a thread of their own. They hold their connections until this is dropped.
struct Attackers {
    _end: oneshot::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Attackers {
    /// So many connections that each send `bytes`, and then neither send nor read.
    fn send(gate: SocketAddr, count: usize, bytes: Vec<u8>) -> Self {
        let (end, ended) = oneshot::channel::<()>();
        let bytes = Bytes::from(bytes);
        let attack = async move {
            let mut all = JoinSet::new();
            for _ in 0..count {
                let bytes = bytes.clone();
                all.spawn(async move {
                    let mut stream = TcpStream::connect(gate).await.ok()?;
                    // The gate reads slowly, or has ended the connection.
                    let _ = timeout(Duration::from_secs(2), stream.write_all(&bytes)).await;
                    Some(stream)
                });
            }
            let _held = all.join_all().await;
            let _ = ended.await;
        };
        let thread = thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(attack);
        });
        Self { _end: end, thread: Some(thread) }
    }

    /// Closes their connections.
    fn go(mut self) {
        let thread = self.thread.take();
        drop(self);
        thread.unwrap().join().unwrap();
    }
}

/// `streams` requests of one connection whose answers are never taken.
fn stalled(streams: u32, path: &str, cookie: &str) -> Vec<u8> {
    let requests =
        (0..streams).map(|at| frame(HEADERS, END_STREAM | END_HEADERS, 2 * at + 1, &get_of(path, cookie)));
    [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &NO_WINDOW)].into_iter().chain(requests).flatten().collect()
}

/// A stage whose app has a page of 200 kB.
async fn open() -> Stage {
    let stage = stage_with(|setup| setup.set("public", "/open/*")).await;
    stage.app.answer(|arrived| {
        let body = if arrived.target == "/open/large" { vec![b'x'; 200_000] } else { b"the app".to_vec() };
        Response::new(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync())
    });
    stage
}

async fn in_group(stage: &Stage, group: &ControlGroup) -> GateProcess {
    let quiet = "--set=log.level=info,cognigate::access=off,cognigate::server=debug";
    run(stage, &[], |mut program| {
        program.command.arg(quiet);
        program.in_control_group(&group.processes())
    })
    .await
}

/// How long a signed-in user's page takes, by a connection of its own.
///
/// A build for debugging frees memory so slowly under attack that a user's connection may be ended in vain, and is
/// begun again.
async fn page(visitor: &Visitor, gate: &GateProcess) -> Duration {
    let began = Instant::now();
    let cookies = visitor.jar.line().unwrap();
    let head = format!(
        "GET /mine HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nCookie: {}\r\n\r\n",
        cookies.to_str().unwrap()
    );
    let mut left = if is_optimized() { 1 } else { 5 };
    loop {
        let answer = exchange(gate.address, head.clone().into_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        if answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("the app") {
            return began.elapsed();
        }
        left -= 1;
        assert!(left > 0, "{answer:?} after {:?}:\n{}", began.elapsed(), gate.process.printed());
    }
}

/// How long the same takes at the app itself: what the machine is busy with beside the attack.
async fn directly(stage: &Stage) -> Duration {
    let began = Instant::now();
    let request = b"GET /mine HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n".to_vec();
    exchange(stage.app.address(), request).await;
    began.elapsed()
}

fn resident_bytes(gate: &GateProcess) -> usize {
    let pages = fs::read_to_string(format!("/proc/{}/statm", gate.process.id())).unwrap();
    let resident: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    resident * 4096
}

/// Runs an attack against a gate in each group: the gate lives, a signed-in user is served meanwhile, and the memory is
/// given back behind it.
async fn survives(count: usize, bytes: impl Fn(&Visitor) -> Vec<u8>) {
    let _alone = MANY_CONNECTIONS.lock().await;
    for limit in GROUPS {
        let stage = open().await;
        let group = ControlGroup::new(limit);
        let gate = in_group(&stage, &group).await;
        let mut visitor = gate.visitor(&stage);
        assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);
        page(&visitor, &gate).await;
        let before = resident_bytes(&gate);
        let attackers = Attackers::send(gate.address, count, bytes(&visitor));
        for _ in 0..20 {
            let (took, usual) = tokio::join!(page(&visitor, &gate), directly(&stage));
            assert!(
                took < later() + 3 * usual,
                "a page took {took:?} in {} MiB, {usual:?} at the app:\n{}",
                limit >> 20,
                gate.process.printed(),
            );
            sleep(Duration::from_millis(100)).await;
        }
        let most = resident_bytes(&gate);
        attackers.go();
        let gone = Instant::now();
        let kept = KEPT.max(most.saturating_sub(before) / 4);
        while resident_bytes(&gate) > before + kept {
            let left = resident_bytes(&gate) >> 20;
            let (before, most) = (before >> 20, most >> 20);
            assert!(gone.elapsed() < GIVEN_BACK, "{before} MiB before, {most} under attack, {left} after");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn case_103_and_115_answers_that_nobody_takes_fit_into_the_memory_and_are_given_back() {
    survives(40, |_| stalled(128, "/private", "")).await;
}

#[tokio::test]
async fn case_104_thousands_of_connections_that_have_begun_a_head_fit_into_the_memory() {
    survives(7_000, |_| b"GET / HTTP/1.1\r\nHost: app.te".to_vec()).await;
}

#[tokio::test]
async fn case_105_heads_that_never_end_fit_into_the_memory() {
    let mut head = b"GET / HTTP/1.1\r\nHost: app.test\r\nX-A: ".to_vec();
    head.resize(head.len() + 79_000, b'a');
    survives(3_500, |_| head.clone()).await;
}

#[tokio::test]
async fn case_106_large_answers_that_nobody_takes_fit_into_the_memory() {
    survives(25, |_| stalled(128, "/open/large", "")).await;
}

#[tokio::test]
async fn case_106_a_user_cannot_have_the_gate_hold_too_much_either() {
    let cookie = |visitor: &Visitor| visitor.jar.line().unwrap().to_str().unwrap().to_owned();
    survives(25, |visitor| stalled(128, "/open/large", &cookie(visitor))).await;
}
