//! All sites: `[[sites]]`, or the one that the top level is; and what they must not have in common.

use crate::types::Origin;

use super::host_name::split_host;
use super::prefix::EndpointPrefix;
use super::raw::Raw;
use super::report::Report;
use super::rules::{Rule, rules};
use super::shadow::may_meet;
use super::site::{Checked, Said, SiteKeys};

/// What is said of each site. Where there are several, the top level must not be one more.
pub(super) fn said<'a>(raw: &'a Raw, report: &mut Report) -> Vec<Said<'a>> {
    if raw.sites.is_empty() {
        return vec![Said {
            keys: SiteKeys(None),
            public_url: raw.public_url.as_deref(),
            hosts: &raw.listen.hosts,
            upstream: raw.upstream.as_deref(),
            upstreams: &raw.upstreams,
            rules: &raw.rules,
            public: &raw.public,
            cognito: &raw.cognito,
            cookie: &raw.cookie,
            origins: &raw.websocket.origins,
            csrf: &raw.csrf,
            csrf_origins: &raw.csrf_origins,
        }];
    }
    let place = report.place("sites[0]").to_owned();
    for (key, is_said, meant) in [
        ("public_url", raw.public_url.is_some(), "a public_url"),
        ("upstream", raw.upstream.is_some(), "an upstream"),
        ("upstreams[0]", !raw.upstreams.is_empty(), "[[sites.upstreams]]"),
        ("listen.hosts", !raw.listen.hosts.is_empty(), "hosts"),
    ] {
        if is_said {
            let text = format_args!(
                "there are [[sites]] ({place}), each of which has {meant} of its own; leave it out here, or make it one of \
                 them"
            );
            report.problem(key, text);
        }
    }
    let site = |(at, raw): (usize, &'a super::raw::RawSite)| Said {
        keys: SiteKeys(Some(at)),
        public_url: raw.public_url.as_deref(),
        hosts: &raw.hosts,
        upstream: raw.upstream.as_deref(),
        upstreams: &raw.upstreams,
        rules: &raw.rules,
        public: &raw.public,
        cognito: &raw.cognito,
        cookie: &raw.cookie,
        origins: &raw.websocket.origins,
        csrf: &raw.csrf,
        csrf_origins: &raw.csrf_origins,
    };
    raw.sites.iter().enumerate().map(site).collect()
}

/// The rules of the top level where there are several sites: they are for all of them, or for those of their host.
pub(super) fn rules_of_all(raw: &Raw, prefix: Option<&EndpointPrefix>, report: &mut Report) -> Vec<Rule> {
    // Where it is the one site itself, they are that one's.
    if raw.sites.is_empty() {
        Vec::new()
    } else {
        rules(("rules", &raw.rules), ("public", &[]), prefix, report)
    }
}

/// Refuses a rule whose host no site answers for.
pub(super) fn must_meet(of_all: &[Rule], sites: &[Checked], report: &mut Report) {
    let all_known = sites.iter().all(|site| site.public_url.is_some());
    for rule in of_all {
        let meets =
            |site: &Checked| site.public_url.as_ref().is_some_and(|url| may_meet(rule, url, &site.hosts));
        if all_known && !sites.iter().any(meets) {
            let text =
                "no site answers for it, so that its requests would be refused; add it to the hosts of one";
            report.problem(&format!("{}.host", rule.name), text);
        }
    }
}

/// Refuses sites that a browser could not tell apart, or whose sessions it would mix up.
pub(super) fn must_be_apart(sites: &[Checked], report: &mut Report) {
    for (at, site) in sites.iter().enumerate() {
        for (key, host) in site.names() {
            if let Some((other, _)) = sites[..at].iter().flat_map(Checked::names).find(|(_, it)| *it == host)
            {
                let place = report.place(&other).to_owned();
                let text = format_args!(
                    "its host is in {other} ({place}) too; a host is of one site, whatever its port, since cookies know \
                     no ports"
                );
                report.problem(&key, text);
            }
        }
        let Some(domain) = site.cookie.as_ref().and_then(|cookie| cookie.domain.as_deref()) else { continue };
        let others = sites.iter().filter(|other| other.keys.0 != site.keys.0);
        for (other, _) in others.flat_map(Checked::names).filter(|(_, host)| is_below(host, domain)).take(1) {
            let place = report.place(&other).to_owned();
            let text = format_args!(
                "browsers would send the session to the host of {other} ({place}) too, which is another site; leave it out, \
                 or make them one site with that host among its hosts"
            );
            report.problem(&site.keys.of("cookie.domain"), text);
        }
    }
}

impl Checked {
    /// The site's host names without their ports, each with the key that says it.
    fn names(&self) -> impl Iterator<Item = (String, String)> {
        let own = self.public_url.as_ref().map(Origin::host).map(str::to_owned);
        let own = own.map(|host| (self.keys.of("public_url"), host));
        own.into_iter().chain(self.hosts.iter().map(|host| (self.keys.hosts(), split_host(host).0)))
    }
}

/// True where `host` is `domain` or a name below it.
pub(super) fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
