//! Connections: over what, for how long, and what comes of none.

use std::net::TcpListener;
use std::time::Instant;

use futures_util::future::join_all;
use http::Version;
use socket2::{Domain, Socket, Type};

use super::peer::Peer;
use super::{SHORT, Scene};
use crate::support::visitor::text;

#[tokio::test]
async fn an_app_on_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let (path, peer) = (directory.path().join("app.sock"), Peer::default());
    peer.on_socket(&path);
    let mut scene = Scene::before(&format!("upstream = 'unix://{}'\n", path.display())).await;
    for _ in 0..3 {
        assert_eq!(text(&scene.alice.fetch("/x?y").await), "the app");
    }
    let seen = peer.last();
    assert_eq!((seen.version, seen.uri.to_string().as_str()), (Version::HTTP_11, "/x?y"));
    assert_eq!(seen.headers["host"], "app.test");
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_a_502() {
    let mut scene = Scene::before("upstream = 'unix:///nowhere/app.sock'\n").await;
    assert_eq!(scene.alice.fetch("/").await.status(), 502);
}

#[tokio::test]
async fn in_http1_a_connection_carries_one_request_at_a_time_and_then_the_next() {
    let peer = Peer::default();
    let address = peer.on_clear_text(false).await;
    let mut scene = Scene::before(&format!("upstream = 'http://{address}'\n")).await;
    for _ in 0..5 {
        assert_eq!(scene.alice.fetch("/").await.status(), 200);
    }
    assert_eq!(peer.connections(), 1);
    peer.hold(true);
    let visitors: Vec<_> = (0..4).map(|_| scene.alice.clone()).collect();
    let asked = tokio::spawn(join_all(
        visitors.into_iter().map(|mut alice| async move { alice.fetch("/").await.status().as_u16() }),
    ));
    peer.reached(9).await;
    assert_eq!(peer.connections(), 4);
    peer.hold(false);
    assert_eq!(asked.await.unwrap(), [200; 4]);
}

#[tokio::test]
async fn a_connection_that_nothing_is_sent_on_is_closed() {
    for (scheme, is_http2) in [("http", false), ("h2c", true)] {
        let peer = Peer::default();
        let address = peer.on_clear_text(is_http2).await;
        let tables = format!("[[upstreams]]\nurl = '{scheme}://{address}'\n");
        let mut scene = Scene::with(&tables, |apps| apps[0].idle_timeout = SHORT).await;
        assert_eq!(scene.alice.fetch("/").await.status(), 200);
        peer.closed(1).await;
        // And nothing is lost by it.
        assert_eq!(scene.alice.fetch("/").await.status(), 200);
        assert_eq!(peer.connections(), 2);
        // A request that is waiting is not nothing.
        peer.hold(true);
        let mut alice = scene.alice.clone();
        let waiting = tokio::spawn(async move { alice.fetch("/").await.status() });
        peer.reached(3).await;
        tokio::time::sleep(SHORT * 3).await;
        let mut alice = scene.alice.clone();
        let further = tokio::spawn(async move { alice.fetch("/").await.status() });
        peer.reached(4).await;
        assert_eq!(peer.connections(), if is_http2 { 2 } else { 3 });
        peer.hold(false);
        assert_eq!(waiting.await.unwrap(), 200);
        assert_eq!(further.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_a_502() {
    let mut scene = Scene::before("upstream = 'http://app.invalid:3000'\n").await;
    assert_eq!(scene.alice.fetch("/").await.status(), 502);
}

#[tokio::test]
async fn an_app_that_does_not_accept_is_a_502_in_time() {
    // A full backlog: the kernel answers no further connection.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let mut full = Vec::new();
    for _ in 0..4 {
        let stream = tokio::time::timeout(SHORT, tokio::net::TcpStream::connect(address)).await;
        full.extend(stream);
    }
    for scheme in ["http", "h2c", "https"] {
        let tables = format!("[[upstreams]]\nurl = '{scheme}://{address}'\n");
        let mut scene = Scene::with(&tables, |apps| apps[0].connect_timeout = SHORT).await;
        let began = Instant::now();
        assert_eq!(scene.alice.fetch("/").await.status(), 502, "{scheme}");
        assert!(began.elapsed() < SHORT * 40, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn an_app_that_accepts_and_says_nothing_is_a_502_where_tls_should_begin() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let tables = format!("[[upstreams]]\nurl = 'https://{}'\n", listener.local_addr().unwrap());
    let mut scene = Scene::with(&tables, |apps| apps[0].connect_timeout = SHORT).await;
    assert_eq!(scene.alice.fetch("/").await.status(), 502);
}

#[tokio::test]
async fn each_app_has_its_own_patience() {
    let peer = Peer::default();
    peer.hold(true);
    let (one, other) = (peer.on_clear_text(false).await, peer.on_clear_text(true).await);
    let tables =
        format!("[[upstreams]]\nurl = 'http://{one}'\n[[upstreams]]\nurl = 'h2c://{other}'\npath = '/h2c'\n");
    let mut scene = Scene::with(&tables, |apps| {
        for app in apps {
            app.response_timeout = SHORT;
        }
    })
    .await;
    assert_eq!(scene.alice.fetch("/").await.status(), 504);
    assert_eq!(scene.alice.fetch("/h2c").await.status(), 504);
    peer.hold(false);
    // What gave no answer in time is not asked again.
    let before = peer.connections();
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
    assert_eq!(scene.alice.fetch("/h2c").await.status(), 200);
    assert_eq!(peer.connections(), before + 2);
}
