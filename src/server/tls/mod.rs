//! TLS at the door: the handshake, and what is spoken behind it.

mod choice;
pub mod reload;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::choice::Choice;
use super::conn::Protocol;
use super::shutdown::Shutdown;
use crate::certificate::Certificate;
use crate::telemetry::metrics::Metrics;

/// How long a handshake may go on once nobody is accepted any more.
const LAST_HANDSHAKE: Duration = Duration::from_secs(1);

/// Opens connections by TLS 1.2 or 1.3. Clones share the certificates and the keys of session tickets, so that a
/// session is resumed on whichever thread its next connection comes to.
#[derive(Clone)]
pub struct Door {
    acceptor: TlsAcceptor,
    choice: Arc<Choice>,
    handshake_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl Door {
    /// The first certificate serves where no other fits better.
    ///
    /// # Errors
    /// Where the system has no random bytes for the keys of session tickets.
    pub fn new(
        certificates: &[Certificate],
        handshake_timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<Self, rustls::Error> {
        let choice = Arc::new(Choice::new(certificates));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&choice) as _);
        // Their keys change every six hours. Early data stays off, since it can be replayed.
        config.ticketer = Ticketer::new()?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: Arc::new(config).into(), choice, handshake_timeout, metrics })
    }

    /// The connection after its handshake, and what the two sides agreed to speak; `None` where they did not, or not
    /// in time, which is shorter once nobody is accepted any more.
    pub(super) async fn open(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        mut shutdown: Shutdown,
    ) -> Option<(TlsStream<TcpStream>, Protocol)> {
        let handshake = self.acceptor.accept(stream).into_fallible();
        let at_the_end = async {
            shutdown.ending().await;
            sleep(LAST_HANDSHAKE).await;
        };
        let opened = tokio::select! {
            opened = timeout(self.handshake_timeout, handshake) => opened,
            () = at_the_end => return None,
        };
        match opened {
            Ok(Ok(stream)) => {
                let (_, connection) = stream.get_ref();
                let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
                self.metrics.tls_handshake(if resumed { "resumed" } else { "full" });
                // A client that names none speaks HTTP/1.1 (RFC 9113 §3.2).
                let is_http2 = connection.alpn_protocol() == Some(b"h2");
                Some((stream, if is_http2 { Protocol::Http2 } else { Protocol::Http1 }))
            }
            Ok(Err((error, mut stream))) => {
                self.metrics.tls_handshake("failed");
                tracing::debug!(%error, %peer, "TLS handshake failed");
                // The alert that says why has been written, and should arrive.
                let _ = stream.shutdown().await;
                None
            }
            Err(_) => {
                self.metrics.tls_handshake("timeout");
                tracing::debug!(%peer, "TLS handshake took too long");
                None
            }
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("choice", &self.choice).finish_non_exhaustive()
    }
}
