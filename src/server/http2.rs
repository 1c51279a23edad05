//! HTTP/2 on one connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;

use super::activity::{Activity, Answer};
use super::client::Client;
use super::conn::Terms;
use super::control_frames::ControlFrames;
use super::idle_watch::{Lapse, Watch};
use super::stalled_streams::{Progress, Streams, Tracked};
use super::stream::{Stream, Transport};
use crate::types::Body;

/// How many crumbs a cookie may come in, beside the other fields: browsers keep some 180 cookies a site.
const CRUMBS: usize = 400;
/// What HTTP/2 counts for a field beside its name and value (RFC 9113 §6.5.2).
const FIELD: usize = 32;
/// How much of an answer waits for its client, for each stream.
const SEND_BUFFER: usize = 32 * 1024;
/// A client that says nothing is asked whether it is there, so often, and given so long to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How many streams may be reset for a client's own mistakes before the connection ends (MadeYouReset).
const ERRORS: usize = 100;
/// How many requests a client may take back, if they are more than half of them (rapid reset): each has cost the
/// app something.
const ABANDONED: usize = 100;
/// How long a connection may take to end that has nothing under way.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The same where another connection waits for its place: no longer than it takes to send the GOAWAY.
const LAST_WORD: Duration = Duration::from_millis(20);

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Idle,
    NoRequest,
    Resets,
    Flood,
    Shutdown,
    Evicted,
}

/// Serves a connection until either side ends it.
///
/// Floods of CONTINUATION, and of requests that are reset before they were looked at, are ended by h2 itself; those of
/// other frames by [`ControlFrames`]. Each ends the connection by GOAWAY.
pub(super) async fn speak<S, F, R>(
    stream: Stream<S>,
    activity: Arc<Activity>,
    client: Client,
    terms: Terms,
    respond: Arc<F>,
) where
    S: Transport + Send + 'static,
    F: Fn(Request<Incoming>, Client) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let limits = &terms.limits;
    let peer = client.address();
    let streams = Streams::new(limits.stall_timeout);
    let (counts, announced) = (Arc::clone(&activity), streams.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        let begun = counts.begin(!request.body().is_end_stream(), size_of(request.headers()));
        let progress = Arc::new(Progress::default());
        announced.announce(&progress);
        as_of_http1(&mut request);
        let (respond, client, activity) = (Arc::clone(&respond), client.clone(), Arc::clone(&counts));
        async move {
            // Hundreds of streams may begin before the first of them runs.
            poll_fn(|context| activity.poll_room(context)).await;
            let waits = client.waits().clone();
            let answer = respond(request, client).await;
            Ok::<_, Infallible>(answer.map(|body| Tracked::new(Answer::new(body, begun), progress, waits)))
        }
    });
    let list = limits.header_bytes + limits.uri_bytes + (limits.header_fields + CRUMBS) * FIELD;
    let mut connection = pin!(
        http2::Builder::new(streams)
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX))
            .max_send_buf_size(SEND_BUFFER)
            .max_local_error_reset_streams(ERRORS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .serve_connection(TokioIo::new(ControlFrames::new(stream)), service)
    );
    let mut watch = Watch::new(Arc::clone(&activity), limits, false);
    let (mut begins, mut ends) = (terms.shutdown.clone(), terms.shutdown.clone());
    let (mut beginning, mut ending) = (pin!(begins.begun()), pin!(ends.ending()));
    let (mut has_begun, mut told) = (false, false);
    let over = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Err(ended));
            }
            has_begun = has_begun || beginning.as_mut().poll(cx).is_ready();
            // Who has just come gets an answer first.
            if has_begun && !told && activity.begun() > 0 {
                told = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            if !activity.is_busy() && ending.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(Reason::Shutdown));
            }
            if activity.abandoned() > ABANDONED && 2 * activity.abandoned() > activity.begun() {
                return Poll::Ready(Ok(Reason::Resets));
            }
            if activity.is_flooded() {
                return Poll::Ready(Ok(Reason::Flood));
            }
            let lapse = watch.poll(cx);
            // The watch has registered this task to be told.
            if activity.is_evicted() {
                return Poll::Ready(Ok(Reason::Evicted));
            }
            return match lapse {
                Poll::Ready(Lapse::Rest) => continue,
                Poll::Ready(Lapse::Idle) => Poll::Ready(Ok(Reason::Idle)),
                Poll::Ready(Lapse::Head) => Poll::Ready(Ok(Reason::NoRequest)),
                Poll::Pending => Poll::Pending,
            };
        }
    })
    .await;
    let ended = match over {
        Err(ended) => ended,
        // Its requests are cut off: what they hold is needed now.
        Ok(Reason::Evicted) if activity.is_busy() => return,
        Ok(reason) => {
            tracing::debug!(?reason, %peer, "connection is ended");
            connection.as_mut().graceful_shutdown();
            let patience = if reason == Reason::Evicted { LAST_WORD } else { LAST_WORDS };
            timeout(patience, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

/// Makes an HTTP/2 request look like an HTTP/1 one, so that nothing behind needs to know the difference.
///
/// `Host` is set from `:authority` where there is none; two that differ are left for the check of hosts to refuse.
/// The cookie's crumbs are joined (RFC 9113 §8.2.3).
fn as_of_http1(request: &mut Request<Incoming>) {
    let authority = request.uri().authority().and_then(|it| HeaderValue::try_from(it.as_str()).ok());
    if let Some(authority) = authority
        && !request.headers().contains_key(HOST)
    {
        request.headers_mut().insert(HOST, authority);
    }
    join_cookies(request.headers_mut());
}

/// The bytes of a head. On the wire it may have been far less (RFC 7541).
fn size_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
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
