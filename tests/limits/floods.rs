//! Frames that no client library would send: each flood ends with its connection, and hurts nobody else.

use h2::Reason;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::http2::connect;
use crate::support::Stage;
use crate::support::wire::PATIENCE;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET http://app.test/open/`, without an entry in any table.
fn get() -> Vec<u8> {
    let literal = |name: &[u8], value: &[u8]| {
        let length = |text: &[u8]| u8::try_from(text.len()).unwrap();
        [&[0, length(name)], name, &[length(value)], value].concat()
    };
    [
        literal(b":method", b"GET"),
        literal(b":scheme", b"http"),
        literal(b":path", b"/open/"),
        literal(b":authority", b"app.test"),
    ]
    .concat()
}

/// Sends the preface and then whatever comes of `more`, until it is enough or the gate has had enough; the last GOAWAY's
/// reason, where there was one.
async fn flood(stage: &Stage, more: impl Iterator<Item = Vec<u8>>) -> Option<Reason> {
    send(stage, more, false).await
}

/// The same, where the client may say that it has no more to say.
async fn send(stage: &Stage, more: impl Iterator<Item = Vec<u8>>, is_all: bool) -> Option<Reason> {
    let stream = TcpStream::connect(stage.gate.address()).await.unwrap();
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

#[tokio::test]
async fn case_66_continuations_without_end_are_a_goaway() {
    let stage = open().await;
    let begin = frame(HEADERS, END_STREAM, 1, &get());
    let more = (0..100_000).map(|_| frame(CONTINUATION, 0, 1, b""));
    assert_eq!(flood(&stage, std::iter::once(begin).chain(more)).await, Some(Reason::ENHANCE_YOUR_CALM));
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
    let reason = flood(&stage, std::iter::once(begin).chain(bombs).chain([end])).await;
    assert!(reason.is_some_and(|reason| reason != Reason::NO_ERROR), "{reason:?}");
    assert_eq!(stage.app.count(), 0);
    is_well(&stage).await;
}

#[tokio::test]
async fn case_66_requests_that_are_taken_back_end_the_connection() {
    let stage = open().await;
    let held = stage.app.hold();
    let cancel = Reason::CANCEL;
    let pair = |stream| {
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get());
        [begin, frame(RST_STREAM, 0, stream, &u32::from(cancel).to_be_bytes())].concat()
    };
    assert!(flood(&stage, streams().map(pair)).await.is_some());
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
    // A window that grows beyond all bounds is an error of the stream alone.
    let pair = |stream| {
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get());
        [begin, frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
    };
    assert!(flood(&stage, streams().map(pair)).await.is_some());
    drop(held);
    assert!(stage.app.count() < 1_000, "{} of them reached the app", stage.app.count());
    is_well(&stage).await;
}

#[tokio::test]
async fn case_66_pings_and_settings_keep_no_connection_open() {
    let stage = open().await;
    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get());
    for kind in [(PING, &[0; 8][..]), (SETTINGS, &[][..])] {
        let more = (0..50_000).map(|_| frame(kind.0, 0, 0, kind.1));
        // It is idle all the same, which is said by GOAWAY.
        let reason = flood(&stage, std::iter::once(request.clone()).chain(more)).await;
        assert_eq!(reason, Some(Reason::NO_ERROR));
        is_well(&stage).await;
    }
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
        send(&stage, std::iter::once(request), true).await;
        assert_eq!(stage.app.count(), 0, "{what}");
    }
}
