//! A keep-alive connection that sends requests byte for byte.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::wire::PATIENCE;

/// A client of one address. It connects again where the other side has closed.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

/// An answer, as far as the tests look at it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and reads its answer; nothing where none comes.
    pub(super) async fn send(&mut self, request: &[u8]) -> Option<Answer> {
        // An idle connection may have ended meanwhile; a new one has not.
        let was_open = self.stream.is_some();
        match timeout(PATIENCE, self.exchange(request)).await.ok()? {
            None if was_open => timeout(PATIENCE, self.exchange(request)).await.ok()?,
            answer => answer,
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> Option<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).await.unwrap(),
        };
        // The other side may answer and close before it has read everything.
        let _ = stream.write_all(request).await;
        let mut read = Vec::new();
        let (status, head) = loop {
            if let Some(end) = find(&read, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&read[..end]).into_owned();
                read.drain(..end + 4);
                break (head.split(' ').nth(1)?.parse().ok()?, head);
            }
            more(&mut stream, &mut read).await?;
        };
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            lines
                .into_iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        let length: Option<usize> = field("content-length").map(|value| value.parse().unwrap());
        let is_chunked = field("transfer-encoding").is_some();
        let mut body = read;
        if is_chunked {
            body = dechunked(&mut stream, body).await?;
        } else if let Some(length) = length {
            while body.len() < length {
                more(&mut stream, &mut body).await?;
            }
        } else {
            while more(&mut stream, &mut body).await.is_some() {}
        }
        let ends = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if !ends && (is_chunked || length == Some(body.len())) {
            self.stream = Some(stream);
        }
        Some(Answer { status, head, body })
    }
}

/// Reads on; nothing at the end.
async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    let count = stream.read_buf(read).await.ok()?;
    (count > 0).then_some(())
}

/// The body of a chunked answer that begins with `read`.
async fn dechunked(stream: &mut TcpStream, mut read: Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(&read, b"\r\n") else {
            more(stream, &mut read).await?;
            continue;
        };
        let size = String::from_utf8_lossy(&read[..end]);
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        while read.len() < end + 2 + size + 2 {
            more(stream, &mut read).await?;
        }
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&read[end + 2..end + 2 + size]);
        read.drain(..end + 2 + size + 2);
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
