//! What a client of a clear-text connection speaks, told from its first bytes.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::conn::Protocol;

/// What an HTTP/2 client says first (RFC 9113 §3.4); no HTTP/1 request begins so.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is clear what is spoken. What was read comes along, since it belongs to the first request.
///
/// Cost: one read, as a rule. Time is the caller's affair.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(Protocol, BytesMut)> {
    let mut bytes = BytesMut::with_capacity(1024);
    loop {
        let compared = bytes.len().min(PREFACE.len());
        if bytes[..compared] != PREFACE[..compared] {
            return Ok((Protocol::Http1, bytes));
        }
        if compared == PREFACE.len() {
            return Ok((Protocol::Http2, bytes));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
