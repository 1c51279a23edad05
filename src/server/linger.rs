//! The end of a connection whose client may still be sending.
//!
//! A socket that is closed with bytes unread resets the connection, and the reset may overtake the answer that
//! went out just before: a browser in the middle of an upload would show an error in place of the 401 or 413.
//! So the sending side is closed first, and what still comes is thrown away for a while (RFC 9112 §9.6).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may go on sending after its answer.
const LINGER: Duration = Duration::from_secs(5);

/// A connection that does not close in its client's face.
#[derive(Debug)]
pub(super) struct Lingering<S> {
    stream: S,
    /// What was read of it before, to find out what is spoken.
    begin: Bytes,
    had_body: HadBody,
    /// Set once the sending side is closed.
    until: Option<Pin<Box<Sleep>>>,
}

/// Whether the last request had a body. Without one there is nothing to wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct HadBody(Arc<AtomicBool>);

impl HadBody {
    pub(super) fn set(&self, had_body: bool) {
        self.0.store(had_body, Ordering::Relaxed);
    }
}

impl<S> Lingering<S> {
    pub(super) fn new(stream: S, begin: Bytes, had_body: HadBody) -> Self {
        Self { stream, begin, had_body, until: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begin.has_remaining() {
            let count = self.begin.len().min(buffer.remaining());
            buffer.put_slice(&self.begin.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let until = match &mut this.until {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                this.until.insert(Box::pin(sleep(LINGER)))
            }
        };
        if !this.had_body.0.load(Ordering::Relaxed) || until.as_mut().poll(cx).is_ready() {
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
