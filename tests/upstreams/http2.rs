//! HTTP/2 to an app, with prior knowledge.

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Version};

use super::Scene;
use super::peer::Peer;
use crate::support::visitor::{FETCH, text};

async fn scene(peer: &Peer) -> Scene {
    let address = peer.on_clear_text(true).await;
    Scene::before(&format!("[[upstreams]]\nurl = 'h2c://{address}'\n")).await
}

#[tokio::test]
async fn requests_and_answers_with_their_bodies() {
    let peer = Peer::default();
    let mut scene = scene(&peer).await;
    assert_eq!(text(&scene.alice.fetch("/x").await), "the app");
    let seen = peer.last();
    assert_eq!((seen.version, seen.uri.path()), (Version::HTTP_2, "/x"));
    assert!(seen.headers.contains_key("authorization"));
    for gone in ["connection", "transfer-encoding", "keep-alive", "upgrade", "te"] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    let answer = scene.alice.send(Method::POST, "/", &FETCH, large.clone()).await;
    assert!(answer.body() == &large);
}

#[tokio::test]
async fn what_belongs_to_a_connection_in_http1_ends_there() {
    let peer = Peer::default();
    let mut scene = scene(&peer).await;
    let hop =
        [("te", "gzip"), ("connection", "keep-alive, x-mine"), ("keep-alive", "timeout=5"), ("x-mine", "1")];
    let answer = scene.alice.send(Method::GET, "/", &[&FETCH[..], &hop].concat(), "").await;
    assert_eq!(answer.status(), 200);
    for (name, _) in hop {
        assert!(!peer.last().headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn many_requests_share_one_connection_and_too_many_open_another() {
    let peer = Peer::default();
    let scene = scene(&peer).await;
    peer.hold(true);
    let ask = |count: usize| {
        let visitors = (0..count).map(|_| scene.alice.clone());
        join_all(visitors.map(|mut alice| async move { alice.fetch("/").await.status().as_u16() }))
    };
    let hundred = tokio::spawn(ask(100));
    peer.reached(100).await;
    assert_eq!(peer.connections(), 1);
    let further = tokio::spawn(ask(5));
    peer.reached(105).await;
    assert_eq!(peer.connections(), 2);
    peer.hold(false);
    assert!(hundred.await.unwrap().into_iter().chain(further.await.unwrap()).all(|status| status == 200));
    // None is left over: the next ones find both.
    assert!(ask(50).await.into_iter().all(|status| status == 200));
    assert_eq!(peer.connections(), 2);
}
