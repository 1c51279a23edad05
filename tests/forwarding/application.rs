//! The connections to the app, and what becomes of a request when it does not answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cognigate::app::App;
use cognigate::proxy::upstreams::Upstreams;
use cognigate::server::conn::Terms;
use cognigate::server::connections::Connections;
use cognigate::server::{accept, shutdown};
use http::Method;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use super::{Scene, head};
use crate::support::Stage;
use crate::support::peer::{AppByHand, Peer};
use crate::support::visitor::{FETCH, NAVIGATION, Visitor, header, json, text};

#[tokio::test]
async fn requests_one_after_the_other_share_one_connection_to_the_app() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for number in 0..10 {
        assert_eq!(visitor.fetch(&format!("/{number}")).await.status(), 200);
        assert_eq!(visitor.send(Method::POST, "/", &FETCH, "body").await.status(), 200);
    }
    assert_eq!((stage.app.count(), stage.app.connections()), (21, 1));
}

#[tokio::test]
async fn a_connection_that_the_app_closed_while_it_was_idle_costs_no_request() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    for _ in 0..3 {
        client.send(scene.head("POST /", &["Content-Length: 3"]) + "abc").await;
        let (mut app, _) = scene.app.asked().await;
        assert_eq!(app.exactly(3).await, b"abc");
        app.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.head().await.status(), 200);
        drop(app);
    }
}

#[tokio::test]
async fn an_app_that_is_down_is_a_502_as_a_page_and_as_a_problem() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    // Bound, so that nobody else is, and never listened on.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let gate = stage.replica(&[("upstream", &format!("http://{address}"))]).await;
    visitor.go_to(gate.address());
    assert_unanswered(&mut visitor, 502, "The application is not available").await;
}

#[tokio::test]
async fn an_app_that_answers_nonsense_or_hangs_up_is_a_502() {
    let scene = Scene::set().await;
    for nonsense in [
        "",
        "HTTP/1.1 200",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nbad name: 1\r\n\r\n",
    ] {
        let mut client = scene.client().await;
        client.send(scene.head("GET /", &["Sec-Fetch-Mode: cors", "Connection: close"])).await;
        let (mut app, _) = scene.app.asked().await;
        app.send(nonsense).await;
        drop(app);
        let head = client.head().await;
        assert_eq!(head.status(), 502, "{nonsense:?}");
        assert_eq!(head.one("content-type"), Some("application/problem+json"));
    }
}

#[tokio::test]
async fn an_app_that_is_slow_is_a_504_as_a_page_and_as_a_problem() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let app = AppByHand::bind().await;
    let gate = impatient(&stage, &app, Duration::from_millis(50)).await;
    visitor.go_to(gate);
    // The kernel accepts for the app, which then says nothing.
    assert_unanswered(&mut visitor, 504, "The application took too long").await;
}

#[tokio::test]
async fn an_upload_that_takes_longer_than_an_answer_may_is_not_slow() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let app = AppByHand::bind().await;
    let patience = Duration::from_millis(150);
    let mut client = Peer::to(impatient(&stage, &app, patience).await).await;
    client.send(head(&visitor, "POST /", &["Transfer-Encoding: chunked"])).await;
    let (mut app, _) = app.asked().await;
    let began = Instant::now();
    while began.elapsed() < patience * 3 {
        client.send("4\r\npart\r\n").await;
        assert_eq!(app.chunk().await, b"part");
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(app.chunk().await, b"");
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
}

#[tokio::test]
async fn an_answer_may_take_as_long_as_it_likes_once_it_has_begun() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let app = AppByHand::bind().await;
    let patience = Duration::from_millis(50);
    let mut client = Peer::to(impatient(&stage, &app, patience).await).await;
    client.send(head(&visitor, "GET /", &[])).await;
    let (mut app, _) = app.asked().await;
    app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
    tokio::time::sleep(patience * 3).await;
    app.send("4\r\nlate\r\n0\r\n\r\n").await;
    assert_eq!(client.chunks().await, b"late");
}

#[tokio::test]
async fn an_old_app_does_not_make_an_old_gate() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    for _ in 0..2 {
        client.send(scene.head("GET /", &[])).await;
        let (mut app, head) = scene.app.asked().await;
        assert_eq!(head.start(), "GET / HTTP/1.1");
        app.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil I close").await;
        drop(app);
        let head = client.head().await;
        assert_eq!(head.start(), "HTTP/1.1 200 OK");
        assert_eq!(client.chunks().await, b"until I close");
    }
}

#[tokio::test]
async fn what_the_app_says_early_goes_no_further_than_the_gate() {
    let scene = Scene::set().await;
    let mut client = scene.client().await;
    client.send(scene.head("GET /", &[])).await;
    let (mut app, _) = scene.app.asked().await;
    app.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n").await;
    app.send("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone").await;
    assert_eq!(client.head().await.start(), "HTTP/1.1 404 Not Found");
    assert_eq!(client.exactly(4).await, b"none");
}

/// A page for a navigation and a problem for a fetch, both without the session being touched.
async fn assert_unanswered(visitor: &mut Visitor, status: u16, title: &str) {
    let jar = visitor.jar.line();
    let id = ("x-request-id", "of.this_Request-1");
    let page = visitor.send(Method::GET, "/", &[&NAVIGATION[..], &[id]].concat(), "").await;
    assert_eq!(page.status(), status);
    assert!(header(&page, "content-type").unwrap().starts_with("text/html"));
    assert!(text(&page).contains(title), "{}", text(&page));
    let problem = visitor.send(Method::POST, "/", &[&FETCH[..], &[id]].concat(), "body").await;
    assert_eq!(problem.status(), status);
    assert_eq!(header(&problem, "content-type"), Some("application/problem+json"));
    assert_eq!((&json(&problem)["title"], &json(&problem)["status"]), (&title.into(), &status.into()));
    for answer in [&page, &problem] {
        assert!(header(answer, "cache-control").unwrap().contains("no-store"));
        assert!(header(answer, "set-cookie").is_none());
        assert!(text(answer).contains(id.1), "{}", text(answer));
    }
    assert_eq!(visitor.jar.line(), jar);
}

/// A gate like the stage's, in front of `app`, that waits so long for an answer.
async fn impatient(stage: &Stage, app: &AppByHand, patience: Duration) -> SocketAddr {
    let config = stage.config(&[("upstream", &app.url())]);
    let upstreams = Upstreams::new(&config.sites, &Arc::default()).unwrap().answers_within(patience);
    let gate = Arc::new(App::new(&config, stage.clock.clone()).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = shutdown::channel(Duration::ZERO);
    let terms = Terms { limits: Arc::new(config.limits.clone()), shutdown };
    tokio::spawn(async move {
        let _until_the_test_ends = trigger;
        let limit = Connections::new(10, None, None);
        accept::serve(listener.into_std().unwrap(), None, terms, limit, move |request, peer| {
            let (gate, upstreams) = (Arc::clone(&gate), upstreams.clone());
            async move { gate.respond(Some(&upstreams), request, peer).await }
        })
        .await
    });
    address
}
