//! Who the app is told that the request comes from, and that nobody else can tell it.

use cognigate::emulator::TokenEdit;
use cognigate::types::full;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use serde_json::json;

use super::head;
use super::reserved::{SEPARATORS, spelled_with};
use crate::support::Stage;
use crate::support::app::Arrived;
use crate::support::visitor::{FETCH, NAVIGATION, header, json as json_of};
use crate::support::wire::{exchange, status};
use crate::transparency::differences::SET;

/// Every header that is scrubbed, as an attacker would like it to be.
const FORGED: [&str; 22] = [
    "Authorization",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Access-Token",
    "X-Auth-Request-Whatever-Comes-Next",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Oidc-Identity",
    "X-Amzn-Oidc-Accesstoken",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Uri",
    "X-Forwarded-Prefix",
    "X-Forwarded-Method",
    "X-Original-URL",
];

/// In each of these a server behind the gate may take a header for another of the same name.
pub(super) fn spellings(name: &str) -> Vec<String> {
    let mixed: String =
        name.char_indices().map(|(at, c)| if at % 2 == 0 && c == '-' { '_' } else { c }).collect();
    let mut all: Vec<_> = SEPARATORS.iter().map(|by| spelled_with(name, by)).collect();
    all.extend([
        name.to_owned(),
        name.to_ascii_uppercase(),
        spelled_with(&name.to_ascii_lowercase(), "_"),
        mixed,
    ]);
    all
}

fn assert_not_forged(arrived: &Arrived) {
    for (name, value) in &arrived.headers {
        assert!(!value.as_bytes().windows(6).any(|part| part == b"forged"), "{name} went on");
    }
}

#[tokio::test]
async fn case_12_a_foreign_bearer_token_without_a_session_goes_nowhere() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    for authorization in ["Bearer junk", "Basic eDp5", "bearer eyJhbGciOiJub25lIn0.e30."] {
        let junk = [("authorization", authorization)];
        let navigation = visitor.send(Method::GET, "/", &[&NAVIGATION[..], &junk].concat(), "").await;
        assert_eq!(navigation.status(), 303);
        assert!(!format!("{navigation:?}").contains("junk"));
        assert_eq!(visitor.send(Method::GET, "/", &[&FETCH[..], &junk].concat(), "").await.status(), 401);
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn case_13_forged_identity_headers_are_removed_in_every_spelling() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    for method in ["GET", "OPTIONS"] {
        for name in FORGED {
            let lines: Vec<String> = spellings(name).iter().map(|name| format!("{name}: forged")).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["Connection: close"]).collect();
            let answer =
                exchange(visitor.gate(), head(&visitor, &format!("{method} /"), &lines).into()).await;
            assert_eq!(status(&answer), 200, "{name}");
            let arrived = stage.app.last();
            assert_eq!(arrived.method, method);
            assert_not_forged(&arrived);
        }
    }
}

#[tokio::test]
async fn case_14_what_a_client_says_of_its_way_is_replaced_by_what_the_gate_knows() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let forged = [
        ("x-forwarded-for", "forged, 10.0.0.1"),
        ("x-forwarded-for", "forged"),
        ("x_forwarded_proto", "forged"),
        ("x-forwarded-proto", "forged"),
        ("x-forwarded-host", "forged"),
        ("x-forwarded-port", "forged"),
        ("forwarded", "for=forged;host=forged;proto=http"),
        ("x-original-uri", "/forged"),
        ("x.original.url", "/forged"),
    ];
    assert_eq!(visitor.send(Method::GET, "/", &forged, "").await.status(), 200);
    let arrived = stage.app.last();
    assert_not_forged(&arrived);
    assert_eq!(arrived.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(arrived.header("x-forwarded-host"), Some("app.test"));
    assert_eq!(arrived.header("x-forwarded-proto"), Some("https"));
    assert_eq!(arrived.header("forwarded"), Some("for=127.0.0.1;host=app.test;proto=https"));
}

#[tokio::test]
async fn case_15_a_preflight_or_a_probe_has_no_way_past_and_no_identity_of_its_own() {
    let stage = Stage::new().await;
    let forged = [("x-forwarded-user", "forged"), ("authorization", "Bearer forged")];
    let preflight = [
        ("origin", "https://app.test"),
        ("access-control-request-method", "DELETE"),
        ("sec-fetch-mode", "cors"),
        ("user-agent", "ELB-HealthChecker/2.0"),
    ];
    let headers = [&forged[..], &preflight].concat();
    let mut visitor = stage.visitor();
    for target in ["/", "/health", "/healthz", "/ping", "/public/", "/robots.txt", "/favicon.ico"] {
        assert_eq!(visitor.send(Method::OPTIONS, target, &headers, "").await.status(), 401, "{target}");
    }
    assert_eq!(stage.app.count(), 0);
    let mut visitor = stage.signed_in().await;
    assert_eq!(visitor.send(Method::OPTIONS, "/health", &headers, "").await.status(), 200);
    assert_not_forged(&stage.app.last());
}

#[tokio::test]
async fn case_16_two_authorization_headers_become_the_one_of_the_session() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let token = stage.app.last().header("authorization").unwrap().to_owned();
    let twice = [("authorization", "Bearer one"), ("Authorization", "Basic two")];
    visitor.send(Method::GET, "/", &twice, "").await;
    assert_eq!(stage.app.last().header("authorization"), Some(token.as_str()));
}

#[tokio::test]
async fn identity_headers_are_the_tokens_claims_and_an_absent_claim_is_an_absent_header() {
    let stage = Stage::new().await;
    let mut alice = stage.signed_in().await;
    let arrived = stage.app.last();
    let info = json_of(&alice.fetch("/oauth2/userinfo").await);
    assert_eq!(arrived.header("x-forwarded-user"), info["sub"].as_str());
    assert_eq!(arrived.header("x-forwarded-email"), Some("alice@example.com"));
    assert_eq!(arrived.header("x-forwarded-groups"), Some("admins"));
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("alice"));

    stage.visitor().sign_in("bob", "/").await;
    let arrived = stage.app.last();
    assert_eq!((arrived.header("x-forwarded-email"), arrived.header("x-forwarded-groups")), (None, None));
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("bob"));

    stage.cognito.set_groups("bob", &["admins", "two words", "a,b"]);
    stage.cognito.set_attribute("bob", "preferred_username", Some("Bobby"));
    stage.visitor().sign_in("bob", "/").await;
    let arrived = stage.app.last();
    assert_eq!(arrived.header("x-forwarded-groups"), Some("admins,two words,a%2Cb"));
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("Bobby"));
}

#[tokio::test]
async fn case_18_a_claim_reaches_the_app_encoded_and_never_raw() {
    let stage = Stage::new().await;
    stage.cognito.edit_token(
        TokenEdit::id()
            .set("email", "a\r\nX-Forwarded-User: root\r\n\r\nGET /admin HTTP/1.1\0@x.test")
            .set("preferred_username", " Zoë 100% \u{1f600}\t")
            .set("cognito:groups", json!(["a,admins", "gr\u{fc}n", "x\ny", " admins"])),
    );
    stage.signed_in().await;
    let arrived = stage.app.last();
    let email = "a%0D%0AX-Forwarded-User: root%0D%0A%0D%0AGET /admin HTTP/1.1%00@x.test";
    assert_eq!(arrived.header("x-forwarded-email"), Some(email));
    let name = "%20Zo%C3%AB 100%25 %F0%9F%98%80%09";
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some(name));
    // A receiver that splits at commas and trims sees the groups that the user is in, and no others.
    assert_eq!(arrived.header("x-forwarded-groups"), Some("a%2Cadmins,gr%C3%BCn,x%0Ay,%20admins"));
    assert_ne!(arrived.header("x-forwarded-user"), Some("root"));
    assert_eq!(stage.app.count(), 1);
}

#[tokio::test]
async fn a_request_id_is_the_clients_where_it_looks_like_one_and_else_a_new_one() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for own in ["a", "0123456789.abc_DEF-", &"x".repeat(64)] {
        visitor.send(Method::GET, "/", &[("x-request-id", own)], "").await;
        assert_eq!(stage.app.last().header("x-request-id"), Some(own));
    }
    for other in ["", "a b", "a\"b", "<script>", "é", &"x".repeat(65)] {
        let headers = [("x-request-id", other), ("x_request_id", "forged")];
        visitor.send(Method::GET, "/", &headers, "").await;
        let arrived = stage.app.last();
        let id = arrived.header("x-request-id").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{other:?} became {id:?}");
        assert_not_forged(&arrived);
    }
}

#[tokio::test]
async fn case_19_own_cookies_stay_here_and_the_others_go_on_byte_for_byte() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let session = visitor.jar.get("__Host-cognigate").unwrap().to_owned();
    let own = format!("__Host-cognigate={session}");
    for (sent, expected) in [
        (vec![format!("a=1; {own}; b=\"2 \\3\";c==;  d")], Some("a=1; b=\"2 \\3\";c==;  d")),
        (vec![format!("{own}; a=1")], Some("a=1")),
        (vec![format!("z=1; a=2; {own}; z=3")], Some("z=1; a=2; z=3")),
        (vec!["a=1".to_owned(), format!("{own}; b=2"), "c=3".to_owned()], Some("a=1; b=2; c=3")),
        (
            vec![format!(
                "__Host-cognigate-1=x; {own}; __Host-cognigate-8=x; __Host-cognigate-99=x; a=%zz; \
                 __Host-cognigate-login-AAAA=x; __Host-cognigate-check=1; __Host-cognigate"
            )],
            Some("a=%zz"),
        ),
        // Near misses are the app's.
        (
            vec![format!("__Host-cognigat=1; {own}; __Host-cognigate2=2; cognigate=3; __host-cognigate=4")],
            Some("__Host-cognigat=1; __Host-cognigate2=2; cognigate=3; __host-cognigate=4"),
        ),
        (vec![format!("__Host-cognigate-1=stale; {own}")], None),
        (vec![own.clone()], None),
    ] {
        let lines: String = sent.iter().map(|line| format!("Cookie: {line}\r\n")).collect();
        let request = format!("GET / HTTP/1.1\r\nHost: app.test\r\n{lines}Connection: close\r\n\r\n");
        assert_eq!(status(&exchange(visitor.gate(), request.into()).await), 200, "{sent:?}");
        assert_eq!(stage.app.last().header("cookie"), expected, "{sent:?}");
    }
    let mut bytes =
        format!("GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nCookie: {own}; a=").into_bytes();
    bytes.extend(b"\xff\xfe\x80; b=\t1\r\n\r\n");
    assert_eq!(status(&exchange(visitor.gate(), bytes).await), 200);
    assert_eq!(stage.app.last().headers["cookie"].as_bytes(), b"a=\xff\xfe\x80; b=\t1");
}

#[tokio::test]
async fn case_85_the_app_cannot_set_a_cookie_of_ours() {
    const LINES: [(&str, bool); 9] = [
        ("a=1; Path=/", true),
        ("__Host-cognigate=evil; Secure; Path=/", false),
        ("__Host-cognigate-1=evil; Secure; Path=/", false),
        (" __Host-cognigate = ; Max-Age=0", false),
        ("__Host-cognigate-login-AAAAAAAAAAAAAAAA=evil", false),
        ("__Host-cognigate-check=1", false),
        ("__Host-cognigate", false),
        ("=__Host-cognigate=evil; Secure; Path=/", false),
        ("b=__Host-cognigate; HttpOnly", true),
    ];
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    stage.app.answer(|_| {
        let mut response = Response::new(full("ok"));
        for (line, _) in LINES {
            response.headers_mut().append("set-cookie", HeaderValue::from_static(line));
        }
        response
    });
    // A copy, whose jar may be as strict as it likes.
    let answer = exchange(visitor.gate(), head(&visitor, "GET /", &["Connection: close"]).into()).await;
    let answer = String::from_utf8(answer).unwrap();
    let lines = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let expected = LINES.iter().filter(|(_, kept)| *kept).map(|(line, _)| *line);
    assert_eq!(lines.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn an_authenticated_answer_is_private_unless_the_app_says_something_itself() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for (own, expected) in [(None, "private, no-store"), (Some("public, max-age=60"), "public, max-age=60")] {
        stage.app.answer(move |_| {
            let mut response = Response::new(full("ok"));
            if let Some(own) = own {
                response.headers_mut().insert("cache-control", HeaderValue::from_static(own));
            }
            response
        });
        assert_eq!(header(&visitor.fetch("/").await, "cache-control"), Some(expected));
    }
}

#[tokio::test]
async fn every_other_header_goes_on_as_it_is() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let others = [
        ("user-agent", "kube-probe/1"),
        ("x-forwarder", "mine"),
        ("x-user", "mine"),
        ("x-authorization", "mine"),
        ("x-auth-request", "mine"),
        ("x-real-value", "\u{e9} mine"),
        ("x-empty", ""),
    ];
    visitor.send(Method::GET, "/", &others, "").await;
    let arrived = stage.app.last();
    for (name, value) in others {
        assert_eq!(arrived.headers[name].as_bytes(), value.as_bytes(), "{name}");
    }
    let ours = names(&arrived.headers);
    let mut expected = [&SET[..], &["host"]].concat();
    expected.sort_unstable();
    let added: Vec<&str> =
        ours.iter().copied().filter(|name| !others.iter().any(|(other, _)| other == name)).collect();
    assert_eq!(added, expected);
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}
