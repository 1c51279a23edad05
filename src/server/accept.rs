//! The listening sockets, one a thread on one port, and the loop that accepts from one of them.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::conn::{self, Protocol};
use super::shutdown::Shutdown;
use crate::types::Body;

/// Waiting connections beyond this are refused by the kernel.
const BACKLOG: i32 = 1024;
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

/// Accepts until the shutdown begins, then waits for the connections to end, at most until its deadline.
///
/// Each request is answered by `respond`, which is also told the other end's address.
pub async fn serve<F, R>(listener: StdListener, mut shutdown: Shutdown, respond: F) -> io::Result<()>
where
    F: Fn(Request<Incoming>, SocketAddr) -> R + Clone + Send + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.begun() => break,
            accepted = listener.accept() => accepted,
        };
        // Ended connections are taken off, so that the set holds only those that live.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting to fill a segment only delays them.
                let _ = stream.set_nodelay(true);
                let (shutdown, respond) = (shutdown.clone(), respond.clone());
                connections.spawn(conn::serve(stream, Protocol::Either, peer, shutdown, respond));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted at the moment");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = all_ended => {}
        () = shutdown.deadline() => tracing::warn!("the drain took too long; open connections are cut"),
    }
    Ok(())
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
