//! Which site a request is for.

use cognigate::emulator::Endpoint;
use cognigate::types::empty;
use http::{Method, Response, StatusCode};

use super::{APPS, CLIENTS, POOLS, SITES, Scene, body, claims, pool_of};
use crate::support::visitor::{FETCH, NAVIGATION, header, json, location, parameter};
use crate::support::wire::{exchange, first_answer, probe, status};

#[tokio::test]
async fn each_host_has_its_own_app_client_and_pool() {
    let scene = Scene::new().await;
    for (at, site) in SITES.into_iter().enumerate() {
        let mut visitor = scene.visitor(at);
        let target = location(&visitor.navigate("/deep?x=1").await);
        assert!(target.starts_with(&format!("http://{}/", scene.addresses[pool_of(at)])), "{target}");
        assert_eq!(parameter(&target, "client_id").as_deref(), Some(CLIENTS[at]));
        assert_eq!(parameter(&target, "redirect_uri"), Some(format!("{site}/oauth2/callback")));
        let page = visitor.sign_in("alice", "/deep?x=1").await;
        assert_eq!((page.status().as_u16(), body(&page)), (200, APPS[at]));
        let got = scene.apps[at].last();
        assert_eq!(got.target, "/deep?x=1");
        assert_eq!(got.header("x-forwarded-host"), site.strip_prefix("https://"));
        let claims = claims(got.header("authorization").unwrap());
        assert_eq!(claims["client_id"], CLIENTS[at]);
        assert!(claims["iss"].as_str().unwrap().ends_with(POOLS[pool_of(at)]));
    }
    assert_eq!(scene.apps.each_ref().map(|app| app.count()), [1, 1, 1]);
}

#[tokio::test]
async fn case_27_every_spelling_of_a_host_is_its_site_and_no_other() {
    let scene = Scene::with("", ["", "public = ['/open']\nhosts = ['b.internal', 'b.other:8443']", ""]).await;
    for host in ["B.TEST", "b.test.", "b.test:443", "b.internal", "b.internal:81", "B.other:8443"] {
        let (mut visitor, headers) = (scene.visitor(0), [&FETCH[..], &[("host", host)]].concat());
        let answer = visitor.send(Method::GET, "/open", &headers, "").await;
        assert_eq!((answer.status().as_u16(), body(&answer)), (200, "the app b"), "{host}");
        let nobody = visitor.send(Method::GET, "/", &headers, "").await;
        assert_eq!(header(&nobody, "www-authenticate"), Some("Bearer realm=\"https://b.test\""), "{host}");
        let login_url = json(&nobody)["login_url"].as_str().unwrap().to_owned();
        assert!(login_url.starts_with("https://b.test/oauth2/start?"), "{host}: {login_url}");
    }
    for at in [0, 2] {
        assert_eq!(scene.visitor(at).fetch("/open").await.status(), 401);
    }
}

#[tokio::test]
async fn a_host_of_no_site_is_a_421_that_names_none() {
    let scene = Scene::new().await;
    for host in ["d.test", "test", "a.test.b.test", "a.test:80", "127.0.0.1"] {
        for kind in [&NAVIGATION[..], &FETCH] {
            let headers = [kind, &[("host", host)]].concat();
            let answer = scene.visitor(0).send(Method::GET, "/", &headers, "").await;
            assert_eq!(answer.status(), 421, "{host}");
            for site in ["//a.test", "//b.test", "//c.test"] {
                assert!(!body(&answer).contains(site), "{}", body(&answer));
            }
        }
    }
}

#[tokio::test]
async fn case_28_a_request_that_names_two_sites_or_none_is_a_400() {
    let scene = Scene::new().await;
    let gate = scene.gate.address();
    for head in [
        "GET http://a.test/ HTTP/1.1\r\nHost: b.test",
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test",
        "GET / HTTP/1.1\r\nHost: a.test,b.test",
        "GET / HTTP/1.1\r\nHost: a.test/public?",
        "GET / HTTP/1.1\r\nHost: ",
    ] {
        let answer = exchange(gate, format!("{head}\r\nConnection: close\r\n\r\n").into_bytes()).await;
        assert_eq!(status(&answer), 400, "{head}");
    }
    let absolute = b"GET http://b.test:443/ HTTP/1.1\r\nHost: B.test\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&exchange(gate, absolute.to_vec()).await), 401);
    assert_eq!(scene.apps.each_ref().map(|app| app.count()), [0; 3]);
}

#[tokio::test]
async fn rules_of_the_top_level_hold_at_every_site_and_a_site_s_own_there_alone() {
    let scene = Scene::with(
        "[[rules]]\npath = '/internal/*'\naccess = 'deny'\n\
         [[rules]]\nhost = 'c.test'\npath = '/of-c'\naccess = 'public'",
        ["", "rules = [{ path = '/own', access = 'public' }]", ""],
    )
    .await;
    for at in 0..3 {
        let mut alice = scene.signed_in(at).await;
        let mut nobody = scene.visitor(at);
        assert_eq!(alice.fetch("/internal/x").await.status(), 403);
        assert_eq!(nobody.fetch("/own").await.status(), if at == 1 { 200 } else { 401 });
        assert_eq!(nobody.fetch("/of-c").await.status(), if at == 2 { 200 } else { 401 });
    }
}

#[tokio::test]
async fn case_63_a_page_of_one_site_opens_no_websocket_at_another() {
    let scene = Scene::with("", ["", "websocket.origins = ['https://dev.test']", ""]).await;
    for (host, origin, opens) in [
        ("b.test", "https://b.test", true),
        ("b.test", "https://dev.test", true),
        ("b.test", "https://a.test", false),
        ("a.test", "https://b.test", false),
        ("a.test", "https://dev.test", false),
    ] {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: {origin}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let answer = first_answer(scene.gate.address(), request.into_bytes()).await;
        // Past the question of origins is that of a session.
        assert_eq!(status(&answer), if opens { 401 } else { 403 }, "{origin} at {host}");
    }
}

#[tokio::test]
async fn plain_http_is_sent_to_the_https_of_its_own_site() {
    let change = |text: String| {
        text.replace("'https://b.test'", "'https://b.test:8443'")
            .replace("[listen]\n", "[listen]\nredirect_http = ':0'\nhsts = '1d'\n")
    };
    let scene = Scene::start("", ["", "", "hosts = ['c.internal']"], change);
    let address = scene.gate.redirect_address().unwrap();
    for (host, to) in [
        ("a.test", "https://a.test/x?y"),
        ("b.test:8080", "https://b.test:8443/x?y"),
        ("C.test", "https://c.test/x?y"),
        ("c.internal", "https://c.internal/x?y"),
    ] {
        let request = format!("GET /x?y HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = String::from_utf8(exchange(address, request.into_bytes()).await).unwrap();
        assert!(answer.contains(&format!("location: {to}\r\n")), "{host}: {answer}");
    }
    let request = b"GET / HTTP/1.1\r\nHost: d.test\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&exchange(address, request.to_vec()).await), 421);
    let told = scene.visitor(2).fetch("/").await;
    assert_eq!(header(&told, "strict-transport-security"), Some("max-age=86400"));
}

#[tokio::test]
async fn the_gate_is_ready_with_the_keys_of_every_pool() {
    let nowhere = |text: String| {
        let (before, after) = text.rsplit_once("jwks_url = 'http://").unwrap();
        let (_, rest) = after.split_once('\'').unwrap();
        format!("{before}jwks_url = 'http://127.0.0.1:9/keys'{rest}")
    };
    let scene = Scene::start("", [""; 3], nowhere);
    // One pool's users do not wait for the other's keys.
    scene.signed_in(0).await;
    assert_eq!(probe(scene.gate.admin_address(), "/readyz").await, 503);
}

#[tokio::test]
async fn sites_of_one_pool_share_its_keys() {
    let scene = Scene::new().await;
    for at in 0..3 {
        scene.signed_in(at).await;
    }
    assert_eq!(scene.asked(Endpoint::Jwks), [1, 1]);
}

#[tokio::test]
async fn the_apps_of_all_sites_are_asked_for_their_health() {
    let scene = Scene::new().await;
    assert_eq!(probe(scene.gate.admin_address(), "/upstream/healthz").await, 200);
    for (at, app) in scene.apps.iter().enumerate() {
        let asked = app.last();
        assert_eq!(asked.target, "/healthz");
        assert_eq!(asked.header("x-forwarded-host"), SITES[at].strip_prefix("https://"));
    }
    scene.apps[2].answer(|_| {
        let mut unwell = Response::new(empty());
        *unwell.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        unwell
    });
    assert_eq!(probe(scene.gate.admin_address(), "/upstream/healthz").await, 503);
}
