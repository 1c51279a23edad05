//! One connection: what is spoken on it, and on what terms.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::client::Client;
use super::connections::Slot;
use super::shutdown::Shutdown;
use super::stream::{Stream, Transport};
use super::{http1, http2, preface};
use crate::config::Limits;
use crate::types::Body;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
    /// Nobody has said: HTTP/2 where the client begins with its preface (RFC 9113 §3.3), else HTTP/1.
    Either,
}

/// What holds for every connection of a listener.
#[derive(Clone, Debug)]
pub struct Terms {
    pub limits: Arc<Limits>,
    pub shutdown: Shutdown,
}

/// Serves one connection until either side ends it, or it is upgraded; `slot` goes with it.
///
/// An HTTP/2 request reaches `respond` in the shape of an HTTP/1 one: with `Host`, and one `Cookie` field.
pub async fn serve<S, F, R>(
    mut stream: S,
    protocol: Protocol,
    peer: SocketAddr,
    terms: Terms,
    slot: Slot,
    respond: Arc<F>,
) where
    S: Transport + Send + 'static,
    F: Fn(Request<Incoming>, Client) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let (protocol, ahead) = match protocol {
        Protocol::Either => {
            let mut shutdown = terms.shutdown.clone();
            let begun = tokio::select! {
                biased;
                begun = timeout(terms.limits.header_timeout, preface::read(&mut stream)) => begun,
                () = shutdown.ending() => return,
                () = slot.activity().evicted() => return,
            };
            // It never said a word, or it went away.
            let Ok(Ok((protocol, bytes))) = begun else { return };
            (protocol, bytes)
        }
        known => (known, BytesMut::new()),
    };
    let activity = Arc::clone(slot.activity());
    let client = Client::new(peer, Arc::clone(&activity));
    let stall = terms.limits.stall_timeout;
    let stream = Stream::new(stream, ahead, stall, slot);
    if protocol == Protocol::Http2 {
        // On the heap: it is large, and the task has room for either.
        Box::pin(http2::speak(stream, activity, client, terms, respond)).await;
    } else {
        http1::speak(stream, activity, client, terms, respond).await;
    }
}
