//! A client that asks for a sample, straight or through the gate, on one connection as long as that lasts.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderValue, TE, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::differences;
use super::samples::{Parts, Sample, headers};
use crate::support::wire::PATIENCE;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Http1,
    Http2,
}

pub(super) struct Client {
    pub(super) way: Way,
    address: SocketAddr,
    open: Option<Sender>,
}

enum Sender {
    Http1(http1::SendRequest<Parts>),
    Http2(http2::SendRequest<Parts>),
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

impl Client {
    pub(super) fn new(address: SocketAddr, way: Way) -> Self {
        Self { way, address, open: None }
    }

    pub(super) async fn ask(&mut self, sample: &Sample, session: &HeaderValue) -> Answered {
        let request = self.request(sample, session);
        let asking = async {
            let (head, body) = self.send(request).await.into_parts();
            let body = body.collect().await.unwrap();
            let trailers = body.trailers().cloned().unwrap_or_default();
            Answered { status: head.status, headers: head.headers, body: body.to_bytes(), trailers }
        };
        timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("no answer to {sample:?}"))
    }

    fn request(&self, sample: &Sample, session: &HeaderValue) -> Request<Parts> {
        let mut map = headers(&sample.asked);
        sample.body.announce(&mut map);
        // Trailers go only to who takes them.
        map.insert(TE, HeaderValue::from_static("trailers"));
        let own = map.remove(COOKIE);
        let target = match self.way {
            Way::Http1 => {
                map.insert(HOST, HeaderValue::from_static("app.test"));
                if !sample.body.is_sized() {
                    map.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
                }
                let own = own.iter().map(HeaderValue::as_bytes);
                let line = own.chain([session.as_bytes()]).collect::<Vec<_>>().join(&b"; "[..]);
                map.insert(COOKIE, HeaderValue::from_bytes(&line).unwrap());
                sample.target.clone()
            }
            Way::Http2 => {
                map = differences::without_hops(&map);
                // In crumbs, as browsers send them.
                for crumb in own.iter().chain([session]).flat_map(|line| line.to_str().unwrap().split("; ")) {
                    map.append(COOKIE, HeaderValue::try_from(crumb).unwrap());
                }
                format!("https://app.test{}", sample.target)
            }
        };
        if let Some(length) = sample.body.length() {
            // As hyper does for HTTP/2, and leaves to us for HTTP/1.
            if length > 0 || !matches!(sample.method, "GET" | "HEAD" | "DELETE") {
                map.insert(CONTENT_LENGTH, length.into());
            }
        }
        let mut request = Request::new(sample.body.body());
        *request.method_mut() = sample.method.parse().unwrap();
        *request.uri_mut() = target.parse().unwrap();
        *request.headers_mut() = map;
        request
    }

    async fn send(&mut self, request: Request<Parts>) -> Response<Incoming> {
        let lasts = match &mut self.open {
            Some(Sender::Http1(sender)) => sender.ready().await.is_ok(),
            Some(Sender::Http2(sender)) => sender.ready().await.is_ok(),
            None => false,
        };
        if !lasts {
            self.open = Some(self.connect().await);
        }
        match self.open.as_mut().unwrap() {
            Sender::Http1(sender) => sender.send_request(request).await.unwrap(),
            Sender::Http2(sender) => sender.send_request(request).await.unwrap(),
        }
    }

    async fn connect(&self) -> Sender {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = TokioIo::new(stream);
        match self.way {
            Way::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Way::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        }
    }
}
