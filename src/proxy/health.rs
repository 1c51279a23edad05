//! The app's own health, asked the way requests go.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderName, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::client::{NoAuthority, authority};
use crate::types::Origin;

/// A probe that takes longer has given up already.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the app's health path, by a connection of its own each time, so that it also shows whether the app accepts
/// any.
#[derive(Clone, Debug)]
pub struct AppHealth {
    client: Client<HttpConnector, Empty<Bytes>>,
    uri: Uri,
    host: HeaderValue,
    scheme: HeaderValue,
}

/// Why the app does not count as well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    #[error("the app answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("there is no connection to the app")]
    Unreachable,
    #[error("the app did not answer within {} s", TIMEOUT.as_secs())]
    Slow,
}

impl AppHealth {
    /// An app at `upstream` that answers for `public_url`.
    pub fn new(upstream: &Url, path: PathAndQuery, public_url: &Origin) -> Result<Self, NoAuthority> {
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority(upstream)?).path_and_query(path);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector),
            uri: uri.build().map_err(|_| NoAuthority)?,
            host: HeaderValue::try_from(public_url.authority()).map_err(|_| NoAuthority)?,
            scheme: HeaderValue::from_static(public_url.scheme()),
        })
    }

    /// A GET without a user; well is 2xx within two seconds.
    pub async fn ask(&self) -> Result<(), Unwell> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        // Frameworks refuse hosts that they do not know, and redirect what they think is not https.
        headers.insert(HOST, self.host.clone());
        headers.insert(HeaderName::from_static("x-forwarded-host"), self.host.clone());
        headers.insert(HeaderName::from_static("x-forwarded-proto"), self.scheme.clone());
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("cognigate/", env!("CARGO_PKG_VERSION"), " (health)")),
        );
        match tokio::time::timeout(TIMEOUT, self.client.request(request)).await {
            Err(_) => Err(Unwell::Slow),
            Ok(Err(_)) => Err(Unwell::Unreachable),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(Unwell::Status(answer.status())),
        }
    }
}
