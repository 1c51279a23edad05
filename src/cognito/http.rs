//! The one HTTP client that talks to Cognito.
//!
//! Redirects are never followed: a token or key endpoint that answers with one is broken or hostile, and the
//! address it names may be the instance metadata service.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::crypto::random;
use crate::telemetry::metrics::{Metrics, Peer};
use crate::types::is_loopback;

/// No connection attempt takes longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A pooled connection to Cognito is dropped after this long, well below the idle limit of its load balancers.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Asks Cognito's endpoints. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Http {
    /// Honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    proxied: Client,
    /// For loopback addresses, which a proxy could not mean.
    direct: Client,
    metrics: Arc<Metrics>,
}

/// An answer, whole and bounded.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Not the body and the headers: a token endpoint's answer is made of secrets.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.body.len();
        f.debug_struct("Reply").field("status", &self.status).field("length", &length).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nothing of the request reached the other side.
    #[error("no connection: {0}")]
    Connect(#[source] reqwest::Error),
    #[error("no answer in time")]
    Timeout,
    /// The request may have been acted upon.
    #[error("the connection broke off: {0}")]
    Broken(#[source] reqwest::Error),
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
}

impl Http {
    /// Trusts the system's certificate authorities, or Mozilla's where the system has none.
    pub fn new(metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        let tls = tls();
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(POOL_IDLE)
                .user_agent(concat!("cognigate/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self { proxied: builder().build()?, direct: builder().no_proxy().build()?, metrics })
    }

    /// A GET of `url`.
    pub fn get(&self, url: &Url) -> RequestBuilder {
        self.client(url).get(url.clone())
    }

    /// A POST to `url`.
    pub fn post(&self, url: &Url) -> RequestBuilder {
        self.client(url).post(url.clone())
    }

    /// Sends a request and reads its answer, of at most `limit` bytes, within `timeout`.
    pub async fn fetch(
        &self,
        request: RequestBuilder,
        limit: usize,
        timeout: Duration,
    ) -> Result<Reply, HttpError> {
        let (client, request) = request.build_split();
        let request = request.map_err(classify)?;
        let (method, began) = (request.method().clone(), Instant::now());
        let fetched = tokio::time::timeout(timeout, whole(client.execute(request), limit)).await;
        let reply = fetched.unwrap_or(Err(HttpError::Timeout));
        let status = reply.as_ref().ok().map(|reply| reply.status);
        self.metrics.asked(Peer::Cognito, &method, status, began.elapsed());
        reply
    }

    /// Counts what is fetched.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn client(&self, url: &Url) -> &Client {
        if is_loopback(url) { &self.direct } else { &self.proxied }
    }
}

async fn whole(
    answer: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
    limit: usize,
) -> Result<Reply, HttpError> {
    let mut response = answer.await.map_err(classify)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(classify)? {
        if body.len() + chunk.len() > limit {
            return Err(HttpError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Reply { status: response.status(), headers, body: body.freeze() })
}

/// The URL is left out: an operator knows it, and a query might carry what a log must not.
fn classify(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    if error.is_connect() {
        HttpError::Connect(error)
    } else if error.is_timeout() {
        HttpError::Timeout
    } else {
        HttpError::Broken(error)
    }
}

/// Between half of `pause` and all of it, so that replicas do not ask in step.
pub(super) fn jittered(pause: Duration) -> Duration {
    let [random] = random::bytes::<1>();
    pause / 2 + pause / 2 * u32::from(random) / 255
}

fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    match builder.with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
        // The provider is fixed above and has suites for both versions.
        Err(error) => unreachable!("the TLS provider has no suites for TLS 1.2 and 1.3: {error}"),
    }
}
