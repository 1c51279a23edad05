//! What a rule asks of whoever it lets in.

use std::collections::BTreeMap;

use super::raw::RawRule;
use super::report::Report;
use super::rules::list;

/// Lists of which each that is not empty must be met, by any of its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Of `cognito:groups`.
    pub groups: Vec<String>,
    /// Of the access token.
    pub scopes: Vec<String>,
    /// Of a verified address; lower case, ASCII.
    pub email_domains: Vec<String>,
    /// Verified addresses; lower case, ASCII.
    pub emails: Vec<String>,
    /// `sub`s and user names.
    pub users: Vec<String>,
    /// Values by the claim that must have one of them.
    pub claims: BTreeMap<String, Vec<String>>,
}

impl Conditions {
    /// True where nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Claims that they look at, beyond those that are always known.
    pub(super) fn claims_asked(&self) -> impl Iterator<Item = &str> {
        let verified = !(self.emails.is_empty() && self.email_domains.is_empty());
        verified.then_some("email_verified").into_iter().chain(self.claims.keys().map(String::as_str))
    }
}

/// The conditions of the rule that messages call `rule`, where they are well.
pub(super) fn conditions(rule: &str, raw: &RawRule, report: &mut Report) -> Option<Conditions> {
    type Parse = fn(&str) -> Result<String, String>;
    let mut texts = |last: &str, texts: Option<&[String]>, parse: Parse| match texts {
        Some(texts) => list(&format!("{rule}.{last}"), texts, report, parse),
        None => Some(Vec::new()),
    };
    let groups = texts("groups", raw.groups.as_deref(), plain);
    let scopes = texts("scopes", raw.scopes.as_deref(), word);
    let email_domains = texts("email_domains", raw.email_domains.as_deref(), domain);
    let emails = texts("emails", raw.emails.as_deref(), address);
    let users = texts("users", raw.users.as_deref(), plain);
    let mut claims = Some(BTreeMap::new());
    for (name, values) in raw.claims.iter().flatten() {
        let values = claim(&format!("{rule}.claims.{name}"), name, values, report);
        claims = claims.zip(values).map(|(mut claims, values)| {
            claims.insert(name.clone(), values);
            claims
        });
    }
    let (email_domains, emails) = (email_domains?, emails?);
    let is_elsewhere = |email: &&String| {
        !email_domains.is_empty()
            && !email_domains.iter().any(|domain| email.ends_with(&format!("@{domain}")))
    };
    if let Some(at) = emails.iter().position(|email| is_elsewhere(&email)) {
        report.problem(
            &format!("{rule}.emails"),
            format_args!(
                "its item {}: it is at none of email_domains, which are asked for as well, so that it would never fit; \
                 leave one of the two out",
                at + 1
            ),
        );
        return None;
    }
    Some(Conditions {
        groups: groups?,
        scopes: scopes?,
        email_domains,
        emails,
        users: users?,
        claims: claims?,
    })
}

fn claim(key: &str, name: &str, values: &[String], report: &mut Report) -> Option<Vec<String>> {
    let better = match name {
        "email" => Some("email is not asked for by claims, but by emails, which wants it verified"),
        "scope" => Some("scope is not asked for by claims, but by scopes, which knows each by itself"),
        _ if word(name).is_err() => Some("its name has white space, which no claim's name has"),
        _ => None,
    };
    if let Some(better) = better {
        report.problem(key, better);
        return None;
    }
    list(key, values, report, plain)
}

/// A name as it stands, without what only a slip of the pen puts there.
fn plain(text: &str) -> Result<String, String> {
    if text != text.trim() || text.contains(char::is_control) {
        return Err("it has white space at an end, or control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn word(text: &str) -> Result<String, String> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("it has white space".to_owned());
    }
    Ok(text.to_owned())
}

/// A domain, in lower case.
fn domain(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if !text.split('.').all(label) {
        return Err(
            "it must be a domain in ASCII, such as example.com; no @, no *, and subdomains by themselves"
                .to_owned(),
        );
    }
    Ok(text.to_ascii_lowercase())
}

/// An address, in lower case.
fn address(text: &str) -> Result<String, String> {
    let parts = text.split_once('@').filter(|(local, _)| !local.is_empty() && word(local).is_ok());
    if !text.is_ascii() || parts.is_none_or(|(_, it)| domain(it).is_err()) {
        return Err("it must be an address in ASCII, such as alice@example.com".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}
