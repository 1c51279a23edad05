//! How long a client may take: every time-out fires through the real listener, and none where it must not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cognigate::types::BoxError;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::http2::connect;
use crate::support::Stage;
use crate::support::frames::{
    END_HEADERS, END_STREAM, FIRST, HEADERS, SETTINGS, WINDOW_UPDATE, block, frame,
};
use crate::support::peer::Peer;
use crate::support::tls::{self, Authority, Folder};
use crate::support::wire::{PATIENCE, eventually, metric};

/// The least that can be configured.
const SECOND: Duration = Duration::from_secs(1);
const HEAD: &str = "GET /open/ HTTP/1.1\r\nHost: app.test\r\n\r\n";

/// A stage on which these limits are a second, and whose app is reached without a session.
async fn hasty(limits: &[&str]) -> Stage {
    Stage::with(|setup| {
        let setup = setup.set("public", "/open/*");
        limits.iter().fold(setup, |setup, limit| setup.set(&format!("limits.{limit}"), "1s"))
    })
    .await
}

/// Fails where less than a second has gone by, or far more.
#[track_caller]
fn a_second_since(began: Instant) {
    let took = began.elapsed();
    assert!(took >= SECOND - Duration::from_millis(20) && took < 5 * SECOND, "{took:?}");
}

#[tokio::test]
async fn case_68_a_head_that_does_not_come_whole_is_a_408_however_slowly_it_comes() {
    let stage = hasty(&["header_timeout"]).await;
    let mut client = Peer::to(stage.gate.address()).await;
    let began = Instant::now();
    client.send("GET /open/ HTTP/1.1\r\nHost: app.test\r\nx: ").await;
    // A byte now and then does not help.
    for _ in 0..4 {
        sleep(SECOND / 5).await;
        client.send("a").await;
    }
    let answer = client.head().await;
    a_second_since(began);
    assert_eq!((answer.status(), answer.one("connection")), (408, Some("close")));
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn case_68_the_second_head_of_a_connection_has_the_same_time_as_the_first() {
    let stage = hasty(&["header_timeout"]).await;
    let mut client = Peer::to(stage.gate.address()).await;
    for pause in [Duration::ZERO, Duration::from_millis(600), 2 * SECOND] {
        // Idle for longer than a head may take.
        sleep(pause).await;
        client.send(HEAD).await;
        let answer = client.head().await;
        assert_eq!(answer.status(), 200, "after {pause:?}");
        client.exactly(answer.one("content-length").unwrap().parse().unwrap()).await;
    }
    let began = Instant::now();
    client.send(&HEAD[..20]).await;
    assert_eq!(client.head().await.status(), 408);
    a_second_since(began);
}

#[tokio::test]
async fn case_68_a_connection_that_says_nothing_is_closed_without_a_word() {
    let stage = hasty(&["header_timeout"]).await;
    let began = Instant::now();
    assert!(Peer::to(stage.gate.address()).await.rest().await.is_empty());
    a_second_since(began);
    // Nor is one that begins like HTTP/2 and does not go on.
    for beginning in ["PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"] {
        let began = Instant::now();
        let mut client = Peer::to(stage.gate.address()).await;
        client.send(beginning).await;
        client.rest().await;
        a_second_since(began);
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let stage = hasty(&["idle_timeout"]).await;
    let mut client = Peer::to(stage.gate.address()).await;
    for body in ["", "Content-Length: 2\r\n\r\nhi"] {
        let request = format!("POST /open/ HTTP/1.1\r\nHost: app.test\r\n{body}");
        client.send(&if body.is_empty() { format!("{request}\r\n") } else { request }).await;
        let answer = client.head().await;
        assert_eq!(answer.status(), 200);
        client.exactly(answer.one("content-length").unwrap().parse().unwrap()).await;
        sleep(SECOND / 2).await;
    }
    let began = Instant::now();
    assert!(client.rest().await.is_empty());
    assert!(began.elapsed() > SECOND / 4 && began.elapsed() < 4 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed_and_a_busy_one_is_not() {
    let stage = hasty(&["idle_timeout", "header_timeout"]).await;
    let held = stage.app.hold();
    let mut client = connect(&stage).await;
    let request = Request::get("http://app.test/open/").body(Full::<Bytes>::default()).unwrap();
    let answer = tokio::spawn(client.send_request(request));
    sleep(2 * SECOND).await;
    drop(held);
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "the app");
    let began = Instant::now();
    eventually("the connection is closed", || async { client.is_closed() }).await;
    assert!(began.elapsed() < 4 * SECOND);
}

#[tokio::test]
async fn case_68_a_body_that_stops_coming_is_a_408_and_one_that_is_slow_is_not() {
    let stage = hasty(&["stall_timeout"]).await;
    let mut client = Peer::to(stage.gate.address()).await;
    client.send("POST /open/ HTTP/1.1\r\nHost: app.test\r\nContent-Length: 7\r\n\r\n").await;
    for _ in 0..3 {
        sleep(SECOND / 2).await;
        client.send("b").await;
    }
    let began = Instant::now();
    assert_eq!(client.head().await.status(), 408);
    a_second_since(began);
    client.rest().await;
}

#[tokio::test]
async fn case_68_an_upload_of_grpc_may_be_silent() {
    let stage = hasty(&["stall_timeout"]).await;
    let mut client = Peer::to(stage.gate.address()).await;
    let head = "POST /open/ HTTP/1.1\r\nHost: app.test\r\nContent-Type: application/grpc+proto\r\nContent-Length: 1\r\n\r\n";
    client.send(head).await;
    sleep(2 * SECOND).await;
    client.send("b").await;
    assert_eq!(client.head().await.status(), 200);
}

/// Has the app answer with whatever is sent here, for as long as it is not dropped.
fn streaming(stage: &Stage) -> mpsc::UnboundedSender<Bytes> {
    let (more, rest) = mpsc::unbounded_channel::<Bytes>();
    let rest = Mutex::new(Some(rest));
    stage.app.answer(move |_| {
        let rest = rest.lock().unwrap().take().expect("asked once");
        let frames = futures_util::stream::unfold(rest, |mut rest| async {
            let chunk = rest.recv().await?;
            Some((Ok::<_, BoxError>(Frame::data(chunk)), rest))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    });
    more
}

#[tokio::test]
async fn case_68_an_app_that_is_silent_in_its_answer_is_waited_for_whatever_the_limits() {
    let stage = hasty(&["stall_timeout", "idle_timeout", "header_timeout"]).await;
    let more = streaming(&stage);
    let mut client = Peer::to(stage.gate.address()).await;
    client.send(HEAD).await;
    assert_eq!(client.head().await.status(), 200);
    for _ in 0..2 {
        more.send(Bytes::from_static(b"event")).unwrap();
        assert_eq!(client.chunk().await, b"event");
        sleep(SECOND * 3 / 2).await;
    }
    drop(more);
    assert!(client.chunk().await.is_empty());

    let more = streaming(&stage);
    let mut client = connect(&stage).await;
    let request = Request::get("http://app.test/open/").body(Full::<Bytes>::default()).unwrap();
    let mut events = client.send_request(request).await.unwrap().into_body();
    for _ in 0..2 {
        more.send(Bytes::from_static(b"event")).unwrap();
        assert_eq!(events.frame().await.unwrap().unwrap().into_data().unwrap(), "event");
        sleep(SECOND * 3 / 2).await;
    }
}

#[tokio::test]
async fn case_68_a_client_that_takes_nothing_loses_its_connection_and_the_app_gets_its_own_back() {
    let stage = hasty(&["stall_timeout"]).await;
    let more = streaming(&stage);
    let mut client = Peer::to(stage.gate.address()).await.small_buffers();
    client.send(HEAD).await;
    assert_eq!(client.head().await.status(), 200);
    flood(&more).await;
}

#[tokio::test]
async fn case_68_an_http2_stream_whose_window_stays_shut_is_reset_and_the_others_go_on() {
    let stage = hasty(&["stall_timeout"]).await;
    let more = streaming(&stage);
    let mut client = connect(&stage).await;
    let request = || Request::get("http://app.test/open/").body(Full::<Bytes>::default()).unwrap();
    // Its body is never read, so that its window is never opened again.
    let unread = client.send_request(request()).await.unwrap();
    flood(&more).await;
    stage.app.answer(|_| Response::new(cognigate::types::full("another")));
    let other = client.send_request(request()).await.unwrap();
    assert_eq!(other.into_body().collect().await.unwrap().to_bytes(), "another");
    let mut unread = unread.into_body();
    let end = loop {
        match unread.frame().await.expect("the end of half an answer is no end") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(format!("{end:?}").contains("Reset(StreamId(1), CANCEL"), "{end:?}");
}

/// Sends parts until the app's answer is dropped, which it is after a second in which nobody takes any.
async fn flood(more: &mpsc::UnboundedSender<Bytes>) {
    let began = Instant::now();
    let part = Bytes::from(vec![0; 1024 * 1024]);
    for _ in 0..64 {
        let _ = more.send(part.clone());
    }
    timeout(PATIENCE, more.closed()).await.expect("the answer goes on for ever");
    a_second_since(began);
}

/// Has the app answer with bytes without end: how many of them were taken, and what closes when the answer is dropped.
fn endless(stage: &Stage) -> (Arc<AtomicUsize>, mpsc::Receiver<()>) {
    let (alive, dropped) = mpsc::channel(1);
    let (alive, taken) = (Mutex::new(Some(alive)), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&taken);
    stage.app.answer(move |_| {
        let alive = alive.lock().unwrap().take().expect("asked once");
        let part = Bytes::from(vec![0; 64 * 1024]);
        let frames = futures_util::stream::repeat_with({
            let count = Arc::clone(&count);
            move || {
                let _ = &alive;
                count.fetch_add(part.len(), Ordering::Relaxed);
                Ok::<_, BoxError>(Frame::data(part.clone()))
            }
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    });
    (taken, dropped)
}

/// A GET in HTTP/2 by a client whose windows are as wide as can be, so that nothing but the connection holds it back.
fn wide_open() -> Vec<u8> {
    const WIDEST: u32 = (1 << 31) - 1;
    /// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2).
    const INITIAL_WINDOW: [u8; 2] = [0, 4];
    let fields = [(":method", "GET"), (":scheme", "https"), (":authority", "app.test"), (":path", "/open/")];
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[&INITIAL_WINDOW[..], &WIDEST.to_be_bytes()].concat()),
        frame(WINDOW_UPDATE, 0, 0, &(WIDEST - 65_535).to_be_bytes()),
        frame(HEADERS, END_HEADERS | END_STREAM, FIRST, &block(&fields)),
    ]
    .concat()
}

#[tokio::test]
async fn case_135_a_tls_client_that_takes_nothing_loses_its_connection_and_little_is_held_for_it() {
    const MOST: usize = 64 * 1024 * 1024;
    let (authority, folder) = (Authority::new(), Folder::new());
    folder.put("app", &authority.issue(&["app.test"]));
    for (protocol, request) in [("http/1.1", HEAD.as_bytes().to_vec()), ("h2", wide_open())] {
        let client = authority.client(&[protocol]);
        let stage = Stage::with(|setup| {
            let setup = setup.set("public", "/open/*").set("limits.stall_timeout", "1s");
            setup.over_tls(&folder, &["app"], client.clone())
        })
        .await;
        let (taken, mut dropped) = endless(&stage);
        let connection = tls::connect(stage.gate.address(), "app.test", &Arc::new(client)).await;
        let mut connection = connection.unwrap();
        let began = Instant::now();
        connection.write_all(&request).await.unwrap();
        timeout(PATIENCE, dropped.recv()).await.expect("the answer goes on for ever");
        eventually("the connection has ended", || async {
            metric(stage.gate.admin_address(), "cognigate_connections ").await == 0.0
        })
        .await;
        a_second_since(began);
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken > 0 && taken < MOST, "{protocol}: {taken} bytes were taken from the app");
        // The client is still there.
        drop(connection);
    }
}
