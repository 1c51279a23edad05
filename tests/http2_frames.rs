//! HTTP/2 frame by frame: what RFC 9113 and RFC 7541 refuse is refused, as h2spec would ask for it.
//!
//! The frames are h2's affair. These are here so that no version of it and no setting of ours gives one of them up. What
//! h2 is lenient about: a preface without settings, the code for a window that is too large, pseudo-headers in trailers
//! (dropped), a stream that depends on itself (priorities mean nothing).

use crate::support::Stage;
use crate::support::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FIRST, Frames, GOAWAY, HEADERS, Outcome, PADDED, PING,
    PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, block, frame,
};

const PROTOCOL: u32 = 1;
const FLOW_CONTROL: u32 = 3;
const CLOSED: u32 = 5;
const FRAME_SIZE: u32 = 6;
const REFUSED: u32 = 7;
const COMPRESSION: u32 = 9;

/// What must come of it.
#[derive(Clone, Copy, Debug)]
enum Must {
    /// The connection ends, by GOAWAY with one of these codes.
    End(&'static [u32]),
    /// The stream is reset with one of these codes; or the connection ends, which is stricter.
    Reset(&'static [u32]),
    /// It is answered as if nothing had been wrong.
    Go,
}
use Must::{End, Go, Reset};

/// A client with a session, and what it says behind its preface and empty settings.
struct Talk {
    stage: Stage,
    cookie: String,
}

type Said = Vec<u8>;

impl Talk {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let cookie = stage.signed_in().await.jar.line().unwrap().to_str().unwrap().to_owned();
        Self { stage, cookie }
    }

    fn fields(&self, method: &'static str) -> Vec<(&str, &str)> {
        vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", "app.test"),
            (":path", "/"),
            ("cookie", &self.cookie),
        ]
    }

    /// A whole GET.
    fn get(&self, stream: u32) -> Said {
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&self.fields("GET")))
    }

    /// The head of a POST that goes on.
    fn post(&self, stream: u32) -> Said {
        frame(HEADERS, END_HEADERS, stream, &block(&self.fields("POST")))
    }

    /// Says it all and looks at what comes of `stream`.
    async fn check(&self, what: &str, stream: u32, said: &[Said], must: Must) {
        let before = self.stage.app.count();
        let mut client = Frames::open(self.stage.gate.address()).await;
        client.send_bytes(&said.concat()).await;
        let outcome = client.outcome(stream).await;
        let fits = match (must, outcome) {
            (End(codes) | Reset(codes), Outcome::GoAway(code)) => codes.contains(&code),
            (Reset(codes), Outcome::Reset(code)) => codes.contains(&code),
            (Go, Outcome::Answer(200)) => true,
            _ => false,
        };
        assert!(fits, "{what}: {outcome:?} where it must be {must:?}");
        if matches!(outcome, Outcome::GoAway(_)) {
            while client.next().await.is_some() {}
        }
        if !matches!(must, Go) {
            let whole = self.stage.app.received()[before..].iter().any(|arrived| !arrived.body.is_empty());
            assert!(!whole, "{what} made a whole request");
        }
    }
}

fn settings(pairs: &[(u16, u32)]) -> Said {
    let pair = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &pairs.iter().flat_map(pair).collect::<Vec<_>>())
}

fn window(stream: u32, by: u32) -> Said {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

#[tokio::test]
async fn frames_of_a_wrong_size_or_on_a_wrong_stream_end_the_connection() {
    let talk = Talk::new().await;
    let get = || talk.get(FIRST);
    let head = block(&talk.fields("GET"));
    let none: &[u8] = b"";
    for (what, said) in [
        ("6.1 DATA on stream 0", frame(DATA, 0, 0, b"ab")),
        ("6.2 HEADERS on stream 0", frame(HEADERS, END_HEADERS | END_STREAM, 0, &head)),
        ("6.3 PRIORITY on stream 0", frame(PRIORITY, 0, 0, &[0, 0, 0, 3, 1])),
        ("6.4 RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, &[0, 0, 0, 8])),
        ("6.5 SETTINGS on a stream", frame(SETTINGS, 0, FIRST, none)),
        ("6.7 PING on a stream", frame(PING, 0, FIRST, &[0; 8])),
        ("6.8 GOAWAY on a stream", frame(GOAWAY, 0, FIRST, &[0; 8])),
        ("6.10 CONTINUATION on stream 0", frame(CONTINUATION, END_HEADERS, 0, &head)),
        ("8.4 PUSH_PROMISE of a client", frame(PUSH_PROMISE, END_HEADERS, FIRST, &[0, 0, 0, 2])),
        ("5.1.1 a stream of an even number", talk.get(2)),
        ("6.5.2 ENABLE_PUSH of 2", settings(&[(2, 2)])),
        ("6.5.2 MAX_FRAME_SIZE below", settings(&[(5, 16_383)])),
        ("6.5.2 MAX_FRAME_SIZE above", settings(&[(5, 16_777_216)])),
    ] {
        talk.check(what, FIRST, &[said, get()], End(&[PROTOCOL])).await;
    }
    for (what, said) in [
        (
            "4.2 DATA above MAX_FRAME_SIZE",
            [talk.post(FIRST), frame(DATA, 0, FIRST, &[b'a'; 16_385])].concat(),
        ),
        ("4.2 HEADERS above MAX_FRAME_SIZE", frame(HEADERS, END_HEADERS, FIRST, &[0; 16_385])),
        ("6.3 PRIORITY of four bytes", frame(PRIORITY, 0, FIRST, &[0; 4])),
        ("6.4 RST_STREAM of three bytes", [talk.post(FIRST), frame(RST_STREAM, 0, FIRST, &[0; 3])].concat()),
        ("6.5 SETTINGS of five bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        ("6.5 an ACK with settings", frame(SETTINGS, ACK, 0, &[0; 6])),
        ("6.7 PING of seven bytes", frame(PING, 0, 0, &[0; 7])),
        ("6.9 WINDOW_UPDATE of three bytes", frame(WINDOW_UPDATE, 0, 0, &[0; 3])),
    ] {
        talk.check(what, FIRST, &[said, get()], Reset(&[FRAME_SIZE, PROTOCOL])).await;
    }
    let too_large = settings(&[(4, 1 << 31)]);
    talk.check("6.5.2 INITIAL_WINDOW_SIZE above", FIRST, &[too_large, get()], End(&[FLOW_CONTROL, PROTOCOL]))
        .await;
}

#[tokio::test]
async fn frames_that_a_stream_is_not_in_the_state_for_are_refused() {
    let talk = Talk::new().await;
    let data = |flags| frame(DATA, flags, FIRST, b"ab");
    for (what, said) in [
        ("5.1 DATA on an idle stream", data(0)),
        ("5.1 RST_STREAM on an idle stream", frame(RST_STREAM, 0, FIRST, &[0, 0, 0, 8])),
        ("5.1 WINDOW_UPDATE on an idle stream", window(FIRST, 1)),
        ("5.1 CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, FIRST, b"")),
    ] {
        talk.check(what, FIRST, &[said], End(&[PROTOCOL])).await;
    }
    let held = talk.stage.app.hold();
    for (what, said) in [
        ("5.1 DATA on a half-closed stream", [talk.get(FIRST), data(0)]),
        ("5.1 HEADERS on a half-closed stream", [talk.get(FIRST), talk.get(FIRST)]),
    ] {
        talk.check(what, FIRST, &said, Reset(&[CLOSED, PROTOCOL])).await;
    }
    drop(held);
    talk.check(
        "5.1.1 a stream of a lower number",
        FIRST,
        &[talk.get(3), talk.get(1)],
        End(&[PROTOCOL, CLOSED]),
    )
    .await;
    let reset = frame(RST_STREAM, 0, FIRST, &[0, 0, 0, 8]);
    talk.check(
        "5.1 HEADERS on a closed stream",
        FIRST,
        &[talk.post(FIRST), reset, talk.post(FIRST)],
        End(&[CLOSED, PROTOCOL]),
    )
    .await;
    talk.check("6.9.1 a window that overflows", FIRST, &[window(0, 0x7fff_ffff)], End(&[FLOW_CONTROL])).await;
    talk.check("6.9 an increment of nothing", FIRST, &[window(0, 0)], End(&[PROTOCOL])).await;
    let body = talk.post(FIRST);
    talk.check("6.9 the same of a stream", FIRST, &[body.clone(), window(FIRST, 0)], Reset(&[PROTOCOL]))
        .await;
    talk.check(
        "6.9.1 the same of a stream",
        FIRST,
        &[body, window(FIRST, 0x7fff_ffff)],
        Reset(&[FLOW_CONTROL]),
    )
    .await;
}

#[tokio::test]
async fn a_head_in_parts_is_followed_by_its_parts_alone() {
    let talk = Talk::new().await;
    let head = block(&talk.fields("GET"));
    let (first, rest) = head.split_at(20);
    let begun = || frame(HEADERS, END_STREAM, FIRST, first);
    let go_on = |flags| frame(CONTINUATION, flags, FIRST, rest);
    talk.check("6.10 a head in two parts", FIRST, &[begun(), go_on(END_HEADERS)], Go).await;
    for (what, between) in [
        ("6.2 DATA", frame(DATA, 0, FIRST, b"ab")),
        ("6.2 PRIORITY", frame(PRIORITY, 0, FIRST, &[0, 0, 0, 0, 1])),
        ("6.2 HEADERS of another stream", talk.get(3)),
        ("6.2 SETTINGS", settings(&[])),
        ("6.2 PING", frame(PING, 0, 0, &[0; 8])),
        ("5.5 a frame of no known kind", frame(0x16, 0, 0, b"")),
        ("6.10 CONTINUATION of another stream", frame(CONTINUATION, END_HEADERS, 3, rest)),
    ] {
        talk.check(what, FIRST, &[begun(), between, go_on(END_HEADERS)], End(&[PROTOCOL])).await;
    }
    talk.check(
        "6.10 CONTINUATION of a whole head",
        FIRST,
        &[talk.post(FIRST), go_on(END_HEADERS)],
        End(&[PROTOCOL]),
    )
    .await;
    let after_data = [talk.post(FIRST), frame(DATA, 0, FIRST, b"ab"), go_on(END_HEADERS)];
    talk.check("6.10 CONTINUATION behind DATA", FIRST, &after_data, End(&[PROTOCOL])).await;
}

#[tokio::test]
async fn heads_that_cannot_be_decompressed_end_the_connection() {
    let talk = Talk::new().await;
    let good = block(&talk.fields("GET"));
    for (what, bad) in [
        ("RFC 7541 2.3.3 an index that nothing has", &[0xff, 0x80, 0x01][..]),
        ("RFC 7541 6.1 the index of nothing", &[0x80]),
        ("RFC 7541 6.3 a table above what was allowed", &[0x3f, 0xe1, 0xff, 0x7f]),
        (
            "RFC 7541 5.1 a number without an end",
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        ),
        ("RFC 7541 5.2 a string that is cut off", &[0, 5, b'a']),
        ("RFC 7541 5.2 the end of Huffman's code within it", &[0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]),
        ("RFC 7541 5.2 padding that is no ones", &[0, 1, b'x', 0x81, 0x00]),
    ] {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, FIRST, &[&good, bad].concat());
        talk.check(what, FIRST, &[head], End(&[COMPRESSION, PROTOCOL])).await;
    }
}

#[tokio::test]
async fn malformed_requests_are_reset_and_never_whole() {
    let talk = Talk::new().await;
    let with = |further: &[(&'static str, &'static str)]| {
        let fields = [&talk.fields("GET")[..], further].concat();
        frame(HEADERS, END_HEADERS | END_STREAM, FIRST, &block(&fields))
    };
    // The rest of section 8 is in tests/smuggling, before real apps.
    for (what, said) in [
        ("8.2 upper case", with(&[("X-Upper", "1")])),
        ("8.2.2 Connection", with(&[("connection", "keep-alive")])),
        ("8.2.2 TE", with(&[("te", "gzip")])),
        ("8.3 an unknown pseudo-header", with(&[(":x", "1")])),
        ("8.3 a pseudo-header of answers", with(&[(":status", "200")])),
        ("8.3 a pseudo-header behind a field", with(&[(":method", "GET")])),
    ] {
        talk.check(what, FIRST, &[said], Reset(&[PROTOCOL])).await;
    }
    for missing in [":method", ":scheme", ":path"] {
        let mut fields = talk.fields("GET");
        fields.retain(|(name, _)| *name != missing);
        let head = frame(HEADERS, END_HEADERS | END_STREAM, FIRST, &block(&fields));
        talk.check(missing, FIRST, &[head], Reset(&[PROTOCOL])).await;
    }
    let trailers = |flags| frame(HEADERS, END_HEADERS | flags, FIRST, &block(&[("x-late", "1")]));
    let begun = || [talk.post(FIRST), frame(DATA, 0, FIRST, b"ab")].concat();
    talk.check("8.1 trailers that end nothing", FIRST, &[begun(), trailers(0)], Reset(&[PROTOCOL])).await;
    talk.check("8.1 trailers", FIRST, &[begun(), trailers(END_STREAM)], Go).await;
    for (what, length, parts) in [
        ("8.1.1 less than the length", "3", &[&b"ab"[..]][..]),
        ("8.1.1 more than the length", "1", &[b"ab"]),
        ("8.1.1 less in two parts", "5", &[b"ab", b"cd"]),
        ("8.1.1 more in two parts", "3", &[b"ab", b"cd"]),
    ] {
        let fields = [&talk.fields("POST")[..], &[("content-length", length)]].concat();
        let mut said = frame(HEADERS, END_HEADERS, FIRST, &block(&fields));
        for (at, part) in parts.iter().enumerate() {
            let flags = if at + 1 == parts.len() { END_STREAM } else { 0 };
            said.extend(frame(DATA, flags, FIRST, part));
        }
        talk.check(what, FIRST, &[said], Reset(&[PROTOCOL])).await;
    }
}

#[tokio::test]
async fn padding_beyond_the_frame_is_refused_and_within_it_is_no_part_of_a_message() {
    let talk = Talk::new().await;
    let head = block(&talk.fields("GET"));
    let padded = |by: u8, padding: usize| [&[by][..], &head, &vec![0; padding]].concat();
    let flags = END_HEADERS | END_STREAM | PADDED;
    talk.check("6.2 a padded head", FIRST, &[frame(HEADERS, flags, FIRST, &padded(7, 7))], Go).await;
    let body = |by: u8| frame(DATA, END_STREAM | PADDED, FIRST, &[&[by][..], b"ab", &[0; 3]].concat());
    talk.check("6.1 a padded body", FIRST, &[talk.post(FIRST), body(3)], Go).await;
    assert_eq!(talk.stage.app.last().body, "ab");
    talk.check("6.1 padding beyond it", FIRST, &[talk.post(FIRST), body(6)], End(&[PROTOCOL])).await;
    let all = frame(HEADERS, flags, FIRST, &[255, 0, 0]);
    talk.check("6.2 padding beyond it", FIRST, &[all], End(&[PROTOCOL, FRAME_SIZE])).await;
}

#[tokio::test]
async fn what_must_be_overlooked_is_overlooked() {
    let talk = Talk::new().await;
    let prioritized = [&[0, 0, 0, 3, 200][..], &block(&talk.fields("GET"))].concat();
    let flags = END_HEADERS | END_STREAM;
    let mut reserved = talk.get(FIRST);
    reserved[5] |= 0x80;
    for (what, said) in [
        ("4.1 a frame of no known kind", [frame(0x16, 0xff, 0, &[0; 8]), talk.get(FIRST)].concat()),
        ("4.1 flags that mean nothing", [frame(PING, 0x16, 0, &[0; 8]), talk.get(FIRST)].concat()),
        ("4.1 the reserved bit", reserved),
        ("6.5.2 a setting of no known kind", [settings(&[(0xff, 1)]), talk.get(FIRST)].concat()),
        ("6.7 an ACK of no PING", [frame(PING, ACK, 0, &[0; 8]), talk.get(FIRST)].concat()),
        ("5.3 a priority", [frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 9]), talk.get(FIRST)].concat()),
        ("5.3 a priority in a head", frame(HEADERS, flags | WITH_PRIORITY, FIRST, &prioritized)),
        ("6.9 windows", [window(0, 1), talk.get(FIRST), window(FIRST, 1)].concat()),
    ] {
        talk.check(what, FIRST, &[said], Go).await;
    }
}

#[tokio::test]
async fn settings_and_pings_are_answered_with_what_they_said() {
    let talk = Talk::new().await;
    let mut client = Frames::open(talk.stage.gate.address()).await;
    client.send(PING, 0, 0, b"whatever").await;
    let (mut settings, mut acknowledged, mut answered) = (None, false, false);
    while !(acknowledged && answered) {
        let frame = client.next().await.expect("the connection goes on");
        match (frame.kind, frame.flags & ACK) {
            (SETTINGS, 0) => settings = Some(frame.payload),
            (SETTINGS, _) => acknowledged = true,
            (PING, ACK) => answered = frame.payload == b"whatever",
            _ => {}
        }
    }
    // Extended CONNECT (RFC 8441) is not offered, so that browsers take HTTP/1 for WebSockets.
    let settings = settings.expect("a server speaks first of its settings");
    let ids = settings.chunks(6).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    assert!(!ids.into_iter().any(|id| id == 8), "{settings:?}");
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_all_others_are_answered() {
    let talk = Talk::new().await;
    let held = talk.stage.app.hold();
    let mut client = Frames::open(talk.stage.gate.address()).await;
    // The client has not read how many it may have: that is no mistake of its own.
    for number in 0..130 {
        client.send_bytes(&talk.get(2 * number + 1)).await;
    }
    assert_eq!(client.outcome(2 * 128 + 1).await, Outcome::Reset(REFUSED));
    assert_eq!(client.outcome(2 * 129 + 1).await, Outcome::Reset(REFUSED));
    drop(held);
    assert_eq!(client.outcome(FIRST).await, Outcome::Answer(200));
}
