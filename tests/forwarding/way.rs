//! Where a request came from, as the app hears it: from a stranger, and from a proxy whose word counts.

use http::Method;

use crate::support::Stage;
use crate::support::app::Arrived;
use crate::support::visitor::Visitor;

/// What the app hears of the way of a request with these headers.
async fn heard(stage: &Stage, visitor: &mut Visitor, headers: &[(&str, &str)]) -> Arrived {
    assert_eq!(visitor.send(Method::GET, "/", headers, "").await.status(), 200, "{headers:?}");
    stage.app.last()
}

/// A load balancer that stands where the tests' visitors do.
async fn behind_a_balancer() -> (Stage, Visitor) {
    let stage = Stage::with(|setup| setup.set("listen.trusted_proxies", "127.0.0.1, 10.0.0.0/8")).await;
    let visitor = stage.signed_in().await;
    (stage, visitor)
}

#[tokio::test]
async fn case_14_a_stranger_cannot_say_where_a_request_came_from_under_any_name() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let names = [
        "X-Forwarded-For",
        "X-Real-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "Fastly-Client-IP",
        "X-Envoy-External-Address",
        "Client-IP",
        "X-Forwarded",
        "Forwarded-For",
        "X-Host",
        "X-Rewrite-URL",
        "X-Original-URL",
        "Front-End-Https",
        "X-Url-Scheme",
        "X-Forwarded-Server",
        "Via",
    ];
    for name in names {
        for spelled in [name.to_owned(), name.replace('-', "_"), name.replace('-', ".")] {
            let arrived =
                heard(&stage, &mut visitor, &[(&spelled, "192.0.2.66"), ("x-kept", "192.0.2.66")]).await;
            let said: Vec<_> =
                arrived.headers.iter().filter(|(_, value)| value.as_bytes() == b"192.0.2.66").collect();
            assert_eq!(said.len(), 1, "{spelled} went on: {said:?}");
        }
    }
    let forged = [
        ("x-forwarded-for", "192.0.2.66"),
        ("forwarded", "for=192.0.2.66;host=evil.test;proto=http"),
        ("via", "1.1 elsewhere"),
    ];
    let arrived = heard(&stage, &mut visitor, &forged).await;
    assert_eq!(arrived.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(arrived.header("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(arrived.header("forwarded"), Some("for=127.0.0.1;host=app.test;proto=https"));
    assert_eq!(arrived.header("via"), Some("1.1 cognigate"));
}

#[tokio::test]
async fn what_a_trusted_proxy_says_is_extended() {
    let (stage, mut visitor) = behind_a_balancer().await;
    for (said, addresses, elements, client) in [
        (&[][..], "127.0.0.1", "for=127.0.0.1", "127.0.0.1"),
        (
            &[("x-forwarded-for", "203.0.113.5"), ("x-forwarded-for", "10.0.0.9:443")],
            "203.0.113.5, 10.0.0.9, 127.0.0.1",
            "for=203.0.113.5, for=10.0.0.9, for=127.0.0.1",
            "203.0.113.5",
        ),
        // The client had put something there already; its own address is what the balancer saw.
        (
            &[("x-forwarded-for", "192.0.2.66, 2001:db8::1")],
            "192.0.2.66, 2001:db8::1, 127.0.0.1",
            "for=192.0.2.66, for=\"[2001:db8::1]\", for=127.0.0.1",
            "2001:db8::1",
        ),
        (
            &[("forwarded", "for=\"[2001:db8::1]:80\";proto=http;host=evil.test")],
            "2001:db8::1, 127.0.0.1",
            "for=\"[2001:db8::1]\", for=127.0.0.1",
            "2001:db8::1",
        ),
        // Balancers write the one, and pass on what a client has put into the other.
        (
            &[("forwarded", "for=192.0.2.66"), ("x-forwarded-for", "203.0.113.5")],
            "203.0.113.5, 127.0.0.1",
            "for=203.0.113.5, for=127.0.0.1",
            "203.0.113.5",
        ),
        (&[("x-forwarded-for", "203.0.113.5, unknown")], "127.0.0.1", "for=127.0.0.1", "127.0.0.1"),
    ] {
        let arrived = heard(&stage, &mut visitor, said).await;
        assert_eq!(arrived.header("x-forwarded-for"), Some(addresses), "{said:?}");
        let elements = format!("{elements};host=app.test;proto=https");
        assert_eq!(arrived.header("forwarded"), Some(elements.as_str()), "{said:?}");
        assert_eq!(arrived.header("x-real-ip"), Some(client), "{said:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_speaks_of_the_client_and_not_of_the_gate() {
    let (stage, mut visitor) = behind_a_balancer().await;
    let said = [
        ("via", "2 cdn.test (a comment)"),
        ("via", "1.1 balancer"),
        ("cf-connecting-ip", "203.0.113.5"),
        ("true-client-ip", "203.0.113.5"),
        ("x-real-ip", "192.0.2.66"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
        ("x-forwarded-user", "root"),
        ("authorization", "Bearer junk"),
    ];
    let arrived = heard(&stage, &mut visitor, &said).await;
    let via: Vec<_> = arrived.headers.get_all("via").iter().collect();
    assert_eq!(via, ["2 cdn.test (a comment)", "1.1 balancer", "1.1 cognigate"]);
    for name in ["cf-connecting-ip", "true-client-ip"] {
        assert_eq!(arrived.header(name), Some("203.0.113.5"));
    }
    assert_eq!(arrived.header("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(arrived.header("x-forwarded-proto"), Some("https"));
    assert_eq!(arrived.header("x-forwarded-host"), Some("app.test"));
    assert_ne!(arrived.header("x-forwarded-user"), Some("root"));
    assert!(arrived.header("authorization").unwrap().starts_with("Bearer ey"));
    for name in ["x-forwarded-prefix", "x-original-url"] {
        assert_eq!(arrived.header(name), None);
    }
}

#[tokio::test]
async fn a_proxy_elsewhere_on_the_list_makes_nobody_else_trusted() {
    let stage = Stage::with(|setup| setup.set("listen.trusted_proxies", "10.0.0.0/8")).await;
    let mut visitor = stage.signed_in().await;
    let said = [("x-forwarded-for", "203.0.113.5"), ("cf-connecting-ip", "203.0.113.5")];
    let arrived = heard(&stage, &mut visitor, &said).await;
    assert_eq!(arrived.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(arrived.header("cf-connecting-ip"), None);
}

#[tokio::test]
async fn a_host_with_a_port_is_quoted_where_it_must_be() {
    let stage = Stage::with(|setup| setup.public_url("https://app.test:8443")).await;
    let mut visitor = stage.signed_in().await;
    let arrived = heard(&stage, &mut visitor, &[]).await;
    assert_eq!(arrived.header("forwarded"), Some("for=127.0.0.1;host=\"app.test:8443\";proto=https"));
    assert_eq!(arrived.header("x-forwarded-host"), Some("app.test:8443"));
}
