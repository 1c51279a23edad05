//! The bytes of one connection: what was read ahead, writes that must not stand still, and an end that does not
//! lose the last answer.
//!
//! A socket that is closed with bytes unread resets the connection, and the reset may overtake the answer that
//! went out just before: a browser in the middle of an upload would show an error in place of the 401 or 413.
//! So the sending side is closed first, and what still comes is thrown away for a while (RFC 9112 §9.6).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Sleep, sleep, timeout};

use super::activity::Activity;
use super::connection_limit::Slot;

/// How long a client may go on sending after its answer.
const LINGER: Duration = Duration::from_secs(5);
/// How long the last bytes may take on a connection that nobody waits for.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection, below whatever is spoken on it.
#[derive(Debug)]
pub(super) struct Stream<S> {
    stream: S,
    /// What was read before anybody wanted it.
    ahead: Bytes,
    activity: Arc<Activity>,
    /// How long a write may be blocked.
    stall: Duration,
    /// Runs while one is.
    blocked: Option<Pin<Box<Sleep>>>,
    /// Set once the sending side is closed.
    until: Option<Pin<Box<Sleep>>>,
    /// Held as long as the connection, be it upgraded.
    slot: Slot,
}

impl<S> Stream<S> {
    pub(super) fn new(stream: S, ahead: Bytes, activity: Arc<Activity>, stall: Duration, slot: Slot) -> Self {
        Self { stream, ahead, activity, stall, blocked: None, until: None, slot }
    }

    /// Gives bytes back, to be read again.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        // An empty one would keep its allocation all the same.
        self.ahead = if bytes.is_empty() { Bytes::new() } else { bytes };
    }

    /// True where something can be read without waiting for the client.
    pub(super) fn has_bytes(&self) -> bool {
        self.ahead.has_remaining()
    }

    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// A write that is blocked: an error once it has been for too long.
    fn stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let stall = self.stall;
        let timer = self.blocked.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    /// Waits until the client says something; false where it ends in place of it. Nothing is held meanwhile: what
    /// comes is read into the stack first.
    pub(super) async fn wait(&mut self) -> bool {
        let read = poll_fn(|cx| {
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            Poll::Ready(Ok::<_, io::Error>(Bytes::copy_from_slice(buffer.filled())))
        });
        self.ahead = read.await.unwrap_or_default();
        self.has_bytes()
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

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.has_remaining() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
            // Not the allocation of a head that was read long ago.
            if self.ahead.is_empty() {
                self.ahead = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.activity.has_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.activity.set_flushed(false);
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
        self.activity.set_flushed(false);
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
        self.activity.set_flushed(flushed.is_ok());
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
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
        if !this.activity.had_body() || until.as_mut().poll(cx).is_ready() {
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

    use super::super::connection_limit::ConnectionLimit;
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

    async fn stuck(buffers: bool) -> Stream<Stuck> {
        let slot = ConnectionLimit::new(1, None).slot(mpsc::channel(1).0).await;
        Stream::new(Stuck { buffers }, Bytes::new(), Arc::default(), Duration::from_millis(10), slot)
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
