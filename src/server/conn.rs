//! One connection: hyper's limits and timers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::linger::{HadBody, Lingering};
use super::shutdown::Shutdown;
use crate::types::Body;

/// How long a request's head may take, and so how long a kept-alive connection may be idle.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes that a request's head has.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The most fields that it has.
const MAX_HEADERS: usize = 100;

/// Serves one connection until either side ends it.
pub(super) async fn serve<F, R>(stream: TcpStream, peer: SocketAddr, mut shutdown: Shutdown, respond: F)
where
    F: Fn(Request<Incoming>, SocketAddr) -> R,
    R: Future<Output = Response<Body>>,
{
    let had_body = HadBody::default();
    let stream = Lingering::new(stream, had_body.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        had_body.set(!request.body().is_end_stream());
        let answer = respond(request, peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        // Without a timer hyper panics where a time-out is set.
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.begun() => {
            // What is under way is answered, with `Connection: close`; an idle connection ends now.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}
