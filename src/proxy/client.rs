//! One app, and how a request is sent to it.

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::{BodyExt, Either, Empty};
use hyper::client::conn::TrySendError;
use tokio::time::timeout;

use super::connect::{ConnectError, Connector, NoWay, Speaks, innermost};
use super::hop;
use super::pool::{Lease, Leased, Pool};
use super::trailers::Trailing;
use super::upload::{Fault, Progress, Upload};
use crate::config::{self, ForwardHost};
use crate::telemetry::metrics::{Metrics, Peer};
use crate::types::{Body, BoxError};

/// One app, and the connections to it. One a thread: a connection lives on the runtime it began on.
#[derive(Clone, Debug)]
pub struct Upstream {
    pool: Pool<Outgoing>,
    /// What the app is told as `Host`; the client's own where there is none.
    host: Option<HeaderValue>,
    /// As the configuration writes it, for messages.
    name: Arc<str>,
    response_timeout: Duration,
    metrics: Arc<Metrics>,
}

/// A body on its way: the client's, or none where a request is sent a second time.
type Outgoing = Either<Trailing<Upload>, Empty<Bytes>>;

/// Why there is no answer from the app.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error("no connection to the app at {upstream}: {source}")]
    Unreachable { upstream: Arc<str>, source: ConnectError },
    #[error("the connection to the app at {upstream} broke off: {}", innermost(.source))]
    Broken { upstream: Arc<str>, source: hyper::Error },
    #[error("the app at {upstream} did not answer within {after:?}")]
    Slow { upstream: Arc<str>, after: Duration },
    #[error("the app switched protocols unasked")]
    Switched,
    #[error("the request's body broke off, or its chunks are malformed")]
    Body,
    #[error("the request's body is too large")]
    TooLarge,
    #[error("the client stopped in the middle of the request's body")]
    Stalled,
    #[error("the request's body has a transfer coding beside chunked")]
    Coding,
    #[error("the request target cannot be sent on")]
    Target,
}

impl Upstream {
    /// The app that the configuration says.
    pub fn new(upstream: &config::Upstream, metrics: Arc<Metrics>) -> Result<Self, NoWay> {
        let host = match &upstream.forward_host {
            ForwardHost::Preserve => None,
            ForwardHost::Upstream => Some(upstream.address.authority()),
            ForwardHost::Name(name) => Some(name.clone()),
        };
        Ok(Self {
            pool: Pool::new(Connector::new(upstream)?, upstream.idle_timeout),
            host: host.map(HeaderValue::try_from).transpose().map_err(|_| NoWay)?,
            name: upstream.address.to_string().into(),
            response_timeout: upstream.response_timeout,
            metrics,
        })
    }

    /// The same app, by connections of its own.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { pool: self.pool.anew(), ..self.clone() }
    }

    /// Waits so long for an answer in place of what the configuration says.
    #[must_use]
    pub fn answers_within(self, response_timeout: Duration) -> Self {
        Self { response_timeout, ..self }
    }

    /// Sends a request whose headers are as the app shall see them, but for `Host`, which `forward.host` may replace.
    /// A 101 only comes back where the request has `Upgrade`.
    pub(super) async fn send(
        &self,
        request: Request<Upload>,
        target: PathAndQuery,
    ) -> Result<Response<Body>, ForwardError> {
        let (method, began) = (request.method().clone(), Instant::now());
        let answer = self.exchange(request, target).await;
        let status = answer.as_ref().ok().map(Response::status);
        self.metrics.asked(Peer::Upstream, &method, status, began.elapsed());
        answer
    }

    async fn exchange(
        &self,
        mut request: Request<Upload>,
        target: PathAndQuery,
    ) -> Result<Response<Body>, ForwardError> {
        if let Some(host) = &self.host {
            request.headers_mut().insert(HOST, host.clone());
        }
        let speaks = if request.headers().contains_key(UPGRADE) { Speaks::Http1 } else { Speaks::Any };
        let (head, upload) = request.into_parts();
        let head = Head { method: head.method, headers: head.headers, target, extensions: head.extensions };
        // Only what may be sent twice is kept for that: it costs a copy of the headers.
        let may_repeat = upload.is_end_stream() && head.method.is_idempotent();
        let progress = upload.progress();
        let body = Either::Left(Trailing(upload));
        let Some(lease) = self.pool.open(speaks) else {
            let request = self.addressed(head, body);
            let lease = self.connect(speaks).await?;
            return self
                .ask(lease, request?, &progress)
                .await
                .map_err(|failure| self.explain(failure, &progress));
        };
        let copy = may_repeat.then(|| head.clone());
        let failure = match self.ask(lease, self.addressed(head, body)?, &progress).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        // The app may have closed a connection at the moment when it was used again.
        let again = match failure {
            Failed::Unsent(request, _) => {
                let (head, body) = unaddressed(*request);
                self.addressed(head, body)?
            }
            Failed::Unanswered(error) => match copy {
                Some(copy) => self.addressed(copy, Either::Right(Empty::new()))?,
                None => return Err(self.explain(Failed::Broken(error), &progress)),
            },
            failure => return Err(self.explain(failure, &progress)),
        };
        tracing::debug!(upstream = %self.name, "a connection that was open had died; the request is sent once more");
        let lease = self.connect(speaks).await?;
        self.ask(lease, again, &progress).await.map_err(|failure| self.explain(failure, &progress))
    }

    async fn connect(&self, speaks: Speaks) -> Result<Lease<Outgoing>, ForwardError> {
        let upstream = || Arc::clone(&self.name);
        let connected = self.pool.connect(speaks).await;
        connected.map_err(|source| ForwardError::Unreachable { upstream: upstream(), source })
    }

    /// Sends a request on one connection. The upload may take as long as it does; the app is slow when it stands still.
    async fn ask(
        &self,
        lease: Lease<Outgoing>,
        request: Request<Outgoing>,
        progress: &Progress,
    ) -> Result<Response<Body>, Failed> {
        let (bytes_read, is_used, is_http2, id) =
            (lease.bytes_read.clone(), lease.is_used, lease.is_http2(), lease.id);
        let may_switch = !is_http2 && request.headers().contains_key(UPGRADE);
        let request = if is_http2 { for_http2(request) } else { for_http1(request) };
        let before = bytes_read.count();
        let mut answer = pin!(lease.send(request));
        loop {
            let parts = progress.parts();
            return match timeout(self.response_timeout, answer.as_mut()).await {
                Err(_) if progress.parts() != parts || progress.is_awaited() => continue,
                Err(_) => {
                    if is_http2 {
                        self.pool.retire(id);
                    }
                    Err(Failed::Slow)
                }
                Ok(Ok(response)) => {
                    progress.set_answered();
                    finish(response, may_switch)
                }
                Ok(Err(mut error)) => Err(match error.take_message() {
                    Some(request) if is_used => Failed::Unsent(Box::new(request), error.into_error()),
                    _ if is_used && is_http2 => lost_stream(error),
                    _ if is_used && bytes_read.count() == before => Failed::Unanswered(error.into_error()),
                    _ => Failed::Broken(error.into_error()),
                }),
            };
        }
    }

    /// A request with the URI that HTTP/2 needs: scheme, authority and target.
    fn addressed(&self, head: Head, body: Outgoing) -> Result<Request<Outgoing>, ForwardError> {
        let host = head.headers.get(HOST).ok_or(ForwardError::Target)?;
        let authority = Authority::try_from(host.as_bytes()).map_err(|_| ForwardError::Target)?;
        let uri = Uri::builder()
            .scheme(self.pool.connector().scheme())
            .authority(authority)
            .path_and_query(head.target)
            .build()
            .map_err(|_| ForwardError::Target)?;
        let mut request = Request::new(body);
        *request.method_mut() = head.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = head.headers;
        *request.extensions_mut() = head.extensions;
        Ok(request)
    }

    fn explain(&self, failure: Failed, progress: &Progress) -> ForwardError {
        let upstream = Arc::clone(&self.name);
        let is_lost = matches!(failure, Failed::Unsent(..) | Failed::Unanswered(_) | Failed::Broken(_));
        match progress.fault().filter(|_| is_lost) {
            Some(Fault::Broken) => return ForwardError::Body,
            Some(Fault::TooLarge) => return ForwardError::TooLarge,
            Some(Fault::Stalled) => return ForwardError::Stalled,
            None => {}
        }
        match failure {
            Failed::Unsent(_, source) | Failed::Unanswered(source) | Failed::Broken(source) => {
                ForwardError::Broken { upstream, source }
            }
            Failed::Slow => ForwardError::Slow { upstream, after: self.response_timeout },
            Failed::Switched => ForwardError::Switched,
        }
    }
}

/// A request without its body.
#[derive(Clone)]
struct Head {
    method: Method,
    headers: HeaderMap,
    target: PathAndQuery,
    extensions: http::Extensions,
}

/// Why one connection gave no answer.
enum Failed {
    /// It was closed before anything was sent.
    Unsent(Box<Request<Outgoing>>, hyper::Error),
    /// It had been used before, and nothing came by it in answer.
    Unanswered(hyper::Error),
    Broken(hyper::Error),
    Slow,
    Switched,
}

/// HTTP/1.1 asks by the target alone.
fn for_http1(mut request: Request<Outgoing>) -> Request<Outgoing> {
    let target = request.uri().path_and_query().cloned().map(Uri::from);
    *request.uri_mut() = target.unwrap_or_default();
    *request.version_mut() = Version::HTTP_11;
    hop::name_in_connection(request.headers_mut());
    // hyper takes a GET or HEAD of unknown length for one without a body, unless it is told otherwise.
    if request.body().size_hint().exact().is_none() {
        request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    request
}

/// HTTP/2 says the host in `:authority`, and has nothing that belongs to a connection (RFC 9113 §8.2.2).
fn for_http2(mut request: Request<Outgoing>) -> Request<Outgoing> {
    for name in [HOST, CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        request.headers_mut().remove(name);
    }
    *request.version_mut() = Version::HTTP_2;
    request
}

/// A request as it was before it was made fit for one connection: the next may speak otherwise.
fn unaddressed(request: Request<Outgoing>) -> (Head, Outgoing) {
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok());
    if let Some(host) = host {
        parts.headers.entry(HOST).or_insert(host);
    }
    let target = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    (Head { method: parts.method, headers: parts.headers, target, extensions: parts.extensions }, body)
}

/// A stream that ended with its connection, or that the app says it did not look at (RFC 9113 §8.7).
fn lost_stream(error: TrySendError<Request<Outgoing>>) -> Failed {
    let error = error.into_error();
    let source = error.source();
    // What the app says of the stream, or of all of them, and what the network does.
    let refused = source.and_then(|source| source.downcast_ref::<h2::Error>()).is_some_and(|cause| {
        cause.is_io()
            || (cause.is_remote()
                && (cause.is_go_away() || cause.reason() == Some(h2::Reason::REFUSED_STREAM)))
    });
    let died = source.is_some_and(|source| source.is::<io::Error>());
    if refused || died || error.is_closed() { Failed::Unanswered(error) } else { Failed::Broken(error) }
}

fn finish(response: Response<Leased<Outgoing>>, may_switch: bool) -> Result<Response<Body>, Failed> {
    let switches = may_switch && response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if response.status().is_informational() && !switches {
        return Err(Failed::Switched);
    }
    let mut response = response.map(|body| body.map_err(BoxError::from).boxed_unsync());
    // A proxy speaks its own version (RFC 9110 §6.2): an old app does not make an old gate.
    *response.version_mut() = Version::HTTP_11;
    Ok(response)
}
