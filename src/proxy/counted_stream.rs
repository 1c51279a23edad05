//! Whether an app has said anything: a request that nothing was said to may be sent again; and what it said last, though
//! it takes nothing any more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes have come by a connection. Clones look at the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct BytesRead(Arc<AtomicU64>);

/// A connection that counts what comes by it.
///
/// An app may answer in the middle of an upload and hang up, and a write that fails then must not hide an answer that is
/// there to be read. So what is written from then on is lost in silence; how it ended, reading tells.
#[derive(Debug)]
pub(super) struct CountedStream<T> {
    stream: T,
    bytes_read: BytesRead,
    /// True once a write has failed.
    write_failed: bool,
}

impl BytesRead {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T> CountedStream<T> {
    pub(super) fn new(stream: T) -> (Self, BytesRead) {
        let bytes_read = BytesRead::default();
        (Self { stream, bytes_read: bytes_read.clone(), write_failed: false }, bytes_read)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for CountedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        self.bytes_read.0.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for CountedStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.write_failed {
            match ready!(Pin::new(&mut self.stream).poll_write(context, bytes)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(_) => self.write_failed = true,
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.write_failed {
            self.write_failed = ready!(Pin::new(&mut self.stream).poll_flush(context)).is_err();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.write_failed {
            match ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(_) => self.write_failed = true,
            }
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
