//! By HTTP/2, which becomes HTTP/1 on its way to the app: what one version can carry and the other cannot say.

use super::Arrives::{Cut, Never, Torn, Whole};
use super::{Arrives, Front, Parser, before_both};
use crate::support::frames::{DATA, END_STREAM, FIRST, Frames, Outcome};

before_both!(
    case_65_pseudo_headers_that_would_be_more_than_they_are,
    case_65_fields_that_would_be_more_than_they_are,
    case_65_what_belongs_to_an_http1_connection_has_no_place_in_http2,
    case_65_a_length_that_differs_from_the_data_is_never_a_whole_request,
    case_65_data_that_looks_like_a_request_stays_a_body,
);

type Fields<'a> = Vec<(&'a str, &'a str)>;

const METHOD: (&str, &str) = (":method", "POST");
const SCHEME: (&str, &str) = (":scheme", "https");
const AUTHORITY: (&str, &str) = (":authority", "app.test");
const PATH: (&str, &str) = (":path", "/first");
const COOKIE: (&str, &str) = ("cookie", "COOKIES");

/// A request to `/first` with a session, and further fields.
fn post<'a>(further: &[(&'a str, &'a str)]) -> Fields<'a> {
    [&[METHOD, SCHEME, AUTHORITY, PATH, COOKIE][..], further].concat()
}

/// The same with one pseudo-header that is something else.
fn with<'a>(name: &'a str, value: &'a str) -> Fields<'a> {
    let mut fields = post(&[]);
    fields.iter_mut().filter(|field| field.0 == name).for_each(|field| field.1 = value);
    fields
}

/// Sends it on a connection of its own: a head, the data as they are, the end, and trailers if there are any.
async fn strike(
    front: &mut Front,
    fields: &Fields<'_>,
    data: &[&str],
    trailers: &[(&str, &str)],
    arrives: Arrives,
) {
    let filled = |fields: &[(&str, &str)]| -> Vec<(Vec<u8>, Vec<u8>)> {
        fields.iter().map(|(name, value)| (front.fill_in(name), front.fill_in(value))).collect()
    };
    let (head, last) = (filled(fields), filled(trailers));
    let mut client = Frames::open(front.alice.gate()).await;
    let end = |is_last: bool| if is_last { END_STREAM } else { 0 };
    client.head(end(data.is_empty() && last.is_empty()), FIRST, &head).await;
    for (at, part) in data.iter().enumerate() {
        let flags = end(at + 1 == data.len() && last.is_empty());
        client.send(DATA, flags, FIRST, &front.fill_in(part)).await;
    }
    if !last.is_empty() {
        client.head(END_STREAM, FIRST, &last).await;
    }
    let outcome = client.outcome(FIRST).await;
    let what = format!("{fields:?} {data:?} {trailers:?}");
    match arrives {
        Whole(_) => assert_eq!(outcome, Outcome::Answer(200), "{what}"),
        Never => assert!(
            !matches!(outcome, Outcome::Closed | Outcome::Answer(..400 | 500..)),
            "{what}: {outcome:?}"
        ),
        // The app may have answered already, by what it had got.
        Torn | Cut(_) => assert_ne!(outcome, Outcome::Closed, "{what}"),
    }
    front.check(&what, arrives).await;
}

const TAIL: &str = "HTTP/1.1\r\nHost: app.test\r\n\r\nSMUGGLED";

async fn case_65_pseudo_headers_that_would_be_more_than_they_are(parser: Parser) {
    let mut front = Front::with(parser).await;
    let long = format!("/first {TAIL}");
    for value in [
        &long,
        "/first HTTP/1.1",
        "/first /smuggled",
        "/first\r\nX: 1",
        "/first\nX: 1",
        "/first\rX: 1",
        "/first\t",
        "/first\0",
        "/first\u{b}",
        "/first\u{7f}",
        "/first\u{e9}",
        " /first",
        "/first ",
        "",
        "first",
        "*",
        "http://app.test/first",
        "http://evil.test/first",
        "/first/../smuggled",
        "/first\\",
    ] {
        strike(&mut front, &with(":path", value), &[], &[], Never).await;
    }
    for value in
        ["POST /smuggled HTTP/1.1\r\nX:", "POST\r\n", "POST ", " POST", "PO\0ST", "PO:ST", "", "CONNECT"]
    {
        strike(&mut front, &with(":method", value), &[], &[], Never).await;
    }
    for value in [
        "app.test\r\nX: 1",
        "app.test\n",
        "app.test ",
        "app.test\0",
        "app.test/smuggled?",
        "app.test@evil.test",
        "evil.test@app.test",
        "app.test:443:80",
        "app.test,evil.test",
        "evil.test",
        "",
    ] {
        strike(&mut front, &with(":authority", value), &[], &[], Never).await;
    }
    for value in ["https\r\nX: 1", "http://evil.test/smuggled?", "https ", "https\0", "", ":", "ftp"] {
        strike(&mut front, &with(":scheme", value), &[], &[], Never).await;
    }
    for pseudo in [METHOD, SCHEME, AUTHORITY, PATH] {
        // Twice, behind a field, and not at all.
        let mut twice = post(&[]);
        twice.insert(0, pseudo);
        strike(&mut front, &twice, &[], &[], Never).await;
        let mut late = post(&[]);
        late.retain(|field| *field != pseudo);
        let missing = late.clone();
        late.push(pseudo);
        strike(&mut front, &late, &[], &[], Never).await;
        strike(&mut front, &missing, &[], &[], Never).await;
        // h2 looks for none among trailers, which is as good as if there was none.
        strike(&mut front, &post(&[]), &["ab"], &[pseudo], Whole("ab")).await;
    }
    for unknown in [(":status", "200"), (":protocol", "websocket"), (":host", "app.test"), (":", "x")] {
        let mut fields = post(&[]);
        fields.insert(0, unknown);
        strike(&mut front, &fields, &[], &[], Never).await;
    }
    let mut extended = with(":method", "CONNECT");
    extended.insert(0, (":protocol", "websocket"));
    strike(&mut front, &extended, &[], &[], Never).await;
    for hosts in [
        &[("host", "evil.test")][..],
        &[("host", "app.test"), ("host", "app.test")],
        &[("host", "app.test\r\nX: 1")],
        &[("host", "app.test/smuggled")],
    ] {
        strike(&mut front, &post(hosts), &[], &[], Never).await;
    }
    // And the request itself, so that these were refused for what was wrong with them.
    strike(&mut front, &post(&[]), &[], &[], Whole("")).await;
    strike(&mut front, &post(&[("host", "app.test")]), &[], &[], Whole("")).await;
    strike(&mut front, &with(":path", "/first?a=/smuggle"), &[], &[], Whole("")).await;
    front.finish().await;
}

async fn case_65_fields_that_would_be_more_than_they_are(parser: Parser) {
    let mut front = Front::with(parser).await;
    let tail = format!("1\r\n\r\n{}", "SMUGGLED");
    for (name, value) in [
        ("x", tail.as_str()),
        ("x", "1\r\nTransfer-Encoding: chunked"),
        ("x", "1\nTransfer-Encoding: chunked"),
        ("x", "1\rTransfer-Encoding: chunked"),
        ("x", "1\r\n folded"),
        ("x", "1\0"),
        ("x", "1\u{7f}"),
        ("x: 1\r\ntransfer-encoding", "chunked"),
        ("x\r\n", "1"),
        ("x\n", "1"),
        ("x\0", "1"),
        ("x y", "1"),
        ("x:", "1"),
        ("x\u{e9}", "1"),
        ("", "1"),
        ("X-Upper", "1"),
        ("Transfer-Encoding", "chunked"),
        ("cookie", "a=1\r\nX: 1"),
        ("cookie", "a=1\nX: 1"),
    ] {
        strike(&mut front, &post(&[(name, value)]), &["0\r\n\r\nSMUGGLED"], &[], Never).await;
        // Nor behind the body.
        strike(&mut front, &post(&[]), &["ab"], &[(name, value)], Torn).await;
    }
    front.finish().await;
}

async fn case_65_what_belongs_to_an_http1_connection_has_no_place_in_http2(parser: Parser) {
    let mut front = Front::with(parser).await;
    for field in [
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("connection", "close"),
        ("connection", "transfer-encoding"),
        ("connection", "content-length"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("te", "chunked"),
    ] {
        strike(&mut front, &post(&[field]), &["0\r\n\r\nSMUGGLED"], &[], Never).await;
        let with_length = post(&[field, ("content-length", "5")]);
        strike(&mut front, &with_length, &["0\r\n\r\nSMUGGLED"], &[], Never).await;
    }
    strike(&mut front, &post(&[("te", "trailers")]), &["ab"], &[], Whole("ab")).await;
    // Behind the body it says nothing of where that ends.
    for field in [("transfer-encoding", "chunked"), ("content-length", "0"), ("connection", "close")] {
        let fields = post(&[("te", "trailers"), ("trailer", field.0)]);
        strike_either(&mut front, &fields, &["ab"], &[field], "ab").await;
    }
    front.finish().await;
}

/// Like [`strike`], where it may be refused or understood, but is the one or the other.
async fn strike_either(
    front: &mut Front,
    fields: &Fields<'_>,
    data: &[&str],
    trailers: &[(&str, &str)],
    body: &str,
) {
    let before = front.stage.app.count();
    let mut client = Frames::open(front.alice.gate()).await;
    let filled: Vec<_> =
        fields.iter().map(|(name, value)| (front.fill_in(name), front.fill_in(value))).collect();
    client.head(0, FIRST, &filled).await;
    for part in data {
        client.send(DATA, 0, FIRST, part.as_bytes()).await;
    }
    client.head(END_STREAM, FIRST, trailers).await;
    let outcome = client.outcome(FIRST).await;
    let arrived: Vec<_> = front.stage.app.received().drain(before..).collect();
    match outcome {
        Outcome::Answer(200) => assert_eq!(arrived[0].body, body),
        _ => assert!(arrived.iter().all(|first| first.body.is_empty()), "{outcome:?}"),
    }
    assert!(arrived.len() <= 1, "{trailers:?} arrived {} times", arrived.len());
    // What has arrived stays one.
    let arrives = if outcome == Outcome::Answer(200) { Whole("ab") } else { Torn };
    front.check(&format!("{trailers:?}"), arrives).await;
}

async fn case_65_a_length_that_differs_from_the_data_is_never_a_whole_request(parser: Parser) {
    let mut front = Front::with(parser).await;
    for (length, data, arrives) in [
        ("5", &["ab"][..], Torn),
        ("5", &["0\r\n\r\nSMUGGLED"], Torn),
        ("5", &["ab", "c"], Torn),
        ("5", &["ab", "cdef"], Torn),
        ("5", &[""], Torn),
        ("1", &["ab"], Torn),
        ("0", &["ab"], Torn),
        ("0", &["SMUGGLED"], Torn),
        // No digits are a 0 to h2.
        ("", &["abcde"], Torn),
        // It is whole before there is more, which then goes nowhere.
        ("5", &["0\r\n\r\n", "SMUGGLED"], Cut("0\r\n\r\n")),
        ("5", &["abcde", "SMUGGLED"], Cut("abcde")),
    ] {
        strike(&mut front, &post(&[("content-length", length)]), data, &[], arrives).await;
    }
    strike(&mut front, &post(&[("content-length", "5")]), &[], &[], Torn).await;
    for length in ["+5", "-5", "5, 5", "5,6", "0x5", "5 ", " 5", "five", "18446744073709551616", "5\0", "5.0"]
    {
        strike(&mut front, &post(&[("content-length", length)]), &["abcde"], &[], Never).await;
    }
    let twice = |second| post(&[("content-length", "5"), ("content-length", second)]);
    strike(&mut front, &twice("6"), &["abcde"], &[], Never).await;
    strike(&mut front, &twice("0"), &["abcde"], &[], Never).await;
    strike(&mut front, &post(&[("content-length", "5")]), &["ab", "", "cde"], &[], Whole("abcde")).await;
    strike(&mut front, &post(&[("content-length", "0")]), &[""], &[], Whole("")).await;
    front.finish().await;
}

async fn case_65_data_that_looks_like_a_request_stays_a_body(parser: Parser) {
    let mut front = Front::with(parser).await;
    for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "FOO"] {
        let fields = with(":method", method);
        strike(&mut front, &fields, &["SMUGGLED"], &[], Whole("SMUGGLED")).await;
        let fields = [fields, vec![("content-length", "LENGTH")]].concat();
        strike(&mut front, &fields, &["SMUGGLED"], &[], Whole("SMUGGLED")).await;
    }
    for body in ["0\r\n\r\nSMUGGLED", "\r\n\r\nSMUGGLED", "0\r\n\r\n", "\r\n"] {
        strike(&mut front, &post(&[]), &[body], &[], Whole(body)).await;
    }
    strike(&mut front, &post(&[("expect", "100-continue")]), &["SMUGGLED"], &[], Whole("SMUGGLED")).await;
    front.finish().await;
}
