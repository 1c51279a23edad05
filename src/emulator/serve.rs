//! The listening socket and its connections.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::pool::Pool;
use super::route;

/// What is still being answered after that, held or hanging on purpose, is cut off.
const DRAIN: Duration = Duration::from_secs(1);

/// Serves until `shutdown` ends. Idle connections are closed at once then, the others within a second.
pub(super) async fn serve(pool: Arc<Pool>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let (closing, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(Arc::clone(&pool), stream, closing.subscribe()));
                }
                Err(error) => pause_after(&error).await,
            },
            // Keeps the set from growing by connections that have ended.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    // Dropping the set, once the time is up, ends what is left.
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

async fn connection(pool: Arc<Pool>, stream: TcpStream, mut closing: watch::Receiver<bool>) {
    // Without it, small answers wait for an acknowledgement; failing to set it costs no more than that.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| route::answer(&pool, request));
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    tokio::select! {
        // A client that went away, or a connection dropped by a switch: nobody is left to be told.
        _ = &mut served => return,
        _ = closing.wait_for(|closing| *closing) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}

/// Out of file descriptors, `accept` fails at once and again; a connection that broke is no reason to wait.
async fn pause_after(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
