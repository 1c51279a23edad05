//! The hosts that the gate answers for, and every way of naming another.

use http::Method;

use super::say;
use crate::support::Stage;
use crate::support::visitor::{FETCH, NAVIGATION, Visitor, header, json, location, parameter, text};
use crate::support::wire::{exchange, status};

/// A request with a session, and these lines for a host.
async fn ask(visitor: &Visitor, target: &str, hosts: &[&str]) -> u16 {
    let cookie = visitor.jar.line().unwrap();
    let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    let cookie = cookie.to_str().unwrap();
    let request = format!("GET {target} HTTP/1.1\r\n{hosts}Cookie: {cookie}\r\nConnection: close\r\n\r\n");
    status(&exchange(visitor.gate(), request.into()).await)
}

#[tokio::test]
async fn another_host_is_a_421_with_a_link_to_the_right_one() {
    let stage = Stage::new().await;
    for mut visitor in [stage.visitor(), stage.signed_in().await] {
        let before = stage.app.count();
        for target in ["/", "/oauth2/start", "/oauth2/userinfo"] {
            let evil = ("host", "evil.test");
            let page = visitor.send(Method::GET, target, &[&NAVIGATION[..], &[evil]].concat(), "").await;
            assert_eq!(page.status(), 421, "{target}");
            assert!(text(&page).contains("href=\"https://app.test\""), "{}", text(&page));
            assert!(!text(&page).contains("evil.test"));
            assert!(page.headers().get("set-cookie").is_none() && page.headers().get("location").is_none());
            let problem = visitor.send(Method::GET, target, &[&FETCH[..], &[evil]].concat(), "").await;
            assert_eq!((problem.status().as_u16(), &json(&problem)["status"]), (421, &421.into()));
            assert!(header(&problem, "cache-control").unwrap().contains("no-store"));
        }
        assert_eq!(stage.app.count(), before);
    }
}

#[tokio::test]
async fn case_03_a_login_is_built_from_the_configuration_and_not_from_the_request() {
    let stage = Stage::with(|setup| setup.set("listen.hosts", "other.test")).await;
    let mut visitor = stage.visitor();
    for (name, value) in [
        ("host", "other.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.test;proto=http"),
        ("x-original-url", "/evil.test"),
    ] {
        let login = visitor.send(Method::GET, "/a", &[&NAVIGATION[..], &[(name, value)]].concat(), "").await;
        let redirect = parameter(&location(&login), "redirect_uri");
        assert_eq!(redirect.as_deref(), Some("https://app.test/oauth2/callback"), "{name}");
        assert!(!location(&login).contains("evil"));
    }
}

#[tokio::test]
async fn case_27_spellings_of_the_host_are_one_host_under_one_rule() {
    let stage = Stage::with(|setup| setup.set("listen.hosts", "other.test:8443,10.0.0.1,[::1]")).await;
    let (visitor, nobody) = (stage.signed_in().await, stage.visitor());
    for host in [
        "app.test",
        "APP.TEST",
        "app.test.",
        "app.test:443",
        "other.test:8443",
        "10.0.0.1:9",
        "[::1]",
        "[::1]:80",
    ] {
        assert_eq!(ask(&visitor, "/", &[host]).await, 200, "{host}");
        let login = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&exchange(nobody.gate(), login.into()).await), 401, "{host}");
    }
    for host in
        ["app.test:80", "app.test:8443", "other.test", "evil.test", "app.test.evil.test", "127.0.0.1", "::1"]
    {
        let refused = ask(&visitor, "/", &[host]).await;
        assert!(matches!(refused, 400 | 421), "{host} is {refused}");
    }
}

#[tokio::test]
async fn case_28_what_is_no_single_host_is_a_400() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = stage.app.count();
    for hosts in [
        &["app.test/public?"][..],
        &["app.test/"],
        &["app.test?"],
        &["app.test#"],
        &["app.test@evil.test"],
        &["evil.test@app.test"],
        &["app.test:443:80"],
        &["app.test:x"],
        &["app.test:99999"],
        &["app.test,evil.test"],
        &["app.test evil.test"],
        &["app.test\\evil.test"],
        &["app%2etest"],
        &["app.test\u{e9}"],
        &[""],
        &["app.test", "app.test"],
        &["app.test", "evil.test"],
        &[],
    ] {
        assert_eq!(ask(&visitor, "/", hosts).await, 400, "{hosts:?}");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_25_an_absolute_form_names_the_host_of_the_host_header_or_is_refused() {
    let stage = Stage::with(|setup| setup.set("listen.hosts", "other.test")).await;
    let visitor = stage.signed_in().await;
    for (target, expected) in [
        ("https://app.test/a?b", "/a?b"),
        ("http://app.test/a%2Fb", "/a%2Fb"),
        ("HTTP://APP.TEST:443/a", "/a"),
        ("https://app.test", "/"),
        ("https://app.test?a=1", "/?a=1"),
    ] {
        assert_eq!(ask(&visitor, target, &["app.test"]).await, 200, "{target}");
        let arrived = stage.app.last();
        assert_eq!(
            (arrived.target.as_str(), arrived.header("host")),
            (expected, Some("app.test")),
            "{target}"
        );
    }
    let before = stage.app.count();
    for (target, host, expected) in [
        ("https://evil.test/", "app.test", 400),
        ("https://app.test/", "evil.test", 400),
        ("https://other.test/", "app.test", 400),
        ("https://app.test@evil.test/", "app.test", 400),
        ("https://evil.test@app.test/", "app.test", 400),
        ("https://app.test/a/../b", "app.test", 400),
        ("https://app.test/%2e%2e/b", "app.test", 400),
        ("https:///a", "app.test", 400),
        ("//evil.test/", "evil.test", 421),
        ("app.test/a", "app.test", 400),
    ] {
        assert_eq!(ask(&visitor, target, &[host]).await, expected, "{target} at {host}");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_132_an_authority_of_another_port_than_the_host_header_is_refused() {
    // One name with its port, and one that may come with any.
    let stage = Stage::with(|setup| setup.set("listen.hosts", "app.test:8443,other.test")).await;
    let visitor = stage.signed_in().await;
    for (target, host) in [
        ("https://app.test:8443/", "app.test:8443"),
        ("https://app.test/", "app.test:443"),
        ("https://other.test:81/", "other.test:81"),
    ] {
        assert_eq!(ask(&visitor, target, &[host]).await, 200, "{target} at {host}");
    }
    let before = stage.app.count();
    for (target, host) in [
        ("https://app.test:8443/", "app.test"),
        ("https://app.test/", "app.test:8443"),
        ("https://app.test:444/", "app.test"),
        ("https://app.test:80/", "app.test"),
        ("https://other.test:81/", "other.test"),
        ("https://other.test:81/", "other.test:82"),
        ("https://other.test/", "other.test:81"),
    ] {
        assert_eq!(ask(&visitor, target, &[host]).await, 400, "{target} at {host}");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_25_connect_and_asterisk_and_no_path_are_refused_and_nothing_is_tunnelled() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = (stage.app.count(), stage.app.connections());
    let own = stage.app.address().to_string();
    for start in [
        "CONNECT app.test:443",
        &format!("CONNECT {own}"),
        "CONNECT /",
        "CONNECT https://app.test/",
        "GET *",
        "GET ",
        "GET ?a=b",
        "GET #a",
    ] {
        let answer = say(&visitor, start, &[]).await;
        assert!(matches!(status(&answer), 400 | 421), "{start}: {}", String::from_utf8_lossy(&answer));
    }
    assert_eq!((stage.app.count(), stage.app.connections()), before);
}
