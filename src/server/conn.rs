//! One connection: what is spoken on it, hyper's limits and timers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::linger::{HadBody, Lingering};
use super::preface;
use super::shutdown::Shutdown;
use crate::types::Body;

/// How long a request's head may take, and so how long a kept-alive connection may be idle.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes that a request's head has.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The most fields that it has.
const MAX_HEADERS: usize = 100;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
    /// Nobody has said: HTTP/2 where the client begins with its preface (RFC 9113 §3.3), else HTTP/1.
    Either,
}

/// Serves one connection until either side ends it.
///
/// An HTTP/2 request reaches `respond` in the shape of an HTTP/1 one: with `Host`, and one `Cookie` field.
pub async fn serve<S, F, R>(
    mut stream: S,
    protocol: Protocol,
    peer: SocketAddr,
    shutdown: Shutdown,
    respond: F,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>, SocketAddr) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let (protocol, begin) = match protocol {
        Protocol::Either => {
            let mut ending = shutdown.clone();
            let begun = tokio::select! {
                begun = timeout(HEADER_READ_TIMEOUT, preface::read(&mut stream)) => begun,
                () = ending.begun() => return,
            };
            // It never said a word, or it went away.
            let Ok(Ok((protocol, bytes))) = begun else { return };
            (protocol, bytes.freeze())
        }
        known => (known, Bytes::new()),
    };
    let had_body = HadBody::default();
    let stream = TokioIo::new(Lingering::new(stream, begin, had_body.clone()));
    let ended = if protocol == Protocol::Http2 {
        speak_http2(stream, peer, shutdown, respond).await
    } else {
        speak_http1(stream, had_body, peer, shutdown, respond).await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

async fn speak_http1<S, F, R>(
    stream: TokioIo<Lingering<S>>,
    had_body: HadBody,
    peer: SocketAddr,
    mut shutdown: Shutdown,
    respond: F,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>, SocketAddr) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
{
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
        .serve_connection(stream, service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.begun() => {
            // What is under way is answered, with `Connection: close`; an idle connection ends now.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

async fn speak_http2<S, F, R>(
    stream: TokioIo<Lingering<S>>,
    peer: SocketAddr,
    mut shutdown: Shutdown,
    respond: F,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>, SocketAddr) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        as_of_http1(&mut request);
        let answer = respond(request, peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection =
        http2::Builder::new(TokioExecutor::new()).timer(TokioTimer::new()).serve_connection(stream, service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Makes an HTTP/2 request look like an HTTP/1 one, so that nothing behind needs to know the difference.
///
/// `Host` is set from `:authority` where there is none; two that differ are left for the check of hosts to refuse.
/// The cookie's crumbs are joined (RFC 9113 §8.2.3).
fn as_of_http1(request: &mut Request<Incoming>) {
    debug_assert_eq!(request.version(), Version::HTTP_2);
    let authority = request.uri().authority().and_then(|it| HeaderValue::try_from(it.as_str()).ok());
    if let Some(authority) = authority
        && !request.headers().contains_key(HOST)
    {
        request.headers_mut().insert(HOST, authority);
    }
    join_cookies(request.headers_mut());
}

fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Every crumb was a value, so what joins them is one too.
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}
