//! Bodies are streams, both ways at once: what one side has sent the other side gets, and no more is held than
//! is on its way.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Scene;
use crate::support::wire::PATIENCE;

const MEGABYTE: usize = 1 << 20;
/// More than this is never sent in these tests.
const WHOLE: usize = 96 * MEGABYTE;
/// What the kernel may keep of a stream on its two connections, and the gate in its buffers.
const ON_ITS_WAY: usize = 48 * MEGABYTE;

#[tokio::test]
async fn the_client_has_each_part_of_an_answer_before_the_app_makes_the_next() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("GET /events", &[])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!((head.status(), head.one("content-type")), (200, Some("text/event-stream")));
    for part in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        app.send(format!("{:x}\r\n{part}\r\n", part.len())).await;
        assert_eq!(client.chunk().await, part.as_bytes());
    }
    app.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, b"");
}

#[tokio::test]
async fn the_app_has_each_part_of_a_request_before_the_client_makes_the_next() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("POST /upload", &["Transfer-Encoding: chunked"])).await;
    let (mut app, head) = scene.app.asked().await;
    assert_eq!(head.one("transfer-encoding"), Some("chunked"));
    for part in ["one", "two", "three"] {
        client.send(format!("{:x}\r\n{part}\r\n", part.len())).await;
        assert_eq!(app.chunk().await, part.as_bytes());
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(app.chunk().await, b"");
    app.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 201);
}

#[tokio::test]
async fn a_request_and_its_answer_flow_at_the_same_time() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("POST /echo", &["Content-Length: 9"])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
    for part in ["abc", "def", "ghi"] {
        client.send(part).await;
        assert_eq!(app.exactly(3).await, part.as_bytes());
        app.send(part).await;
        assert_eq!(client.exactly(3).await, part.as_bytes());
    }
}

#[tokio::test]
async fn a_large_upload_waits_for_an_app_that_does_not_read() {
    let scene = Scene::set().await;
    let mut client = scene.client().await.small_buffers();
    client.send(scene.head("PUT /large", &[&format!("Content-Length: {WHOLE}")])).await;
    let (app, head) = scene.app.asked().await;
    assert_eq!(head.one("content-length"), Some(WHOLE.to_string().as_str()));
    let (mut client, mut app) = (client.into_stream(), app.small_buffers().into_stream());
    let sent = until_it_stops(&mut client).await;
    assert!(sent < ON_ITS_WAY, "the gate took {sent} bytes that nobody had asked it for");
    let (_, got) = tokio::join!(send_the_rest(&mut client, sent), receive(&mut app));
    assert_eq!(got, WHOLE);
}

#[tokio::test]
async fn a_large_answer_waits_for_a_client_that_does_not_read() {
    let scene = Scene::set().await;
    let mut client = scene.client().await.small_buffers();
    client.send(scene.head("GET /large", &[])).await;
    let (app, _) = scene.app.asked().await;
    let mut app = app.small_buffers();
    app.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {WHOLE}\r\n\r\n")).await;
    let mut app = app.into_stream();
    let sent = until_it_stops(&mut app).await;
    assert!(sent < ON_ITS_WAY, "the gate took {sent} bytes that nobody had asked it for");
    let client = async {
        assert_eq!(client.head().await.status(), 200);
        let mut got = 0;
        while got < WHOLE {
            let part = MEGABYTE.min(WHOLE - got);
            assert!(client.exactly(part).await.iter().all(|&byte| byte == b'x'));
            got += part;
        }
    };
    tokio::join!(send_the_rest(&mut app, sent), client);
}

#[tokio::test]
async fn an_answer_that_comes_before_the_upload_is_over_reaches_the_client() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("POST /upload", &["Content-Length: 1000000"])).await;
    client.send("the beginning").await;
    let (mut app, _) = scene.app.asked().await;
    assert_eq!(app.exactly(13).await, b"the beginning");
    app.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much")
        .await;
    let head = client.head().await;
    assert_eq!((head.status(), client.exactly(8).await), (413, b"too much".to_vec()));
}

#[tokio::test]
async fn an_answer_in_the_middle_of_an_upload_is_not_lost_though_the_client_goes_on_and_the_app_hangs_up() {
    let scene = Scene::set().await;
    for keeps_reading in [true, false] {
        let mut client = scene.client().await;
        client.send(scene.head("POST /upload", &[&format!("Content-Length: {WHOLE}")])).await;
        let (mut app, _) = scene.app.asked().await;
        let sending = async {
            let mut client = client.into_stream();
            let (mut reads, mut writes) = client.split();
            let part = vec![b'x'; MEGABYTE];
            let writing = async {
                for _ in 0..8 {
                    // Once the gate has answered it need not read on.
                    if writes.write_all(&part).await.is_err() {
                        break;
                    }
                }
            };
            let mut answer = Vec::new();
            let reading = reads.read_to_end(&mut answer);
            let _ = timeout(PATIENCE, async { tokio::join!(writing, reading) }).await.expect("no end");
            String::from_utf8(answer).unwrap()
        };
        let refusing = async {
            app.exactly(MEGABYTE).await;
            app.send(
                "HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much",
            )
            .await;
            let mut app = app.into_stream_as_it_is();
            app.shutdown().await.unwrap();
            // A server that is well brought up reads on for a while; another resets what the gate still sends.
            if keeps_reading {
                let mut rest = Vec::new();
                let _ = app.read_to_end(&mut rest).await;
            }
        };
        let (answer, ()) = tokio::join!(sending, refusing);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{keeps_reading}: {answer:?}");
        assert!(answer.ends_with("too much"), "{keeps_reading}: {answer:?}");
    }
}

#[tokio::test]
async fn an_event_is_through_within_five_milliseconds() {
    const EVENTS: usize = 200;
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("GET /events", &["Accept: text/event-stream"])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 200);
    let mut took = Vec::new();
    for _ in 0..EVENTS {
        let sent = Instant::now();
        app.send("9\r\ndata: 1\n\n\r\n").await;
        assert_eq!(client.chunk().await, b"data: 1\n\n");
        took.push(sent.elapsed());
    }
    took.sort_unstable();
    // The median: one in two may wait for a machine that has other things to do.
    assert!(took[EVENTS / 2] < Duration::from_millis(5), "{took:?}");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_request_at_the_app() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("POST /upload", &["Transfer-Encoding: chunked"])).await;
    client.send("3\r\nabc\r\n").await;
    let (mut app, _) = scene.app.asked().await;
    assert_eq!(app.chunk().await, b"abc");
    drop(client);
    assert_eq!(app.rest().await, b"", "an upload that was torn off must not look complete");
}

#[tokio::test]
async fn an_answer_that_the_app_tears_off_is_not_given_an_end() {
    for length in ["Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Content-Length: 9\r\n\r\nabc"] {
        let scene = Scene::set().await;
        let mut client = scene.client().await;
        client.send(scene.head("GET /", &[])).await;
        let (mut app, _) = scene.app.asked().await;
        app.send(format!("HTTP/1.1 200 OK\r\n{length}")).await;
        assert_eq!(client.head().await.status(), 200);
        drop(app);
        let rest = client.rest().await;
        assert!(rest.len() < 9 && !rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
    }
}

/// Sends until nothing is taken any more: how much was.
async fn until_it_stops(stream: &mut TcpStream) -> usize {
    let part = vec![b'x'; MEGABYTE];
    let mut sent = 0;
    while sent < WHOLE {
        let part = &part[..MEGABYTE.min(WHOLE - sent)];
        match timeout(Duration::from_millis(200), stream.write(part)).await {
            Ok(taken) => sent += taken.unwrap(),
            Err(_) => break,
        }
    }
    sent
}

async fn send_the_rest(stream: &mut TcpStream, mut sent: usize) {
    let part = vec![b'x'; MEGABYTE];
    while sent < WHOLE {
        sent += stream.write(&part[..MEGABYTE.min(WHOLE - sent)]).await.unwrap();
    }
}

async fn receive(stream: &mut TcpStream) -> usize {
    let mut part = vec![0; MEGABYTE];
    let mut got = 0;
    while got < WHOLE {
        match stream.read(&mut part).await.unwrap() {
            0 => break,
            read => {
                assert!(part[..read].iter().all(|&byte| byte == b'x'));
                got += read;
            }
        }
    }
    got
}

#[tokio::test]
async fn an_answer_with_chunks_and_a_length_goes_by_its_chunks() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("GET /both", &[])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    app.send("a\r\n0123456789\r\n0\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.all("content-length").len()), (200, 0));
    assert_eq!(client.chunks().await, b"0123456789");
}
