//! The listening sockets, one a thread on one port, and the loop that accepts from one of them.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::client::Client;
use super::conn::{self, Protocol, Terms};
use super::connections::{Connections, Slot};
use super::tls::Door;
use crate::types::Body;

/// Connections beyond this find no place in the kernel's queue and try again a second later. The kernel may allow fewer.
const BACKLOG: i32 = 4096;
/// How long to wait when the process is out of file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Binds `count` sockets to one address; the kernel spreads connections over them (`SO_REUSEPORT`).
///
/// A port that another process listens on is an error, even where that process would share it.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<StdListener>> {
    // Without SO_REUSEPORT this fails where anybody listens; the port that it got is then ours to share.
    let probe = socket(address, false)?;
    probe.bind(&address.into())?;
    probe.listen(1)?;
    let address = probe.local_addr()?.as_socket().unwrap_or(address);
    drop(probe);
    (0..count.max(1))
        .map(|_| {
            let socket = socket(address, true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        })
        .collect()
}

/// Accepts until the shutdown ends it, then waits for the connections to end, at most until its deadline. What
/// was upgraded counts.
///
/// Connections are opened by `door`, where there is one. Each request is answered by `respond`, which is also told who
/// sent it. Where `connections` has no place left, the one that was accepted last
/// waits for one; those behind it wait in the system's queue.
pub async fn serve<F, R>(
    listener: StdListener,
    door: Option<Door>,
    mut terms: Terms,
    connections: Arc<Connections>,
    respond: F,
) -> io::Result<()>
where
    F: Fn(Request<Incoming>, Client) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let respond = Arc::new(respond);
    let connection_terms = terms.clone();
    // Every connection holds the one end until it is gone; nothing is sent.
    let (alive, mut all_ended) = mpsc::channel(1);
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Answers are written whole; waiting to fill a segment only delays them.
                    let _ = stream.set_nodelay(true);
                    let slot = connections.slot(alive.clone()).await;
                    let (terms, respond) = (connection_terms.clone(), Arc::clone(&respond));
                    attend(stream, peer, door.as_ref(), terms, slot, respond);
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted at the moment");
                    connections.make_room();
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = terms.shutdown.ending() => {}
        () = accepting => {}
    }
    // Who is in the queue already has been promised an answer.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        let Some(slot) = connections.slot(alive.clone()).now_or_never() else { break };
        attend(stream, peer, door.as_ref(), terms.clone(), slot, Arc::clone(&respond));
    }
    drop((listener, alive));
    tokio::select! {
        _ = all_ended.recv() => {}
        () = terms.shutdown.deadline() => tracing::warn!("the drain took too long; open connections are cut"),
    }
    Ok(())
}

/// Serves a connection in a task of its own. The handshake is part of it, so that a slow one holds up nobody.
fn attend<F, R>(
    stream: TcpStream,
    peer: SocketAddr,
    door: Option<&Door>,
    terms: Terms,
    slot: Slot,
    respond: Arc<F>,
) where
    F: Fn(Request<Incoming>, Client) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    // Tasks of their own kind, since one that could be either would be as large as the larger.
    match door.cloned() {
        None => tokio::spawn(conn::serve(stream, Protocol::Either, peer, terms, slot, respond)),
        Some(door) => tokio::spawn(async move {
            let opened = tokio::select! {
                opened = door.open(stream, peer, terms.shutdown.clone()) => opened,
                () = slot.activity().evicted() => None,
            };
            if let Some((stream, protocol)) = opened {
                conn::serve(stream, protocol, peer, terms, slot, respond).await;
            }
        }),
    };
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    Ok(socket)
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
