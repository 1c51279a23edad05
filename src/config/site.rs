//! The two ends of the gate: what browsers see, and where requests go or who asks instead.

use std::str::FromStr;

use crate::types::{Origin, OriginError};

use super::app_address::needs_mending;
use super::host_name::HostName;
use super::prefix::EndpointPrefix;
use super::raw::Raw;
use super::report::Report;
use super::rules::{Rule, rules};
use super::upstreams::upstreams;
use super::{Dialect, Upstream};

/// Public URL, mode, prefix and rules, those that are well.
pub(super) struct Site {
    pub(super) public_url: Option<Origin>,
    pub(super) mode: Option<Mode>,
    pub(super) prefix: Option<EndpointPrefix>,
    pub(super) rules: Vec<Rule>,
    pub(super) hosts: Vec<String>,
}

/// What becomes of a request that may pass.
pub(super) enum Mode {
    /// It goes on to one of these apps.
    Proxy(Vec<Upstream>),
    /// A gateway asked about it, is told, and sends it on.
    Gateway(Dialect),
}

pub(super) fn site(raw: &Raw, report: &mut Report) -> Site {
    let public_url = report.require::<PublicUrl>("public_url", raw.public_url.as_deref()).map(|url| url.0);
    let prefix = report.parse("prefix", &raw.prefix);
    let mode = mode(raw, prefix.as_ref(), report);
    if let (Some(origin), Some(Mode::Proxy(upstreams))) = (&public_url, &mode) {
        for (at, upstream) in upstreams.iter().enumerate() {
            if upstream.address.url().is_some_and(|url| origin.contains(url)) {
                let place = report.place("public_url").to_owned();
                report.problem(
                    &url_key(raw, at),
                    format_args!(
                        "it is the same as public_url ({place}), so that requests would come back for ever"
                    ),
                );
            }
        }
    }
    let rules = rules(("rules", &raw.rules), ("public", &raw.public), prefix.as_ref(), report);
    let hosts = hosts(&raw.listen.hosts, report);
    Site { public_url, mode, prefix, rules, hosts }
}

/// The key that an upstream's URL has in this configuration: its place in the list, or the short form.
fn url_key(raw: &Raw, at: usize) -> String {
    if raw.upstreams.is_empty() { "upstream".to_owned() } else { format!("upstreams[{at}].url") }
}

/// Upstreams, or a gateway that asks: one of them, since each request is answered in one way.
fn mode(raw: &Raw, prefix: Option<&EndpointPrefix>, report: &mut Report) -> Option<Mode> {
    let Some(dialect) = raw.gateway.dialect.as_deref() else {
        return upstreams(raw, prefix, report).map(Mode::Proxy);
    };
    let dialect = report.parse::<Dialect>("gateway.dialect", dialect);
    for key in raw.upstream.iter().map(|_| "upstream").chain(raw.upstreams.first().map(|_| "upstreams[0]")) {
        let place = report.place("gateway.dialect").to_owned();
        report.problem(
            key,
            format_args!(
                "gateway.dialect ({place}) says that a gateway sends the requests on; leave one of them out"
            ),
        );
    }
    if raw.listen.trusted_proxies.is_empty() {
        report.problem(
            "listen.trusted_proxies",
            "it is empty, so that no gateway could be believed what it asks about; list the gateway's addresses, \
             such as 127.0.0.1/32, where gateway.dialect is set",
        );
    }
    Some(Mode::Gateway(dialect?))
}

fn hosts(texts: &[String], report: &mut Report) -> Vec<String> {
    let mut hosts = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match text.parse::<HostName>() {
            Ok(HostName(host)) => hosts.push(host),
            Err(error) => report.problem("listen.hosts", format_args!("its item {}: {error}", at + 1)),
        }
    }
    hosts
}

impl FromStr for Dialect {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        match text {
            "nginx" => Ok(Self::Nginx),
            _ => Err(DialectError),
        }
    }
}

/// Not a gateway whose contract we keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be nginx")]
pub struct DialectError;

struct PublicUrl(Origin);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum PublicUrlError {
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("its host must not end with a dot")]
    DotAtEnd,
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        if needs_mending(text) {
            return Err(OriginError::NotAUrl.into());
        }
        let origin: Origin = text.parse()?;
        if origin.host().ends_with('.') { Err(PublicUrlError::DotAtEnd) } else { Ok(Self(origin)) }
    }
}
