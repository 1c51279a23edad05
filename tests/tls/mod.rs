//! TLS at the door, and the way there from plain http.

mod handshake;
mod hsts;
mod redirect;
mod reload;
mod start;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use crate::support::tls::{Authority, Folder, connect};
use crate::support::{Setup, Stage, wire};

/// The host of the gate's public URL.
const HOST: &str = "app.test";

/// A gate with one certificate, for [`HOST`].
struct Door {
    stage: Stage,
    authority: Authority,
    folder: Folder,
}

impl Door {
    async fn new() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let (authority, folder) = (Authority::new(), Folder::new());
        folder.put("app", &authority.issue(&[HOST]));
        let client = authority.client(&["http/1.1"]);
        let stage = Stage::with(|setup| change(setup.over_tls(&folder, &["app"], client))).await;
        Self { stage, authority, folder }
    }

    fn address(&self) -> SocketAddr {
        self.stage.gate.address()
    }

    /// What the metrics say.
    async fn metric(&self, series: &str) -> Option<String> {
        metric(self.stage.gate.admin_address(), series).await
    }
}

/// The value of one series, where there is one.
async fn metric(admin: SocketAddr, series: &str) -> Option<String> {
    let request = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec();
    let text = String::from_utf8(wire::exchange(admin, request).await).unwrap();
    text.lines().find_map(|line| line.strip_prefix(series)).map(|value| value.trim().to_owned())
}

/// The certificate that a connection is opened with.
async fn shown(address: SocketAddr, name: &str, client: ClientConfig) -> CertificateDer<'static> {
    let stream = connect(address, name, &Arc::new(client)).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}
