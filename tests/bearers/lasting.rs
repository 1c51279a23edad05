//! What outlasts the request that a token let in.

use std::time::Duration;

use cognigate::types::full;
use http::{HeaderValue, Response};

use super::*;
use crate::support::peer::Peer;

#[tokio::test]
async fn a_websocket_ends_with_the_token_that_opened_it() {
    let stage = stage().await;
    stage.app.answer(|_| {
        let mut response = Response::new(full(""));
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    });
    let token = service_token(&stage).await;
    let mut client = Peer::to(stage.gate.address()).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let head = |token: &str| {
        format!(
            "GET /socket HTTP/1.1\r\nHost: app.test\r\nAuthorization: Bearer {token}\r\n{upgrade}\r\n\r\n"
        )
    };
    client.send(head(&token)).await;
    assert_eq!(client.head().await.status(), 101);
    // A message there and back: both ends are open.
    let message = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    client.send(message).await;
    assert_eq!(client.exactly(message.len()).await, message);
    stage.clock.advance(Duration::from_secs(3_600));
    // A Close frame with the code 1008, and the end.
    let end = client.rest().await;
    assert_eq!(&end[..4], [0x88, end[1], 0x03, 0xf0], "{end:?}");

    let mut client = Peer::to(stage.gate.address()).await;
    client.send(head("junk")).await;
    assert_eq!(client.head().await.status(), 401);
    assert_eq!(stage.app.count(), 1);
}

#[tokio::test]
async fn a_grpc_call_with_a_bad_token_is_told_in_its_own_words() {
    let stage = stage().await;
    let headers =
        [("authorization", "Bearer junk"), ("content-type", "application/grpc"), ("te", "trailers")];
    let answer = stage.visitor().send(Method::POST, "/a.B/C", &headers, "").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "grpc-status")), (200, Some("16")));
    assert_eq!(stage.app.count(), 0);
}
