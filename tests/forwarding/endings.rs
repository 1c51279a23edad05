//! What outlasts its request, when its session or the gate ends.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::Scene;
use super::websocket::{WEBSOCKET, closed, next, open, open_tunnels};
use crate::support::peer::Peer;
use crate::support::refreshed;
use crate::support::wire::{PATIENCE, eventually};
use futures_util::SinkExt as _;

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\
    Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";

/// A stream of events with its first event received: the client's end and the app's.
async fn stream(scene: &Scene) -> (Peer, Peer) {
    let mut client = scene.client().await;
    client.send(scene.head("GET /events", &["Accept: text/event-stream"])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send(STREAM).await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.chunk().await, b"data: 1\n\n");
    (client, app)
}

/// Shows that a stream of events still flows.
async fn flows(client: &mut Peer, app: &mut Peer) {
    app.send("4\r\nmore\r\n").await;
    assert_eq!(client.chunk().await, b"more");
}

#[tokio::test]
async fn case_64_a_sign_out_closes_the_sessions_websocket_and_its_stream_of_events() {
    let mut scene = Scene::set().await;
    let mut other = scene.stage.signed_in().await;
    other.go_to(scene.gate.address());
    let (mut client, mut app) = open(&scene).await;
    let (mut reader, mut events) = stream(&scene).await;
    let mine = std::mem::replace(&mut scene.visitor, other);
    let (mut others_client, mut others_app) = open(&scene).await;
    scene.visitor = mine;
    assert_eq!(open_tunnels(&scene).await, 2);

    assert_eq!(scene.visitor.navigate("/oauth2/sign_out").await.status(), 303);
    // Both ends are told, by a frame of ours (policy violation).
    assert_eq!((closed(&mut client).await, closed(&mut app).await), (1008, 1008));
    assert_eq!(reader.chunk().await, b"", "the stream has its regular end");
    assert_eq!(events.rest().await, b"");
    // Somebody else's goes on.
    others_app.send(Message::text("still there")).await.unwrap();
    assert_eq!(next(&mut others_client).await, Message::text("still there"));
}

#[tokio::test]
async fn case_122_a_sign_out_before_the_app_answers_ends_the_websocket_and_the_stream_of_events_at_once() {
    let mut scene = Scene::set().await;
    let mut socket = scene.client().await;
    socket.send(scene.head("GET /socket", &WEBSOCKET)).await;
    let (mut at_app, _) = scene.app.asked().await;
    let mut reader = scene.client().await;
    reader.send(scene.head("GET /events", &["Accept: text/event-stream"])).await;
    let (mut events, _) = scene.app.asked().await;
    assert_eq!(scene.visitor.navigate("/oauth2/sign_out").await.status(), 303);

    // The access token is good for another hour: the clock stands still.
    at_app
        .send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(socket.head().await.status(), 101);
    let last = socket.rest().await;
    assert!(last.is_empty() || last == b"\x88\x15\x03\xf0the session is over", "{last:?}");
    at_app.rest().await;
    eventually("no tunnel is open", || async { open_tunnels(&scene).await == 0 }).await;
    events.send(STREAM).await;
    assert_eq!(reader.head().await.status(), 200);
    assert_eq!(reader.chunk().await, b"", "the stream has its regular end");
    events.rest().await;
}

#[tokio::test]
async fn case_122_what_the_app_grants_after_a_refresh_lasts_as_long_as_the_new_tokens() {
    let scene = Scene::set().await;
    scene.stage.clock.advance(Duration::from_secs(3590));
    let held = scene.stage.cognito.hold(Endpoint::TokenRefresh);
    let mut socket = scene.client().await;
    socket.send(scene.head("GET /socket", &WEBSOCKET)).await;
    let (mut at_app, _) = scene.app.asked().await;
    let mut reader = scene.client().await;
    reader.send(scene.head("GET /events", &["Accept: text/event-stream"])).await;
    let (mut events, _) = scene.app.asked().await;
    // Both were admitted with the old tokens, and wait for the app.
    held.release();
    refreshed(&scene.gate, 1).await;
    at_app
        .send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(socket.head().await.status(), 101);
    events.send(STREAM).await;
    assert_eq!((reader.head().await.status(), reader.chunk().await), (200, b"data: 1\n\n".to_vec()));

    scene.stage.clock.advance(Duration::from_secs(10));
    for _ in 0..3 {
        at_app.send(b"\x81\x02hi").await;
        assert_eq!(socket.exactly(4).await, b"\x81\x02hi");
        flows(&mut reader, &mut events).await;
    }
    scene.stage.clock.advance(Duration::from_secs(3590));
    assert_eq!(socket.rest().await, b"\x88\x15\x03\xf0the session is over");
    assert_eq!(reader.chunk().await, b"");
}

#[tokio::test]
async fn case_123_a_websocket_and_a_stream_of_events_end_with_the_lifetime_of_their_session() {
    let scene = Scene::with(&[("session.max_lifetime", "30m")]).await;
    let (mut client, mut app) = open(&scene).await;
    let (mut reader, mut events) = stream(&scene).await;
    // Its access token is good for half an hour more.
    scene.stage.clock.advance(Duration::from_secs(30 * 60 - 1));
    client.send(Message::text("in time")).await.unwrap();
    assert_eq!(next(&mut app).await, Message::text("in time"));
    flows(&mut reader, &mut events).await;
    scene.stage.clock.advance(Duration::from_secs(1));
    assert_eq!((closed(&mut client).await, closed(&mut app).await), (1008, 1008));
    assert_eq!(reader.chunk().await, b"");
}

#[tokio::test]
async fn case_64_an_access_token_that_expires_closes_what_was_begun_with_it() {
    let scene = Scene::set().await;
    let (mut client, mut app) = open(&scene).await;
    let (mut reader, mut events) = stream(&scene).await;
    scene.stage.clock.advance(Duration::from_secs(3599));
    client.send(Message::text("in time")).await.unwrap();
    assert_eq!(next(&mut app).await, Message::text("in time"));
    flows(&mut reader, &mut events).await;
    scene.stage.clock.advance(Duration::from_secs(1));
    assert_eq!((closed(&mut client).await, closed(&mut app).await), (1008, 1008));
    assert_eq!(reader.chunk().await, b"");
}

#[tokio::test]
async fn case_64_a_session_that_was_renewed_meanwhile_keeps_what_was_begun_before() {
    let mut scene = Scene::set().await;
    let (mut client, mut app) = open(&scene).await;
    let (mut reader, mut events) = stream(&scene).await;
    scene.stage.clock.advance(Duration::from_secs(3590));
    // Another tab.
    assert_eq!(scene.visitor.fetch("/oauth2/userinfo").await.status(), 200);
    refreshed(&scene.gate, 1).await;
    scene.stage.clock.advance(Duration::from_secs(3590));
    app.send(Message::text("still there")).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("still there"));
    flows(&mut reader, &mut events).await;
    scene.stage.clock.advance(Duration::from_secs(20));
    assert_eq!(closed(&mut client).await, 1008);
    assert_eq!(reader.chunk().await, b"");
}

#[tokio::test]
async fn case_64_what_is_begun_while_its_session_is_refreshed_lasts_as_long_as_the_new_one() {
    let scene = Scene::set().await;
    scene.stage.clock.advance(Duration::from_secs(3590));
    // Before the refresh has ended, while it does, and after it.
    let held = scene.stage.cognito.hold(Endpoint::TokenRefresh);
    let (mut client, mut app) = open(&scene).await;
    held.release();
    refreshed(&scene.gate, 1).await;
    // No other request has come since then.
    scene.stage.clock.advance(Duration::from_secs(10));
    for _ in 0..3 {
        app.send(Message::text("still there")).await.unwrap();
        assert_eq!(next(&mut client).await, Message::text("still there"));
    }
    let (mut reader, mut events) = stream(&scene).await;
    scene.stage.clock.advance(Duration::from_secs(3490));
    flows(&mut reader, &mut events).await;
    scene.stage.clock.advance(Duration::from_secs(100));
    assert_eq!(closed(&mut client).await, 1008);
    assert_eq!(reader.chunk().await, b"");
}

#[tokio::test]
async fn case_64_nothing_of_this_happens_where_the_operator_says_keep() {
    let mut scene = Scene::with(&[("websocket.on_session_end", "keep")]).await;
    let (mut client, mut app) = open(&scene).await;
    let (mut reader, mut events) = stream(&scene).await;
    scene.visitor.navigate("/oauth2/sign_out").await;
    scene.stage.clock.advance(Duration::from_secs(7200));
    for _ in 0..3 {
        app.send(Message::text("still there")).await.unwrap();
        assert_eq!(next(&mut client).await, Message::text("still there"));
        flows(&mut reader, &mut events).await;
    }
}

#[tokio::test]
async fn a_frame_under_way_is_finished_before_the_close() {
    let mut scene = Scene::set().await;
    let (client, app) = open(&scene).await;
    let (mut client, mut app) = (client.into_inner(), app.into_inner());
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    // Half a text frame of ten bytes, from the app, which are not masked.
    app.write_all(b"\x81\x0ahalf ").await.unwrap();
    let mut got = [0; 7];
    client.read_exact(&mut got).await.unwrap();
    scene.visitor.navigate("/oauth2/sign_out").await;
    app.write_all(b"whole").await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("it does not end").unwrap();
    assert_eq!(rest, b"whole\x88\x15\x03\xf0the session is over");
}

#[tokio::test]
async fn a_gate_that_ends_tells_both_ends_and_waits_for_nobody() {
    let scene = Scene::set().await;
    let (mut client, mut app) = open(&scene).await;
    let (mut reader, mut events) = stream(&scene).await;
    let gate = scene.gate;
    let stopping = tokio::task::spawn_blocking(|| gate.stop());
    assert_eq!((closed(&mut client).await, closed(&mut app).await), (1001, 1001));
    assert_eq!(reader.chunk().await, b"");
    assert_eq!(events.rest().await, b"");
    drop((client, app, reader));
    stopping.await.unwrap();
}
