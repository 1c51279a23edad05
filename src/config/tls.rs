//! TLS at the door, and what leads browsers there.

use std::net::SocketAddr;
use std::time::Duration;

use crate::certificate::{Certificate, PairFiles, Part};
use crate::types::Origin;

use super::duration::HumanDuration;
use super::raw::RawTls;
use super::report::Report;

const CERTIFICATE: &str = "listen.tls.certificate";
const KEY: &str = "listen.tls.key";

/// The certificates that can be used, read from their files; none where TLS ends in front.
pub(super) fn certificates(
    raw: &RawTls,
    public_urls: &[(String, &Origin)],
    report: &mut Report,
) -> Vec<Certificate> {
    let (chains, keys) = match (&raw.certificate, &raw.key) {
        (None, None) => return Vec::new(),
        (Some(chains), Some(keys)) => (chains, keys),
        (Some(_), None) => {
            unpaired(KEY, CERTIFICATE, report);
            return Vec::new();
        }
        (None, Some(_)) => {
            unpaired(CERTIFICATE, KEY, report);
            return Vec::new();
        }
    };
    if chains.len() != keys.len() || chains.is_empty() {
        let place = report.place(CERTIFICATE).to_owned();
        report.problem(
            KEY,
            format_args!(
                "it names {} and {CERTIFICATE} ({place}) {}; name a key for each certificate, in the same order",
                counted(keys.len()),
                counted(chains.len()),
            ),
        );
        return Vec::new();
    }
    for (key, paths) in [(CERTIFICATE, chains), (KEY, keys)] {
        // Not to be told by its name: it would be told whole.
        if paths.iter().any(|path| path.contains("-----BEGIN")) {
            report.problem(key, "it must be the path of a file, and not what is in it");
            return Vec::new();
        }
    }
    let mut certificates = Vec::with_capacity(chains.len());
    for (at, (certificate, key)) in chains.iter().zip(keys).enumerate() {
        match Certificate::load(PairFiles { certificate: certificate.into(), key: key.into() }) {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => {
                let name = match error.part {
                    Part::Certificate => CERTIFICATE,
                    Part::Key => KEY,
                };
                let item = if chains.len() > 1 { format!("its item {}: ", at + 1) } else { String::new() };
                report.problem(name, format_args!("{item}{error}"));
            }
        }
    }
    for (key, origin) in public_urls {
        doubts(&certificates, key, origin, report);
    }
    certificates
}

fn unpaired(missing: &str, there: &str, report: &mut Report) {
    let place = report.place(there).to_owned();
    report
        .problem(missing, format_args!("it is missing, and {there} ({place}) is set; they belong together"));
}

fn counted(files: usize) -> String {
    match files {
        0 => "no file".to_owned(),
        1 => "one file".to_owned(),
        more => format!("{more} files"),
    }
}

/// What works, and is seldom meant.
fn doubts(certificates: &[Certificate], key: &str, public_url: &Origin, report: &mut Report) {
    if certificates.is_empty() {
        return;
    }
    if !public_url.is_secure() {
        report.warn(format!(
            "listen.tls is set though {key} is http: links and sign-ins lead browsers to http"
        ));
    } else if !certificates.iter().any(|certificate| certificate.is_for(public_url.host())) {
        report.warn(format!(
            "no certificate of {CERTIFICATE} is for the host of {key}, so that browsers will refuse it"
        ));
    }
}

/// How long browsers keep to https. Only they who come by https are told, so every
/// public URL is to be https.
pub(super) fn hsts(
    text: Option<&str>,
    public_urls: &[(String, &Origin)],
    report: &mut Report,
) -> Option<Duration> {
    const HSTS: &str = "listen.hsts";
    let HumanDuration(duration) = report.parse(HSTS, text?)?;
    only_for_https(HSTS, public_urls, report).then_some(duration)
}

/// An address, or a port of the address that `listen.address` has.
pub(super) fn redirect_http(
    text: &str,
    listen: SocketAddr,
    public_urls: &[(String, &Origin)],
    report: &mut Report,
) -> Option<SocketAddr> {
    const REDIRECT: &str = "listen.redirect_http";
    let address = match text.strip_prefix(':') {
        Some(port) => port.parse().ok().map(|port| SocketAddr::new(listen.ip(), port)),
        None => text.parse().ok(),
    };
    if address.is_none() {
        report.problem(
            REDIRECT,
            "it must be a port, such as :80, or an IP address and a port, such as 0.0.0.0:80",
        );
    }
    address.filter(|_| only_for_https(REDIRECT, public_urls, report))
}

fn only_for_https(key: &str, public_urls: &[(String, &Origin)], report: &mut Report) -> bool {
    let Some((http, _)) = public_urls.iter().find(|(_, origin)| !origin.is_secure()) else { return true };
    let place = report.place(http).to_owned();
    report.problem(key, format_args!("it needs https, and {http} ({place}) is http"));
    false
}
