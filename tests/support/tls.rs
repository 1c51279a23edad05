//! Certificates that are made for one test, and clients that trust them.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Parts, Scheme};
use http::{Request, Uri};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SignatureAlgorithm};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::wire::PATIENCE;

/// A certificate authority.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A chain and its key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) key: String,
    /// The server's own, to be known by.
    pub(crate) own: CertificateDer<'static>,
}

/// A folder of PEM files. Gone when dropped.
pub(crate) struct Folder(TempDir);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own: who has its issuer's name is self-signed.
        params.distinguished_name.push(DnType::CommonName, "an authority for one test");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for these names or addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.issue_as(names, |_| {}, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// One that differs as `change` says, of a key of this kind.
    pub(crate) fn issue_as(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
        algorithm: &'static SignatureAlgorithm,
    ) -> Pair {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            chain: own.pem() + self.certificate.pem().as_str(),
            key: key.serialize_pem(),
            own: own.der().clone().into_owned(),
        }
    }

    /// The root, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A client that trusts this authority and offers these protocols.
    pub(crate) fn client(&self, protocols: &[&str]) -> ClientConfig {
        self.client_of(&[&rustls::version::TLS13, &rustls::version::TLS12], protocols)
    }

    /// One of these versions.
    pub(crate) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}

/// A client that takes whatever certificate there is, and can verify signatures of these schemes.
pub(crate) fn credulous(schemes: &[SignatureScheme]) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().dangerous();
    let verifier = Arc::new(Credulous(schemes.to_vec()));
    builder.with_custom_certificate_verifier(verifier).with_no_client_auth()
}

#[derive(Debug)]
struct Credulous(Vec<SignatureScheme>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes `<name>.crt` and `<name>.key`.
    pub(crate) fn put(&self, name: &str, pair: &Pair) {
        self.write(&format!("{name}.crt"), &pair.chain);
        self.write(&format!("{name}.key"), &pair.key);
    }

    /// Replaces a file in one step, as what writes certificates should.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let new = self.path("new");
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    /// The paths of the files of these pairs, as a variable or a flag has them: certificates, keys.
    pub(crate) fn settings(&self, names: &[&str]) -> [(&'static str, String); 2] {
        [("listen.tls.certificate", "crt"), ("listen.tls.key", "key")].map(|(key, kind)| {
            let paths = names.iter().map(|name| self.path(&format!("{name}.{kind}")));
            (key, paths.map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(","))
        })
    }
}

/// A connection after its handshake.
pub(crate) async fn connect(
    address: SocketAddr,
    name: &str,
    client: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let conversation = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::clone(client)).connect(name, stream).await
    };
    timeout(PATIENCE, conversation).await.expect("no handshake")
}

/// Sends one request over a new connection, by what was agreed on. The name is the request's host.
pub(crate) async fn send(
    address: SocketAddr,
    client: &Arc<ClientConfig>,
    mut request: Request<Full<Bytes>>,
) -> Result<http::Response<hyper::body::Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let host = request.headers()[HOST].to_str()?.to_owned();
    let stream = connect(address, host.split(':').next().unwrap_or_default(), client).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    if is_http2 {
        let mut parts = Parts::default();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(host.parse()?);
        parts.path_and_query = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from_parts(parts)?;
        request.headers_mut().remove(HOST);
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    } else {
        let (mut sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }
}
