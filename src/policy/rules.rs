//! Who may pass where: the rule that decides about a request, and whether somebody meets it.
//!
//! A rule is found by the canonical path. An app may read that path more freely (see `readings`): a rule that guards
//! such a reading has to be met as well. That only ever makes the decision stricter.

use std::time::Duration;

use http::Method;

use super::case_folding::fold_case;
use super::conditions::{Unmet, What, unmet};
use super::host::RequestHost;
use super::path::CanonicalPath;
use super::readings::{self, View};
use super::subject::Subject;
use crate::clock::UnixTime;
use crate::config::{self, Access, Conditions, CsrfMode, PathPattern, Rule};

/// How far Cognito's clock and ours may be apart.
const SKEW: Duration = Duration::from_secs(60);

/// All of them, and the one for what no other is for: it asks for a user.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    otherwise: Rule,
    /// The most particular first: the host, then the exact path, then the longest, then those with methods.
    entries: Vec<Entry>,
    /// True where a rule with a path or methods keeps somebody out.
    guard: bool,
    /// The bytes of the longest path that a rule names.
    longest: usize,
    /// True where a rule names methods.
    look_at_methods: bool,
}

/// A rule, by one of its paths.
#[derive(Clone, Debug)]
struct Entry {
    rule: usize,
    host: Option<(String, Option<u16>)>,
    path: Option<PathPattern>,
    /// The path for readings without case.
    folded: String,
}

/// What decides about a request. All of it must be met.
#[derive(Clone, Debug)]
pub struct Ruling<'a> {
    /// The rule for the request as it stands.
    pub rule: &'a Rule,
    /// Those for what an app may read it as.
    pub also: Vec<Also<'a>>,
}

/// A rule that guards another reading of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Also<'a> {
    pub rule: &'a Rule,
    /// The path and, where it is another, the method.
    pub reading: String,
}

/// What a ruling says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    Pass,
    /// This one may not, and the first thing that is amiss.
    Denied(Unmet<'a>),
    /// This one may, and has to prove anew who they are.
    Stale,
}

impl Rules {
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let otherwise = Rule {
            name: "the default rule".to_owned(),
            place: "default".to_owned(),
            host: None,
            paths: Vec::new(),
            methods: Vec::new(),
            access: Access::User,
            conditions: Conditions::default(),
            max_auth_age: None,
            csrf: None,
            identity_provider: None,
            allow_preflight: false,
        };
        let mut entries = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let host = rule.host.as_deref().map(config::split_host);
            let entry = |path: Option<&PathPattern>| Entry {
                rule: at,
                host: host.clone(),
                path: path.cloned(),
                folded: path.map(|path| fold_case(path.path())).unwrap_or_default(),
            };
            if rule.paths.is_empty() {
                entries.push(entry(None));
            }
            entries.extend(rule.paths.iter().map(|path| entry(Some(path))));
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.rank(rules)));
        let paths = rules.iter().flat_map(|rule| &rule.paths).map(|path| path.path().len());
        let longest = paths.max().unwrap_or(0);
        let guards = |rule: &Rule| rule.access != Access::Public && names_more_than_a_host(rule);
        Self {
            otherwise,
            entries,
            guard: rules.iter().any(guards),
            longest,
            look_at_methods: rules.iter().any(|rule| !rule.methods.is_empty()),
            rules: rules.to_vec(),
        }
    }

    /// True where it matters by what method a request comes.
    #[must_use]
    pub fn look_at_methods(&self) -> bool {
        self.look_at_methods
    }

    /// What decides about a request of this method to this host and path.
    #[must_use]
    pub fn decide(&self, host: &RequestHost, path: &CanonicalPath, method: &Method) -> Ruling<'_> {
        let judged = path.judged();
        let fits = |entry: &&Entry| entry.fits_host(host) && entry.fits(judged) && self.takes(entry, method);
        let own = self.entries.iter().find(fits);
        let rule = own.map_or(&self.otherwise, |entry| self.rule(entry));
        let mut ruling = Ruling { rule, also: Vec::new() };
        // Where a rule names this very path, nothing else was meant.
        let is_named = own.is_some_and(|entry| entry.path.as_ref().is_some_and(|path| path.path() == judged));
        if !self.guard || (is_named && readings::of_method(method).is_empty()) {
            return ruling;
        }
        let further = readings::of_method(method);
        let methods = || std::iter::once(method).chain(&further);
        let mut add = |view: View<'_>| {
            for method in methods() {
                let fits = |entry: &&Entry| {
                    entry.fits_host(host) && entry.fits_view(&view) && self.takes(entry, method)
                };
                if let Some(entry) = self.entries.iter().find(fits) {
                    ruling.add(self.rule(entry), || format!("{method} {view}"));
                }
            }
        };
        if is_named {
            add(View::whole(judged));
        } else if let Some(readings) = readings::of_path(judged) {
            readings.iter().flat_map(|reading| reading.views(self.longest)).for_each(add);
        } else {
            // An app might read anything in it, so whatever guards this host guards the request.
            for entry in self.entries.iter().filter(|entry| entry.fits_host(host)) {
                let rule = self.rule(entry);
                if guards(rule) && methods().any(|method| self.takes(entry, method)) {
                    ruling.add(rule, || format!("{method} {judged} in more ways than can be listed"));
                }
            }
        }
        ruling
    }

    fn rule(&self, entry: &Entry) -> &Rule {
        self.rules.get(entry.rule).unwrap_or(&self.otherwise)
    }

    fn takes(&self, entry: &Entry, method: &Method) -> bool {
        let methods = &self.rule(entry).methods;
        methods.is_empty() || methods.contains(method)
    }
}

/// True for a rule that keeps somebody out of particular paths or methods.
fn guards(rule: &Rule) -> bool {
    rule.access != Access::Public && names_more_than_a_host(rule)
}

/// True for a rule that is about particular requests, and does not only say what holds for all others.
fn names_more_than_a_host(rule: &Rule) -> bool {
    !(rule.paths.is_empty() && rule.methods.is_empty())
}

impl Entry {
    fn rank(&self, rules: &[Rule]) -> (bool, bool, bool, usize, bool) {
        let port = self.host.as_ref().is_some_and(|(_, port)| port.is_some());
        let (exact, length) =
            self.path.as_ref().map_or((false, 0), |path| (!path.is_below(), path.path().len()));
        let methods = rules.get(self.rule).is_some_and(|rule| !rule.methods.is_empty());
        (self.host.is_some(), port, exact, length, methods)
    }

    fn fits_host(&self, host: &RequestHost) -> bool {
        self.host.as_ref().is_none_or(|(name, port)| host.is(name, *port))
    }

    fn fits(&self, judged: &str) -> bool {
        self.path.as_ref().is_none_or(|path| path.names(judged))
    }

    fn fits_view(&self, view: &View<'_>) -> bool {
        self.path.as_ref().is_none_or(|path| view.is(path.path(), &self.folded, path.is_below()))
    }
}

impl<'a> Ruling<'a> {
    /// The strictest of what the rules ask for.
    #[must_use]
    pub fn access(&self) -> Access {
        self.all().map(|rule| rule.access).max().unwrap_or(Access::Deny)
    }

    /// True where a CORS preflight passes without a session.
    #[must_use]
    pub fn allows_preflight(&self) -> bool {
        self.all().all(|rule| rule.allow_preflight || rule.access == Access::Public)
    }

    /// The shortest time that somebody's proof of who they are may be old.
    #[must_use]
    pub fn max_auth_age(&self) -> Option<Duration> {
        self.all().filter_map(|rule| rule.max_auth_age).min()
    }

    /// The strictest of what the rules say of other sites' pages, and `otherwise` of those that say nothing.
    #[must_use]
    pub fn csrf(&self, otherwise: CsrfMode) -> CsrfMode {
        self.all().map(|rule| rule.csrf.unwrap_or(otherwise)).max().unwrap_or(otherwise)
    }

    /// Whether this somebody may pass, for whom [`Ruling::access`] is no question any more.
    #[must_use]
    pub fn judge(&self, subject: &Subject<'_>, now: UnixTime) -> Verdict<'a> {
        if let Some(unmet) = self.all().find_map(|rule| unmet(&rule.conditions, subject)) {
            return Verdict::Denied(unmet);
        }
        // What lies in the future proves nothing; clocks may be a minute apart.
        let is_old =
            |most| subject.auth_time.is_none_or(|proved| proved.until(now) > most || proved > now.plus(SKEW));
        match self.max_auth_age() {
            // A program proves nothing of the kind, however new its token is.
            Some(_) if subject.user.is_none() => Verdict::Denied(Unmet { what: What::User, any_of: &[] }),
            Some(most) if is_old(most) => Verdict::Stale,
            Some(_) | None => Verdict::Pass,
        }
    }

    fn all(&self) -> impl Iterator<Item = &'a Rule> {
        std::iter::once(self.rule).chain(self.also.iter().map(|also| also.rule))
    }

    /// Adds a rule for a reading, if it says more than what holds for all others and is not known yet.
    fn add(&mut self, rule: &'a Rule, reading: impl FnOnce() -> String) {
        if names_more_than_a_host(rule) && !self.all().any(|known| std::ptr::eq(known, rule)) {
            self.also.push(Also { rule, reading: reading() });
        }
    }
}
