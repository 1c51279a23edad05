//! Connections that are kept, since a crowd that opened one for each request would test the kernel.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::wire::PATIENCE;

type Line = SendRequest<Full<Bytes>>;

/// Idle connections by where they lead. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<HashMap<SocketAddr, Vec<Line>>>>);

impl Lines {
    /// The answer to a request, read to its end.
    pub(super) async fn ask(&self, to: SocketAddr, request: Request<Full<Bytes>>) -> Response<Bytes> {
        let conversation = async {
            let mut line = self.line(to).await;
            let (parts, body) = line.send_request(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            self.0.lock().unwrap().entry(to).or_default().push(line);
            Response::from_parts(parts, body)
        };
        timeout(PATIENCE, conversation).await.expect("no answer")
    }

    async fn line(&self, to: SocketAddr) -> Line {
        while let Some(mut line) = self.idle(to) {
            // The other side may have closed it meanwhile.
            if line.ready().await.is_ok() {
                return line;
            }
        }
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut line, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        line.ready().await.unwrap();
        line
    }

    fn idle(&self, to: SocketAddr) -> Option<Line> {
        self.0.lock().unwrap().entry(to).or_default().pop()
    }
}
