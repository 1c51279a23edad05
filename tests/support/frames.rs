//! HTTP/2 by its frames, for what no client library would send (RFC 9113).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire::PATIENCE;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
/// Of SETTINGS and PING.
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

/// The one stream of most conversations.
pub(crate) const FIRST: u32 = 1;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's connection. Whatever it waits for, it fails the test after [`PATIENCE`].
pub(crate) struct Frames(BufReader<TcpStream>);

/// One frame, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// What came of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The status of an answer.
    Answer(u16),
    /// It was reset, with this code.
    Reset(u32),
    /// The connection was ended, with this code.
    GoAway(u32),
    /// The connection ended without a word.
    Closed,
}

impl Frames {
    /// A connection by prior knowledge, with settings that are all as they are by default.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let mut frames = Self::silent(address).await;
        frames.send_bytes(PREFACE).await;
        frames.send(SETTINGS, 0, 0, b"").await;
        frames
    }

    /// A connection on which nothing has been said.
    pub(crate) async fn silent(address: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await.expect("no connection").unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends bytes; the other side may be gone already.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let sent = timeout(PATIENCE, self.0.get_mut().write_all(bytes)).await;
        let _ = sent.expect("the other side does not read");
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.send_bytes(&frame(kind, flags, stream, payload)).await;
    }

    /// A head in one frame.
    pub(crate) async fn head<N, V>(&mut self, flags: u8, stream: u32, fields: &[(N, V)])
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        self.send(HEADERS, END_HEADERS | flags, stream, &block(fields)).await;
    }

    /// The next frame; absent where there will be none.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        timeout(PATIENCE, self.read()).await.expect("no frame").ok()
    }

    async fn read(&mut self) -> std::io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).await?;
        let frame = Frame { kind, flags, stream: u32::from_be_bytes(stream), payload };
        if frame.kind == SETTINGS && frame.flags & ACK == 0 {
            let _ = self.0.get_mut().write_all(&self::frame(SETTINGS, ACK, 0, b"")).await;
        }
        Ok(frame)
    }

    /// What comes of a stream: its answer's status, or its end, or the connection's.
    pub(crate) async fn outcome(&mut self, stream: u32) -> Outcome {
        loop {
            let Some(frame) = self.next().await else { return Outcome::Closed };
            match frame.kind {
                HEADERS if frame.stream == stream => return Outcome::Answer(status(&frame.payload)),
                RST_STREAM if frame.stream == stream => return Outcome::Reset(frame.code(0)),
                GOAWAY if frame.code(4) != 0 => return Outcome::GoAway(frame.code(4)),
                _ => {}
            }
        }
    }
}

impl Frame {
    /// Four bytes of the payload.
    pub(crate) fn code(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), payload].concat()
}

/// Fields as HPACK writes them that knows no table and no Huffman code (RFC 7541 §6.2.2).
pub(crate) fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name.as_ref());
        string(&mut block, value.as_ref());
    }
    block
}

fn string(block: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text.len();
    if rest < 127 {
        block.push(rest as u8);
    } else {
        block.push(127);
        rest -= 127;
        while rest >= 128 {
            block.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        block.push(rest as u8);
    }
    block.extend_from_slice(text);
}

/// The status of a head, which comes first. A connection's further heads may name it by a table that nobody keeps here.
fn status(block: &[u8]) -> u16 {
    const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match *block {
        [index @ 0x88..=0x8e, ..] => STATIC[usize::from(index - 0x88)],
        // The name by the table, the value by Huffman's code, or as it is.
        [0x08 | 0x18 | 0x48, length, ..] if length & 0x80 != 0 => {
            huffman_digits(&block[2..2 + usize::from(length & 0x7f)])
        }
        [0x08 | 0x18 | 0x48, 3, a, b, c, ..] => {
            [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))
        }
        _ => panic!("no status in {block:x?}"),
    }
}

/// A number in the code of RFC 7541, appendix B, where 0, 1 and 2 have five bits and the other digits six.
fn huffman_digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u16> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1))).collect();
    let number = |bits: &[u16]| bits.iter().fold(0, |number, bit| number * 2 + bit);
    let (mut code, mut rest) = (0, &bits[..]);
    while rest.len() >= 5 {
        let (digit, length) = match number(&rest[..5]) {
            digit @ 0..=2 => (digit, 5),
            _ if rest.len() >= 6 => (number(&rest[..6]).wrapping_sub(0x19).wrapping_add(3), 6),
            _ => break,
        };
        // Ones are what fills the last byte up.
        if digit > 9 {
            break;
        }
        code = code * 10 + digit;
        rest = &rest[length..];
    }
    code
}
