//! Rules that no request would ever meet: they look like protection, and are none.

use super::host_name::split_host;
use super::path_pattern::PathPattern;
use super::report::Report;
use super::rules::Rule;
use super::site::SiteKeys;
use crate::types::Origin;

/// A host that is answered for; without a port, with any.
type Answered = (String, Option<u16>);

/// Refuses rules for the same requests, for hosts that are not answered for, and those behind others that take all of
/// theirs.
pub(super) fn must_match(
    rules: &[Rule],
    keys: SiteKeys,
    public_url: &Origin,
    hosts: &[String],
    report: &mut Report,
) {
    let answered = answered(public_url, hosts);
    for (at, rule) in rules.iter().enumerate() {
        let met: Vec<_> = answered.iter().filter(|host| meets(rule, host)).collect();
        if met.is_empty() {
            let (public_url, hosts) = (keys.of("public_url"), keys.hosts());
            report.problem(
                &format!("{}.host", rule.name),
                format_args!(
                    "it is neither the host of {public_url} nor in {hosts}, so that its requests would be refused; add \
                     it to {hosts}"
                ),
            );
            continue;
        }
        for (number, path) in each_path(rule).into_iter().enumerate() {
            let twin = rules[..at].iter().find(|other| is_twin(rule, path, other));
            let shadow = || {
                let covers = |host: &&Answered| rules.iter().find(|other| shadows(other, host, rule, path));
                let mut shadows = met.iter().map(covers);
                let first = shadows.next().flatten();
                first.filter(|_| shadows.all(|shadow| shadow.is_some()))
            };
            let which =
                if rule.paths.len() > 1 { format!("by its path {}", number + 1) } else { "it".to_owned() };
            let (key, place) = place_of(rule);
            if let Some(other) = twin {
                let text = format!(
                    "{which} is for the same requests as {} ({}), so that one of them would never match",
                    other.name, other.place
                );
                report.at(key, Some(place.to_owned()), text);
            } else if let Some(other) = shadow() {
                let text = format!(
                    "{which} would never match: {} ({}) names the host, and so comes first for all of its requests",
                    other.name, other.place
                );
                report.at(key, Some(place.to_owned()), text);
            }
        }
    }
}

/// True where there is a host of a site that the rule is for.
pub(super) fn may_meet(rule: &Rule, public_url: &Origin, hosts: &[String]) -> bool {
    answered(public_url, hosts).iter().any(|host| meets(rule, host))
}

fn answered(public_url: &Origin, hosts: &[String]) -> Vec<Answered> {
    std::iter::once((public_url.host().to_owned(), Some(public_url.port())))
        .chain(hosts.iter().map(|host| split_host(host)))
        .collect()
}

fn place_of(rule: &Rule) -> (&str, &str) {
    (&rule.name, &rule.place)
}

/// Each path of a rule, or the one that is any.
fn each_path(rule: &Rule) -> Vec<Option<&PathPattern>> {
    if rule.paths.is_empty() { vec![None] } else { rule.paths.iter().map(Some).collect() }
}

fn meets(rule: &Rule, (name, port): &Answered) -> bool {
    rule.host
        .as_deref()
        .map(split_host)
        .is_none_or(|(host, wanted)| host == *name && (wanted.is_none() || port.is_none() || wanted == *port))
}

/// True where both are as particular, and there is a request for both.
fn is_twin(rule: &Rule, path: Option<&PathPattern>, other: &Rule) -> bool {
    let methods = if rule.methods.is_empty() {
        other.methods.is_empty()
    } else {
        rule.methods.iter().any(|method| other.methods.contains(method))
    };
    rule.host == other.host && each_path(other).contains(&path) && methods
}

/// True where `other` names the host more closely than `rule`, and takes every request to `host` that is for
/// `rule` by `path`.
fn shadows(other: &Rule, host: &Answered, rule: &Rule, path: Option<&PathPattern>) -> bool {
    let closeness = |rule: &Rule| rule.host.as_deref().map(|host| split_host(host).1.is_some());
    let (name, port) = host;
    let takes_host = other
        .host
        .as_deref()
        .map(split_host)
        .is_some_and(|(known, wanted)| known == *name && (wanted.is_none() || wanted == *port));
    let takes_path = each_path(other).into_iter().any(|wide| match (wide, path) {
        (None, _) => true,
        (Some(wide), Some(path)) => wide.covers(path),
        (Some(_), None) => false,
    });
    let takes_methods = other.methods.is_empty()
        || (!rule.methods.is_empty() && rule.methods.iter().all(|method| other.methods.contains(method)));
    closeness(other) > closeness(rule) && takes_host && takes_path && takes_methods
}
