//! PEM, with the line of what is wrong in it.

use rustls::pki_types::pem::{Error, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::der::Decode as _;

/// Why there are no certificates in a file. Follows its name in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("holds no certificate in PEM (BEGIN CERTIFICATE)")]
    NoCertificate,
    #[error("holds a private key and no certificate; are the two files the wrong way round?")]
    KeyForCertificate,
    #[error("is broken in the block that begins at line {line}: it has no line that ends it")]
    NoEnd { line: usize },
    #[error("is broken in the block that begins at line {line}: it is no base64")]
    NotBase64 { line: usize },
    #[error("is broken at line {line}, which begins a block")]
    Begin { line: usize },
    #[error("has a block at line {line} that is no X.509 certificate")]
    NotX509 { line: usize },
}

/// All certificates of a file, in their order; at least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let (mut certificates, mut has_key) = (Vec::new(), false);
    for block in blocks(pem) {
        let (line, kind, der) = block?;
        if kind == SectionKind::Certificate {
            x509_cert::Certificate::from_der(&der).map_err(|_| PemError::NotX509 { line })?;
            certificates.push(CertificateDer::from(der));
        } else {
            has_key |= PrivateKeyDer::from_pem(kind, der).is_some();
        }
    }
    match (certificates.is_empty(), has_key) {
        (false, _) => Ok(certificates),
        (true, true) => Err(PemError::KeyForCertificate),
        (true, false) => Err(PemError::NoCertificate),
    }
}

/// The first private key of a file.
pub(super) fn private_key(pem: &[u8]) -> Result<Option<PrivateKeyDer<'static>>, PemError> {
    for block in blocks(pem) {
        let (_, kind, der) = block?;
        if let Some(key) = PrivateKeyDer::from_pem(kind, der) {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

type Block = (usize, SectionKind, Vec<u8>);

/// The blocks of a kind that is known, each with the line where it begins. Ends with the first that is broken.
fn blocks(pem: &[u8]) -> impl Iterator<Item = Result<Block, PemError>> {
    let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem);
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken {
            return None;
        }
        let from = pem.len() - sections.remainder().len();
        let section = sections.next()?;
        let until = pem.len() - sections.remainder().len();
        let line = line_of_last_begin(pem, from, until);
        let block = section.map(|(kind, der)| (line, kind, der)).map_err(|error| match error {
            Error::MissingSectionEnd { .. } => PemError::NoEnd { line },
            Error::IllegalSectionStart { .. } => PemError::Begin { line },
            // The others have to do with input and output, and with what is not in a block.
            _ => PemError::NotBase64 { line },
        });
        broken = block.is_err();
        Some(block)
    })
}

/// Blocks of other kinds are passed over together with the one behind them, so it is the last that counts.
fn line_of_last_begin(pem: &[u8], from: usize, until: usize) -> usize {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let read = pem.get(from..until).unwrap_or_default();
    let begin = read.windows(BEGIN.len()).rposition(|part| part == BEGIN).unwrap_or_default();
    1 + pem.iter().take(from + begin).filter(|byte| **byte == b'\n').count()
}
