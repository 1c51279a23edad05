//! Who may pass where: `[[rules]]`, and `public` for paths that need no session.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::Method;

use super::cognito::{NOT_A_PROVIDER, is_provider};
use super::conditions::{Conditions, conditions};
use super::csrf::CsrfMode;
use super::duration::HumanDuration;
use super::host_name::HostName;
use super::path_pattern::PathPattern;
use super::prefix::EndpointPrefix;
use super::raw::RawRule;
use super::report::Report;

/// Which requests it is for, and what they need. Several rules may fit a request: the one that names most decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What messages call it: `rules[0]`, `public[0]`.
    pub name: String,
    /// Where it is written.
    pub place: String,
    /// The host that requests must name, lower case, with a port only where one was written. `None`: any that is
    /// answered for.
    pub host: Option<String>,
    /// Empty: any path.
    pub paths: Vec<PathPattern>,
    /// Empty: any method.
    pub methods: Vec<Method>,
    pub access: Access,
    /// Of whoever is let in by `access`; none where that asks for nobody.
    pub conditions: Conditions,
    /// How long ago users may have proved who they are.
    pub max_auth_age: Option<Duration>,
    /// In the place of what holds for all others.
    pub csrf: Option<CsrfMode>,
    /// Where Cognito sends those on who come to sign in, in place of what holds for all.
    pub identity_provider: Option<String>,
    /// True where CORS preflights, which never carry credentials, pass without any.
    pub allow_preflight: bool,
}

/// What a request needs, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    Public,
    /// A user. Who is none is sent to sign in, where that makes sense.
    User,
    /// The same, for programs: never a redirect, never a page.
    Api,
    /// There is nothing that would do.
    Deny,
}

/// Why a text is not an [`Access`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be public, user, api or deny")]
pub struct AccessError;

impl FromStr for Access {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        match text {
            "public" => Ok(Self::Public),
            "user" => Ok(Self::User),
            "api" => Ok(Self::Api),
            "deny" => Ok(Self::Deny),
            _ => Err(AccessError),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::User => "user",
            Self::Api => "api",
            Self::Deny => "deny",
        })
    }
}

/// Both lists as one, those that are well. `list` and `public` are the keys that they stand under.
pub(super) fn rules(
    (list, raw): (&str, &[RawRule]),
    (public, paths): (&str, &[String]),
    prefix: Option<&EndpointPrefix>,
    report: &mut Report,
) -> Vec<Rule> {
    let mut rules = Vec::with_capacity(paths.len() + raw.len());
    for (at, text) in paths.iter().enumerate() {
        match pattern(text, prefix) {
            Ok(path) => rules.push(Rule {
                name: format!("{public}[{at}]"),
                place: report.place(public).to_owned(),
                host: None,
                paths: vec![path],
                methods: Vec::new(),
                access: Access::Public,
                conditions: Conditions::default(),
                max_auth_age: None,
                csrf: None,
                identity_provider: None,
                allow_preflight: false,
            }),
            Err(error) => report.problem(public, format_args!("its item {}: {error}", at + 1)),
        }
    }
    for (at, raw) in raw.iter().enumerate() {
        let entry = Entry { name: format!("{list}[{at}]"), raw };
        rules.extend(entry.check(prefix, report));
    }
    rules
}

/// Adds the claims that the rules look at, and that are not always known.
pub(super) fn keep_claims(rules: &[Rule], claims: &mut Vec<String>) {
    for claim in rules.iter().flat_map(|rule| rule.conditions.claims_asked()) {
        if !claims.iter().any(|known| known == claim) {
            claims.push(claim.to_owned());
        }
    }
}

fn pattern(text: &str, prefix: Option<&EndpointPrefix>) -> Result<PathPattern, String> {
    let path: PathPattern = text.parse().map_err(|error| format!("{error}"))?;
    if prefix.is_some_and(|prefix| prefix.strip(path.path()).is_some()) {
        return Err("it is below prefix, where our own endpoints are, so that no rule is asked".to_owned());
    }
    Ok(path)
}

/// One of the tables, and its name in messages.
struct Entry<'a> {
    name: String,
    raw: &'a RawRule,
}

impl Entry<'_> {
    fn key(&self, last: &str) -> String {
        format!("{}.{last}", self.name)
    }

    fn check(&self, prefix: Option<&EndpointPrefix>, report: &mut Report) -> Option<Rule> {
        let raw = self.raw;
        let access = report.parse::<Access>(&self.key("access"), &raw.access);
        let host = match raw.host.as_deref() {
            Some(text) => report.parse::<HostName>(&self.key("host"), text).map(|host| Some(host.0)),
            None => Some(None),
        };
        let paths = self.list("path", raw.path.as_deref(), report, |text| pattern(text, prefix));
        let methods = self.list("methods", raw.methods.as_deref(), report, method);
        let conditions = conditions(&self.name, raw, report);
        let max_auth_age = match raw.max_auth_age.as_deref() {
            Some(text) => self.max_auth_age(text, report).map(Some),
            None => Some(None),
        };
        let csrf = raw.csrf.as_deref().map(|text| report.parse::<CsrfMode>(&self.key("csrf"), text));
        let access = access?;
        self.refuse_what_has_no_effect(access, report);
        let identity_provider = self.identity_provider(access, report);
        let methods = methods?;
        for method in methods.iter().filter(|method| !REGISTERED.contains(&method.as_str())) {
            report.warn(format!(
                "{} has {method}, which is not registered as a method: a rule for what nobody sends guards nothing",
                self.key("methods")
            ));
        }
        if raw.allow_preflight && !methods.is_empty() && !methods.contains(&Method::OPTIONS) {
            report.problem(
                &self.key("allow_preflight"),
                "a preflight is an OPTIONS request, which is not among methods; add it, or leave one of the two out",
            );
        }
        Some(Rule {
            name: self.name.clone(),
            place: report.place(&self.name).to_owned(),
            host: host?,
            paths: paths?,
            methods,
            access,
            conditions: conditions?,
            max_auth_age: max_auth_age?,
            csrf: csrf.map_or(Some(None), |mode| mode.map(Some))?,
            identity_provider: identity_provider?,
            allow_preflight: raw.allow_preflight,
        })
    }

    /// The items of a list that need not be there: empty then, and only then.
    fn list<T: PartialEq>(
        &self,
        last: &str,
        texts: Option<&[String]>,
        report: &mut Report,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        match texts {
            Some(texts) => list(&self.key(last), texts, report, parse),
            None => Some(Vec::new()),
        }
    }

    fn identity_provider(&self, access: Access, report: &mut Report) -> Option<Option<String>> {
        let Some(name) = &self.raw.identity_provider else { return Some(None) };
        let key = self.key("identity_provider");
        if access != Access::User {
            let text = format_args!(
                "it has no effect where access is {access}, which sends nobody to sign in; leave it out"
            );
            report.problem(&key, text);
        } else if !is_provider(name) {
            report.problem(&key, NOT_A_PROVIDER);
        } else {
            return Some(Some(name.clone()));
        }
        None
    }

    fn max_auth_age(&self, text: &str, report: &mut Report) -> Option<Duration> {
        let key = self.key("max_auth_age");
        let HumanDuration(age) = report.parse(&key, text)?;
        if age.is_zero() {
            report.problem(&key, "it must be longer than nothing, or nobody would ever be recent enough");
            return None;
        }
        Some(age)
    }

    /// Conditions of nobody: they would look like protection.
    fn refuse_what_has_no_effect(&self, access: Access, report: &mut Report) {
        if matches!(access, Access::User | Access::Api) {
            return;
        }
        let raw = self.raw;
        for (last, set) in [
            ("groups", raw.groups.is_some()),
            ("scopes", raw.scopes.is_some()),
            ("email_domains", raw.email_domains.is_some()),
            ("emails", raw.emails.is_some()),
            ("users", raw.users.is_some()),
            ("claims", raw.claims.is_some()),
            ("max_auth_age", raw.max_auth_age.is_some()),
            ("csrf", raw.csrf.is_some()),
            ("allow_preflight", raw.allow_preflight),
        ] {
            if set {
                let text = format_args!(
                    "it has no effect where access is {access}; leave it out, or make access user or api"
                );
                report.problem(&self.key(last), text);
            }
        }
    }
}

/// The items of a list that is there: it must not be empty, and nothing in it twice.
pub(super) fn list<T: PartialEq>(
    key: &str,
    texts: &[String],
    report: &mut Report,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    if texts.is_empty() {
        report.problem(key, "it is empty, so that nothing would ever fit; leave it out, or name some");
        return None;
    }
    let mut found: Vec<T> = Vec::with_capacity(texts.len());
    let mut all_well = true;
    for (at, text) in texts.iter().enumerate() {
        let item = parse(text).and_then(|item| {
            if found.contains(&item) { Err("it is there twice".to_owned()) } else { Ok(item) }
        });
        match item {
            Ok(item) => found.push(item),
            Err(error) => {
                all_well = false;
                report.problem(key, format_args!("its item {}: {error}", at + 1));
            }
        }
    }
    all_well.then_some(found)
}

/// The methods that IANA has registered (RFC 9110 §16.1), but for those that are always refused.
const REGISTERED: [&str; 37] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// A method that may come to be judged, as requests write it.
fn method(text: &str) -> Result<Method, String> {
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| text == text.to_ascii_uppercase());
    match method {
        Some(Method::CONNECT | Method::TRACE) => {
            Err("no rule is asked for it, since it is always refused".to_owned())
        }
        Some(_) if matches!(text, "*" | "ALL" | "ANY") => {
            Err("it is no method; leave methods out for any".to_owned())
        }
        Some(method) => Ok(method),
        None => Err("it must be a method in capitals, such as GET".to_owned()),
    }
}
