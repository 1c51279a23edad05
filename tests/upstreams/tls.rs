//! TLS to an app: whom the gate believes, and what it shows.

use std::sync::Arc;

use http::Version;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use super::Scene;
use super::peer::Peer;
use crate::forwarding::head;
use crate::support::peer::Peer as Wire;
use crate::support::visitor::text;

/// A certificate authority, with its certificate in a file.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    /// The authority's own certificate, to believe it.
    pub(super) fn file(&self) -> String {
        self.directory.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// A server whose certificate is for `name`.
    pub(super) fn server(&self, name: &str, protocols: &[&str]) -> ServerConfig {
        let (certificate, key) = self.issue(name, |_| {});
        let mut config = builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// A certificate for `name` and its key, as files: for either end.
    pub(super) fn pair(&self, name: &str) -> (String, String) {
        let (certificate, key) = self.signed(name, |params| {
            let both = [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
            params.extended_key_usages.extend(both);
        });
        let beside = |extension: &str, text: String| {
            let path = self.directory.path().join(format!("{name}.{extension}"));
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        (beside("pem", certificate.pem()), beside("key", key.serialize_pem()))
    }

    fn issue(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let (certificate, key) = self.signed(name, change);
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn signed(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}

/// A gate in front of an app on TLS, with `settings` beside its URL.
async fn scene(port: u16, host: &str, settings: &str) -> Scene {
    Scene::before(&format!("[[upstreams]]\nurl = 'https://{host}:{port}'\n{settings}\n")).await
}

#[tokio::test]
async fn the_app_chooses_what_is_spoken() {
    let authority = Authority::new();
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["h2"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let peer = Peer::default();
        let port = peer.on_tls(authority.server("localhost", protocols)).await;
        let mut scene = scene(port, "localhost", &format!("ca_file = '{}'", authority.file())).await;
        for _ in 0..3 {
            assert_eq!(text(&scene.alice.fetch("/x").await), "the app");
        }
        let seen = peer.last();
        assert_eq!((seen.version, seen.sni.as_deref()), (version, Some("localhost")));
        assert_eq!((seen.certificates, peer.connections()), (0, 1));
        match version {
            Version::HTTP_2 => assert_eq!(seen.uri.to_string(), "https://app.test/x"),
            _ => assert_eq!(seen.headers["host"], "app.test"),
        }
    }
}

#[tokio::test]
async fn an_app_by_its_address_needs_a_certificate_for_that() {
    let (authority, peer) = (Authority::new(), Peer::default());
    let port = peer.on_tls(authority.server("127.0.0.1", &["h2"])).await;
    let mut scene = scene(port, "127.0.0.1", &format!("ca_file = '{}'", authority.file())).await;
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
    assert_eq!(peer.last().sni, None);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_502() {
    let (authority, stranger, peer) = (Authority::new(), Authority::new(), Peer::default());
    let port = peer.on_tls(authority.server("localhost", &["h2"])).await;
    let strangers = format!("ca_file = '{}'", stranger.file());
    // Neither another authority, nor the system's.
    for settings in [strangers.as_str(), ""] {
        let mut scene = scene(port, "localhost", settings).await;
        assert_eq!(scene.alice.fetch("/").await.status(), 502, "{settings}");
    }
    assert_eq!(peer.count(), 0);
    let mut scene = scene(port, "localhost", "insecure = true").await;
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_502_unless_that_is_the_name() {
    let (authority, peer) = (Authority::new(), Peer::default());
    let port = peer.on_tls(authority.server("app.internal", &["h2"])).await;
    let ca = format!("ca_file = '{}'", authority.file());
    let mut plain = scene(port, "localhost", &ca).await;
    assert_eq!(plain.alice.fetch("/").await.status(), 502);
    assert_eq!(peer.count(), 0);
    let mut named = scene(port, "127.0.0.1", &format!("{ca}\nserver_name = 'app.internal'")).await;
    assert_eq!(named.alice.fetch("/").await.status(), 200);
    assert_eq!(peer.last().sni.as_deref(), Some("app.internal"));
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_a_502() {
    let (authority, peer) = (Authority::new(), Peer::default());
    let (certificate, key) = authority.issue("localhost", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let config = builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let port = peer.on_tls(config).await;
    let mut scene = scene(port, "localhost", &format!("ca_file = '{}'", authority.file())).await;
    assert_eq!(scene.alice.fetch("/").await.status(), 502);
    assert_eq!(peer.count(), 0);
}

#[tokio::test]
async fn an_app_that_asks_for_a_certificate_is_shown_the_gate_s() {
    let (authority, peer) = (Authority::new(), Peer::default());
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let (certificate, key) = authority.issue("localhost", |_| {});
    let config =
        builder().with_client_cert_verifier(verifier).with_single_cert(vec![certificate], key).unwrap();
    let port = peer.on_tls(config).await;
    let ca = format!("ca_file = '{}'", authority.file());
    let mut without = scene(port, "localhost", &ca).await;
    assert_eq!(without.alice.fetch("/").await.status(), 502);
    assert_eq!(peer.count(), 0);

    let (certificate, key) = authority.pair("gate.internal");
    let settings = format!("{ca}\nclient_certificate = '{certificate}'\nclient_key = '{key}'");
    let mut with = scene(port, "localhost", &settings).await;
    assert_eq!(with.alice.fetch("/").await.status(), 200);
    assert_eq!(peer.last().certificates, 1);
}

#[tokio::test]
async fn an_upgrade_goes_by_http1_where_everything_else_goes_by_http2() {
    let (authority, peer) = (Authority::new(), Peer::default());
    let port = peer.on_tls(authority.server("localhost", &["h2", "http/1.1"])).await;
    let mut scene = scene(port, "localhost", &format!("ca_file = '{}'", authority.file())).await;
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
    assert_eq!(peer.last().version, Version::HTTP_2);
    let mut client = Wire::to(scene.gate.address()).await;
    let upgrade = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Origin: https://app.test",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    client.send(head(&scene.alice, "GET /socket", &upgrade)).await;
    assert_eq!(client.head().await.status(), 200);
    let seen = peer.last();
    assert_eq!((seen.version, seen.uri.path()), (Version::HTTP_11, "/socket"));
    assert_eq!(seen.headers["upgrade"], "websocket");
    assert_eq!(scene.alice.fetch("/").await.status(), 200);
    assert_eq!((peer.last().version, peer.connections()), (Version::HTTP_2, 2));
}
