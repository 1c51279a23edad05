//! One site: what browsers see, where its requests go, and who signs in there.

use std::str::FromStr;

use crate::types::{Origin, OriginError};

use super::app_address::needs_mending;
use super::host_name::HostName;
use super::origins::origins;
use super::prefix::EndpointPrefix;
use super::raw::{RawCognito, RawCookie, RawRule, RawUpstream};
use super::report::Report;
use super::rules::{Rule, rules};
use super::shadow::{may_meet, must_match};
use super::upstreams::{must_be_answered, upstreams, warn_of_hosts_without_sessions};
use super::{Cognito, Cookie, Csrf, Dialect, ForwardHost, Site, Upstream};
use super::{cognito, cookie, csrf, gateway};

/// What is said of one site: at the top level where there is one alone, in one of `[[sites]]` where there are several.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) keys: SiteKeys,
    pub(super) public_url: Option<&'a str>,
    pub(super) hosts: &'a [String],
    pub(super) upstream: Option<&'a str>,
    pub(super) upstreams: &'a [RawUpstream],
    /// Those of the site alone.
    pub(super) rules: &'a [RawRule],
    pub(super) public: &'a [String],
    pub(super) cognito: &'a RawCognito,
    pub(super) cookie: &'a RawCookie,
    pub(super) origins: &'a [String],
    pub(super) csrf: &'a str,
    pub(super) csrf_origins: &'a [String],
}

/// What the keys of a site are called: as at the top level, or with its place in `[[sites]]` in front.
#[derive(Clone, Copy)]
pub(super) struct SiteKeys(pub(super) Option<usize>);

/// What is the same for all sites.
pub(super) struct Surroundings {
    pub(super) prefix: Option<EndpointPrefix>,
    pub(super) forward_host: Option<ForwardHost>,
    /// `None` where it is not well, `Some(None)` where nobody asks.
    pub(super) gateway: Option<Option<Dialect>>,
}

/// Of one site, those parts that are well.
pub(super) struct Checked {
    pub(super) keys: SiteKeys,
    pub(super) public_url: Option<Origin>,
    pub(super) hosts: Vec<String>,
    pub(super) upstreams: Option<Vec<Upstream>>,
    rules: Vec<Rule>,
    cognito: Option<Cognito>,
    pub(super) cookie: Option<Cookie>,
    origins: Vec<Origin>,
    csrf: Option<Csrf>,
}

impl SiteKeys {
    /// What a key of the top level is called in the site.
    pub(super) fn of(self, key: &str) -> String {
        match self.0 {
            Some(at) => format!("sites[{at}].{key}"),
            None => key.to_owned(),
        }
    }

    /// The key of the hosts beside `public_url`'s.
    pub(super) fn hosts(self) -> String {
        if self.0.is_some() { self.of("hosts") } else { "listen.hosts".to_owned() }
    }
}

/// Checks what is said of a site by itself. `of_all` are the rules that the top level has for every site.
pub(super) fn check(said: &Said<'_>, around: &Surroundings, of_all: &[Rule], report: &mut Report) -> Checked {
    let keys = said.keys;
    let public_url =
        report.require::<PublicUrl>(&keys.of("public_url"), said.public_url).map(|PublicUrl(url)| url);
    let prefix = around.prefix.as_ref();
    let upstreams = match around.gateway {
        Some(None) => upstreams(said, around.forward_host.as_ref(), prefix, report),
        Some(Some(_)) | None => {
            gateway::no_upstreams(said, report);
            Some(Vec::new())
        }
    };
    if let (Some(origin), Some(upstreams)) = (&public_url, &upstreams) {
        must_lead_elsewhere(said, origin, upstreams, report);
    }
    let hosts = hosts(said, report);
    let (list, public) = (keys.of("rules"), keys.of("public"));
    let mut rules = rules((&list, said.rules), (&public, said.public), prefix, report);
    let cookie = cookie::cookie(said.cookie, keys, public_url.as_ref(), report);
    if let Some(public_url) = &public_url {
        rules.extend(of_all.iter().filter(|rule| may_meet(rule, public_url, &hosts)).cloned());
        must_match(&rules, keys, public_url, &hosts, report);
    }
    if let (Some(public_url), Some(upstreams)) = (&public_url, &upstreams) {
        must_be_answered(upstreams, keys, public_url, &hosts, report);
        let domain = cookie.as_ref().and_then(|cookie| cookie.domain.as_deref());
        warn_of_hosts_without_sessions(upstreams, keys, public_url, domain, report);
    }
    let origins = origins(&keys.of("websocket.origins"), said.origins, report);
    let csrf = csrf::csrf(said, report);
    let cognito = cognito::cognito(said.cognito, keys, report);
    Checked { keys, public_url, hosts, upstreams, rules, cognito, cookie, origins, csrf }
}

impl Checked {
    /// The site, where all of it is well.
    pub(super) fn whole(self) -> Option<Site> {
        Some(Site {
            public_url: self.public_url?,
            hosts: self.hosts,
            upstreams: self.upstreams?,
            rules: self.rules,
            cognito: self.cognito?,
            cookie: self.cookie?,
            origins: self.origins,
            csrf: self.csrf?,
        })
    }
}

/// The key that an upstream's URL has in this configuration: its place in the list, or the short form.
pub(super) fn url_key(said: &Said<'_>, at: usize) -> String {
    let short = said.upstreams.is_empty();
    said.keys.of(&if short { "upstream".to_owned() } else { format!("upstreams[{at}].url") })
}

fn must_lead_elsewhere(said: &Said<'_>, origin: &Origin, upstreams: &[Upstream], report: &mut Report) {
    for (at, upstream) in upstreams.iter().enumerate() {
        if upstream.address.url().is_some_and(|url| origin.contains(url)) {
            let place = report.place(&said.keys.of("public_url")).to_owned();
            report.problem(
                &url_key(said, at),
                format_args!(
                    "it is the same as public_url ({place}), so that requests would come back for ever"
                ),
            );
        }
    }
}

fn hosts(said: &Said<'_>, report: &mut Report) -> Vec<String> {
    let mut hosts = Vec::with_capacity(said.hosts.len());
    for (at, text) in said.hosts.iter().enumerate() {
        match text.parse::<HostName>() {
            Ok(HostName(host)) => hosts.push(host),
            Err(error) => report.problem(&said.keys.hosts(), format_args!("its item {}: {error}", at + 1)),
        }
    }
    hosts
}

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
