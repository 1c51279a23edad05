//! Frames that no client library would send: each flood ends with its connection, and hurts nobody else.

use std::net::SocketAddr;

use h2::Reason;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::http2::connect;
use crate::support::Stage;
use crate::support::wire::PATIENCE;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET http://app.test/open/`, without an entry in any table.
fn get() -> Vec<u8> {
    get_of("/open/", "")
}

/// The same for another path, with a cookie where it is not empty.
pub(crate) fn get_of(path: &str, cookie: &str) -> Vec<u8> {
    let mut fields =
        vec![(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "app.test")];
    fields.extend((!cookie.is_empty()).then_some(("cookie", cookie)));
    let literal = |(name, value): (&str, &str)| {
        [&[0][..], &length(name), name.as_bytes(), &length(value), value.as_bytes()].concat()
    };
    fields.into_iter().flat_map(literal).collect()
}

/// How long a text is, as HPACK has it (RFC 7541 §5.1).
fn length(text: &str) -> Vec<u8> {
    let Some(mut rest) = text.len().checked_sub(127) else { return vec![u8::try_from(text.len()).unwrap()] };
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128 + 128).unwrap());
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// Sends the preface and then whatever comes of `more`, until it is enough or the gate has had enough; the last GOAWAY's
/// reason, where there was one.
pub(crate) async fn flood(gate: SocketAddr, more: impl Iterator<Item = Vec<u8>>) -> Option<Reason> {
    send(gate, more, false).await
}

/// The same, where the client may say that it has no more to say.
async fn send(gate: SocketAddr, more: impl Iterator<Item = Vec<u8>>, is_all: bool) -> Option<Reason> {
    let stream = TcpStream::connect(gate).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut reason = None;
        let mut head = [0; 9];
        while reader.read_exact(&mut head).await.is_ok() {
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            if reader.read_exact(&mut payload).await.is_err() {
                break;
            }
            if head[3] == GOAWAY {
                let code = u32::from_be_bytes(payload[4..8].try_into().unwrap());
                reason = Some(Reason::from(code));
            }
        }
        reason
    });
    let _ = writer.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()).await;
    for bytes in more {
        if writer.write_all(&bytes).await.is_err() {
            break;
        }
    }
    if is_all {
        let _ = writer.shutdown().await;
    }
    let ended = timeout(PATIENCE, reading).await.expect("the connection does not end").unwrap();
    drop(writer);
    ended
}

async fn open() -> Stage {
    Stage::with(|setup| setup.set("public", "/open/*").set("limits.idle_timeout", "2s")).await
}

/// Others are served as ever.
async fn is_well(stage: &Stage) {
    let mut client = connect(stage).await;
    let request = http::Request::get("http://app.test/open/").body(http_body_util::Full::default()).unwrap();
    let answer = timeout(PATIENCE, client.send_request(request)).await.expect("an answer").unwrap();
    assert_eq!(answer.status(), 200);
}

/// Odd numbers, as a client's streams have.
fn streams() -> impl Iterator<Item = u32> {
    (0..100_000).map(|at| 2 * at + 1)
}

/// A head that goes on for ever.
pub(crate) fn continuations() -> impl Iterator<Item = Vec<u8>> {
    let begin = frame(HEADERS, END_STREAM, 1, &get());
    std::iter::once(begin).chain((0..100_000).map(|_| frame(CONTINUATION, 0, 1, b"")))
}

/// Requests that the client resets at once (rapid reset).
pub(crate) fn requests_taken_back() -> impl Iterator<Item = Vec<u8>> {
    streams().map(|stream| {
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get());
        [begin, frame(RST_STREAM, 0, stream, &u32::from(Reason::CANCEL).to_be_bytes())].concat()
    })
}

/// Requests that the client has the gate reset (MadeYouReset): a window that grows beyond all bounds is an error of the
/// stream alone.
pub(crate) fn requests_to_be_reset() -> impl Iterator<Item = Vec<u8>> {
    streams().map(|stream| {
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get());
        [begin, frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
    })
}

/// One request, and then frames of one kind that each want an answer.
pub(crate) fn behind_a_request(kind: u8, payload: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get());
    std::iter::once(request).chain((0..50_000).map(move |_| frame(kind, 0, 0, payload)))
}

#[tokio::test]
async fn case_66_continuations_without_end_are_a_goaway() {
    let stage = open().await;
    assert_eq!(flood(stage.gate.address(), continuations()).await, Some(Reason::ENHANCE_YOUR_CALM));
    assert_eq!(stage.app.count(), 0);
    is_well(&stage).await;
}

#[tokio::test]
async fn case_67_a_head_that_unpacks_to_megabytes_is_refused() {
    let stage = open().await;
    // One entry of the dynamic table, and then a byte for each time that it is meant.
    let mut block = get();
    block.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    block.extend([b'a'; 4000]);
    let bombs = (0..4).map(|_| frame(CONTINUATION, 0, 1, &[0xbe; 16_000]));
    let begin = frame(HEADERS, END_STREAM, 1, &block);
    let end = frame(CONTINUATION, END_HEADERS, 1, b"");
    let reason = flood(stage.gate.address(), std::iter::once(begin).chain(bombs).chain([end])).await;
    assert!(reason.is_some_and(|reason| reason != Reason::NO_ERROR), "{reason:?}");
    assert_eq!(stage.app.count(), 0);
    is_well(&stage).await;
}

#[tokio::test]
async fn case_66_requests_that_are_taken_back_end_the_connection() {
    let stage = open().await;
    let held = stage.app.hold();
    assert!(flood(stage.gate.address(), requests_taken_back()).await.is_some());
    drop(held);
    assert!(stage.app.count() < 1_000, "{} of them reached the app", stage.app.count());
    is_well(&stage).await;
}

#[tokio::test]
async fn case_66_requests_that_are_taken_back_once_the_app_has_them_end_the_connection_too() {
    let stage = open().await;
    let held = stage.app.hold();
    let stream = TcpStream::connect(stage.gate.address()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut taken_back = 0;
    while let Ok(ready) = client.ready().await {
        client = ready;
        let request = http::Request::get("http://app.test/open/").body(()).unwrap();
        let Ok((answer, mut stream)) = client.send_request(request, true) else { break };
        tokio::select! {
            () = stage.app.reached(taken_back + 1) => {}
            ended = answer => {
                assert!(ended.is_err());
                break;
            }
        }
        stream.send_reset(Reason::CANCEL);
        taken_back += 1;
        assert!(taken_back < 200, "{taken_back} requests were taken back, and the connection goes on");
    }
    assert!(taken_back >= 100, "the connection ended after {taken_back}");
    drop(held);
    is_well(&stage).await;
}

#[tokio::test]
async fn case_66_requests_that_make_the_gate_reset_them_end_the_connection() {
    let stage = open().await;
    let held = stage.app.hold();
    // h2's own count, before the one of requests that are taken back.
    let reason = flood(stage.gate.address(), requests_to_be_reset()).await;
    assert_eq!(reason, Some(Reason::ENHANCE_YOUR_CALM));
    drop(held);
    assert!(stage.app.count() < 1_000, "{} of them reached the app", stage.app.count());
    is_well(&stage).await;
}

#[tokio::test]
async fn case_66_pings_and_settings_keep_no_connection_open() {
    let stage = open().await;
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[][..])] {
        // It is idle all the same, which is said by GOAWAY.
        let reason = flood(stage.gate.address(), behind_a_request(kind, payload)).await;
        assert_eq!(reason, Some(Reason::NO_ERROR));
        is_well(&stage).await;
    }
}

#[tokio::test]
async fn case_120_frames_that_bring_no_request_further_are_a_goaway() {
    // It would be busy for as long as it likes.
    let stage = Stage::with(|setup| setup.set("public", "/open/*")).await;
    let held = stage.app.hold();
    let unknown = 0x77;
    for (kind, payload) in [
        (SETTINGS, &[][..]),
        (PRIORITY, &[0, 0, 0, 0, 1]),
        (PING, &[0; 8]),
        (WINDOW_UPDATE, &[0, 0, 0, 1]),
        (unknown, &[]),
    ] {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get());
        // PRIORITY is about a stream, the others are about the connection.
        let stream = if kind == PRIORITY { 3 } else { 0 };
        let flood_of = (0..50_000).map(|_| frame(kind, 0, stream, payload));
        let began = std::time::Instant::now();
        let reason = flood(stage.gate.address(), std::iter::once(request).chain(flood_of)).await;
        assert_eq!(reason, Some(Reason::NO_ERROR), "{kind}");
        assert!(began.elapsed() < PATIENCE, "{kind}");
    }
    drop(held);
    is_well(&stage).await;
}

#[tokio::test]
async fn case_65_what_http2_forbids_in_a_head_is_reset_and_never_the_apps() {
    let stage = open().await;
    let literal = |name: &[u8], value: &[u8]| {
        let length = |text: &[u8]| u8::try_from(text.len()).unwrap();
        [&[0, length(name)], name, &[length(value)], value].concat()
    };
    let head = |path: &[u8], further: Vec<u8>| {
        [
            literal(b":method", b"GET"),
            literal(b":scheme", b"http"),
            literal(b":path", path),
            literal(b":authority", b"app.test"),
            further,
        ]
        .concat()
    };
    for (what, block) in [
        ("a space", head(b"/open/ HTTP/1.1", vec![])),
        ("line ends", head(b"/open/\r\nx: y", vec![])),
        ("no path", head(b"", vec![])),
        ("TE", head(b"/open/", literal(b"te", b"chunked"))),
        ("Connection", head(b"/open/", literal(b"connection", b"close"))),
        ("Transfer-Encoding", head(b"/open/", literal(b"transfer-encoding", b"chunked"))),
        ("a line end in a value", head(b"/open/", literal(b"x", b"a\r\nb: c"))),
        ("a capital", head(b"/open/", literal(b"X-A", b"b"))),
        ("two paths", head(b"/open/", literal(b":path", b"/open/"))),
    ] {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block);
        send(stage.gate.address(), std::iter::once(request), true).await;
        assert_eq!(stage.app.count(), 0, "{what}");
    }
}
