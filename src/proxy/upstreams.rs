//! The apps, and which of them a request is for.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::client::Upstream;
use super::connect::NoWay;
use crate::config;
use crate::policy::host::RequestHost;
use crate::policy::path::CanonicalPath;
use crate::telemetry::metrics::Metrics;

/// The apps of one thread. A clone shares their connections, [`Upstreams::anew`] has its own.
#[derive(Clone, Debug)]
pub struct Upstreams {
    /// Those of each site. The most particular first: with a host before without, then the longer path.
    by_site: Arc<[Vec<Entry>]>,
}

#[derive(Clone, Debug)]
struct Entry {
    host: Option<(String, Option<u16>)>,
    path: Option<String>,
    strip_prefix: bool,
    upstream: Upstream,
}

/// The app that a request is for.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    pub upstream: &'a Upstream,
    /// What the app does not see of the path.
    pub stripped: Option<&'a str>,
}

impl Upstreams {
    /// Without connections: each thread has its own, by [`Upstreams::anew`].
    pub fn new(sites: &[config::Site], metrics: &Arc<Metrics>) -> Result<Self, NoWay> {
        let of_site = |site: &config::Site| {
            let entries = site.upstreams.iter().map(|upstream| Entry::new(upstream, metrics));
            let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.rank()));
            Ok(entries)
        };
        Ok(Self { by_site: sites.iter().map(of_site).collect::<Result<_, _>>()? })
    }

    /// The same apps, by connections of their own.
    #[must_use]
    pub fn anew(&self) -> Self {
        self.each(|entry| Entry { upstream: entry.upstream.anew(), ..entry.clone() })
    }

    /// Waits so long for an answer in place of what the configuration says.
    #[must_use]
    pub fn answers_within(&self, response_timeout: Duration) -> Self {
        self.each(|entry| Entry {
            upstream: entry.upstream.clone().answers_within(response_timeout),
            ..entry.clone()
        })
    }

    fn each(&self, changed: impl Fn(&Entry) -> Entry) -> Self {
        Self { by_site: self.by_site.iter().map(|entries| entries.iter().map(&changed).collect()).collect() }
    }

    /// The app for a request to `host` and `path`, of the host's site: the one that names the host, else one that names none; of those the
    /// one with the longest path.
    #[must_use]
    pub fn choose(&self, host: &RequestHost, path: &CanonicalPath) -> Option<Chosen<'_>> {
        let entry = self.by_site.get(host.site())?.iter().find(|entry| entry.takes(host, path))?;
        let stripped = entry.path.as_deref().filter(|_| entry.strip_prefix);
        Some(Chosen { upstream: &entry.upstream, stripped })
    }
}

impl Entry {
    fn new(upstream: &config::Upstream, metrics: &Arc<Metrics>) -> Result<Self, NoWay> {
        Ok(Self {
            host: upstream.host.as_deref().map(config::split_host),
            path: upstream.path.as_ref().map(|path| path.as_str().to_owned()),
            strip_prefix: upstream.strip_prefix,
            upstream: Upstream::new(upstream, Arc::clone(metrics))?,
        })
    }

    fn rank(&self) -> (bool, bool, usize) {
        let port = self.host.as_ref().is_some_and(|(_, port)| port.is_some());
        (self.host.is_some(), port, self.path.as_ref().map_or(0, String::len))
    }

    fn takes(&self, host: &RequestHost, path: &CanonicalPath) -> bool {
        self.host.as_ref().is_none_or(|(name, port)| host.is(name, *port))
            && self.path.as_deref().is_none_or(|prefix| path.below(prefix).is_some())
    }
}

impl Chosen<'_> {
    /// The target that the app gets: as it was sent, byte for byte, but for what is stripped. `None` where nothing is.
    #[must_use]
    pub fn target(&self, uri: &Uri, path: &CanonicalPath) -> Option<Uri> {
        let rest = path.raw_below(self.stripped?)?;
        let slash = if rest.is_empty() { "/" } else { "" };
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        PathAndQuery::from_str(&format!("{slash}{rest}{query}")).ok().map(Uri::from)
    }
}

/// A path prefix as a header carries it: what is not ASCII is escaped, as in a URL.
pub(super) fn prefix_value(prefix: &str) -> HeaderValue {
    let escaped = utf8_percent_encode(prefix, CONTROLS).to_string();
    HeaderValue::try_from(escaped).unwrap_or_else(|_| HeaderValue::from_static("/"))
}
