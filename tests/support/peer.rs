//! One end of a connection, by hand: a client that says what no library would, or an app that answers when the
//! test wants it to.

use std::fmt;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::wire::PATIENCE;

/// An app whose connections the test serves itself.
pub(crate) struct AppByHand(TcpListener);

/// One end of a connection. Whatever it waits for, it fails the test after [`PATIENCE`].
pub(crate) struct Peer(BufReader<TcpStream>);

/// A message's start line and headers, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head(String);

impl AppByHand {
    pub(crate) async fn bind() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).await.unwrap())
    }

    /// What to set `upstream` to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// The gate's next connection.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.0.accept()).await.expect("no connection").unwrap();
        Peer(BufReader::new(stream))
    }

    /// The head of the gate's next request, on a connection of its own.
    pub(crate) async fn asked(&self) -> (Peer, Head) {
        let mut peer = self.accept().await;
        let head = peer.head().await;
        (peer, head)
    }
}

impl Peer {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await.expect("no connection").unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// Lets the kernel keep little for this end, so that a stream that nobody reads soon stops.
    pub(crate) fn small_buffers(self) -> Self {
        let socket = SockRef::from(self.0.get_ref());
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        socket.set_send_buffer_size(64 * 1024).unwrap();
        self
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = timeout(PATIENCE, self.0.get_mut().write_all(bytes.as_ref())).await;
        sent.expect("the other side does not read").expect("the other side is gone");
    }

    /// A message up to the empty line that ends its head.
    pub(crate) async fn head(&mut self) -> Head {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            let read = timeout(PATIENCE, self.0.read_line(&mut text)).await.expect("no head");
            assert!(read.unwrap() > 0, "the connection ended in a head: {text:?}");
        }
        Head(text)
    }

    /// So many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = timeout(PATIENCE, self.0.read_exact(&mut bytes)).await;
        read.expect("not so many bytes").unwrap();
        bytes
    }

    /// One line, without its end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("no line").unwrap();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("it ends in a line: {line:?}")).to_owned()
    }

    /// The data of one chunk of a chunked body; empty for the last one.
    pub(crate) async fn chunk(&mut self) -> Vec<u8> {
        let mut size = String::new();
        timeout(PATIENCE, self.0.read_line(&mut size)).await.expect("no chunk").unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a chunk's size");
        let mut data = self.exactly(size + 2).await;
        data.truncate(size);
        data
    }

    /// A whole chunked body.
    pub(crate) async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                return body;
            }
            body.extend(chunk);
        }
    }

    /// Everything until the other side closes. A reset ends it too.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.expect("the connection does not end");
        bytes
    }

    /// The connection itself; what was read ahead is lost.
    pub(crate) fn into_stream_as_it_is(self) -> TcpStream {
        self.0.into_inner()
    }

    /// The connection itself, both ways at once; nothing may have been read ahead.
    pub(crate) fn into_stream(self) -> TcpStream {
        assert!(self.0.buffer().is_empty());
        self.0.into_inner()
    }
}

impl Head {
    /// Method, target and version, or version, status and reason.
    pub(crate) fn start(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// Of an answer.
    pub(crate) fn status(&self) -> u16 {
        super::wire::status(self.0.as_bytes())
    }

    /// Every value of a header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.0.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The value of a header that is there at most once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} is there more than once: {self:?}");
        values.first().copied()
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
