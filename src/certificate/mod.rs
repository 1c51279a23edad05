//! A certificate chain and its private key, as two PEM files hold them.
//!
//! What is wrong is found when they are read, and said with the file and the line; a connection finds nothing wrong
//! any more.

mod pem;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::clock::UnixTime;
use crate::file::ReadError;
use crate::watch::{Content, Snapshot, Watch};

pub use pem::{PemError, certificates};

/// A chain with the key of its first certificate; they fit.
#[derive(Clone, Debug)]
pub struct Certificate {
    files: PairFiles,
    held: Held,
    watch: Watch,
}

/// What the files hold.
#[derive(Clone, Debug)]
struct Held {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    not_before: UnixTime,
    not_after: UnixTime,
}

/// Where a chain and its key are; they may be one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why two files are no chain with its key.
#[derive(Debug, thiserror::Error)]
#[error("the file {} {problem}", path.display())]
pub struct CertificateError {
    /// Which of the two it is about.
    pub part: Part,
    path: PathBuf,
    problem: Problem,
}

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Certificate,
    Key,
}

/// Follows the file's name in a message. Never what is in the file.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Read(ReadError),
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("holds no private key in PEM (BEGIN PRIVATE KEY)")]
    NoKey,
    #[error("holds a certificate and no private key; are the two files the wrong way round?")]
    CertificateForKey,
    #[error("holds a private key that is encrypted; decrypt it, as by openssl pkey -in … -out …")]
    Encrypted,
    #[error("holds a private key that cannot be used: {0}")]
    Unusable(rustls::Error),
    #[error(
        "holds a private key that is not that of the first certificate of {}; a chain begins with the server's own",
        .0.display()
    )]
    Mismatch(PathBuf),
}

impl Certificate {
    /// Reads and checks both files. This blocks.
    ///
    /// An expired certificate is no error: [`Certificate::doubt`] tells.
    pub fn load(files: PairFiles) -> Result<Self, CertificateError> {
        let snapshot = files.snapshot();
        let watch = Watch::begin(&snapshot);
        let held = Held::parse(&files, snapshot.contents)?;
        Ok(Self { files, held, watch })
    }

    /// Looks at the files again, and takes what they hold where that is something else and can be used. `None` where
    /// there is no news; see [`Watch`]. This blocks.
    pub fn renew(&mut self) -> Option<Result<(), CertificateError>> {
        let snapshot = self.files.snapshot();
        let news = self.watch.look(snapshot, |contents| Held::parse(&self.files, contents))?;
        Some(news.map(|held| self.held = held))
    }

    /// What a handshake needs of it.
    #[must_use]
    pub fn key(&self) -> &Arc<CertifiedKey> {
        &self.held.key
    }

    /// The names it is for: lower case, perhaps with `*.` in front.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.held.names
    }

    /// The file of the chain.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.files.certificate
    }

    /// When it expires.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.held.not_after
    }

    /// True where browsers take it for this host: a lower-case name, or an IP address, IPv6 in brackets.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => self.held.addresses.contains(&address),
            Err(_) => {
                let wild = host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
                self.held.names.iter().any(|name| name == host || wild.as_ref() == Some(name))
            }
        }
    }

    /// Why browsers refuse it at this time, if they do.
    #[must_use]
    pub fn doubt(&self, now: UnixTime) -> Option<&'static str> {
        if now > self.held.not_after {
            Some("it has expired")
        } else if now < self.held.not_before {
            Some("it is not valid yet")
        } else {
            None
        }
    }
}

impl PairFiles {
    fn snapshot(&self) -> Snapshot<2> {
        Snapshot::take([&self.certificate, &self.key])
    }

    fn error(&self, part: Part, problem: Problem) -> CertificateError {
        let path = match part {
            Part::Certificate => &self.certificate,
            Part::Key => &self.key,
        };
        CertificateError { part, path: path.clone(), problem }
    }
}

impl Held {
    fn parse(files: &PairFiles, [chain, key]: [Content; 2]) -> Result<Self, CertificateError> {
        let chain = chain.map_err(Problem::Read).and_then(|pem| Ok(certificates(&pem)?));
        let chain = chain.map_err(|problem| files.error(Part::Certificate, problem))?;
        let key = key.map_err(Problem::Read).and_then(|pem| private_key(&pem));
        let held = key.and_then(|key| Self::fit(chain, key, &files.certificate));
        held.map_err(|problem| files.error(Part::Key, problem))
    }

    fn fit(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        chain_file: &Path,
    ) -> Result<Self, Problem> {
        let provider = aws_lc_rs::default_provider();
        let key = provider.key_provider.load_private_key(key).map_err(Problem::Unusable)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| Problem::Mismatch(chain_file.to_owned()))?;
        // There is a first one, and it was decoded before.
        let own = certified.cert.first().and_then(|own| x509_cert::Certificate::from_der(own).ok());
        let own = own.ok_or(PemError::NoCertificate)?;
        let own = own.tbs_certificate();
        let alternative = own.get_extension::<SubjectAltName>().ok().flatten();
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        for name in alternative.map(|(_critical, names)| names.0).unwrap_or_default() {
            match name {
                GeneralName::DnsName(name) => names.push(name.as_str().to_ascii_lowercase()),
                GeneralName::IpAddress(bytes) => addresses.extend(address(bytes.as_bytes())),
                _ => {}
            }
        }
        let (not_before, not_after) = (time(own.validity().not_before), time(own.validity().not_after));
        Ok(Self { key: Arc::new(certified), names, addresses, not_before, not_after })
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    if let Some(key) = pem::private_key(pem)? {
        return Ok(key);
    }
    let has = |text: &str| pem.windows(text.len()).any(|part| part == text.as_bytes());
    Err(if has("BEGIN ENCRYPTED PRIVATE KEY") {
        Problem::Encrypted
    } else if has("BEGIN CERTIFICATE") {
        Problem::CertificateForKey
    } else {
        Problem::NoKey
    })
}

fn time(time: x509_cert::time::Time) -> UnixTime {
    UnixTime(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
