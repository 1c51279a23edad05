//! The app behind the gate: it remembers every request, and answers as the test says.

use std::convert::Infallible;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cognigate::types::{Body, full};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;

/// An app on a port of its own. By default it answers 200 with the body `the app`. Where it answers 101, it sends back
/// whatever comes then.
#[derive(Clone)]
pub(crate) struct App {
    address: SocketAddr,
    listener: Arc<Mutex<Option<TcpListener>>>,
    received: Arc<Mutex<Vec<Arrived>>>,
    connections: Arc<AtomicUsize>,
    answer: Arc<Mutex<Answer>>,
    /// How many requests it got, and whether they wait for their answers.
    state: watch::Sender<(usize, bool)>,
}

type Answer = Arc<dyn Fn(&Arrived) -> Response<Body> + Send + Sync>;

/// A request as the app got it.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) method: Method,
    /// Path and query, byte for byte.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What came behind the body.
    pub(crate) trailers: HeaderMap,
}

impl App {
    pub(crate) fn bind() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let answer: Answer = Arc::new(|_| Response::new(full("the app")));
        Self {
            address: listener.local_addr().unwrap(),
            listener: Arc::new(Mutex::new(Some(listener))),
            received: Arc::default(),
            connections: Arc::default(),
            answer: Arc::new(Mutex::new(answer)),
            state: watch::Sender::new((0, false)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, in order.
    pub(crate) fn received(&self) -> Vec<Arrived> {
        self.received.lock().unwrap().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Arrived {
        self.received.lock().unwrap().last().cloned().expect("the app got no request")
    }

    /// How many requests it got.
    pub(crate) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// How many connections it has accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, answer: impl Fn(&Arrived) -> Response<Body> + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    /// Holds every request, received but unanswered, until what it returns is dropped.
    #[must_use = "dropping it lets the requests go on"]
    pub(crate) fn hold(&self) -> Held {
        self.state.send_modify(|(_, held)| *held = true);
        Held(self.clone())
    }

    /// Waits until it has got so many requests in all.
    pub(crate) async fn reached(&self, count: usize) {
        // The sender lives in `self`, so this does not fail.
        let _ = self.state.subscribe().wait_for(|(received, _)| *received >= count).await;
    }

    /// Serves; to be polled once.
    pub(crate) fn serving(&self) -> impl Future<Output = ()> + Send + 'static {
        let app = self.clone();
        async move {
            let listener = app.listener.lock().unwrap().take().unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                app.connections.fetch_add(1, Ordering::SeqCst);
                let _ = stream.set_nodelay(true);
                let app = app.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let app = app.clone();
                    async move { Ok::<_, Infallible>(app.take(request).await) }
                });
                let connection =
                    http1::Builder::new().max_headers(200).serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection.with_upgrades());
            }
        }
    }

    async fn take(&self, mut request: Request<Incoming>) -> Response<Body> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let body = body.collect().await.unwrap_or_default();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let arrived = Arrived { method, target: uri.to_string(), headers, body: body.to_bytes(), trailers };
        self.received.lock().unwrap().push(arrived.clone());
        self.state.send_modify(|(received, _)| *received += 1);
        let _ = self.state.subscribe().wait_for(|(_, held)| !held).await;
        let answer = Arc::clone(&self.answer.lock().unwrap());
        let response = answer(&arrived);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            tokio::spawn(async move {
                let (mut from, mut to) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
        response
    }
}

/// The app's requests wait while it lives.
#[derive(Debug)]
pub(crate) struct Held(App);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.state.send_modify(|(_, held)| *held = false);
    }
}

impl Arrived {
    /// A header that is there once, as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next()?;
        assert!(lines.next().is_none(), "{name} is there more than once");
        Some(HeaderValue::to_str(line).expect("a header of visible ASCII"))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("address", &self.address).finish_non_exhaustive()
    }
}
