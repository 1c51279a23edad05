//! What browsers and programs meet, and what the app sees of them.

use cognigate::types::{empty, full};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderName, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::support::visitor::location;

with_both!(
    a_visitor_signs_in_and_lands_on_the_deep_link_with_its_query,
    the_app_sees_bearer_and_identity_and_not_the_clients_own,
    an_api_call_ends_in_a_401,
    a_posted_body_arrives_intact,
    a_posted_form_without_a_session_leads_back_to_its_page,
    a_websocket_goes_through_and_needs_a_session,
    no_other_protocol_is_switched_to,
    a_sign_out_ends_it,
    without_cognigate_nobody_passes,
    long_response_headers_pass,
    an_answer_for_one_user_stays_out_of_shared_caches,
);

async fn a_visitor_signs_in_and_lands_on_the_deep_link_with_its_query(which: Which) {
    let front = Front::new(which).await;
    let mut visitor = front.visitor();
    let page = visitor.sign_in("alice", DEEP_LINK).await;
    assert_eq!((page.status().as_u16(), text(&page).as_str()), (200, "the app"), "{}", front.nginx.log());
    let arrived = front.stage.app.last();
    assert_eq!(arrived.target, DEEP_LINK);
    assert_eq!(front.stage.app.count(), 1, "nothing passed before the sign-in");
}

async fn the_app_sees_bearer_and_identity_and_not_the_clients_own(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    let forged = [
        ("authorization", "Bearer forged"),
        ("x-auth-request-user", "forged"),
        ("x-auth-request-email", "forged"),
        ("x-auth-request-groups", "forged"),
        ("x-auth-request-preferred-username", "forged"),
        ("x-auth-request-access-token", "forged"),
        ("x-forwarded-user", "forged"),
        ("x-forwarded-email", "forged"),
        ("x-forwarded-groups", "forged"),
        ("x-forwarded-preferred-username", "forged"),
        ("x-forwarded-access-token", "forged"),
        ("x-forwarded-for", "forged"),
        ("x-forwarded-host", "forged"),
        ("x-forwarded-proto", "forged"),
        ("forwarded", "for=forged"),
        ("x-amzn-oidc-identity", "forged"),
        ("x-amzn-oidc-data", "forged"),
        ("x-amzn-oidc-accesstoken", "forged"),
        ("x-original-url", "https://app.test/forged"),
        ("x-original-method", "FORGED"),
        ("x_auth_request_user", "forged"),
        ("x.auth.request.email", "forged"),
        ("x_forwarded_user", "forged"),
        ("connection", "close, Authorization, X-Auth-Request-User, Cookie"),
    ];
    for headers in [&forged[..], &forged[1..], &[]] {
        let page = alice.send(Method::GET, DEEP_LINK, headers, "").await;
        assert_eq!(page.status(), 200);
        let arrived = front.stage.app.last();
        assert!(arrived.header("authorization").unwrap().starts_with("Bearer ey"));
        for kind in ["x-auth-request", "x-forwarded"] {
            assert_eq!(arrived.header(&format!("{kind}-email")), Some("alice@example.com"));
            assert_eq!(arrived.header(&format!("{kind}-groups")), Some("admins"));
            assert_eq!(arrived.header(&format!("{kind}-preferred-username")), Some("alice"));
        }
        let info = alice.fetch("/oauth2/userinfo").await;
        assert_eq!(arrived.header("x-auth-request-user"), json(&info)["sub"].as_str());
        assert_eq!(arrived.header("x-forwarded-user"), json(&info)["sub"].as_str());
        assert_eq!(arrived.header("host"), Some("app.test"));
        assert_eq!(arrived.header("x-forwarded-host"), Some("app.test"));
        let forged = arrived.headers.iter().find(|(_, value)| {
            String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase().contains("forged")
        });
        assert_eq!(forged, None);
    }
    // bob has no email: what he says of one does not stand in its place.
    let mut bob = front.visitor();
    bob.sign_in("bob", "/").await;
    bob.send(Method::GET, "/", &forged, "").await;
    for name in ["x-auth-request-email", "x-forwarded-email"] {
        let name: HeaderName = name.parse().unwrap();
        assert!(!front.stage.app.last().headers.contains_key(&name), "{name}");
    }
}

async fn an_api_call_ends_in_a_401(which: Which) {
    let front = Front::new(which).await;
    let json_only = [("accept", "application/json")];
    for (method, kind) in [
        (Method::GET, &FETCH[..]),
        (Method::POST, &FETCH),
        (Method::GET, &json_only),
        (Method::DELETE, &json_only),
        (Method::HEAD, &NAVIGATION[..1]),
    ] {
        let mut program = front.visitor();
        let body = if method == Method::POST { "a body" } else { "" };
        let no = program.send(method.clone(), "/api/orders?x=1", kind, body).await;
        assert_eq!(no.status(), 401, "{method} {kind:?}");
        assert!(!no.headers().contains_key(SET_COOKIE) && !no.headers().contains_key(LOCATION));
        if method != Method::HEAD {
            assert_eq!(header(&no, "content-type"), Some("application/problem+json"));
            assert_eq!(json(&no)["login_url"], "https://app.test/oauth2/start?rd=%2F");
        }
    }
    assert_eq!(front.stage.app.count(), 0);
}

async fn a_posted_body_arrives_intact(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    let body: Vec<u8> = (0..700_000_u32).map(|n| n.to_le_bytes()[usize::from(n % 3 == 0)]).collect();
    let headers = [("content-type", "application/octet-stream")];
    for method in [Method::POST, Method::PUT] {
        let page = alice.send(method.clone(), DEEP_LINK, &headers, body.clone()).await;
        assert_eq!(page.status(), 200, "{}", front.nginx.log());
        let arrived = front.stage.app.last();
        assert_eq!((arrived.method.clone(), arrived.target.as_str()), (method, DEEP_LINK));
        assert_eq!(arrived.header("content-type"), Some("application/octet-stream"));
        assert!(arrived.body == body, "{} bytes arrived", arrived.body.len());
    }
}

async fn a_posted_form_without_a_session_leads_back_to_its_page(which: Which) {
    let front = Front::new(which).await;
    let mut visitor = front.visitor();
    let headers = [&NAVIGATION[..], &[("referer", "https://app.test/form?x=1")]].concat();
    let begun = visitor.send(Method::POST, "/form/action", &headers, "a=b").await;
    assert_eq!(begun.status(), 303);
    let callback = visitor.through_login("alice", &location(&begun)).await;
    assert_eq!(location(&visitor.navigate(&callback).await), "/form?x=1");
    // Without Fetch Metadata a GET may be a navigation, and a POST is none, though nginx makes a GET of it.
    let html = [("accept", "text/html")];
    assert_eq!(front.visitor().send(Method::GET, "/form", &html, "").await.status(), 303);
    assert_eq!(front.visitor().send(Method::POST, "/form", &html, "a=b").await.status(), 401);
    assert_eq!(front.stage.app.count(), 0);
}

/// Asks for another protocol, and gives the connection and the head of the answer.
async fn switch(front: &Front, protocol: &str, cookies: &str) -> (TcpStream, String) {
    let head = format!(
        "GET /socket HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookies}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(front.nginx.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

async fn a_websocket_goes_through_and_needs_a_session(which: Which) {
    let front = Front::new(which).await;
    let alice = front.signed_in().await;
    front.stage.app.answer(|arrived| {
        let mut switched = Response::new(empty());
        *switched.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        let headers = switched.headers_mut();
        headers.insert("upgrade", arrived.headers["upgrade"].clone());
        headers.insert("connection", "Upgrade".parse().unwrap());
        headers.insert("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap());
        switched
    });
    let seen = front.stage.app.count();
    let (_, refused) = switch(&front, "websocket", "").await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    assert_eq!(front.stage.app.count(), seen, "it passed without a session");

    // The access token has run out, so that the 101 carries a cookie.
    front.stage.clock.advance(std::time::Duration::from_secs(3600));
    let line = alice.jar.line().unwrap();
    let (mut socket, accepted) = switch(&front, "WebSocket", line.to_str().unwrap()).await;
    assert!(accepted.starts_with("HTTP/1.1 101"), "{accepted}");
    assert!(accepted.to_ascii_lowercase().contains("\r\nset-cookie: __host-cognigate="), "{accepted}");
    assert!(accepted.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    let arrived = front.stage.app.last();
    assert_eq!(arrived.header("x-auth-request-email"), Some("alice@example.com"));
    assert_eq!(arrived.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    for frame in [&b"\x81\x85\x01\x02\x03\x04hello"[..], b"\x00\xff\r\n\r\n", &[7; 100_000]] {
        let (mut from, mut to) = socket.split();
        let mut back = vec![0; frame.len()];
        let (sent, got) = tokio::join!(to.write_all(frame), from.read_exact(&mut back));
        sent.unwrap();
        got.unwrap();
        assert!(back == frame);
    }
}

async fn no_other_protocol_is_switched_to(which: Which) {
    let front = Front::new(which).await;
    let alice = front.signed_in().await;
    let (_, answer) = switch(&front, "h2c", alice.jar.line().unwrap().to_str().unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(front.stage.app.last().header("upgrade"), None);
}

async fn a_sign_out_ends_it(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    let out = alice.navigate("/oauth2/sign_out").await;
    assert_eq!(out.status(), 303);
    assert!(alice.jar.names().is_empty(), "{:?}", alice.jar.names());
    let back = alice.follow(&out).await;
    let page = alice.follow(&back).await;
    assert!(text(&page).contains("You are signed out"));
    assert_eq!(alice.fetch("/").await.status(), 401);
    let again = alice.navigate("/").await;
    assert_eq!(again.status(), 303);
    assert_eq!(front.stage.app.count(), 1, "only the page before the sign-out");
}

async fn without_cognigate_nobody_passes(which: Which) {
    let Front { stage, nginx } = Front::with(which, |setup| setup.set("public", "/public/*")).await;
    let mut alice = Visitor::new(PUBLIC_URL, nginx.address(), stage.cognito_address);
    assert_eq!(alice.sign_in("alice", "/").await.status(), 200);
    stage.gate.stop();
    for target in ["/", "/public/x", "/oauth2/start"] {
        let answer = alice.navigate(target).await;
        assert!(matches!(answer.status().as_u16(), 500 | 502), "{} for {target}", answer.status());
        assert_eq!(answer.headers().get(SET_COOKIE), None);
    }
    assert_eq!(stage.app.count(), 1, "only the page before");
}

async fn long_response_headers_pass(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    front.stage.app.answer(|_| {
        let mut page = Response::new(full("long"));
        page.headers_mut().insert("x-long", "a".repeat(6000).parse().unwrap());
        for n in 0..4 {
            let cookie = format!("c{n}={}", "b".repeat(1500));
            page.headers_mut().append(SET_COOKIE, cookie.parse().unwrap());
        }
        page
    });
    let page = alice.navigate("/").await;
    assert_eq!((page.status().as_u16(), text(&page).as_str()), (200, "long"), "{}", front.nginx.log());
    assert_eq!(header(&page, "x-long").unwrap().len(), 6000);
    assert_eq!(page.headers().get_all(SET_COOKIE).iter().count(), 4);
}

async fn an_answer_for_one_user_stays_out_of_shared_caches(which: Which) {
    let front = Front::with(which, |setup| setup.set("public", "/public/*")).await;
    let mut alice = front.signed_in().await;
    let said = |answer: &crate::support::visitor::Answer| {
        let lines = answer.headers().get_all("cache-control").iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(said(&alice.navigate("/").await), "private, no-store", "where the app says nothing");
    assert_eq!(said(&alice.navigate("/public/x").await), "", "where it is for everybody");
    front.stage.app.answer(|_| {
        let mut page = Response::new(full("cached"));
        page.headers_mut().insert("cache-control", "public, max-age=60".parse().unwrap());
        page
    });
    assert_eq!(said(&alice.navigate("/").await), "public, max-age=60", "the app's own word");
    front.stage.clock.advance(std::time::Duration::from_secs(3600));
    let renewed = alice.navigate("/").await;
    assert!(renewed.headers().contains_key(SET_COOKIE));
    assert!(said(&renewed).contains("no-store"), "{}", said(&renewed));
}
