//! An app that can be spoken to in every way, and tells how it was.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::support::wire::PATIENCE;

/// An app that answers with the body that it got, or with `the app`.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    seen: Arc<Mutex<Vec<Seen>>>,
    opened: Arc<AtomicUsize>,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    requests: usize,
    /// Of connections.
    closed: usize,
    held: bool,
}

/// A request, and how it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// The name that was asked for by SNI.
    pub(super) sni: Option<String>,
    /// Certificates that the gate showed.
    pub(super) certificates: usize,
}

#[derive(Clone, Debug, Default)]
struct Door {
    sni: Option<String>,
    certificates: usize,
}

impl Peer {
    /// An app on clear text, HTTP/1.1 or HTTP/2 with prior knowledge; its host and port.
    pub(super) async fn on_clear_text(&self, is_http2: bool) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, peer) = (listener.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                peer.serve(stream, is_http2, Door::default());
            }
        });
        address.to_string()
    }

    /// An app on a Unix socket, in HTTP/1.1.
    pub(super) fn on_socket(&self, path: &std::path::Path) {
        let (listener, peer) = (UnixListener::bind(path).unwrap(), self.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                peer.serve(stream, false, Door::default());
            }
        });
    }

    /// An app behind TLS, which speaks what ALPN chose; its port on 127.0.0.1.
    pub(super) async fn on_tls(&self, config: ServerConfig) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, peer) = (listener.local_addr().unwrap(), self.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, peer) = (acceptor.clone(), peer.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let (_, tls) = stream.get_ref();
                    let is_http2 = tls.alpn_protocol() == Some(b"h2");
                    let door = Door {
                        sni: tls.server_name().map(str::to_owned),
                        certificates: tls.peer_certificates().map_or(0, <[_]>::len),
                    };
                    peer.serve(stream, is_http2, door);
                });
            }
        });
        address.port()
    }

    pub(super) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().expect("the app got no request")
    }

    pub(super) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// How many connections it has accepted.
    pub(super) fn connections(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Holds every request, received but unanswered, or lets them go.
    pub(super) fn hold(&self, held: bool) {
        self.state.send_modify(|state| state.held = held);
    }

    /// Waits until it has got so many requests in all.
    pub(super) async fn reached(&self, count: usize) {
        self.until(|state| state.requests >= count).await;
    }

    /// Waits until so many of its connections are closed.
    pub(super) async fn closed(&self, count: usize) {
        self.until(|state| state.closed >= count).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let mut state = self.state.subscribe();
        let waited = tokio::time::timeout(PATIENCE, state.wait_for(|state| is_so(state))).await;
        waited.expect("it never happened").unwrap();
    }

    fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        is_http2: bool,
        door: Door,
    ) {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let (peer, of_service) = (self.clone(), self.clone());
        let service = service_fn(move |request| {
            let (peer, door) = (of_service.clone(), door.clone());
            async move { Ok::<_, Infallible>(peer.answer(request, door).await) }
        });
        tokio::spawn(async move {
            let stream = TokioIo::new(stream);
            let _ = match is_http2 {
                true => http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await,
                false => http1::Builder::new().serve_connection(stream, service).await,
            };
            peer.state.send_modify(|state| state.closed += 1);
        });
    }

    async fn answer(&self, request: Request<Incoming>, door: Door) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Door { sni, certificates } = door;
        let (version, uri, headers) = (head.version, head.uri, head.headers);
        self.seen.lock().unwrap().push(Seen { version, uri, headers, sni, certificates });
        self.state.send_modify(|state| state.requests += 1);
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let _ = self.state.subscribe().wait_for(|state| !state.held).await;
        Response::new(Full::new(if body.is_empty() { Bytes::from_static(b"the app") } else { body }))
    }
}
