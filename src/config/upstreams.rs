//! The apps behind the gate: `[[upstreams]]`, or `upstream` for the one.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use url::Host;

use crate::certificate::{Certificate, CertificateError, PairFiles, Part, PemError, certificates};
use crate::file::{self, ReadError};
use crate::types::Origin;

use super::app_address::AppAddress;
use super::duration::HumanDuration;
use super::host_name::{HostName, HostNameError, split_host};
use super::path_prefix::PathPrefix;
use super::prefix::EndpointPrefix;
use super::raw::RawUpstream;
use super::report::{Report, shown};
use super::site::{Said, SiteKeys};
use super::{ForwardHost, Upstream, UpstreamTls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// The apps of a site, where they are well. Exactly one of `upstream` and `[[upstreams]]` must be there.
pub(super) fn upstreams(
    said: &Said<'_>,
    forward_host: Option<&ForwardHost>,
    prefix: Option<&EndpointPrefix>,
    report: &mut Report,
) -> Option<Vec<Upstream>> {
    let keys = said.keys;
    if said.upstreams.is_empty() {
        let address = report.require::<AppAddress>(&keys.of("upstream"), said.upstream)?;
        let tls = match &address {
            AppAddress::Https(_) => Some(tls_of_short_form(&address)?),
            AppAddress::Http(_) | AppAddress::H2c(_) | AppAddress::Unix(_) => None,
        };
        return Some(vec![Upstream {
            address,
            host: None,
            path: None,
            strip_prefix: false,
            forward_host: forward_host.cloned()?,
            tls,
            connect_timeout: CONNECT_TIMEOUT,
            response_timeout: RESPONSE_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        }]);
    }
    if said.upstream.is_some() {
        let place = report.place(&keys.of("upstreams[0]")).to_owned();
        report.problem(
            &keys.of("upstream"),
            format_args!("it is the short form of one [[upstreams]] ({place}); leave one of the two out"),
        );
    }
    let mut upstreams: Vec<Upstream> = Vec::with_capacity(said.upstreams.len());
    let mut all_well = true;
    for (at, raw) in said.upstreams.iter().enumerate() {
        let entry = Entry { name: keys.of(&format!("upstreams[{at}]")), raw };
        let Some(upstream) = entry.check(forward_host, prefix, report) else {
            all_well = false;
            continue;
        };
        let twin =
            upstreams.iter().position(|other| (&other.host, &other.path) == (&upstream.host, &upstream.path));
        if let Some(twin) = twin.filter(|_| all_well) {
            let twin = keys.of(&format!("upstreams[{twin}]"));
            let place = report.place(&twin).to_owned();
            report.problem(
                &entry.name,
                format_args!("it has the host and the path of {twin} ({place}), so that it gets no request"),
            );
        }
        upstreams.push(upstream);
    }
    all_well.then_some(upstreams)
}

/// Refuses a host that the gate does not answer for: its requests would end in a 421.
pub(super) fn must_be_answered(
    upstreams: &[Upstream],
    keys: SiteKeys,
    public_url: &Origin,
    hosts: &[String],
    report: &mut Report,
) {
    let answered: Vec<_> = std::iter::once((public_url.host().to_owned(), Some(public_url.port())))
        .chain(hosts.iter().map(|host| split_host(host)))
        .collect();
    for (at, upstream) in upstreams.iter().enumerate() {
        let Some((host, port)) = upstream.host.as_deref().map(split_host) else { continue };
        let meets = |(known, at): &(String, Option<u16>)| {
            *known == host && (port.is_none() || at.is_none() || port == *at)
        };
        if !answered.iter().any(meets) {
            let (public_url, hosts) = (keys.of("public_url"), keys.hosts());
            report.problem(
                &keys.of(&format!("upstreams[{at}].host")),
                format_args!(
                    "it is neither the host of {public_url} nor in {hosts}, so that its requests would be refused; add \
                     it to {hosts}"
                ),
            );
        }
    }
}

/// Warns of a host that no session reaches: its cookie is for `public_url`'s host, or for the cookie's domain.
pub(super) fn warn_of_hosts_without_sessions(
    upstreams: &[Upstream],
    keys: SiteKeys,
    public_url: &Origin,
    domain: Option<&str>,
    report: &mut Report,
) {
    for (at, upstream) in upstreams.iter().enumerate() {
        let Some(host) = upstream.host.as_deref().map(|host| split_host(host).0) else { continue };
        let below = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if host != public_url.host() && !domain.is_some_and(below) {
            report.warn(format!(
                "nobody can be signed in at the host of {}, since the session's cookie is public_url's: set \
                 cookie.domain to a parent of both, or give it a site of its own, [[sites]]",
                keys.of(&format!("upstreams[{at}]"))
            ));
        }
    }
}

/// One of the tables, and its name in messages.
struct Entry<'a> {
    name: String,
    raw: &'a RawUpstream,
}

impl Entry<'_> {
    fn key(&self, last: &str) -> String {
        format!("{}.{last}", self.name)
    }

    fn check(
        &self,
        forward_host: Option<&ForwardHost>,
        prefix: Option<&EndpointPrefix>,
        report: &mut Report,
    ) -> Option<Upstream> {
        let raw = self.raw;
        let address = report.require::<AppAddress>(&self.key("url"), raw.url.as_deref());
        let host = self.optional::<HostName>("host", raw.host.as_deref(), report);
        let path = self.path(prefix, report);
        let own_host = self.optional::<ForwardHost>("forward_host", raw.forward_host.as_deref(), report);
        let connect_timeout = self.timeout("connect_timeout", &raw.connect_timeout, report);
        let response_timeout = self.timeout("response_timeout", &raw.response_timeout, report);
        let idle_timeout = self.timeout("idle_timeout", &raw.idle_timeout, report);
        let tls = self.tls(address.as_ref(), report);
        Some(Upstream {
            address: address?,
            host: host?.map(|HostName(host)| host),
            path: path?,
            strip_prefix: raw.strip_prefix,
            forward_host: own_host?.or_else(|| forward_host.cloned())?,
            tls: tls?,
            connect_timeout: connect_timeout?,
            response_timeout: response_timeout?,
            idle_timeout: idle_timeout?,
        })
    }

    /// What need not be there: `None` only where it is there and wrong.
    fn optional<T>(&self, last: &str, text: Option<&str>, report: &mut Report) -> Option<Option<T>>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match text {
            Some(text) => report.parse(&self.key(last), text).map(Some),
            None => Some(None),
        }
    }

    fn path(&self, prefix: Option<&EndpointPrefix>, report: &mut Report) -> Option<Option<PathPrefix>> {
        let path = self.optional::<PathPrefix>("path", self.raw.path.as_deref(), report)?;
        match &path {
            Some(path) if prefix.is_some_and(|prefix| prefix.strip(path.as_str()).is_some()) => {
                let text = "it is below prefix, where our own endpoints are, so that it would get no request";
                report.problem(&self.key("path"), text);
                return None;
            }
            None if self.raw.strip_prefix => {
                report.problem(&self.key("strip_prefix"), "there is no path to be stripped; set path too");
                return None;
            }
            _ => {}
        }
        Some(path)
    }

    fn timeout(&self, last: &str, text: &str, report: &mut Report) -> Option<Duration> {
        let HumanDuration(timeout) = report.parse(&self.key(last), text)?;
        if timeout.is_zero() {
            report.problem(&self.key(last), "it must be longer than nothing");
            return None;
        }
        Some(timeout)
    }

    /// What https is to be like; nothing where it is not https.
    fn tls(&self, address: Option<&AppAddress>, report: &mut Report) -> Option<Option<UpstreamTls>> {
        let raw = self.raw;
        let Some(AppAddress::Https(_)) = address else {
            let keys = [
                ("ca_file", raw.ca_file.is_some()),
                ("client_certificate", raw.client_certificate.is_some()),
                ("client_key", raw.client_key.is_some()),
                ("server_name", raw.server_name.is_some()),
                ("insecure", raw.insecure),
            ];
            let idle: Vec<_> = keys.into_iter().filter(|(_, set)| *set && address.is_some()).collect();
            for (last, _) in &idle {
                report.problem(&self.key(last), "it is for an https url; leave it out, or make url https");
            }
            return idle.is_empty().then_some(None);
        };
        let roots = self.roots(report);
        let client = self.client(report);
        let server_name = match raw.server_name.as_deref() {
            Some(text) => report.parse::<TlsName>(&self.key("server_name"), text).map(|name| name.0),
            None => address.and_then(server_name),
        };
        if raw.insecure {
            report.warn(format!(
                "{} is true: whoever can answer in the app's place is believed, and gets every request with its \
                 user's tokens",
                self.key("insecure")
            ));
        }
        Some(Some(UpstreamTls {
            roots: roots?,
            client: client?,
            server_name: server_name?,
            insecure: raw.insecure,
        }))
    }

    fn roots(&self, report: &mut Report) -> Option<Option<Arc<RootCertStore>>> {
        let Some(path) = &self.raw.ca_file else { return Some(None) };
        let key = self.key("ca_file");
        if self.raw.insecure {
            report.problem(&key, "insecure is true, so that it has no effect; leave one of the two out");
            return None;
        }
        let read = authorities(Path::new(path));
        let failed = |error| report.problem(&key, format_args!("the file {} {error}", shown(path)));
        read.map_err(failed).ok().map(|roots| Some(Arc::new(roots)))
    }

    fn client(&self, report: &mut Report) -> Option<Option<Certificate>> {
        let (certificate, key) = match (&self.raw.client_certificate, &self.raw.client_key) {
            (None, None) => return Some(None),
            (Some(certificate), Some(key)) => (certificate.into(), key.into()),
            (Some(_), None) => {
                report.problem(&self.key("client_certificate"), "it has no key; set client_key too");
                return None;
            }
            (None, Some(_)) => {
                report.problem(&self.key("client_key"), "it has no certificate; set client_certificate too");
                return None;
            }
        };
        let failed = |error: CertificateError| {
            let last = match error.part {
                Part::Certificate => "client_certificate",
                Part::Key => "client_key",
            };
            report.problem(&self.key(last), error);
        };
        Certificate::load(PairFiles { certificate, key }).map_err(failed).ok().map(Some)
    }
}

/// Why a file is no bundle of certificate authorities. Follows its name in a message.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("holds a certificate, in place {0}, that cannot be an authority's")]
    NoAuthority(usize),
}

/// Every certificate of a bundle.
pub(super) fn authorities(path: &Path) -> Result<RootCertStore, BundleError> {
    let mut roots = RootCertStore::empty();
    for (at, certificate) in certificates(&file::read(path)?)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|_| BundleError::NoAuthority(at + 1))?;
    }
    Ok(roots)
}

/// What certificate an app must show.
fn server_name(address: &AppAddress) -> Option<ServerName<'static>> {
    match address.url()?.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(ip) => Some(ServerName::IpAddress(std::net::IpAddr::from(ip).into())),
        Host::Ipv6(ip) => Some(ServerName::IpAddress(std::net::IpAddr::from(ip).into())),
    }
}

fn tls_of_short_form(address: &AppAddress) -> Option<UpstreamTls> {
    Some(UpstreamTls { roots: None, client: None, server_name: server_name(address)?, insecure: false })
}

struct TlsName(ServerName<'static>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be a host name or an IP address, without a scheme and without a port")]
struct TlsNameError;

impl FromStr for TlsName {
    type Err = TlsNameError;

    fn from_str(text: &str) -> Result<Self, TlsNameError> {
        ServerName::try_from(text.to_owned()).map(Self).map_err(|_| TlsNameError)
    }
}

impl FromStr for ForwardHost {
    type Err = ForwardHostError;

    fn from_str(text: &str) -> Result<Self, ForwardHostError> {
        match text {
            "preserve" => Ok(Self::Preserve),
            "upstream" => Ok(Self::Upstream),
            name => Ok(Self::Name(name.parse::<HostName>()?.0)),
        }
    }
}

/// Not what the app can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be preserve, upstream, or a host name, perhaps with a port, such as app.internal:8080")]
pub struct ForwardHostError;

impl From<HostNameError> for ForwardHostError {
    fn from(_: HostNameError) -> Self {
        Self
    }
}
