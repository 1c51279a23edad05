//! Start: the authorization request, and the endpoints around it.

use http::Method;

use super::{Said, assert_ours, cognito_url, login_cookie, set_cookie, settle, state_of};
use crate::support::visitor::{NAVIGATION, header, location, parameter, set_cookies};
use crate::support::{PUBLIC_URL, Stage};

#[tokio::test]
async fn the_authorization_request_has_a_random_state_a_nonce_and_an_s256_challenge() {
    let stage = Stage::new().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answer = stage.visitor().navigate("/a/page").await;
        assert_eq!(answer.status(), 303);
        let target = location(&answer);
        assert!(target.starts_with(&format!("{}/oauth2/authorize?", cognito_url(&stage))), "{target}");
        let names: Vec<String> =
            url::Url::parse(&target).unwrap().query_pairs().map(|(name, _)| name.into_owned()).collect();
        let expected = [
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
        ];
        assert_eq!(names, expected);
        let of = |name| parameter(&target, name).unwrap();
        assert_eq!(of("response_type"), "code");
        assert_eq!(of("client_id"), "demo-client");
        assert_eq!(of("redirect_uri"), "https://app.test/oauth2/callback");
        assert_eq!(of("scope"), "openid email profile");
        assert_eq!(of("code_challenge_method"), "S256");
        for (name, length) in [("state", 43), ("code_challenge", 43), ("nonce", 22)] {
            let value = of(name);
            assert_eq!(value.len(), length, "{name}={value}");
            assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{value}");
            seen.push(value);
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "what must be random is there twice");
}

#[tokio::test]
async fn what_is_configured_is_passed_to_the_authorization_request() {
    let stage = Stage::with(|setup| {
        setup
            .set("cognito.scopes", "openid,email")
            .set("cognito.identity_provider", "Google")
            .set("cognito.lang", "de")
            .set("cognito.prompt", "login")
            .set("cognito.resource", "https://api.example.com/")
    })
    .await;
    let target = location(&stage.visitor().navigate("/").await);
    for (name, value) in [
        ("scope", "openid email"),
        ("identity_provider", "Google"),
        ("lang", "de"),
        ("prompt", "login"),
        ("resource", "https://api.example.com/"),
    ] {
        assert_eq!(parameter(&target, name).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn start_and_sign_in_come_back_to_rd_even_for_the_signed_in() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for (start, lands) in [
        ("/oauth2/start?rd=%2Fdeep%3Fq%3D1%262", "/deep?q=1&2"),
        ("/oauth2/start?rd=https%3A%2F%2Fapp.test%2Fdeep%2Flink", "/deep/link"),
        ("/oauth2/sign_in?rd=/other", "/other"),
        // A space, as a form writes it and as a URL does.
        ("/oauth2/start?rd=/a+b", "/a%20b"),
        ("/oauth2/start?rd=/a%20b%3Fq", "/a%20b?q"),
        ("/oauth2/start", "/"),
        ("/oauth2/start?rd=", "/"),
        ("/oauth2/start?rd=/a&rd=/b", "/"),
    ] {
        let answer = visitor.navigate(start).await;
        assert_eq!(answer.status(), 303, "{start}");
        let page = settle(&mut visitor, answer).await;
        assert_eq!(page.status(), 200);
        assert_eq!(stage.app.last().target, lands, "{start}");
    }
}

#[tokio::test]
async fn a_return_path_of_2048_bytes_comes_back_and_a_longer_one_becomes_the_root() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let fits = format!("/{}", "a".repeat(2047));
    for (target, lands) in [(fits.clone(), fits.as_str()), (format!("{fits}a"), "/")] {
        visitor.jar.clear();
        let answer = visitor.navigate(&target).await;
        settle(&mut visitor, answer).await;
        assert_eq!(stage.app.last().target, lands);
        let answer = visitor.navigate(&format!("/oauth2/start?rd={target}")).await;
        settle(&mut visitor, answer).await;
        assert_eq!(stage.app.last().target, lands);
    }
}

#[tokio::test]
async fn case_111_white_space_in_rd_is_encoded_before_its_length_is_counted() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let spaced = format!("/?{}x", "a+".repeat(800));
    for (rd, lands) in [
        ("/%3F+%2509", "/?%20%09"),
        ("/%3Fa%20b", "/?a%20b"),
        ("/%09/evil.test", "/"),
        ("/%3Fa%09b", "/"),
        // 1,603 bytes, and 3,203 in a `Location`.
        (spaced.as_str(), "/"),
    ] {
        let answer = visitor.navigate(&format!("/oauth2/start?rd={rd}")).await;
        settle(&mut visitor, answer).await;
        assert_eq!(stage.app.last().target, lands, "{rd}");
    }
}

#[tokio::test]
async fn an_unknown_endpoint_is_404_and_never_the_apps() {
    let stage = Stage::new().await;
    let mut signed_in = stage.signed_in().await;
    let before = stage.app.count();
    for target in [
        "/oauth2",
        "/oauth2/",
        "/oauth2/auth",
        "/oauth2/unknown",
        "/oauth2/callback/",
        "/oauth2//callback",
        "/oauth2/start%2f",
        "/oauth2/START",
        "/oauth2/static/app.css",
        "/%6Fauth2/auth",
        "/oauth2/%61uth",
    ] {
        for visitor in [&mut signed_in, &mut stage.visitor()] {
            let page = visitor.navigate(target).await;
            assert_eq!(page.status(), 404, "{target}");
            assert_ours(&page);
            let problem = visitor.fetch(target).await;
            assert_eq!(problem.status(), 404, "{target}");
            assert_eq!(header(&problem, "content-type"), Some("application/problem+json"));
            let posted = visitor.send(Method::POST, target, &NAVIGATION, "a=b").await;
            assert_eq!(posted.status(), 404, "{target}");
        }
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn an_endpoint_answers_its_methods_only() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let before = stage.app.count();
    for (target, allow) in [
        ("/oauth2/start", "GET"),
        ("/oauth2/sign_in", "GET"),
        ("/oauth2/callback?state=a&code=b", "GET"),
        ("/oauth2/signed_out", "GET"),
        ("/oauth2/userinfo", "GET"),
        ("/oauth2/sign_out", "GET, POST"),
    ] {
        for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::from_bytes(b"get").unwrap()] {
            let answer = visitor.send(method, target, &NAVIGATION, "").await;
            assert_eq!(answer.status(), 405, "{target}");
            assert_eq!(header(&answer, "allow"), Some(allow));
            assert_ours(&answer);
        }
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn the_prefix_can_be_another_and_oauth2_is_then_the_apps() {
    let stage = Stage::with(|setup| setup.set("prefix", "/_gate/auth")).await;
    let callback = ["https://app.test/_gate/auth/callback"];
    stage.cognito.set_urls("demo-client", &callback, &["https://app.test/_gate/auth/signed_out"]);
    let mut visitor = stage.visitor();
    let page = visitor.sign_in("alice", "/oauth2/userinfo").await;
    assert_eq!((page.status().as_u16(), stage.app.last().target.as_str()), (200, "/oauth2/userinfo"));
    assert_eq!(visitor.fetch("/_gate/auth/userinfo").await.status(), 200);
    assert_eq!(visitor.navigate("/_gate/auth/auth").await.status(), 404);
    let out = visitor.navigate("/_gate/auth/sign_out").await;
    let logout_uri = parameter(&location(&out), "logout_uri");
    assert_eq!(logout_uri.as_deref(), Some("https://app.test/_gate/auth/signed_out"));
}

#[tokio::test]
async fn case_03_a_foreign_host_starts_no_login() {
    let stage = Stage::new().await;
    for target in ["/", "/oauth2/start", "/oauth2/callback?state=a&code=b", "/oauth2/sign_out"] {
        for host in ["evil.test", "app.test.evil.test", "app.test:8443", "evil.test@app.test", "app.test/"] {
            let mut headers = NAVIGATION.to_vec();
            headers.push(("host", host));
            let answer = stage.visitor().send(Method::GET, target, &headers, "").await;
            assert!(matches!(answer.status().as_u16(), 400 | 421), "{host}: {answer:?}");
            assert!(set_cookies(&answer).is_empty());
            assert_eq!(header(&answer, "location"), None);
            assert_ours(&answer);
        }
    }
    // A further host is answered for, and still sends to the configured callback.
    let stage = Stage::with(|setup| setup.set("listen.hosts", "other.test")).await;
    let mut headers = NAVIGATION.to_vec();
    headers.push(("host", "other.test"));
    let answer = stage.visitor().send(Method::GET, "/", &headers, "").await;
    let redirect_uri = parameter(&location(&answer), "redirect_uri");
    assert_eq!(redirect_uri.as_deref(), Some("https://app.test/oauth2/callback"));
}

#[tokio::test]
async fn case_04_forwarded_headers_of_a_stranger_change_nothing() {
    let stage = Stage::new().await;
    let forged: [Said; 5] = [
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-uri", "//evil.test/"),
        ("forwarded", "host=evil.test;proto=http"),
        ("x-original-url", "https://evil.test/"),
    ];
    let headers = [NAVIGATION.as_slice(), forged.as_slice()].concat();
    let mut visitor = stage.visitor();
    let answer = visitor.send(Method::GET, "/deep", &headers, "").await;
    let target = location(&answer);
    assert!(!target.contains("evil"), "{target}");
    let redirect_uri = parameter(&target, "redirect_uri");
    assert_eq!(redirect_uri.as_deref(), Some("https://app.test/oauth2/callback"));
    assert!(set_cookie(&answer, &login_cookie(&state_of(&answer))).is_some());
    let callback = visitor.through_login("alice", &target).await;
    let back = visitor.send(Method::GET, &callback, &headers, "").await;
    assert_eq!(location(&back), "/deep");
    let page = visitor.send(Method::GET, "/deep", &headers, "").await;
    assert_eq!(page.status(), 200);
    let arrived = stage.app.last();
    assert_eq!(arrived.header("x-forwarded-host"), PUBLIC_URL.strip_prefix("https://"));
    assert_eq!(arrived.header("x-forwarded-proto"), Some("https"));
}
