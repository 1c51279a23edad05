//! A request is sent a second time where nothing can have come of the first, and never a third.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, server};
use http::{Method, Response};
use tokio::net::TcpListener;

use super::Scene;
use crate::forwarding::head;
use crate::support::peer::{AppByHand, Peer};
use crate::support::visitor::FETCH;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A gate whose one connection to `app` has carried a request, and that connection.
async fn used(app: &AppByHand) -> (Scene, Peer) {
    let scene = Scene::before(&format!("upstream = '{}'\n", app.url())).await;
    let mut client = Peer::to(scene.gate.address()).await;
    client.send(head(&scene.alice, "GET /first", &["Connection: close"])).await;
    let (mut connection, _) = app.asked().await;
    connection.send(OK).await;
    assert_eq!(client.head().await.status(), 200);
    client.rest().await;
    (scene, connection)
}

/// Sends a request, which dies with its used connection after `part` of an answer; then, whether it is sent again.
async fn after(start: &str, headers: &[&str], body: &str, part: &str) -> (u16, bool) {
    let app = AppByHand::bind().await;
    let (scene, mut connection) = used(&app).await;
    let mut client = Peer::to(scene.gate.address()).await;
    let headers = [&["Connection: close"], headers].concat();
    client.send(format!("{}{body}", head(&scene.alice, start, &headers))).await;
    let first = connection.head().await;
    connection.send(part).await;
    drop(connection);
    tokio::select! {
        (mut connection, again) = app.asked() => {
            assert_eq!(again, first);
            connection.send(OK).await;
            (client.head().await.status(), true)
        }
        answer = client.head() => (answer.status(), false),
    }
}

#[tokio::test]
async fn what_is_idempotent_and_has_no_body_is_sent_once_more() {
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        assert_eq!(after(&format!("{method} /x?y"), &[], "", "").await, (200, true), "{method}");
    }
}

#[tokio::test]
async fn what_may_have_done_something_is_not() {
    assert_eq!(after("POST /", &[], "", "").await, (502, false));
    assert_eq!(after("PATCH /", &[], "", "").await, (502, false));
    assert_eq!(after("BREW /", &[], "", "").await, (502, false));
    assert_eq!(after("PUT /", &["Content-Length: 2"], "ab", "").await, (502, false));
    assert_eq!(
        after("GET /", &["Transfer-Encoding: chunked"], "2\r\nab\r\n0\r\n\r\n", "").await,
        (502, false)
    );
}

#[tokio::test]
async fn not_once_a_byte_of_the_answer_has_come() {
    assert_eq!(after("GET /", &[], "", "H").await, (502, false));
    assert_eq!(after("GET /", &[], "", "HTTP/1.1 200 OK\r\n").await, (502, false));
}

#[tokio::test]
async fn a_connection_that_was_not_used_before_is_the_app_s_word() {
    let app = AppByHand::bind().await;
    let scene = Scene::before(&format!("upstream = '{}'\n", app.url())).await;
    let mut client = Peer::to(scene.gate.address()).await;
    client.send(head(&scene.alice, "GET /", &["Connection: close"])).await;
    drop(app.asked().await);
    assert_eq!(client.head().await.status(), 502);
}

#[tokio::test]
async fn the_second_time_is_the_last() {
    let app = AppByHand::bind().await;
    let (scene, mut connection) = used(&app).await;
    let mut client = Peer::to(scene.gate.address()).await;
    client.send(head(&scene.alice, "GET /", &["Connection: close"])).await;
    connection.head().await;
    drop(connection);
    drop(app.asked().await);
    assert_eq!(client.head().await.status(), 502);
}

#[tokio::test]
async fn a_connection_that_the_app_closed_meanwhile_costs_nothing() {
    let app = AppByHand::bind().await;
    let (scene, connection) = used(&app).await;
    drop(connection);
    let mut client = Peer::to(scene.gate.address()).await;
    client.send(head(&scene.alice, "POST /", &["Connection: close", "Content-Length: 2"]) + "ab").await;
    // Whether the gate has noticed already or not until it wrote, nothing was taken by the app.
    let (mut connection, again) = app.asked().await;
    assert_eq!(again.start(), "POST / HTTP/1.1");
    connection.send(OK).await;
    assert_eq!(client.head().await.status(), 200);
}

/// An app in HTTP/2 whose every stream `end` ends, but for the first of its first connection.
async fn http2(end: fn(SendResponse<Bytes>), times: usize) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let seen = Arc::new(AtomicUsize::new(0));
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut connection = server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    if (1..=times).contains(&seen.fetch_add(1, Ordering::SeqCst)) {
                        end(respond);
                    } else {
                        respond.send_response(Response::new(()), true).unwrap();
                    }
                }
            });
        }
    });
    address
}

async fn second_of_two(end: fn(SendResponse<Bytes>), times: usize, method: Method) -> u16 {
    let address = http2(end, times).await;
    let mut scene = Scene::before(&format!("upstream = 'h2c://{address}'\n")).await;
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
    scene.alice.send(method, "/", &FETCH, "").await.status().as_u16()
}

#[tokio::test]
async fn in_http2_a_stream_that_the_app_refused_is_sent_once_more() {
    let refuse = |mut respond: SendResponse<Bytes>| respond.send_reset(Reason::REFUSED_STREAM);
    assert_eq!(second_of_two(refuse, 1, Method::GET).await, 200);
    assert_eq!(second_of_two(refuse, 2, Method::GET).await, 502);
    assert_eq!(second_of_two(refuse, 1, Method::POST).await, 502);
    let cancel = |mut respond: SendResponse<Bytes>| respond.send_reset(Reason::INTERNAL_ERROR);
    assert_eq!(second_of_two(cancel, 1, Method::GET).await, 502);
}

#[tokio::test]
async fn in_http2_a_connection_that_dies_before_its_answer_is_replaced() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // One answer on the first connection, which ends with the second request.
        for answers in [1, 9] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = server::handshake(stream).await.unwrap();
            let mut answered = 0;
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                if answered == answers {
                    break;
                }
                respond.send_response(Response::new(()), true).unwrap();
                answered += 1;
            }
        }
    });
    let mut scene = Scene::before(&format!("upstream = 'h2c://{address}'\n")).await;
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
}
