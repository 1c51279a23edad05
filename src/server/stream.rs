//! The bytes of one connection: what was read ahead, writes that must not stand still, and an end that does not
//! lose the last answer.
//!
//! A socket that is closed with bytes unread resets the connection, and the reset may overtake the answer that
//! went out just before: a browser in the middle of an upload would show an error in place of the 401 or 413.
//! So the sending side is closed first, and what still comes is thrown away for a while (RFC 9112 §9.6).

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::connections::Slot;
use crate::types::ClientWait;

/// How long a client may go on sending after its answer.
const LINGER: Duration = Duration::from_secs(5);
/// How long the last bytes may take on a connection that nobody waits for.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a connection's bytes go over: TCP, or TLS on top of it.
pub trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Has the connection reset when it is closed, so that the system keeps nothing that its client has not taken.
    fn reset_on_close(&self);
}

impl Transport for TcpStream {
    fn reset_on_close(&self) {
        // An error says that there is no connection any more.
        let _ = self.set_zero_linger();
    }
}

impl Transport for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

/// A connection, below whatever is spoken on it.
pub(super) struct Stream<S: Transport> {
    stream: S,
    /// What was read before anybody wanted it.
    ahead: BytesMut,
    /// How long a write may be blocked.
    stall: Duration,
    /// Runs while one is.
    blocked: Option<(Pin<Box<Sleep>>, ClientWait)>,
    /// Set once the sending side is closed.
    until: Option<Pin<Box<Sleep>>>,
    /// Held as long as the connection, be it upgraded.
    slot: Slot,
}

/// Not what was read ahead, which may be a request with its cookies.
impl<S: Transport> fmt::Debug for Stream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("ahead", &self.ahead.len()).finish_non_exhaustive()
    }
}

impl<S: Transport> Stream<S> {
    pub(super) fn new(stream: S, ahead: BytesMut, stall: Duration, slot: Slot) -> Self {
        Self { stream, ahead, stall, blocked: None, until: None, slot }
    }

    /// Gives bytes back, to be read again.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        // Copied, since they may be the end of an allocation that is far larger.
        self.ahead = BytesMut::from(bytes);
    }

    /// What can be read without waiting for the client.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        self.slot.activity()
    }

    /// A write that is blocked: an error once it has been for too long.
    fn stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let stall = self.stall;
        let waits = self.slot.activity().waits();
        let (timer, _) = self.blocked.get_or_insert_with(|| (Box::pin(sleep(stall)), waits.begin()));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<S: Transport> Stream<S> {
    /// Waits until the client sends something more; false if it ends instead. Nothing is held for what may come: it is
    /// read to the stack first.
    pub(super) async fn wait(&mut self) -> bool {
        let read = poll_fn(|cx| {
            ready!(self.activity().poll_room(cx));
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let count = buffer.filled().len();
            self.ahead.extend_from_slice(buffer.filled());
            Poll::Ready(Ok::<_, io::Error>(count))
        });
        let count = read.await.unwrap_or_default();
        self.activity().has_read(count);
        count > 0
    }

    /// Says one thing more, if anything, and closes.
    pub(super) async fn part(mut self, last_words: &[u8]) {
        let parting = async {
            self.stream.write_all(last_words).await?;
            self.stream.shutdown().await
        };
        // Whoever does not take it has gone already.
        let _ = timeout(FAREWELL, parting).await;
    }
}

impl<S: Transport> Drop for Stream<S> {
    fn drop(&mut self) {
        if self.activity().is_evicted() && self.activity().is_busy() {
            self.stream.reset_on_close();
        }
    }
}

impl<S: Transport> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.has_remaining() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..count]);
            self.ahead.advance(count);
            // Not the allocation of a head that was read long ago.
            if self.ahead.is_empty() {
                self.ahead = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        // Nothing else watches a tunnel for this.
        if self.activity().is_upgraded() {
            self.activity().register(cx.waker());
            if self.activity().is_evicted() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        ready!(self.activity().poll_room(cx));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.activity().has_read(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Transport> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.activity().set_flushed(false);
        let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, bytes) else {
            return self.stalled(cx);
        };
        self.blocked = None;
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.activity().set_flushed(false);
        let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write_vectored(cx, parts) else {
            return self.stalled(cx);
        };
        self.blocked = None;
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
            return self.stalled(cx);
        };
        self.blocked = None;
        self.activity().set_flushed(flushed.is_ok());
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let had_body = this.activity().had_body();
        let until = match &mut this.until {
            Some(until) => until,
            None => {
                let Poll::Ready(closed) = Pin::new(&mut this.stream).poll_shutdown(cx) else {
                    return this.stalled(cx);
                };
                closed?;
                this.until.insert(Box::pin(sleep(LINGER)))
            }
        };
        if !had_body || until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut thrown_away = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer));
            // Its end, or its own reset: nobody is there any more.
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::super::connections::Connections;
    use super::*;

    /// A connection whose client takes nothing. Where it `buffers`, as TLS does, a write succeeds and a flush does not.
    struct Stuck {
        buffers: bool,
    }

    impl AsyncRead for Stuck {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            if self.buffers { Poll::Ready(Ok(bytes.len())) } else { Poll::Pending }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl Transport for Stuck {
        fn reset_on_close(&self) {}
    }

    async fn stuck(buffers: bool) -> Stream<Stuck> {
        let slot = Connections::new(1, None, None).slot(mpsc::channel(1).0).await;
        Stream::new(Stuck { buffers }, BytesMut::new(), Duration::from_millis(10), slot)
    }

    #[tokio::test]
    async fn case_135_whatever_waits_for_a_client_that_takes_nothing_fails_after_the_stall() {
        async fn fails(what: &str, write: impl Future<Output = io::Result<()>>) {
            let ended = timeout(Duration::from_secs(20), write).await;
            let ended = ended.unwrap_or_else(|_| panic!("{what} waits for ever"));
            assert_eq!(ended.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut), "{what}");
        }
        let mut stream = stuck(false).await;
        fails("a write", stream.write_all(b"x")).await;
        let mut stream = stuck(false).await;
        let parts = [io::IoSlice::new(b"x")];
        fails("a write of parts", async { stream.write_vectored(&parts).await.map(drop) }).await;
        let mut stream = stuck(true).await;
        assert_eq!(stream.write(b"x").await.unwrap(), 1);
        fails("a flush", stream.flush()).await;
        let mut stream = stuck(true).await;
        fails("a shutdown", stream.shutdown()).await;
    }
}
