//! Which certificate a connection is opened with.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::Certificate;

/// The certificates in use, by name. They can be replaced under connections that are being opened.
#[derive(Debug)]
pub(super) struct Choice(ArcSwap<ByName>);

#[derive(Debug)]
struct ByName {
    /// Lower case; those for every name below one begin with `*.`.
    names: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For a name that is not there, and for clients that say none.
    first: Option<Arc<CertifiedKey>>,
}

impl Choice {
    pub(super) fn new(certificates: &[Certificate]) -> Self {
        Self(ArcSwap::from_pointee(ByName::new(certificates)))
    }

    pub(super) fn replace(&self, certificates: &[Certificate]) {
        self.0.store(Arc::new(ByName::new(certificates)));
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_name = self.0.load();
        let candidates = hello.server_name().map(|name| by_name.find(name)).unwrap_or_default();
        // One name may have an ECDSA and an RSA certificate, for clients of different ages.
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let chosen = candidates.iter().find(fits).or(candidates.first()).or(by_name.first.as_ref());
        chosen.cloned()
    }
}

impl ByName {
    fn new(certificates: &[Certificate]) -> Self {
        let mut names: HashMap<String, Vec<_>> = HashMap::new();
        for certificate in certificates {
            for name in certificate.names() {
                names.entry(name.clone()).or_default().push(Arc::clone(certificate.key()));
            }
        }
        Self { names, first: certificates.first().map(|certificate| Arc::clone(certificate.key())) }
    }

    /// In the order of the configuration: those of the name itself, else those of a `*.` in the place of its first label.
    fn find(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let name = name.to_ascii_lowercase();
        let found = self.names.get(&name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.names.get(&format!("*.{parent}"))
        });
        found.map_or(&[], Vec::as_slice)
    }
}
