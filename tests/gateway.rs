//! nginx's questions, asked at the socket as nginx asks them.

use http::Method;
use http::header::{AUTHORIZATION, LOCATION, SET_COOKIE};

use crate::support::visitor::{Answer, FETCH, NAVIGATION, Visitor, header, json, location, parameter, text};
use crate::support::{PUBLIC_URL, Setup, Stage};

mod csrf;
pub(crate) mod renewal;

const URL: &str = "x-original-url";
const METHOD: &str = "x-original-method";
const DEEP_LINK: &str = "https://app.test/deep/link?with=query&a=%2F&b=c%20d";

async fn stage() -> Stage {
    stage_with(|setup| setup).await
}

async fn stage_with(change: impl FnOnce(Setup) -> Setup) -> Stage {
    Stage::with(|setup| change(setup.asked_by("nginx"))).await
}

/// A browser that is signed in; the gate has no page to end on.
async fn signed_in(stage: &Stage, username: &str) -> Visitor {
    let mut visitor = stage.visitor();
    assert_eq!(visitor.sign_in(username, "/oauth2/start?rd=/").await.status(), 404);
    visitor
}

/// Asks as nginx asks about a GET of `url`.
async fn ask(visitor: &mut Visitor, url: &str) -> Answer {
    ask_with(visitor, &[(URL, url), (METHOD, "GET")]).await
}

async fn ask_with(visitor: &mut Visitor, headers: &[(&str, &str)]) -> Answer {
    visitor.send(Method::GET, "/oauth2/auth", headers, "").await
}

/// Goes to `start` as nginx sends there what was refused.
async fn start(visitor: &mut Visitor, kind: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    visitor.send(Method::GET, "/oauth2/start", &[kind, headers].concat(), "").await
}

/// No, with this status, and nothing that would be of use to whoever reads it.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16) {
    assert_eq!(answer.status(), status, "{answer:?}");
    let headers = answer.headers();
    assert!(!headers.contains_key(AUTHORIZATION), "a token on a {status}: {headers:?}");
    assert!(!headers.contains_key(LOCATION) && !headers.contains_key(SET_COOKIE), "{headers:?}");
    assert!(!headers.keys().any(|name| name.as_str().starts_with("x-auth-")), "{headers:?}");
    assert!(answer.body().is_empty(), "{}", text(answer));
}

#[tokio::test]
async fn a_session_is_a_200_without_a_body_that_says_who_it_is() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let yes = ask(&mut alice, DEEP_LINK).await;
    assert_eq!(yes.status(), 200);
    assert_eq!(text(&yes), "");
    assert!(header(&yes, "authorization").unwrap().starts_with("Bearer ey"));
    let info = alice.fetch("/oauth2/userinfo").await;
    assert_eq!(header(&yes, "x-auth-request-user"), json(&info)["sub"].as_str());
    assert_eq!(header(&yes, "x-auth-request-email"), Some("alice@example.com"));
    assert_eq!(header(&yes, "x-auth-request-groups"), Some("admins"));
    assert_eq!(header(&yes, "x-auth-request-preferred-username"), Some("alice"));
    assert_eq!(header(&yes, "cache-control"), Some("no-store"));
    assert!(!yes.headers().contains_key(SET_COOKIE) && !yes.headers().contains_key("x-auth-set-cookie-1"));

    let yes = ask(&mut signed_in(&stage, "bob").await, DEEP_LINK).await;
    assert_eq!(header(&yes, "x-auth-request-preferred-username"), Some("bob"));
    assert_eq!(header(&yes, "x-auth-request-email"), None, "bob has none");
}

#[tokio::test]
async fn what_is_configured_for_the_app_is_what_nginx_is_told() {
    for (bearer, preset, names) in [
        ("id", "none", &["authorization", "x-name"][..]),
        ("none", "alb", &["x-amzn-oidc-accesstoken", "x-amzn-oidc-identity", "x-name"]),
        ("none", "none", &["x-name"]),
    ] {
        let forward = |setup: Setup| setup.set("forward.bearer", bearer).set("forward.preset", preset);
        let stage =
            stage_with(|setup| forward(setup).set("forward.headers", "X-Name=cognito:username")).await;
        let yes = ask(&mut signed_in(&stage, "alice").await, DEEP_LINK).await;
        let usual = ["cache-control", "content-length", "date", "x-auth-request-decision"];
        let mut told: Vec<&str> = yes.headers().keys().map(|name| name.as_str()).collect();
        told.retain(|name| !usual.contains(name));
        told.sort_unstable();
        assert_eq!(told, names);
        assert_eq!(header(&yes, "x-name"), Some("alice"));
    }
}

#[tokio::test]
async fn the_question_may_come_by_any_method_with_any_suffix_and_query() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    let mut nobody = stage.visitor();
    let headers = [(URL, DEEP_LINK), ("upgrade", "websocket"), ("connection", "upgrade")];
    for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS, Method::DELETE] {
        for target in ["/oauth2/auth", "/oauth2/auth/deep/link", "/oauth2/auth?rd=/health", "/oauth2/auth/"] {
            let yes = alice.send(method.clone(), target, &headers, "").await;
            assert_eq!(yes.status(), 200, "{method} {target}");
            let no = nobody.send(method.clone(), target, &headers, "").await;
            assert_refused(&no, 401);
        }
    }
    assert_eq!(alice.fetch("/oauth2/authentic").await.status(), 404);
}

#[tokio::test]
async fn nobody_is_a_401_and_never_a_redirect() {
    let stage = stage().await;
    for kind in [&NAVIGATION[..], &FETCH, &[]] {
        let no = ask_with(&mut stage.visitor(), &[kind, &[(URL, DEEP_LINK)]].concat()).await;
        assert_refused(&no, 401);
        assert_eq!(header(&no, "www-authenticate"), Some("Bearer realm=\"https://app.test\""));
    }
    let mut forger = stage.visitor();
    forger.jar.set("__Host-cognigate", "forged");
    let no = ask_with(&mut forger, &[(URL, DEEP_LINK), ("authorization", "Bearer junk")]).await;
    assert_refused(&no, 401);
}

#[tokio::test]
async fn a_script_on_a_page_cannot_ask_for_the_bearer() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    assert_refused(&alice.fetch("/oauth2/auth").await, 403);
    assert_refused(&alice.navigate("/oauth2/auth").await, 403);
    assert_refused(&ask_with(&mut alice, &[(URL, "")]).await, 403);
    assert_refused(&ask_with(&mut alice, &[(METHOD, "GET")]).await, 403);
    assert_eq!(ask(&mut alice, DEEP_LINK).await.status(), 200, "the session is good");
}

#[tokio::test]
async fn a_question_about_what_is_not_ours_or_has_no_one_reading_is_a_403() {
    let stage = stage_with(|setup| setup.set("public", "/public/*")).await;
    let mut alice = signed_in(&stage, "alice").await;
    for url in [
        "/deep/link",
        "//app.test/",
        "ftp://app.test/",
        "https://app.test",
        "https://app.test?x=/",
        "https:///",
        "https://evil.test/",
        "https://app.test:8443/",
        "https://app.test@evil.test/",
        "https://app.test.evil.test/",
        "https://app.test/oauth2",
        "https://app.test/oauth2/sign_out",
        "https://app.test/%6Fauth2/auth",
        "https://app.test/public/../admin",
        "https://app.test/public/%2e%2e/admin",
        "https://app.test/public/..;/admin",
        "https://app.test/admin#/public/",
        "https://app.test/%zz",
        "https://app.test/a b",
        "https://app.test/\u{fc}",
    ] {
        assert_refused(&ask(&mut alice, url).await, 403);
    }
    assert_refused(&ask_with(&mut alice, &[(URL, DEEP_LINK), (URL, DEEP_LINK)]).await, 403);
    assert_refused(&ask_with(&mut alice, &[(URL, DEEP_LINK), (METHOD, "GET"), (METHOD, "GET")]).await, 403);
    assert_refused(&ask_with(&mut alice, &[(URL, DEEP_LINK), (METHOD, "G T")]).await, 403);
    for url in ["http://app.test/", "https://APP.test:443/", "https://app.test./x?y=/public/../z"] {
        assert_eq!(ask(&mut alice, url).await.status(), 200, "{url}");
    }
}

#[tokio::test]
async fn case_14_what_an_untrusted_peer_says_of_another_request_has_no_effect() {
    let stage = stage_with(|setup| setup.set("listen.trusted_proxies", "10.1.2.3,127.0.0.2/31")).await;
    let mut alice = signed_in(&stage, "alice").await;
    assert_refused(&ask(&mut alice, DEEP_LINK).await, 403);
    let forged = [
        (URL, DEEP_LINK),
        ("x-forwarded-for", "10.1.2.3"),
        ("x-forwarded-uri", "/"),
        ("x-forwarded-host", "app.test"),
        ("x-real-ip", "10.1.2.3"),
        ("forwarded", "for=10.1.2.3"),
    ];
    assert_refused(&ask_with(&mut alice, &forged).await, 403);
    assert_refused(&ask_with(&mut stage.visitor(), &forged).await, 403);
    // Neither where to return to, nor what kind of request it was.
    let forged = [(URL, "https://app.test/forged"), (METHOD, "POST")];
    let begun = stage.visitor().send(Method::GET, "/oauth2/start?rd=/honest", &forged, "").await;
    assert_eq!(begun.status(), 303);
    let mut visitor = stage.visitor();
    let target = "/oauth2/start?rd=/honest";
    let begun = visitor.send(Method::GET, target, &[&NAVIGATION[..], &forged].concat(), "").await;
    let callback = visitor.through_login("alice", &location(&begun)).await;
    assert_eq!(location(&visitor.navigate(&callback).await), "/honest");
}

#[tokio::test]
async fn case_14_a_gate_before_an_app_answers_no_gateway() {
    // Trusted or not: nothing asks here.
    let stage = Stage::with(|setup| setup.set("listen.trusted_proxies", "127.0.0.1")).await;
    let mut alice = stage.signed_in().await;
    assert_eq!(ask(&mut alice, DEEP_LINK).await.status(), 404);
    let mut visitor = stage.visitor();
    let headers = [(URL, "https://app.test/forged"), (METHOD, "GET")];
    let begun = start(&mut visitor, &NAVIGATION, &headers).await;
    let callback = visitor.through_login("alice", &location(&begun)).await;
    assert_eq!(location(&visitor.navigate(&callback).await), "/");
}

#[tokio::test]
async fn without_an_app_behind_it_no_other_path_is_answered() {
    let stage = stage_with(|setup| setup.set("public", "/public/*")).await;
    let mut alice = signed_in(&stage, "alice").await;
    for path in ["/", "/deep/link", "/public/x", "/auth"] {
        assert_eq!(alice.navigate(path).await.status(), 404, "{path}");
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn start_takes_the_return_address_from_a_trusted_peer() {
    let stage = stage().await;
    let mut visitor = stage.visitor();
    let begun = start(&mut visitor, &NAVIGATION, &[(URL, DEEP_LINK), (METHOD, "GET")]).await;
    assert_eq!(begun.status(), 303);
    assert_eq!(
        parameter(&location(&begun), "redirect_uri").unwrap(),
        format!("{PUBLIC_URL}/oauth2/callback")
    );
    let callback = visitor.through_login("alice", &location(&begun)).await;
    let back = visitor.navigate(&callback).await;
    assert_eq!(location(&back), DEEP_LINK.strip_prefix(PUBLIC_URL).unwrap());
}

#[tokio::test]
async fn start_leads_back_to_the_same_site_only() {
    let stage = stage().await;
    for (target, url) in [
        ("/oauth2/start?rd=https://evil.test/", ""),
        ("/oauth2/start?rd=//evil.test/", ""),
        ("/oauth2/start", "https://evil.test/"),
        ("/oauth2/start", "https://app.test//evil.test/"),
        ("/oauth2/start", "https://app.test/\\evil.test/"),
        ("/oauth2/start", "https://app.test/oauth2/sign_out"),
    ] {
        let mut visitor = stage.visitor();
        let headers = [&NAVIGATION[..], &[(URL, url)]].concat();
        let begun = visitor.send(Method::GET, target, &headers, "").await;
        let callback = visitor.through_login("alice", &location(&begun)).await;
        assert_eq!(location(&visitor.navigate(&callback).await), "/", "{target} {url}");
    }
}

#[tokio::test]
async fn an_api_call_that_is_sent_to_start_ends_in_a_401() {
    let stage = stage().await;
    let xhr = [("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")];
    for kind in [&FETCH[..], &[("accept", "application/json")], &xhr, &[]] {
        let no = start(&mut stage.visitor(), kind, &[(URL, DEEP_LINK), (METHOD, "GET")]).await;
        assert_eq!(no.status(), 401, "{kind:?}");
        assert!(!no.headers().contains_key(SET_COOKIE));
        assert_eq!(header(&no, "content-type"), Some("application/problem+json"));
        assert_eq!(json(&no)["login_url"], "https://app.test/oauth2/start?rd=%2F");
    }
    // A form that was posted is a GET by the time it comes here.
    let html = [("accept", "text/html")];
    assert_eq!(start(&mut stage.visitor(), &html, &[(URL, DEEP_LINK), (METHOD, "POST")]).await.status(), 401);
    assert_eq!(start(&mut stage.visitor(), &html, &[(URL, DEEP_LINK), (METHOD, "GET")]).await.status(), 303);
    assert_eq!(start(&mut stage.visitor(), &html, &[(URL, DEEP_LINK)]).await.status(), 303);
}

#[tokio::test]
async fn a_posted_form_leads_back_to_the_page_it_was_on() {
    let stage = stage().await;
    let mut visitor = stage.visitor();
    let headers = [(URL, DEEP_LINK), (METHOD, "POST"), ("referer", "https://app.test/form?x=1")];
    let begun = start(&mut visitor, &NAVIGATION, &headers).await;
    let callback = visitor.through_login("alice", &location(&begun)).await;
    assert_eq!(location(&visitor.navigate(&callback).await), "/form?x=1");
}

#[tokio::test]
async fn case_63_a_websocket_is_for_the_pages_that_are_listed() {
    let stage = stage_with(|setup| setup.set("public", "/open/*")).await;
    let mut alice = signed_in(&stage, "alice").await;
    for asks in [("x-original-upgrade", "websocket"), ("sec-fetch-mode", "websocket")] {
        for (origin, status) in [("https://app.test", 200), ("https://evil.test", 403), ("null", 403)] {
            for url in [DEEP_LINK, "https://app.test/open/x"] {
                let answer =
                    ask_with(&mut alice, &[(URL, url), (METHOD, "GET"), asks, ("origin", origin)]).await;
                assert_eq!(answer.status(), status, "{asks:?} of {origin} at {url}");
            }
        }
        // No browser's.
        let answer = ask_with(&mut alice, &[(URL, DEEP_LINK), (METHOD, "GET"), asks]).await;
        assert_eq!(answer.status(), 200);
    }
    // An ordinary request says where its page is from too.
    let answer = ask_with(&mut alice, &[(URL, DEEP_LINK), (METHOD, "GET"), ("origin", "https://evil.test")]);
    assert_eq!(answer.await.status(), 200);
}

#[tokio::test]
async fn case_26_a_request_that_would_send_back_the_bearer_does_not_pass() {
    let stage = stage_with(|setup| setup.set("public", "/open/*")).await;
    let mut alice = signed_in(&stage, "alice").await;
    for method in ["TRACE", "CONNECT"] {
        let open = "https://app.test/open/x";
        assert_refused(&ask_with(&mut alice, &[(URL, open), (METHOD, method)]).await, 403);
        assert_refused(&ask_with(&mut alice, &[(URL, DEEP_LINK), (METHOD, method)]).await, 403);
    }
}

#[tokio::test]
async fn the_answer_says_whether_it_is_for_one_user_though_it_tells_nothing_of_them() {
    let change = |setup: Setup| {
        setup.set("public", "/open/*").set("forward.bearer", "none").set("forward.preset", "none")
    };
    let stage = stage_with(change).await;
    let mut alice = signed_in(&stage, "alice").await;
    for (url, decision) in [(DEEP_LINK, "user"), ("https://app.test/open/x", "public")] {
        let yes = ask(&mut alice, url).await;
        assert_eq!((yes.status().as_u16(), header(&yes, "x-auth-request-decision")), (200, Some(decision)));
        assert!(!yes.headers().contains_key(AUTHORIZATION));
    }
}
