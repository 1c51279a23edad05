//! WebSockets as a browser opens them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::Site;

/// An app with a page anywhere and an echo at `/socket`, which counts what reaches it.
struct EchoApp {
    address: SocketAddr,
    sockets: Arc<AtomicUsize>,
}

impl EchoApp {
    async fn serve() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let app = Self { address: listener.local_addr().unwrap(), sockets: Arc::default() };
        let sockets = Arc::clone(&app.sockets);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sockets = Arc::clone(&sockets);
                let service = service_fn(move |request| {
                    let sockets = Arc::clone(&sockets);
                    async move { Ok::<_, Infallible>(answer(request, &sockets)) }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection.with_upgrades());
            }
        });
        app
    }
}

fn answer(mut request: Request<Incoming>, sockets: &AtomicUsize) -> Response<Full<Bytes>> {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()))
    else {
        let mut page = Response::new(Full::from("<!doctype html><title>App</title><h1>Confidential</h1>"));
        page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        return page;
    };
    sockets.fetch_add(1, Ordering::SeqCst);
    tokio::spawn(echo(hyper::upgrade::on(&mut request)));
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(key).unwrap());
    response
}

/// Says everything back; `bye` closes.
async fn echo(upgrade: OnUpgrade) {
    let stream = TokioIo::new(upgrade.await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message == Message::text("bye") {
            let frame = CloseFrame { code: 4321.into(), reason: "as you wish".into() };
            let _ = socket.close(Some(frame)).await;
        } else if message.is_text() || message.is_binary() {
            socket.send(message).await.unwrap();
        }
    }
}

/// Opens one to the page's own origin, or to the one named there.
const OPEN: &str = "
    window.socket = new WebSocket(location.origin.replace('http', 'ws') + '/socket');
    socket.binaryType = 'arraybuffer';
    window.ended = new Promise(done => socket.onclose = e => done([e.code, e.reason, e.wasClean]));
    return await new Promise(done => { socket.onopen = () => done('open'); socket.onerror = () => done('error') });
";
const SAY: &str = "
    const say = data => new Promise(done => { socket.onmessage = e => done(e.data); socket.send(data) });
    const large = await say(new Uint8Array(1 << 20).fill(7));
    return [await say('hello, wörld'), large.byteLength, new Uint8Array(large).every(byte => byte === 7)];
";

async fn site() -> (EchoApp, Site) {
    let app = EchoApp::serve().await;
    let url = format!("http://{}", app.address);
    let site = Site::with(|setup| setup.set("upstream", &url)).await;
    (app, site)
}

#[tokio::test]
async fn a_page_talks_by_websocket_and_hears_how_it_was_closed() {
    let (app, site) = site().await;
    let browser = site.signed_in("/").await;
    assert_eq!(browser.script(OPEN).await, json!("open"));
    assert_eq!(browser.script(SAY).await, json!(["hello, wörld", 1 << 20, true]));
    let closed = browser.script("socket.send('bye'); return await ended").await;
    assert_eq!(closed, json!([4321, "as you wish", true]));
    assert_eq!(app.sockets.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn case_64_a_page_whose_user_signs_out_hears_so_by_its_websocket() {
    let (_app, site) = site().await;
    let browser = site.signed_in("/").await;
    assert_eq!(browser.script(OPEN).await, json!("open"));
    let script = "await fetch('/oauth2/sign_out', { method: 'POST' }); return await ended";
    assert_eq!(browser.script(script).await, json!([1008, "the session is over", true]));
    assert_eq!(browser.script(OPEN).await, json!("error"), "there is no session to open another with");
}

#[tokio::test]
async fn case_63_a_page_of_another_site_gets_no_websocket() {
    let (app, site) = site().await;
    let browser = site.signed_in("/").await;
    browser.go(&format!("http://{}/", site.stage.cognito_address)).await;
    let script = OPEN.replace("location.origin", &format!("'{}'", site.origin));
    assert_eq!(browser.script(&script).await, json!("error"));
    assert_eq!(app.sockets.load(Ordering::SeqCst), 0);
}
