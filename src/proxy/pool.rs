//! The open connections to one app.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout};

use super::connect::{ConnectError, Connection, Connector, Sender, Speaks};
use super::counted_stream::BytesRead;
use crate::types::BoxError;

/// Requests that one HTTP/2 connection carries at a time; for more there is another. Servers allow at least as many
/// (RFC 9113 §6.5.2), and what they do not allow would wait unseen.
const STREAMS: usize = 100;

/// The open connections to one app. One a thread: a connection lives on the runtime that it began on.
pub(super) struct Pool<B> {
    connector: Connector,
    shelf: Arc<Shelf<B>>,
}

/// A connection that a request may be sent on. Where it is whole afterwards, it goes back to the pool.
pub(super) struct Lease<B: Send + 'static> {
    sender: Option<Sender<B>>,
    pub(super) bytes_read: BytesRead,
    /// True where requests were sent on it before.
    pub(super) is_used: bool,
    /// Which of the shared ones it is.
    pub(super) id: u64,
    shelf: Arc<Shelf<B>>,
}

/// An answer's body, and the connection that it comes by.
pub(super) struct Leased<B: Send + 'static> {
    // Goes first, so that the connection knows how it ended.
    body: Incoming,
    _lease: Lease<B>,
}

struct Shelf<B> {
    idle_timeout: Duration,
    state: Mutex<State<B>>,
    /// Held while a connection is opened that others will share.
    opening: tokio::sync::Mutex<()>,
}

struct State<B> {
    /// HTTP/1.1, the last used last.
    idle: Vec<Idle<B>>,
    /// HTTP/2, whether used or not.
    shared: Vec<Shared<B>>,
    next_id: u64,
    /// True once an app that might speak HTTP/2 chose HTTP/1.1.
    has_declined: bool,
    /// True while a task ends what was idle for too long.
    is_swept: bool,
}

struct Idle<B> {
    sender: http1::SendRequest<B>,
    bytes_read: BytesRead,
    since: Instant,
}

struct Shared<B> {
    id: u64,
    sender: http2::SendRequest<B>,
    bytes_read: BytesRead,
    streams: usize,
    /// When the last stream ended.
    since: Instant,
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(connector: Connector, idle_timeout: Duration) -> Self {
        let state =
            State { idle: Vec::new(), shared: Vec::new(), next_id: 0, has_declined: false, is_swept: false };
        let opening = tokio::sync::Mutex::new(());
        Self { connector, shelf: Arc::new(Shelf { idle_timeout, state: Mutex::new(state), opening }) }
    }

    /// The same way to the same app, with no connection open.
    pub(super) fn anew(&self) -> Self {
        Self::new(self.connector.clone(), self.shelf.idle_timeout)
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A connection that is open already, if there is one.
    pub(super) fn open(&self, speaks: Speaks) -> Option<Lease<B>> {
        self.shelf.take(self.connector.may_share(speaks))
    }

    /// Gives no further requests to a shared connection that one got no answer by: it may be dead.
    pub(super) fn retire(&self, id: u64) {
        self.shelf.lock().shared.retain(|shared| shared.id != id);
    }

    /// A connection that nothing was sent on before.
    ///
    /// Where it may turn out to be HTTP/2, one is opened at a time, and whoever waited shares it.
    pub(super) async fn connect(&self, speaks: Speaks) -> Result<Lease<B>, ConnectError> {
        if !self.connector.may_share(speaks) || self.shelf.lock().has_declined {
            return Ok(self.shelf.lease(self.connector.open(speaks).await?));
        }
        let within = self.connector.timeout();
        let opening = async {
            let before = self.shelf.lock().next_id;
            let _turn = self.shelf.opening.lock().await;
            if let Some(lease) = self.shelf.share(before) {
                return Ok(lease);
            }
            Ok(self.shelf.lease(self.connector.open(speaks).await?))
        };
        timeout(within, opening).await.unwrap_or(Err(ConnectError::Slow(within)))
    }
}

impl<B: Send + 'static> Shelf<B> {
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, may_share: bool) -> Option<Lease<B>> {
        if may_share && let Some(lease) = self.share(0) {
            return Some(lease);
        }
        let mut state = self.lock();
        state.idle.retain(|idle| !idle.sender.is_closed());
        // The last used is the least likely to be closed by the app at this moment.
        let at = state.idle.iter().rposition(|idle| idle.sender.is_ready())?;
        let Idle { sender, bytes_read, .. } = state.idle.remove(at);
        let sender = Some(Sender::Http1(sender));
        Some(Lease { sender, bytes_read, is_used: true, id: 0, shelf: Arc::clone(self) })
    }

    /// A share of an HTTP/2 connection whose id is `from` or above, where one has room.
    fn share(self: &Arc<Self>, from: u64) -> Option<Lease<B>> {
        let mut state = self.lock();
        state.shared.retain(|shared| !shared.sender.is_closed());
        let shared = state.shared.iter_mut().find(|shared| shared.id >= from && shared.streams < STREAMS)?;
        shared.streams += 1;
        let (sender, bytes_read) = (Some(Sender::Http2(shared.sender.clone())), shared.bytes_read.clone());
        Some(Lease { sender, bytes_read, is_used: true, id: shared.id, shelf: Arc::clone(self) })
    }

    /// A lease of a connection that has just been opened.
    fn lease(self: &Arc<Self>, connection: Connection<B>) -> Lease<B> {
        let Connection { sender, bytes_read } = connection;
        let mut id = 0;
        let mut state = self.lock();
        match &sender {
            Sender::Http1(_) => state.has_declined = true,
            Sender::Http2(sender) => {
                state.has_declined = false;
                id = state.next_id;
                state.next_id += 1;
                let (sender, bytes_read) = (sender.clone(), bytes_read.clone());
                state.shared.push(Shared { id, sender, bytes_read, streams: 1, since: Instant::now() });
            }
        }
        drop(state);
        self.sweep_from_now_on();
        Lease { sender: Some(sender), bytes_read, is_used: false, id, shelf: Arc::clone(self) }
    }

    fn put_back(self: &Arc<Self>, sender: http1::SendRequest<B>, bytes_read: BytesRead) {
        if sender.is_closed() {
            return;
        }
        self.lock().idle.push(Idle { sender, bytes_read, since: Instant::now() });
        self.sweep_from_now_on();
    }

    fn end_stream(&self, id: u64) {
        let mut state = self.lock();
        if let Some(shared) = state.shared.iter_mut().find(|shared| shared.id == id) {
            shared.streams = shared.streams.saturating_sub(1);
            shared.since = Instant::now();
        }
    }

    /// Ends connections that were idle for too long, in a task of its own while there are any.
    fn sweep_from_now_on(self: &Arc<Self>) {
        // What is dropped at the very end is dropped outside.
        let Ok(runtime) = Handle::try_current() else { return };
        let mut state = self.lock();
        if !state.is_swept {
            state.is_swept = true;
            runtime.spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Ends what has been idle for too long; then when to look again, unless nothing is left.
    fn swept(&self) -> Option<Instant> {
        let (now, patience) = (Instant::now(), self.idle_timeout);
        let mut state = self.lock();
        state.idle.retain(|idle| !idle.sender.is_closed() && now < idle.since + patience);
        state.shared.retain(|shared| {
            !shared.sender.is_closed() && (shared.streams > 0 || now < shared.since + patience)
        });
        let idle = state.idle.iter().map(|idle| idle.since + patience);
        let busy = |shared: &Shared<B>| if shared.streams > 0 { now } else { shared.since };
        let next = idle.chain(state.shared.iter().map(|shared| busy(shared) + patience)).min();
        state.is_swept = next.is_some();
        next
    }
}

async fn sweep<B: Send + 'static>(shelf: Weak<Shelf<B>>) {
    while let Some(next) = shelf.upgrade().and_then(|shelf| shelf.swept()) {
        sleep_until(next).await;
    }
}

impl<B> Lease<B>
where
    B: Body + Send + Unpin + 'static,
{
    /// True for HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Some(Sender::Http2(_)))
    }

    /// Sends a request, and waits for the head of the answer. An HTTP/1.1 connection that gives none is not used
    /// again.
    pub(super) async fn send(
        mut self,
        request: Request<B>,
    ) -> Result<Response<Leased<B>>, TrySendError<Request<B>>> {
        let response = match self.sender.take() {
            Some(Sender::Http1(mut sender)) => {
                let response = sender.try_send_request(request).await?;
                self.sender = Some(Sender::Http1(sender));
                response
            }
            Some(Sender::Http2(mut sender)) => {
                let sent = sender.try_send_request(request);
                self.sender = Some(Sender::Http2(sender));
                sent.await?
            }
            None => unreachable!("a lease is for one request"),
        };
        Ok(response.map(|body| Leased { body, _lease: self }))
    }
}

impl<B: Send + 'static> Drop for Lease<B> {
    fn drop(&mut self) {
        match self.sender.take() {
            Some(Sender::Http1(sender)) => self.shelf.put_back(sender, self.bytes_read.clone()),
            Some(Sender::Http2(_)) => self.shelf.end_stream(self.id),
            None => {}
        }
    }
}

impl<B: Send + 'static> Body for Leased<B> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connector", &self.connector).finish_non_exhaustive()
    }
}

impl<B> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self { connector: self.connector.clone(), shelf: Arc::clone(&self.shelf) }
    }
}
