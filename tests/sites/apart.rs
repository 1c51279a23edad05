//! Sessions, sign-ins and sign-outs of sites, each by itself.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use http::Method;

use super::{APPS, SITES, Scene, body, pool_of};
use crate::reloading::{Followed, OTHER_KEY};
use crate::support::visitor::{FETCH, json, location, parameter, set_cookies};
use crate::support::wire::eventually;
use crate::support::{SESSION, TEST_KEY, ready};

#[tokio::test]
async fn case_56_a_session_of_one_site_is_nothing_at_another() {
    let scene = Scene::new().await;
    for from in 0..3 {
        let signed_in = scene.signed_in(from).await;
        for to in (0..3).filter(|to| *to != from) {
            let mut thief = scene.visitor(to);
            thief.jar = signed_in.jar.clone();
            assert!(thief.jar.get(SESSION).is_some());
            assert_eq!(thief.fetch("/").await.status(), 401, "{from} to {to}");
            assert_eq!(thief.fetch("/oauth2/userinfo").await.status(), 401, "{from} to {to}");
        }
    }
    assert_eq!(scene.apps.each_ref().map(|app| app.count()), [1, 1, 1]);
    // It goes on as whoever has no session would.
    let mut thief = scene.visitor(1);
    thief.jar = scene.signed_in(0).await.jar;
    scene.clock.advance(Duration::from_secs(60));
    assert_eq!(body(&thief.sign_in("bob", "/").await), "the app b");
    assert_eq!(json(&thief.fetch("/oauth2/userinfo").await)["preferredUsername"], "bob");
}

#[tokio::test]
async fn case_56_a_token_that_one_pool_s_site_takes_is_judged_anew_at_another_s() {
    // The same id of an app client in both pools.
    let scene = Scene::with("[bearer]\naccept = true\nclients = ['demo-client']", [""; 3]).await;
    let mut tokens = Vec::new();
    for at in [0, 2] {
        scene.signed_in(at).await;
        tokens.push(scene.apps[at].last().header("authorization").unwrap().to_owned());
    }
    for _ in 0..2 {
        for (token, takes) in tokens.iter().zip([[200, 200, 401], [401, 401, 200]]) {
            for (at, status) in takes.into_iter().enumerate() {
                let headers = [&FETCH[..], &[("authorization", token)]].concat();
                let answer = scene.visitor(at).send(Method::GET, "/", &headers, "").await;
                assert_eq!(answer.status(), status, "at {}", SITES[at]);
            }
        }
    }
}

#[tokio::test]
async fn a_sign_in_that_was_begun_at_one_site_does_not_end_at_another() {
    let scene = Scene::new().await;
    let mut begun = scene.visitor(0);
    let callback = begun.reach_callback("alice", "/").await;
    for other in [1, 2] {
        let mut thief = scene.visitor(other);
        thief.jar = begun.jar.clone();
        let answer = thief.navigate(&callback.replace(SITES[0], SITES[other])).await;
        assert_ne!(answer.status(), 200);
        assert!(set_cookies(&answer).iter().all(|cookie| cookie.name() != SESSION), "{answer:?}");
    }
    assert_eq!(scene.asked(Endpoint::Token), [0, 0]);
    let mut answer = begun.navigate(&callback).await;
    while answer.status().is_redirection() {
        answer = begun.follow(&answer).await;
    }
    assert_eq!(body(&answer), "the app a");
}

#[tokio::test]
async fn who_has_signed_in_at_one_site_of_a_pool_needs_no_password_at_the_next() {
    let scene = Scene::new().await;
    let at_a = scene.signed_in(0).await;
    let mut at_b = scene.visitor(1);
    at_b.cognito_jar = at_a.cognito_jar.clone();
    let to_cognito = at_b.navigate("/").await;
    let mut answer = at_b.follow(&to_cognito).await;
    assert!(location(&answer).starts_with("https://b.test/oauth2/callback?code="), "{answer:?}");
    while answer.status().is_redirection() {
        answer = at_b.follow(&answer).await;
    }
    assert_eq!(body(&answer), "the app b");
}

#[tokio::test]
async fn a_sign_out_is_of_one_site_and_by_its_client() {
    let scene = Scene::new().await;
    let (mut at_a, mut at_b) = (scene.signed_in(0).await, scene.signed_in(1).await);
    let copy = at_b.jar.clone();
    let target = location(&at_b.navigate("/oauth2/sign_out").await);
    assert_eq!(parameter(&target, "client_id").as_deref(), Some("demo-public"), "{target}");
    assert_eq!(parameter(&target, "logout_uri").as_deref(), Some("https://b.test/oauth2/signed_out"));
    assert_eq!(at_b.fetch("/").await.status(), 401);
    at_b.jar = copy;
    assert_eq!(at_b.fetch("/").await.status(), 401);
    assert_eq!(at_a.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn each_site_refreshes_by_its_own_client_and_pool() {
    let scene = Scene::new().await;
    for (at, app) in APPS.into_iter().enumerate() {
        let mut alice = scene.signed_in(at).await;
        let before = scene.apps[at].last().header("authorization").map(str::to_owned);
        scene.clock.advance(Duration::from_secs(3600));
        let asked = scene.asked(Endpoint::TokenRefresh);
        let page = alice.navigate("/").await;
        assert_eq!((page.status().as_u16(), body(&page)), (200, app));
        assert_ne!(scene.apps[at].last().header("authorization").map(str::to_owned), before);
        let (now, pool) = (scene.asked(Endpoint::TokenRefresh), pool_of(at));
        assert_eq!((now[pool], now[1 - pool]), (asked[pool] + 1, asked[1 - pool]));
    }
}

#[tokio::test]
async fn new_keys_in_their_file_are_new_at_every_site() {
    let file = Followed::new(TEST_KEY);
    let path = file.path();
    let keys = format!("keys = ['{TEST_KEY}']");
    let in_a_file = |text: String| text.replace(&keys, &format!("keys_file = '{}'", path.display()));
    let scene = Scene::start("", [""; 3], in_a_file);
    ready(scene.gate.admin_address()).await;
    let mut alices = Vec::new();
    for at in 0..3 {
        alices.push(scene.signed_in(at).await);
    }
    file.put(OTHER_KEY);
    for alice in &alices {
        eventually("the session ends with its key", || async {
            alice.clone().fetch("/").await.status() == 401
        })
        .await;
    }
}
