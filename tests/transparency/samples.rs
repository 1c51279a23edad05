//! Requests and answers of every kind that a client and an app may exchange by themselves.

use std::convert::Infallible;
use std::fmt;
use std::sync::LazyLock;
use std::vec::IntoIter;

use bytes::Bytes;
use futures_util::stream::{self, Iter};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, TRAILER};
use http_body::Frame;
use http_body_util::{Either, Full, StreamBody};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

type Field = (&'static str, &'static [u8]);

/// A request, and what the app answers.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) asked: Vec<Field>,
    pub(super) body: Payload,
    pub(super) status: u16,
    pub(super) answer: Vec<Field>,
    pub(super) answer_body: Payload,
}

/// A body of so many bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Sized(usize),
    /// In parts, of no known length.
    Parts(Vec<usize>),
    /// Likewise, and trailers behind it.
    Trailed(Vec<usize>),
}

pub(super) type Parts = Either<Full<Bytes>, StreamBody<Iter<IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

const METHODS: [&str; 14] = [
    "GET", "GET", "GET", "HEAD", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
    "QUERY", "fOO",
];

const SEGMENTS: [&str; 16] = [
    "/",
    "/a",
    "/a/b",
    "/index.html",
    "/caf%C3%A9",
    "/a%20b",
    "/a%2Fb",
    "/%61",
    "/a;v=1,2",
    "/...",
    "//",
    "/a+b",
    "/~u",
    "/a|b",
    "/A%2f",
    "/x:y@z",
];

const QUERIES: [&str; 12] = [
    "",
    "",
    "?",
    "?a=b",
    "?a=b&a=c",
    "?a=%zz",
    "?q=caf%C3%A9+x",
    "??",
    "?a=/../b",
    "?[]{}|^`'",
    "?a=%2e%2e&&=",
    "?&",
];

/// Also what docs/http.md says that does not go on.
const ASKED: [Field; 62] = [
    ("accept", b"text/html;q=0.9, */*;q=0.1"),
    ("accept-encoding", b"gzip, br;q=0.5"),
    ("accept-encoding", b"identity;q=0"),
    ("accept-language", b"de-CH, en;q=0.5"),
    ("authorization", b"Basic YTpi"),
    ("cache-control", b"no-cache"),
    ("cf-connecting-ip", b"1.2.3.4"),
    ("client-ip", b"1.2.3.4"),
    ("connection", b"x-mine, keep-alive"),
    ("content-disposition", b"attachment; filename=\"a\\\"b\""),
    ("content-encoding", b"gzip"),
    ("content-language", b"de"),
    ("content-type", b"application/json"),
    ("content-type", b"multipart/form-data; boundary=\"--x\""),
    ("cookie", b"a=1; b=\"2\"; c; =d; a=2"),
    ("cookie", b"__Host-cognigatex=1; x=; y==="),
    ("dnt", b"1"),
    ("expect", b"100-continue"),
    ("forwarded", b"for=1.2.3.4;host=evil.test"),
    ("from", b"a@b.test"),
    ("if-match", b"\"a\", W/\"b\""),
    ("if-modified-since", b"Tue, 15 Nov 1994 08:12:31 GMT"),
    ("if-none-match", b"*"),
    ("if-none-match", b"\"a\""),
    ("if-range", b"\"a\""),
    ("if-unmodified-since", b"no date"),
    ("keep-alive", b"timeout=5"),
    ("max-forwards", b"0"),
    ("origin", b"https://app.test"),
    ("pragma", b"no-cache"),
    ("priority", b"u=1, i"),
    ("proxy-authorization", b"Basic YTpi"),
    ("proxy-connection", b"keep-alive"),
    ("range", b"bytes=0-1,-5"),
    ("referer", b"https://app.test/elsewhere?a=b"),
    ("sec-fetch-mode", b"cors"),
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("true-client-ip", b"1.2.3.4"),
    ("upgrade", b"h2c"),
    ("upgrade-insecure-requests", b"1"),
    ("user-agent", b"Mozilla/5.0 (X11; Linux) (no; no)"),
    ("via", b"1.0 somebody"),
    ("x-amzn-oidc-data", b"forged"),
    ("x-auth-request-email", b"forged"),
    ("x-empty", b""),
    ("x-forwarded-for", b"1.2.3.4"),
    ("x-forwarded-host", b"evil.test"),
    ("x-forwarded-prefix", b"/evil"),
    ("x-forwarded-user", b"root"),
    ("x_forwarded_user", b"root"),
    ("x-http-method-override", b"DELETE"),
    ("x-long", &[b'x'; 8_000]),
    ("x-mine", b"a hop's own"),
    ("x-original-url", b"/evil"),
    ("x-real-ip", b"1.2.3.4"),
    ("x-request-id", b"from-the-client"),
    ("x-rewrite-url", b"/evil"),
    ("x-tabs", b"a\tb  c"),
    ("x-twice", b"1"),
    ("x-twice", b"2, 3"),
    ("x-utf8", "caf\u{e9} \u{1f600}".as_bytes()),
    ("x-bytes", &[0x80, 0xff, b'=', 0xfe]),
];

const STATUSES: [u16; 36] = [
    200, 200, 200, 200, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 301, 302, 303, 304, 307, 308, 400,
    401, 402, 403, 404, 405, 409, 410, 412, 416, 418, 429, 500, 503, 504, 599,
];

const ANSWERED: [Field; 40] = [
    ("accept-ranges", b"bytes"),
    ("access-control-allow-origin", b"*"),
    ("age", b"10"),
    ("allow", b"GET"),
    ("alt-svc", b"clear"),
    ("cache-control", b"public, max-age=60"),
    ("cache-control", b"no-cache"),
    ("cdn-cache-control", b"max-age=60"),
    ("clear-site-data", b"\"cache\""),
    ("connection", b"x-hop, keep-alive"),
    ("content-disposition", b"inline"),
    ("content-encoding", b"br"),
    ("content-language", b"de"),
    ("content-location", b"/a"),
    ("content-range", b"bytes 0-1/2"),
    ("content-security-policy", b"default-src 'self'"),
    ("content-type", b"text/html; charset=utf-8"),
    ("etag", b"W/\"a\""),
    ("expires", b"0"),
    ("keep-alive", b"timeout=5"),
    ("last-modified", b"Tue, 15 Nov 1994 08:12:31 GMT"),
    ("link", b"</a>; rel=preload, </b>; rel=preload"),
    ("location", b"../elsewhere?a=b#c"),
    ("proxy-authenticate", b"Basic"),
    ("retry-after", b"5"),
    ("server", b"an app"),
    ("set-cookie", b"a=1; Path=/; HttpOnly"),
    ("set-cookie", b"b=2; Max-Age=0"),
    ("set-cookie", b"__Host-cognigate=evil; Path=/; Secure"),
    ("strict-transport-security", b"max-age=1"),
    ("upgrade", b"h2c"),
    ("vary", b"accept-encoding, cookie"),
    ("via", b"1.1 something inside"),
    ("www-authenticate", b"Bearer realm=\"a\""),
    ("x-empty", b""),
    ("x-forwarded-user", b"the app may say what it likes"),
    ("x-hop", b"a hop's own"),
    ("x-long", &[b'y'; 8_000]),
    ("x-twice", b"1"),
    ("x-bytes", &[0x80, 0xff, b'=', 0xfe]),
];

pub(super) fn sample() -> impl Strategy<Value = Sample> {
    let target = (select(SEGMENTS.to_vec()), select(SEGMENTS.to_vec()), select(QUERIES.to_vec()))
        .prop_map(|(a, b, query)| format!("{a}{b}{query}"));
    let fields = |all: &'static [Field]| subsequence(all.to_vec(), 0..12);
    let asked = (select(METHODS.to_vec()), target, fields(&ASKED), payload());
    let answered = (select(STATUSES.to_vec()), fields(&ANSWERED), payload());
    (asked, answered).prop_map(|((method, target, asked, body), (status, answer, answer_body))| {
        // These have no body, whatever is put behind them.
        let bare = matches!(status, 204 | 205 | 304);
        let answer_body = if bare { Payload::Sized(0) } else { answer_body };
        Sample { method, target, asked, body, status, answer, answer_body }
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    // No empty parts: h2 ends a connection that has carried many.
    let size = || select(vec![1, 10, 10, 10, 1000, 1000, 1000, 16_384, 16_385, 70_000]);
    let sizes = || prop::collection::vec(size(), 0..4);
    prop_oneof![
        3 => Just(Payload::Sized(0)),
        3 => size().prop_map(Payload::Sized),
        2 => sizes().prop_map(Payload::Parts),
        1 => sizes().prop_map(Payload::Trailed),
    ]
}

impl Payload {
    pub(super) fn length(&self) -> Option<usize> {
        if let Self::Sized(size) = self { Some(*size) } else { None }
    }

    pub(super) fn is_sized(&self) -> bool {
        self.length().is_some()
    }

    /// Says in a head what comes behind the body.
    pub(super) fn announce(&self, headers: &mut HeaderMap) {
        if matches!(self, Self::Trailed(_)) {
            headers.insert(TRAILER, HeaderValue::from_static("x-late, x-later"));
        }
    }

    pub(super) fn body(&self) -> Parts {
        static BYTES: LazyLock<Bytes> = LazyLock::new(|| (0..70_000).map(|at| (at % 251) as u8).collect());
        let filled = |size: usize| BYTES.slice(..size);
        let frames =
            |sizes: &[usize]| sizes.iter().map(|size| Ok(Frame::data(filled(*size)))).collect::<Vec<_>>();
        match self {
            Self::Sized(size) => Either::Left(Full::new(filled(*size))),
            Self::Parts(sizes) => Either::Right(StreamBody::new(stream::iter(frames(sizes)))),
            Self::Trailed(sizes) => {
                let late = [("x-late", b"1".as_slice()), ("x-later", b"\xff"), ("x-late", b"2")];
                let mut frames = frames(sizes);
                frames.push(Ok(Frame::trailers(headers(&late))));
                Either::Right(StreamBody::new(stream::iter(frames)))
            }
        }
    }
}

impl fmt::Debug for Sample {
    /// Without the values, some of which are long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |fields: &[Field]| fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        let Self { method, target, body, status, answer_body, .. } = self;
        let (asked, answered) = (names(&self.asked), names(&self.answer));
        write!(f, "{method} {target} [{asked}] {body:?} -> {status} [{answered}] {answer_body:?}")
    }
}

pub(super) fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    map
}
