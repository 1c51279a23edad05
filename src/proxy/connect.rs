//! Opening a connection to an app: name look-up, TCP or a Unix socket, TLS, and the HTTP that is spoken on it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, Scheme};
use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service as _;

use super::counted_stream::{BytesRead, CountedStream};
use super::tls;
use crate::config::{self, AppAddress};
use crate::types::BoxError;

/// After so long without a sign of life the kernel asks the other end for one: an app that vanished without a word
/// holds no tunnel for ever.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// How much of an answer is read ahead of its client. The head of an answer has to fit too.
const READ_BUFFER: usize = 128 * 1024;
/// The same in HTTP/2, for what a proxy between keeps alive. gRPC servers end a connection that asks more often than
/// every five minutes.
const PING: Duration = Duration::from_secs(310);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Knows the way to one app. Cheap to clone, but for its TLS settings, which clones share.
#[derive(Clone)]
pub(super) struct Connector {
    way: ForwardedChain,
    tcp: HttpConnector,
    timeout: Duration,
}

#[derive(Clone)]
enum ForwardedChain {
    Http(Uri),
    H2c(Uri),
    Https { uri: Uri, name: ServerName<'static>, any: TlsConnector, http1: TlsConnector },
    Unix(Arc<PathBuf>),
}

/// One end of a connection that is open.
#[derive(Debug)]
pub(super) struct Connection<B> {
    pub(super) sender: Sender<B>,
    pub(super) bytes_read: BytesRead,
}

#[derive(Debug)]
pub(super) enum Sender<B> {
    Http1(http1::SendRequest<B>),
    Http2(http2::SendRequest<B>),
}

/// What HTTP a connection must be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Any,
    /// An upgrade, which HTTP/2 has none of.
    Http1,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("{}", innermost(&**.0))]
    Network(#[source] BoxError),
    #[error("TLS failed: {}", innermost(.0))]
    Tls(#[source] io::Error),
    #[error("HTTP could not begin: {}", innermost(.0))]
    Http(#[source] hyper::Error),
    #[error("it took longer than {0:?}")]
    Slow(Duration),
}

/// Why there is no way to an app; the configuration has checked it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream has no host that can be connected to, or no TLS settings")]
pub struct NoWay;

impl Connector {
    pub(super) fn new(upstream: &config::Upstream) -> Result<Self, NoWay> {
        let way = match &upstream.address {
            AppAddress::Http(url) => ForwardedChain::Http(base(url)?),
            AppAddress::H2c(url) => ForwardedChain::H2c(base(url)?),
            AppAddress::Https(url) => {
                let settings = upstream.tls.as_ref().ok_or(NoWay)?;
                let [any, http1] = tls::connectors(settings);
                ForwardedChain::Https { uri: base(url)?, name: settings.server_name.clone(), any, http1 }
            }
            AppAddress::Unix(path) => ForwardedChain::Unix(Arc::new(path.clone())),
        };
        let mut tcp = HttpConnector::new();
        // Shared among the addresses of a name, so that one that answers nothing leaves time for the next.
        tcp.set_connect_timeout(Some(upstream.connect_timeout));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        Ok(Self { way, tcp, timeout: upstream.connect_timeout })
    }

    /// The scheme of a request to the app.
    pub(super) fn scheme(&self) -> Scheme {
        match self.way {
            ForwardedChain::Https { .. } => Scheme::HTTPS,
            ForwardedChain::Http(_) | ForwardedChain::H2c(_) | ForwardedChain::Unix(_) => Scheme::HTTP,
        }
    }

    /// True where a connection may turn out to be one that requests share.
    pub(super) fn may_share(&self, speaks: Speaks) -> bool {
        match self.way {
            ForwardedChain::H2c(_) => true,
            ForwardedChain::Https { .. } => speaks == Speaks::Any,
            ForwardedChain::Http(_) | ForwardedChain::Unix(_) => false,
        }
    }

    /// How long opening a connection may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A new connection. To h2c it is HTTP/2, whatever is asked for.
    pub(super) async fn open<B>(&self, speaks: Speaks) -> Result<Connection<B>, ConnectError>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let opening = async {
            match &self.way {
                ForwardedChain::Http(uri) => speak_http1(self.tcp(uri).await?).await,
                ForwardedChain::H2c(uri) => speak_http2(self.tcp(uri).await?).await,
                ForwardedChain::Https { uri, name, any, http1 } => {
                    let tcp = self.tcp(uri).await?;
                    let connector = if speaks == Speaks::Any { any } else { http1 };
                    let stream = connector.connect(name.clone(), tcp).await.map_err(ConnectError::Tls)?;
                    match stream.get_ref().1.alpn_protocol() {
                        Some(b"h2") => speak_http2(stream).await,
                        _ => speak_http1(stream).await,
                    }
                }
                ForwardedChain::Unix(path) => {
                    let stream = UnixStream::connect(&**path).await;
                    speak_http1(stream.map_err(|error| ConnectError::Network(error.into()))?).await
                }
            }
        };
        timeout(self.timeout, opening).await.unwrap_or(Err(ConnectError::Slow(self.timeout)))
    }

    async fn tcp(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let stream = self.tcp.clone().call(uri.clone()).await;
        stream.map(TokioIo::into_inner).map_err(|error| ConnectError::Network(error.into()))
    }
}

async fn speak_http1<T, B>(stream: T) -> Result<Connection<B>, ConnectError>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (stream, bytes_read) = CountedStream::new(stream);
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(READ_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(ConnectError::Http)?;
    // What ends it is told to whoever waits for an answer.
    tokio::spawn(async move { drop(connection.with_upgrades().await) });
    Ok(Connection { sender: Sender::Http1(sender), bytes_read })
}

async fn speak_http2<T, B>(stream: T) -> Result<Connection<B>, ConnectError>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (stream, bytes_read) = CountedStream::new(stream);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_TIMEOUT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(ConnectError::Http)?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(Connection { sender: Sender::Http2(sender), bytes_read })
}

/// Host and port to connect to, as a URI.
fn base(url: &url::Url) -> Result<Uri, NoWay> {
    let host = url.host_str().ok_or(NoWay)?;
    let port = url.port_or_known_default().ok_or(NoWay)?;
    let authority = Authority::try_from(format!("{host}:{port}")).map_err(|_| NoWay)?;
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query("/").build();
    uri.map_err(|_| NoWay)
}

/// The cause that says something: the outer ones only say that there is one.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
