//! Bytes over sockets, for what no client library would send; and waiting for what will happen.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Sends bytes and reads until the other side closes.
///
/// Ask for `Connection: close`, or the answer ends with the patience.
pub(crate) async fn exchange(address: SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let conversation = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The other side may answer and close before it has read everything.
        let _ = stream.write_all(&bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    timeout(PATIENCE, conversation).await.expect("the answer did not end")
}

/// Sends bytes and reads until an answer's head is there whole, however much of the request is still to come.
pub(crate) async fn first_answer(address: SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let conversation = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The other side may answer and close before it has read everything.
        let _ = stream.write_all(&bytes).await;
        let mut answer = Vec::new();
        while !answer.windows(4).any(|part| part == b"\r\n\r\n") {
            match stream.read_buf(&mut answer).await {
                Ok(read) if read > 0 => {}
                _ => break,
            }
        }
        answer
    };
    timeout(PATIENCE, conversation).await.expect("no answer")
}

/// The status of the first answer in `bytes`; 0 where there is none.
pub(crate) fn status(bytes: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(bytes);
    text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// What the admin port at `address` answers to a probe.
pub(crate) async fn probe(address: SocketAddr, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    status(&exchange(address, request.into_bytes()).await)
}

/// The value of one series on the admin port at `address`; 0 where it is not there.
pub(crate) async fn metric(address: SocketAddr, series: &str) -> f64 {
    let request = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(address, request.into()).await;
    let text = String::from_utf8_lossy(&answer);
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// Asks until it is so. Only for what happens on its own soon; what a test causes it should wait for by name.
pub(crate) async fn eventually<R: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> R) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "it never happened: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The beginning of a request for `target`, byte for byte: as a client sends it, or as nginx asks about it.
pub(crate) fn begin(asked: bool, method: &str, target: &[u8]) -> Vec<u8> {
    if asked {
        let question = b"GET /oauth2/auth HTTP/1.1\r\nX-Original-URL: https://app.test".as_slice();
        [question, target, b"\r\nX-Original-Method: ", method.as_bytes()].concat()
    } else {
        [method.as_bytes(), b" ", target, b" HTTP/1.1"].concat()
    }
}
