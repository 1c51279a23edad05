//! HTTP/1 on one connection.
//!
//! What hyper needs to serve a connection, buffers above all, is given back while the connection rests between two
//! requests: ten thousand idle ones cost little more than their sockets.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::activity::{Activity, Answer};
use super::client::Client;
use super::conn::Terms;
use super::idle_watch::{Lapse, Watch, rest_of};
use super::shutdown::Shutdown;
use super::stream::{Stream, Transport};
use crate::config::Limits;
use crate::types::Body;

/// How many fields hyper takes where it is told nothing; to tell it costs an allocation a request.
const USUAL_FIELDS: usize = 100;
/// Beyond the limits of a head, for its method, version, colons and line ends.
const FRAMING: usize = 8 * 1024;

const TOO_LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How serving ended.
enum Outcome {
    /// Between two requests, with nothing to hold.
    Rest,
    /// hyper has ended it.
    Over(hyper::Result<()>),
    /// Nobody wants it any more.
    Leave,
    /// The head did not come whole.
    Late,
}

/// Serves a connection until either side ends it or it is upgraded.
pub(super) async fn speak<S, F, R>(
    mut stream: Stream<S>,
    activity: Arc<Activity>,
    client: Client,
    terms: Terms,
    respond: Arc<F>,
) where
    S: Transport + Send + 'static,
    F: Fn(Request<Incoming>, Client) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let mut patience = terms.limits.header_timeout;
    let most = most_of_a_head(&terms.limits);
    loop {
        let mut shutdown = terms.shutdown.clone();
        let next = tokio::select! {
            biased;
            next = next_head(&mut stream, most, patience, terms.limits.header_timeout) => next,
            () = shutdown.ending() => Next::Nothing,
        };
        match next {
            Next::Head => {}
            Next::Nothing => return stream.part(b"").await,
            Next::Late => return stream.part(TOO_LATE).await,
        }
        let shutdown = terms.shutdown.clone();
        let working = work(stream, &activity, &client, &terms.limits, shutdown, &*respond);
        // On the heap, and so only as long as there is work.
        match Box::pin(working).await {
            Some(resting) => stream = resting,
            None => return,
        }
        patience = rest_of(terms.limits.idle_timeout);
    }
}

/// What came on a connection at rest.
enum Next {
    /// A head that is whole, or larger than it may be.
    Head,
    Nothing,
    /// The beginning of a head, and no more of it in time.
    Late,
}

/// Waits for the next request's head. Until it is whole it holds no more than its bytes: hyper's buffers are far larger.
async fn next_head<S: Transport>(
    stream: &mut Stream<S>,
    most: usize,
    patience: Duration,
    header_timeout: Duration,
) -> Next {
    if stream.ahead().is_empty() && !matches!(timeout(patience, more(stream)).await, Ok(true)) {
        return Next::Nothing;
    }
    let whole = async {
        let mut seen = 0;
        while !has_end(stream.ahead(), seen) && stream.ahead().len() < most {
            seen = stream.ahead().len();
            if !more(stream).await {
                return Next::Nothing;
            }
        }
        Next::Head
    };
    timeout(header_timeout, whole).await.unwrap_or(Next::Late)
}

/// True if an empty line ends a head. `seen` bytes had no end when they were looked at before.
fn has_end(bytes: &[u8], seen: usize) -> bool {
    // Empty lines before a request are none of it (RFC 9112 §2.2).
    let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let from = seen.saturating_sub(3).max(start);
    let lines = bytes.get(from..).unwrap_or_default();
    memchr::memchr_iter(b'\n', lines)
        .any(|at| matches!(lines.get(at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..])))
}

/// Waits for further bytes; false where there will be none.
async fn more<S: Transport>(stream: &mut Stream<S>) -> bool {
    let activity = Arc::clone(stream.activity());
    tokio::select! {
        biased;
        some = stream.wait() => some,
        () = activity.evicted() => false,
    }
}

/// More of a head than this is refused: by hyper, which then has all of it.
fn most_of_a_head(limits: &Limits) -> usize {
    limits.header_bytes + limits.uri_bytes + FRAMING
}

/// Serves requests until there is nothing to do; the connection comes back where it goes on.
async fn work<S, F, R>(
    stream: Stream<S>,
    activity: &Arc<Activity>,
    client: &Client,
    limits: &Limits,
    mut shutdown: Shutdown,
    respond: &F,
) -> Option<Stream<S>>
where
    S: Transport + Send + 'static,
    F: Fn(Request<Incoming>, Client) -> R,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let closing = shutdown.clone();
    let service = service_fn(|request: Request<Incoming>| {
        let begun = activity.begin(!request.body().is_end_stream(), 0);
        let switch = request.extensions().get::<OnUpgrade>().cloned();
        let (answer, closing) = (respond(request, client.clone()), closing.clone());
        async move {
            let mut answer = answer.await;
            if let Some(switch) = switch.filter(|_| answer.status() != StatusCode::SWITCHING_PROTOCOLS) {
                tokio::spawn(close(switch));
            }
            if closing.has_begun() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer.map(|body| Answer::new(body, begun)))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The watch has it.
        .header_read_timeout(None)
        .max_buf_size(most_of_a_head(limits));
    if limits.header_fields != USUAL_FIELDS {
        builder.max_headers(limits.header_fields);
    }
    let mut connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut watch = Watch::new(Arc::clone(activity), limits, true);
    let mut ending = pin!(shutdown.ending());
    let mut told = false;
    let outcome = poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(Outcome::Over(ended));
            }
            if !told && ending.as_mut().poll(cx).is_ready() {
                if !activity.is_busy() {
                    return Poll::Ready(Outcome::Leave);
                }
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
                continue;
            }
            let lapse = watch.poll(cx);
            // The watch has registered this task to be told.
            if activity.is_evicted() {
                return Poll::Ready(Outcome::Leave);
            }
            return match lapse {
                Poll::Ready(Lapse::Rest) if activity.had_body() || !activity.is_flushed() => continue,
                Poll::Ready(Lapse::Rest) => Poll::Ready(Outcome::Rest),
                Poll::Ready(Lapse::Idle) => Poll::Ready(Outcome::Leave),
                Poll::Ready(Lapse::Head) => Poll::Ready(Outcome::Late),
                Poll::Pending => Poll::Pending,
            };
        }
    })
    .await;
    if let Outcome::Over(ended) = outcome {
        activity.set_upgraded();
        if let Err(error) = ended {
            tracing::debug!(%error, peer = %client.address(), "connection ended");
        }
        return None;
    }
    // It was not handed over, or it would be over.
    let parts = connection.into_parts()?;
    let mut stream = parts.io.into_inner();
    match outcome {
        Outcome::Rest => {
            // The beginning of a head, where it came behind the request before.
            stream.put_back(&parts.read_buf);
            return Some(stream);
        }
        Outcome::Late if activity.is_flushed() || activity.begun() == 0 => stream.part(TOO_LATE).await,
        Outcome::Late | Outcome::Leave | Outcome::Over(_) => stream.part(b"").await,
    }
    None
}

/// Closes a connection whose client asked for another protocol and did not get it: at its end hyper hands it over all the
/// same, and leaves it to whoever has it to close it with care.
async fn close(switch: OnUpgrade) {
    if let Ok(connection) = switch.await {
        // Whoever is gone need not be told.
        let _ = TokioIo::new(connection).shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::has_end;

    #[test]
    fn the_end_of_a_head_is_an_empty_line_behind_its_first() {
        for head in
            ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\na: b\n\n", "\r\n\r\nGET / HTTP/1.1\r\n\r\nrest"]
        {
            assert!(has_end(head.as_bytes(), 0), "{head:?}");
            // However it comes.
            let at = head.rfind("\n").unwrap();
            for seen in 0..=at {
                assert!(
                    has_end(head.as_bytes(), seen) || has_end(&head.as_bytes()[..seen], 0),
                    "{head:?} {seen}"
                );
            }
        }
        for head in ["", "\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "\n\nGET / HTTP/1.1\r\n\r"] {
            assert!(!has_end(head.as_bytes(), 0), "{head:?}");
        }
    }
}
