//! Host, then the longest path, in whole segments of the canonical path.

use http::Method;

use super::{Scene, app};
use crate::forwarding::head;
use crate::support::app::App;
use crate::support::visitor::{FETCH, Visitor, text};
use crate::support::wire::{exchange, status};

struct Apps {
    root: App,
    api: App,
    v2: App,
    other: App,
}

/// One for everything, two by path, of which one is stripped, and one by host.
async fn four() -> (Apps, Scene) {
    let apps = Apps { root: app("root"), api: app("api"), v2: app("v2"), other: app("other") };
    let tables = format!(
        "listen.hosts = ['other.test']
        [[upstreams]]\nurl = 'http://{}'
        [[upstreams]]\nurl = 'http://{}'\npath = '/api'\nstrip_prefix = true
        [[upstreams]]\nurl = 'http://{}'\npath = '/api/v2'
        [[upstreams]]\nurl = 'http://{}'\nhost = 'other.test'\n",
        apps.root.address(),
        apps.api.address(),
        apps.v2.address(),
        apps.other.address(),
    );
    (apps, Scene::before(&tables).await)
}

/// What the app says that gets a request for `target`, as raw bytes.
async fn ask(alice: &Visitor, target: &str) -> (u16, String) {
    let request = head(alice, &format!("GET {target}"), &["Connection: close"]);
    let answer = exchange(alice.gate(), request.into()).await;
    let body = String::from_utf8_lossy(&answer).rsplit("\r\n").next().unwrap_or_default().to_owned();
    (status(&answer), body)
}

#[tokio::test]
async fn the_longest_path_in_whole_segments_wins() {
    let (_apps, scene) = four().await;
    for (target, name) in [
        ("/", "root"),
        ("/apix", "root"),
        ("/API", "root"),
        ("//api", "root"),
        ("/api%2Fx", "root"),
        ("/x/api", "root"),
        ("/?/api", "root"),
        ("/api", "api"),
        ("/api/", "api"),
        ("/api?q", "api"),
        ("/api/v2x", "api"),
        ("/%61pi/x", "api"),
        ("/api//v2", "api"),
        ("/api/v2", "v2"),
        ("/api/v2/x", "v2"),
        ("/api/%76%32/x", "v2"),
    ] {
        assert_eq!(ask(&scene.alice, target).await, (200, name.to_owned()), "{target}");
    }
}

#[tokio::test]
async fn a_host_that_is_named_comes_before_any_path() {
    let (apps, mut scene) = four().await;
    for (host, target, name) in [
        ("other.test", "/", "other"),
        ("OTHER.test:8080", "/api/v2", "other"),
        ("other.test.", "/api", "other"),
        ("app.test", "/api/v2", "v2"),
    ] {
        let headers = [&FETCH[..], &[("host", host)]].concat();
        let answer = scene.alice.send(Method::GET, target, &headers, "").await;
        assert_eq!(text(&answer), name, "{host}{target}");
    }
    assert_eq!((apps.root.count(), apps.api.count()), (0, 0));
}

#[tokio::test]
async fn case_30_what_is_judged_is_what_the_app_gets_less_the_prefix() {
    let (apps, scene) = four().await;
    for (target, got) in [
        ("/api", "/"),
        ("/api?", "/?"),
        ("/api?a=/api&b=%zz", "/?a=/api&b=%zz"),
        ("/api/", "/"),
        ("/api/users?x=1", "/users?x=1"),
        ("/%61%70%69/%61", "/%61"),
        ("/api/a%2Fb%20c;x=1", "/a%2Fb%20c;x=1"),
        ("/api//x//", "//x//"),
        ("/api/api/x", "/api/x"),
        ("/api/%252e", "/%252e"),
        ("/api/caf%C3%A9", "/caf%C3%A9"),
    ] {
        // What a second decoder would read as a dot segment is refused, as it is without a prefix.
        let (status, _) = ask(&scene.alice, target).await;
        if got == "/%252e" {
            assert_eq!(status, 400, "{target}");
            continue;
        }
        assert_eq!((status, apps.api.last().target.as_str()), (200, got), "{target}");
        assert_eq!(apps.api.last().header("x-forwarded-prefix"), Some("/api"));
    }
}

#[tokio::test]
async fn case_20_no_dot_segment_leads_from_one_app_to_another() {
    let (apps, scene) = four().await;
    for target in [
        "/api/../admin",
        "/api/..;/admin",
        "/api/%2e%2e/admin",
        "/api/%252e%252e/admin",
        "/api/..%2fadmin",
        "/api/..%5cadmin",
        "/x/../api/users",
        "/api/v2/..",
        "/api/.",
    ] {
        assert_eq!(ask(&scene.alice, target).await.0, 400, "{target}");
    }
    let counts = [&apps.root, &apps.api, &apps.v2, &apps.other].map(App::count);
    assert_eq!(counts, [0; 4]);
}

#[tokio::test]
async fn case_25_an_absolute_target_goes_where_its_path_says() {
    let (apps, scene) = four().await;
    assert_eq!(ask(&scene.alice, "http://app.test:443/api/users?x").await, (200, "api".to_owned()));
    assert_eq!(apps.api.last().target, "/users?x");
    assert_eq!(ask(&scene.alice, "http://other.test/api").await.0, 400);
}

#[tokio::test]
async fn only_the_app_that_is_stripped_is_told_of_a_prefix_and_no_client_tells_one() {
    let (apps, mut scene) = four().await;
    let forged = [&FETCH[..], &[("x-forwarded-prefix", "/forged")]].concat();
    scene.alice.send(Method::GET, "/api/x", &forged, "").await;
    assert_eq!(apps.api.last().header("x-forwarded-prefix"), Some("/api"));
    scene.alice.send(Method::GET, "/api/v2", &forged, "").await;
    assert_eq!(
        (apps.v2.last().header("x-forwarded-prefix"), apps.v2.last().target.as_str()),
        (None, "/api/v2")
    );
}

#[tokio::test]
async fn where_no_app_fits_there_is_nothing() {
    let api = app("api");
    let tables = format!("[[upstreams]]\nurl = 'http://{}'\npath = '/api'\n", api.address());
    let mut scene = Scene::before(&tables).await;
    assert_eq!(ask(&scene.alice, "/api").await, (200, "api".to_owned()));
    for target in ["/", "/apix", "/other"] {
        assert_eq!(ask(&scene.alice, target).await.0, 404, "{target}");
        // Nobody is asked to sign in for nothing.
        let mut nobody = scene.stage.visitor();
        nobody.go_to(scene.gate.address());
        assert_eq!(nobody.navigate(target).await.status(), 404, "{target}");
    }
    // The gate's own endpoints are there all the same.
    assert_eq!(scene.alice.fetch("/oauth2/userinfo").await.status(), 200);
    assert_eq!(api.count(), 1);
}

#[tokio::test]
async fn every_app_needs_a_session() {
    let (apps, scene) = four().await;
    let mut nobody = scene.stage.visitor();
    nobody.go_to(scene.gate.address());
    for target in ["/", "/api", "/api/v2"] {
        assert_eq!(nobody.fetch(target).await.status(), 401, "{target}");
    }
    assert_eq!([&apps.root, &apps.api, &apps.v2].map(App::count), [0; 3]);
}
