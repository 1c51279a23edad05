//! Sessions of all sites in one Redis.

use std::time::Duration;

use super::{ALICE, SITES, Scene};
use crate::support::ready;
use crate::support::redis::RedisServer;
use crate::support::wire::exchange;

const TOKEN: &str = "a-token-for-tests-only";

async fn scene(server: &RedisServer) -> Scene {
    let change = |text: String| {
        let redis = format!("[redis]\nurl = '{}'\n[session]\nstore = 'redis'\n", server.url());
        let admin = format!("[admin]\ntoken = '{TOKEN}'\n");
        text.replace("[session]\n", &redis).replace("[admin]\n", &admin)
    };
    let scene = Scene::start("", [""; 3], change);
    ready(scene.gate.admin_address()).await;
    scene
}

async fn ask(scene: &Scene, method: &str) -> serde_json::Value {
    let request = format!(
        "{method} /sessions/{ALICE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    let answer = String::from_utf8(exchange(scene.gate.admin_address(), request.into_bytes()).await).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_user_s_sessions_at_all_sites_are_listed_and_ended() {
    let server = RedisServer::start();
    let scene = scene(&server).await;
    let mut alices = Vec::new();
    for at in 0..3 {
        alices.push(scene.signed_in(at).await);
        scene.clock.advance(Duration::from_secs(1));
    }
    let listed = ask(&scene, "GET").await;
    let listed = listed["sessions"].as_array().unwrap();
    assert_eq!(listed.iter().map(|it| it["site"].as_str().unwrap()).collect::<Vec<_>>(), SITES);
    // A ticket is of its site.
    let mut thief = scene.visitor(1);
    thief.jar = alices[0].jar.clone();
    assert_eq!(thief.fetch("/").await.status(), 401);
    assert_eq!(alices[0].fetch("/").await.status(), 200);

    assert_eq!(ask(&scene, "DELETE").await["ended"], 3);
    for alice in &mut alices {
        assert_eq!(alice.fetch("/").await.status(), 401);
    }
    assert_eq!(ask(&scene, "GET").await["sessions"], serde_json::json!([]));
}

#[tokio::test]
async fn one_connection_serves_all_sites() {
    let server = RedisServer::start();
    let scene = scene(&server).await;
    for at in 0..3 {
        scene.signed_in(at).await;
    }
    let clients: String = server.ask(::redis::cmd("CLIENT").arg("LIST"));
    // The other one asks.
    assert_eq!(clients.lines().count(), 2, "{clients}");
}
