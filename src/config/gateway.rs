//! A gateway that asks, in the place of apps behind us.

use std::str::FromStr;

use super::Dialect;
use super::raw::Raw;
use super::report::Report;
use super::site::Said;

/// Who asks, if anybody does; `None` where that is not well.
pub(super) fn gateway(raw: &Raw, report: &mut Report) -> Option<Option<Dialect>> {
    let Some(dialect) = raw.gateway.dialect.as_deref() else { return Some(None) };
    let dialect = report.parse::<Dialect>("gateway.dialect", dialect);
    if raw.listen.trusted_proxies.is_empty() {
        report.problem(
            "listen.trusted_proxies",
            "it is empty, so that no gateway could be believed what it asks about; list the gateway's addresses, \
             such as 127.0.0.1/32, where gateway.dialect is set",
        );
    }
    dialect.map(Some)
}

/// Refuses apps of a site, since each request is answered in one way.
pub(super) fn no_upstreams(said: &Said<'_>, report: &mut Report) {
    let short = said.upstream.map(|_| "upstream");
    for key in short.into_iter().chain(said.upstreams.first().map(|_| "upstreams[0]")) {
        let place = report.place("gateway.dialect").to_owned();
        report.problem(
            &said.keys.of(key),
            format_args!(
                "gateway.dialect ({place}) says that a gateway sends the requests on; leave one of them out"
            ),
        );
    }
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
