//! An app that shows, on one page, what an upstream receives.
//!
//! It has no sign-in of its own and checks nothing, as an app behind the gate may; whoever reaches its port
//! past the gate can tell it anything, so it belongs where the gate alone reaches it. It sets no `Cache-Control`,
//! to show what the gate adds.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use askama::Template as _;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::received::Received;
use crate::clock::{Clock, UnixTime};
use crate::types::{Body, full};

/// The sample app on its socket, not yet serving.
#[derive(Debug)]
pub struct SampleApp {
    listener: TcpListener,
    address: SocketAddr,
    clock: Clock,
}

impl SampleApp {
    /// Takes the socket; port 0 lets the system choose one, which [`SampleApp::address`] then tells.
    pub fn bind(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, clock: Clock::system() })
    }

    /// Where the app listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes; the connections that are open then are dropped.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let listener = match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the sample app's socket cannot be served");
                return;
            }
        };
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(stream, self.clock.clone()));
                    }
                    // Out of file descriptors, mostly: the next attempt would fail at once, and the next.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn connection(stream: TcpStream, clock: Clock) {
    let service = service_fn(|request: Request<Incoming>| async {
        let (parts, body) = request.into_parts();
        let received = Received::read(&parts, drain(body).await, clock.now());
        Ok::<_, Infallible>(answer(parts.uri.path(), &received, clock.now()))
    });
    // A peer that goes away in mid-request is no news here.
    let _ =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Reads the body to its end, keeping none of it, and gives its length in bytes.
async fn drain(mut body: Incoming) -> u64 {
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    length
}

/// The time as JSON for `/api/time`; the page for every other path, so that any deep link can be tried.
fn answer(path: &str, received: &Received, now: UnixTime) -> Response<Body> {
    let (media_type, body) = if path == "/api/time" {
        let json = serde_json::json!({ "unix_time": now.0, "user": received.user() });
        ("application/json", json.to_string())
    } else {
        // Rendering fails only where the writer does, and a String takes everything.
        ("text/html; charset=utf-8", received.render().unwrap_or_default())
    };
    let mut response = Response::new(full(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
