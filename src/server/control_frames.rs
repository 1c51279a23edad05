//! A bound for HTTP/2 frames that make work and bring no request any further.
//!
//! SETTINGS, PRIORITY, PING, WINDOW_UPDATE, RST_STREAM, frames of unknown types and empty DATA cost their sender nothing.
//! A client needs some of them for each request and each part of a body, and a few for itself; one that sends more is
//! flooding (RFC 9113 §10.5).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::stream::{Stream, Transport};

/// The length of a frame's header, and of what a client says before its first frame.
const HEADER: usize = 9;
const PREFACE: usize = 24;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;

/// Control frames that a client may send at once, and how many more each second.
const MOST: u32 = 1_000;
const EACH_SECOND: u32 = 10;
/// What a request lets a client send besides, and a part of a body in either direction.
const FOR_A_REQUEST: u32 = 20;
const FOR_A_PART: u32 = 2;
/// Answers are counted in parts of this many bytes.
const PART: usize = 4 * 1024;

/// Counts the frames that come over a connection.
#[derive(Debug)]
pub(super) struct ControlFrames<S: Transport> {
    stream: Stream<S>,
    count: Count,
}

/// How far the frames were read, and how many control frames may still come.
#[derive(Debug)]
struct Count {
    /// Bytes to pass over before the next frame's header.
    skip: usize,
    /// As much of the next frame's header as is there.
    header: [u8; HEADER],
    filled: usize,
    left: u32,
    since: Instant,
}

impl<S: Transport> ControlFrames<S> {
    pub(super) fn new(stream: Stream<S>) -> Self {
        Self { stream, count: Count::new(Instant::now()) }
    }
}

impl Count {
    fn new(now: Instant) -> Self {
        Self { skip: PREFACE, header: [0; HEADER], filled: 0, left: MOST, since: now }
    }

    /// Reads on. False if there were too many control frames.
    fn read(&mut self, mut bytes: &[u8], now: impl Fn() -> Instant) -> bool {
        let mut is_allowed = true;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.filled).min(bytes.len());
            if taken == 0 {
                return is_allowed;
            }
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEADER {
                self.filled = 0;
                let [a, b, c, kind, flags, ..] = self.header;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                is_allowed &= self.allows(kind, flags, &now);
            }
        }
    }

    fn allows(&mut self, kind: u8, flags: u8, now: &impl Fn() -> Instant) -> bool {
        match kind {
            HEADERS => self.gain(FOR_A_REQUEST),
            DATA if self.skip > 0 => self.gain(FOR_A_PART),
            DATA if flags & END_STREAM != 0 => {}
            // h2 has a bound of its own for these.
            CONTINUATION => {}
            _ => {
                if self.left == 0 {
                    let now = now();
                    let seconds = now.saturating_duration_since(self.since).as_secs();
                    self.gain(u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(EACH_SECOND));
                    self.since = now;
                }
                let Some(left) = self.left.checked_sub(1) else { return false };
                self.left = left;
            }
        }
        true
    }

    fn gain(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(MOST);
    }
}

impl<S: Transport> AsyncRead for ControlFrames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if !self.count.read(&buffer.filled()[before..], Instant::now) {
            self.stream.activity().set_flooded();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Transport> AsyncWrite for ControlFrames<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.count.gain(u32::try_from(written / PART).unwrap_or(u32::MAX).saturating_mul(FOR_A_PART));
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        self.count.gain(u32::try_from(written / PART).unwrap_or(u32::MAX).saturating_mul(FOR_A_PART));
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEADER + usize::from(length), 0);
        bytes
    }

    /// How many of a kind of frame pass when they come one after the other.
    fn passing(count: &mut Count, kind: u8, length: u8, now: Instant) -> u32 {
        (0..).find(|_| !count.read(&frame(kind, 0, length), || now)).unwrap()
    }

    #[test]
    fn control_frames_are_bounded_and_requests_bodies_and_time_allow_more() {
        let now = Instant::now();
        let mut count = Count::new(now);
        assert!(count.read(&[b'P'; PREFACE], || now));
        assert_eq!(passing(&mut count, SETTINGS, 6, now), MOST);
        assert_eq!(passing(&mut count, PING, 8, now + Duration::from_secs(3)), 3 * EACH_SECOND);
        assert!(count.read(&frame(HEADERS, 4, 20), || now));
        assert_eq!(passing(&mut count, 0x77, 0, now), FOR_A_REQUEST);
        assert!(count.read(&frame(DATA, 0, 20), || now));
        assert_eq!(passing(&mut count, WINDOW_UPDATE, 4, now), FOR_A_PART);
        // An empty part of a body is work for nothing, and its end is not.
        assert!(count.read(&frame(DATA, END_STREAM, 0), || now));
        assert!(!count.read(&frame(DATA, 0, 0), || now));
    }

    #[test]
    fn frames_are_found_however_the_bytes_come() {
        let now = Instant::now();
        let mut all = vec![b'P'; PREFACE];
        for _ in 0..MOST {
            all.extend(frame(PING, 0, 8));
        }
        let mut count = Count::new(now);
        assert!(all.chunks(7).all(|chunk| count.read(chunk, || now)));
        assert_eq!(count.left, 0);
        assert!(!count.read(&frame(PING, 0, 8), || now));
    }
}
