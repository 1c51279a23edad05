//! What lasts longer than a request's head: uploads that are answered early, WebSockets, and the end.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::{accept_async, client_async};

use super::{Door, HOST};
use crate::support::peer::AppByHand;
use crate::support::tls::connect;
use crate::support::wire::{self, PATIENCE};

#[tokio::test]
async fn an_answer_before_the_end_of_an_upload_is_not_lost_to_a_reset() {
    let door = Door::new().await;
    let client = Arc::new(door.authority.client(&["http/1.1"]));
    let stream = connect(door.address(), HOST, &client).await.unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    to.write_all(b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4000000\r\n\r\n").await.unwrap();
    let sending = tokio::spawn(async move {
        // Until the gate has had enough.
        while to.write_all(&[b'x'; 65536]).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, from.read_to_end(&mut answer)).await.expect("the answer did not end");
    assert_eq!(wire::status(&answer), 401);
    sending.abort();
}

#[tokio::test]
async fn a_websocket_is_opened_over_tls_and_told_of_the_end() {
    let app = AppByHand::bind().await;
    let door = Door::with(|setup| setup.set("upstream", &app.url())).await;
    let mut alice = door.stage.visitor();
    let callback = alice.reach_callback("alice", "/socket").await;
    assert_eq!(alice.navigate(&callback).await.status(), StatusCode::SEE_OTHER);
    // No protocol is said to be HTTP/2 by whom has an upgrade in mind (RFC 6455 §4.1).
    let client = Arc::new(door.authority.client(&["http/1.1"]));
    let stream = connect(door.address(), HOST, &client).await.unwrap();
    let request = Request::get("wss://app.test/socket")
        .header("host", HOST)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key())
        .header("origin", "https://app.test")
        .header("cookie", alice.jar.line().unwrap())
        .body(())
        .unwrap();
    let asked = client_async(request, stream);
    let granted = async { accept_async(app.accept().await.into_stream()).await.unwrap() };
    let (asked, mut at_app) = timeout(PATIENCE, async { tokio::join!(asked, granted) }).await.unwrap();
    let (mut socket, _) = asked.unwrap();
    let large = Message::binary(vec![7; 1 << 20]);
    socket.send(large.clone()).await.unwrap();
    assert_eq!(timeout(PATIENCE, at_app.next()).await.unwrap().unwrap().unwrap(), large);
    at_app.send(large.clone()).await.unwrap();
    assert_eq!(timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap(), large);
    let gate = door.stage.gate;
    let stopped = tokio::task::spawn_blocking(move || gate.stop());
    // Going away.
    let Message::Close(Some(close)) = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap()
    else {
        panic!("no close");
    };
    assert_eq!(u16::from(close.code), 1001);
    drop((socket, at_app));
    timeout(PATIENCE, stopped).await.expect("it waits").unwrap();
}
