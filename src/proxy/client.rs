//! The connections to the app.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use url::Url;

use super::upload::Upload;
use crate::telemetry::metrics::{Metrics, Peer};
use crate::types::{Body, BoxError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the app may take to begin its answer, from the last part of the request on.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// Below the keep-alive of usual servers (60 s and more), so that it is we who close.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// One app, and the pool of connections to it. One a thread: a connection lives on the runtime it began on.
#[derive(Clone, Debug)]
pub struct Upstream {
    client: Client<HttpConnector, Upload>,
    authority: Authority,
    response_timeout: Duration,
    metrics: Arc<Metrics>,
}

/// Why there is no answer from the app.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error("no connection to the app: {}", innermost(.0))]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    #[error("the connection to the app broke off: {}", innermost(.0))]
    Broken(#[source] hyper_util::client::legacy::Error),
    #[error("the app did not answer within {0:?}")]
    Slow(Duration),
    #[error("the app switched protocols unasked")]
    Switched,
    #[error("the request's body broke off, or its chunks are malformed")]
    Body,
    #[error("the request's body has a transfer coding beside chunked")]
    Coding,
    #[error("the request target cannot be sent on")]
    Target,
}

/// Why a URL is no upstream; the configuration has checked it already.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's URL has no host that can be connected to")]
pub struct NoAuthority;

impl Upstream {
    /// An app at `url`, by HTTP/1.1 on clear text.
    pub fn new(url: &Url, metrics: Arc<Metrics>) -> Result<Self, NoAuthority> {
        let authority = authority(url)?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(connector);
        Ok(Self { client, authority, response_timeout: RESPONSE_TIMEOUT, metrics })
    }

    /// Waits so long for an answer in place of the usual 60 s.
    #[must_use]
    pub fn answers_within(self, response_timeout: Duration) -> Self {
        Self { response_timeout, ..self }
    }

    /// Sends a request whose headers are as the app shall see them. `Host` stays the client's. A 101 only comes back
    /// where the request has `Upgrade`.
    pub async fn send(
        &self,
        request: Request<Incoming>,
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
        mut request: Request<Incoming>,
        target: PathAndQuery,
    ) -> Result<Response<Body>, ForwardError> {
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .map_err(|_| ForwardError::Target)?;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        // hyper takes a GET or HEAD of unknown length for one without a body, unless it is told otherwise.
        if request.body().size_hint().exact().is_none() {
            request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let may_switch = request.headers().contains_key(UPGRADE);
        let request = request.map(Upload::new);
        let progress = request.body().progress();
        let mut answer = pin!(self.client.request(request));
        loop {
            let parts = progress.parts();
            return match timeout(self.response_timeout, answer.as_mut()).await {
                // The upload itself may take as long as it does; the app is slow when it stands still.
                Err(_) if progress.parts() != parts => continue,
                Err(_) => Err(ForwardError::Slow(self.response_timeout)),
                Ok(Err(error)) if error.is_connect() => Err(ForwardError::Unreachable(error)),
                Ok(Err(_)) if progress.is_broken() => Err(ForwardError::Body),
                Ok(Err(error)) => Err(ForwardError::Broken(error)),
                Ok(Ok(response))
                    if response.status().is_informational()
                        && !(may_switch && response.status() == StatusCode::SWITCHING_PROTOCOLS) =>
                {
                    Err(ForwardError::Switched)
                }
                Ok(Ok(mut response)) => {
                    // A proxy speaks its own version (RFC 9110 §6.2): an old app does not make an old gate.
                    *response.version_mut() = Version::HTTP_11;
                    Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
                }
            };
        }
    }
}

/// Host and port to connect to.
pub(super) fn authority(url: &Url) -> Result<Authority, NoAuthority> {
    let host = url.host_str().ok_or(NoAuthority)?;
    let port = url.port_or_known_default().ok_or(NoAuthority)?;
    Authority::try_from(format!("{host}:{port}")).map_err(|_| NoAuthority)
}

/// The cause that says something: the outer ones only say that there is one.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
