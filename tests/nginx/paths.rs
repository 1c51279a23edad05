//! Forged questions and tricks with paths, through nginx and its own reading of them.

use http::header::AUTHORIZATION;

use super::*;
use crate::support::visitor::location;
use crate::support::wire;

with_both!(
    nobody_can_ask_from_outside,
    a_forged_original_has_no_effect,
    a_public_path_needs_no_session_and_tells_the_app_of_nobody,
    no_trick_makes_a_path_public,
);

async fn nobody_can_ask_from_outside(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    let forged = [("x-original-url", "https://app.test/"), ("x-original-method", "GET")];
    for (target, status) in [
        ("/oauth2/auth", 404),
        ("/oauth2/auth?x=1", 404),
        ("/oauth2/auth/", 404),
        ("/oauth2/auth/x", 404),
        ("//oauth2/auth", 404),
        ("/oauth2//auth", 404),
        ("/%6Fauth2/auth", 404),
        ("/oauth2%2fauth", 404),
        ("/x/../oauth2/auth", 404),
        ("/oauth2/x/..%2fauth", 404),
        ("/oauth2/_start", 404),
        ("/oauth2/;/auth", 404),
        ("/OAUTH2/auth", 200),
    ] {
        let answer = alice.send(Method::GET, target, &[&FETCH[..], &forged].concat(), "").await;
        assert_eq!(answer.status(), status, "{target}");
        assert!(!answer.headers().contains_key(AUTHORIZATION), "a token for {target}");
        assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("x-auth-")), "{target}");
    }
    assert_eq!(front.stage.app.last().target, "/OAUTH2/auth", "that one is the app's");
}

async fn a_forged_original_has_no_effect(which: Which) {
    let front = Front::with(which, |setup| setup.set("public", "/public/*")).await;
    let forged = [
        ("x-original-url", "https://app.test/public/x"),
        ("x-original-url", "https://app.test/public/y"),
        ("x-original-method", "POST"),
        ("x-forwarded-uri", "/public/x"),
    ];
    // Neither on what is decided …
    let no = front.visitor().send(Method::GET, "/admin", &[&FETCH[..], &forged].concat(), "").await;
    assert_eq!(no.status(), 401);
    let evil = [("x-original-url", "https://evil.test/")];
    assert_eq!(front.visitor().send(Method::GET, "/public/z", &evil, "").await.status(), 200);
    // … nor on where a sign-in comes back to, said once or twice.
    let html = [("accept", "text/html")];
    for (target, back) in [(DEEP_LINK, DEEP_LINK), ("/oauth2/start?rd=/honest", "/honest")] {
        for forged in [&forged[1..], &forged] {
            let mut visitor = front.visitor();
            let begun = visitor.send(Method::GET, target, &[&html[..], forged].concat(), "").await;
            assert_eq!(begun.status(), 303, "{target}");
            let callback = visitor.through_login("alice", &location(&begun)).await;
            assert_eq!(location(&visitor.navigate(&callback).await), back);
        }
    }
    // An `rd` of the app's own is not ours.
    let mut visitor = front.visitor();
    let begun = visitor.navigate("/page?rd=/elsewhere").await;
    let callback = visitor.through_login("alice", &location(&begun)).await;
    assert_eq!(location(&visitor.navigate(&callback).await), "/page?rd=/elsewhere");
}

async fn a_public_path_needs_no_session_and_tells_the_app_of_nobody(which: Which) {
    let front = Front::with(which, |setup| setup.set("public", "/health,/public/*")).await;
    let mut alice = front.signed_in().await;
    let forged = [
        ("authorization", "Bearer forged"),
        ("x-auth-request-user", "forged"),
        ("x-auth-request-email", "forged"),
        ("x-forwarded-user", "forged"),
        ("x-forwarded-groups", "forged"),
    ];
    for visitor in [&mut front.visitor(), &mut alice] {
        for (method, target) in
            [(Method::GET, "/health"), (Method::POST, "/public/hook?x=1"), (Method::OPTIONS, "/public/")]
        {
            let answer = visitor.send(method, target, &forged, "").await;
            assert_eq!(answer.status(), 200, "{target}");
            let arrived = front.stage.app.last();
            assert_eq!(arrived.target, target);
            for (name, _) in forged {
                assert_eq!(arrived.header(name), None, "{name}");
            }
        }
    }
}

async fn no_trick_makes_a_path_public(which: Which) {
    let front = Front::with(which, |setup| setup.set("public", "/public/*")).await;
    for target in [
        // Cases 20 to 24.
        &b"/public/../admin"[..],
        b"/public/./../admin",
        b"/public/..;/admin",
        b"/public/..;x=1/admin",
        b"/public;x/../admin",
        b"/public/%2e%2e/admin",
        b"/public/%2E./admin",
        b"/public/%252e%252e/admin",
        b"/public/..%2fadmin",
        b"/public/..%5cadmin",
        b"//admin",
        b"/public//../admin",
        b"/PUBLIC/../admin",
        b"/admin?x=/public/",
        b"/admin#/public/",
        b"/public/#/../../admin",
        b"/admin%23/public/",
        b"/public/%zz",
        b"/public/%c0%ae",
        b"/public/%00",
        b"/public/\xff",
        b"http://app.test/public/../admin",
        b"http://app.test/admin",
        b"*",
    ] {
        let mut head = b"GET ".to_vec();
        head.extend(target);
        head.extend(b" HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n");
        let status = wire::status(&wire::exchange(front.nginx.address(), head).await);
        assert!(matches!(status, 400 | 401 | 403), "{status} for {}", String::from_utf8_lossy(target));
    }
    assert_eq!(front.stage.app.count(), 0, "{}", front.stage.app.last().target);
}
