//! Headers by which a client could have another path, method or user believed than the gate has judged: none of them
//! reaches the app, in any spelling, by HTTP/1.1 and HTTP/2, as a header and as a trailer.

use std::convert::Infallible;

use bytes::Bytes;
use cognigate::policy::reserved_headers::{Claim, names};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tokio::net::TcpStream;

use super::head;
use crate::support::app::Arrived;
use crate::support::visitor::Visitor;
use crate::support::wire::{exchange, status};
use crate::support::{Setup, Stage};

/// Every byte of a name that is not a letter, a digit or a hyphen (RFC 9110 §5.6.2), and a doubled hyphen.
pub(crate) const SEPARATORS: [&str; 16] =
    ["_", ".", "!", "^", "+", "~", "'", "*", "#", "$", "%", "&", "|", "`", "--", "_-"];

/// `name` with another separator.
pub(crate) fn spelled_with(name: &str, separator: &str) -> String {
    name.replace('-', separator)
}

/// What a name with a star stands for, and every other name as it is.
fn samples() -> impl Iterator<Item = (Claim, String)> {
    names().map(|(claim, name)| (claim, name.replace('*', "-sample")))
}

/// Every spelling of a name that is tried: each separator, separators around it, none, and random ones.
fn spellings(name: &str, runner: &mut TestRunner) -> Vec<String> {
    let mut all: Vec<_> = SEPARATORS.iter().map(|by| spelled_with(name, by)).collect();
    all.extend([name.to_owned(), name.to_ascii_uppercase(), name.replace('-', "")]);
    all.extend([format!("-{name}"), format!("{name}-"), format!("_{name}__")]);
    for _ in 0..3 {
        let random = proptest::string::string_regex("[-_.!^+~'*#$%&|`]{1,3}").unwrap();
        let spelled = name.split('-').map(str::to_owned).collect::<Vec<_>>();
        let spelled = spelled.join(&random.new_tree(runner).unwrap().current());
        all.push(spelled);
    }
    all
}

/// All spellings of all reserved names but the few that the gate sets itself, whose own spelling says what the gate knows.
fn forged() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let mut all: Vec<String> = samples().flat_map(|(_, name)| spellings(&name, &mut runner)).collect();
    all.retain(|name| !name.eq_ignore_ascii_case("x-request-id"));
    all.sort_unstable();
    all.dedup();
    all
}

/// A site whose rules name methods.
fn with_methods(setup: Setup) -> Setup {
    setup.tables(
        "[[rules]]\npath = '/public/*'\naccess = 'public'\n\
         [[rules]]\npath = '/orders/*'\nmethods = ['DELETE']\naccess = 'deny'\n",
    )
}

/// The names that arrived with a forged value.
fn arrived_forged(headers: &HeaderMap) -> Vec<&HeaderName> {
    let is_forged = |value: &HeaderValue| value.as_bytes().windows(6).any(|part| part == b"forged");
    headers.iter().filter(|(_, value)| is_forged(value)).map(|(name, _)| name).collect()
}

fn assert_none_forged(arrived: &Arrived) {
    assert_eq!(arrived_forged(&arrived.headers), Vec::<&HeaderName>::new());
    assert_eq!(arrived_forged(&arrived.trailers), Vec::<&HeaderName>::new());
}

/// Sends a request by HTTP/2, with trailers behind its body.
async fn ask_by_http_2(visitor: &Visitor, target: &str, headers: &[&str], trailers: &[&str]) -> u16 {
    let stream = TcpStream::connect(visitor.gate()).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut late = HeaderMap::new();
    for name in trailers {
        late.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_static("forged"));
    }
    let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("ab"))), Ok(Frame::trailers(late))];
    let mut request = Request::post(format!("https://app.test{target}"))
        .body(StreamBody::new(futures_util::stream::iter(frames)))
        .unwrap();
    let map = request.headers_mut();
    map.insert("x-kept", HeaderValue::from_static("mine"));
    if let Some(cookies) = visitor.jar.line() {
        map.insert("cookie", cookies);
    }
    for name in headers {
        map.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_static("forged"));
    }
    let answer = sender.send_request(request).await.unwrap();
    connection.abort();
    answer.status().as_u16()
}

#[tokio::test]
async fn case_101_and_102_no_reserved_header_reaches_the_app_in_any_spelling() {
    let stage = Stage::with(with_methods).await;
    let (alice, nobody) = (stage.signed_in().await, stage.visitor());
    let names = forged();
    for names in names.chunks(80) {
        let lines: Vec<String> = names.iter().map(|name| format!("{name}: forged")).collect();
        let lines: Vec<&str> =
            lines.iter().map(String::as_str).chain(["X-Kept: mine", "Connection: close"]).collect();
        for (visitor, target) in [(&alice, "/x"), (&nobody, "/public/x")] {
            let request = head(visitor, &format!("GET {target}"), &lines);
            assert_eq!(status(&exchange(visitor.gate(), request.into()).await), 200, "{names:?}");
            let arrived = stage.app.last();
            assert_eq!((arrived.target.as_str(), arrived.header("x-kept")), (target, Some("mine")));
            assert_none_forged(&arrived);
        }
    }
    for names in names.chunks(80) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (visitor, target) in [(&alice, "/x"), (&nobody, "/public/x")] {
            assert_eq!(ask_by_http_2(visitor, target, &lower(&names), &[]).await, 200, "{names:?}");
            let arrived = stage.app.last();
            assert_eq!((arrived.target.as_str(), arrived.header("x-kept")), (target, Some("mine")));
            assert_none_forged(&arrived);
        }
    }
}

/// HTTP/2 has names in lower case only.
fn lower<'a>(names: &[&'a str]) -> Vec<&'a str> {
    names.iter().copied().filter(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase())).collect()
}

#[tokio::test]
async fn case_101_and_102_no_reserved_header_reaches_the_app_as_a_trailer() {
    let stage = Stage::new().await;
    let alice = stage.signed_in().await;
    for names in forged().chunks(80) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let announced = format!("Trailer: X-Late, {}", names.join(", "));
        let lines = ["Transfer-Encoding: chunked", "Connection: close", &announced];
        let section: String = names.iter().map(|name| format!("{name}: forged\r\n")).collect();
        let request =
            head(&alice, "POST /x", &lines) + "2\r\nab\r\n0\r\nX-Late: yes\r\n" + section.as_str() + "\r\n";
        assert_eq!(status(&exchange(alice.gate(), request.into()).await), 200, "{names:?}");
        let arrived = stage.app.last();
        assert_eq!(arrived.header("trailer"), Some("x-late"));
        assert_eq!(arrived.trailers.len(), 1, "{:?}", arrived.trailers);

        assert_eq!(ask_by_http_2(&alice, "/x", &[], &lower(&names)).await, 200, "{names:?}");
        assert_none_forged(&stage.app.last());
    }
}

#[tokio::test]
async fn case_102_a_mapped_name_and_what_frames_a_message_have_no_second_spelling() {
    let stage = Stage::with(|setup| setup.set("forward.headers", "X-My-Tenant=custom:tenant")).await;
    let alice = stage.signed_in().await;
    let mut runner = TestRunner::deterministic();
    let mut names = spellings("x-my-tenant", &mut runner);
    for name in ["content-length", "content-type", "transfer-encoding", "proxy-authorization", "keep-alive"] {
        names.extend(
            spellings(name, &mut runner).into_iter().filter(|spelled| !spelled.eq_ignore_ascii_case(name)),
        );
    }
    names.extend(["cookie_", "_host", "te.", "connection!"].map(str::to_owned));
    for names in names.chunks(80) {
        let lines: Vec<String> = names.iter().map(|name| format!("{name}: forged")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["Connection: close"]).collect();
        let answer = exchange(alice.gate(), head(&alice, "GET /x", &lines).into()).await;
        assert_eq!(status(&answer), 200, "{names:?}");
        assert_none_forged(&stage.app.last());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(ask_by_http_2(&alice, "/x", &lower(&names), &lower(&names)).await, 200, "{names:?}");
        assert_none_forged(&stage.app.last());
    }
}

#[tokio::test]
async fn case_101_no_method_override_goes_on_not_even_of_a_preflight() {
    let methods: Vec<String> =
        samples().filter(|(claim, _)| *claim == Claim::Method).map(|(_, name)| name).collect();
    let overrides: Vec<String> = methods.iter().map(|name| format!("{name}: DELETE")).collect();
    let preflight = ["Origin: https://other.test", "Access-Control-Request-Method: GET", "Connection: close"];
    let lines: Vec<&str> = overrides.iter().map(String::as_str).chain(preflight).collect();
    let rule = "[[rules]]\npath = '/api/*'\naccess = 'api'\nallow_preflight = true";
    let stage = Stage::with(|setup| setup.tables(rule)).await;
    let alice = stage.signed_in().await;
    let nobody = stage.visitor();
    for (visitor, start) in [(&alice, "POST /orders/x"), (&nobody, "OPTIONS /api/orders/x")] {
        let answer = exchange(visitor.gate(), head(visitor, start, &lines).into()).await;
        assert_eq!(status(&answer), if start.starts_with("POST") { 403 } else { 200 }, "{start}");
    }
    // Another site's page may not post; the preflight went on, and without what it would have become.
    let arrived = stage.app.last();
    assert_eq!(arrived.method, http::Method::OPTIONS);
    for name in &methods {
        assert_eq!(arrived.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn case_101_an_allowed_header_passes_in_its_own_spelling_alone() {
    let stage =
        Stage::with(|setup| setup.set("forward.allow_request_headers", "X-Forwarded-Prefix,Client-Cert"))
            .await;
    let alice = stage.signed_in().await;
    let lines = [
        "X-Forwarded-Prefix: /mine",
        "client-cert: :mine:",
        "X_Forwarded_Prefix: forged",
        "X--Forwarded-Prefix: forged",
        "Client.Cert: forged",
        "Client-Cert-Chain: forged",
        "X-Forwarded-User: forged",
        "Connection: close",
    ];
    assert_eq!(status(&exchange(alice.gate(), head(&alice, "GET /x", &lines).into()).await), 200);
    let arrived = stage.app.last();
    assert_eq!(arrived.header("x-forwarded-prefix"), Some("/mine"));
    assert_eq!(arrived.header("client-cert"), Some(":mine:"));
    assert_none_forged(&arrived);
}

#[tokio::test]
async fn case_101_a_trusted_proxy_says_no_more_than_whose_address_it_has_seen() {
    let stage = Stage::with(|setup| setup.set("listen.trusted_proxies", "127.0.0.1")).await;
    let alice = stage.signed_in().await;
    let names: Vec<(Claim, String)> = samples().filter(|(claim, _)| *claim != Claim::Method).collect();
    for names in names.chunks(80) {
        let lines: Vec<String> = names.iter().map(|(_, name)| format!("{name}: forged")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["Connection: close"]).collect();
        assert_eq!(status(&exchange(alice.gate(), head(&alice, "GET /x", &lines).into()).await), 200);
        let arrived = stage.app.last();
        for (claim, name) in names {
            let is_kept = matches!(claim, Claim::ClientAddress) || matches!(&**name, "via" | "x-request-id");
            let kept = arrived_forged(&arrived.headers).iter().any(|kept| kept.as_str() == name);
            assert_eq!(kept, is_kept, "{name}");
        }
    }
}
