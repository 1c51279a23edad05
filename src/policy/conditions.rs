//! Whether somebody meets what a rule asks for.

use std::fmt;

use serde_json::Value;

use super::subject::Subject;
use crate::config::Conditions;

/// A condition that is not met: what it is, and what would have met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmet<'a> {
    pub what: What<'a>,
    pub any_of: &'a [String],
}

/// The kinds of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    Groups,
    Scopes,
    EmailDomains,
    Emails,
    Users,
    /// Of this name.
    Claim(&'a str),
    /// That there is a user at all.
    User,
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any_of = self.any_of.join(" or ");
        match self.what {
            What::Groups => write!(f, "cognito:groups has not {any_of}"),
            What::Scopes => write!(f, "scope has not {any_of}"),
            What::EmailDomains => write!(f, "email is not a verified one at {any_of}"),
            What::Emails => write!(f, "email is not {any_of}, or not verified"),
            What::Users => write!(f, "neither sub nor user name is {any_of}"),
            What::Claim(name) => write!(f, "{name} is not {any_of}"),
            What::User => f.write_str("it is a program's token, which names no user"),
        }
    }
}

/// The first condition that is not met. Scopes are looked at last: where they are amiss, nothing else is.
#[must_use]
pub fn unmet<'a>(conditions: &'a Conditions, subject: &Subject<'_>) -> Option<Unmet<'a>> {
    let unmet = |what, any_of: &'a [String], is_met: &dyn Fn(&String) -> bool| {
        (!any_of.is_empty() && !any_of.iter().any(is_met)).then_some(Unmet { what, any_of })
    };
    let asks_for_address = !(conditions.emails.is_empty() && conditions.email_domains.is_empty());
    let address = asks_for_address.then(|| verified_address(subject)).flatten();
    let is_address = |wanted: &String| address.as_ref() == Some(wanted);
    let is_of_domain = |domain: &String| address.as_ref().is_some_and(|address| is_of(address, domain));
    unmet(What::Groups, &conditions.groups, &|group| subject.groups.contains(group))
        .or_else(|| unmet(What::Users, &conditions.users, &|user| is_user(subject, user)))
        .or_else(|| unmet(What::Emails, &conditions.emails, &is_address))
        .or_else(|| unmet(What::EmailDomains, &conditions.email_domains, &is_of_domain))
        .or_else(|| {
            conditions.claims.iter().find_map(|(name, any_of)| {
                let claim = subject.claim(name);
                unmet(What::Claim(name), any_of, &|text| {
                    claim.as_ref().is_some_and(|claim| says(claim, text))
                })
            })
        })
        .or_else(|| {
            let scopes = if conditions.scopes.is_empty() { Vec::new() } else { subject.scopes() };
            unmet(What::Scopes, &conditions.scopes, &|scope| scopes.contains(scope))
        })
}

/// The address in lower case, where it has one reading and Cognito saw that it is the user's.
fn verified_address(subject: &Subject<'_>) -> Option<String> {
    let address = subject.email?;
    // `a@evil.test@company.test`, and letters that only look like those of a domain.
    let is_plain = address.bytes().all(|b| b.is_ascii_graphic());
    let mut parts = address.split('@');
    let (local, domain, more) = (parts.next()?, parts.next()?, parts.next());
    if !is_plain || local.is_empty() || domain.is_empty() || more.is_some() {
        return None;
    }
    let verified = match subject.claim("email_verified") {
        Some(Value::Bool(verified)) => verified,
        // As userInfo writes it, and pools whose attribute is mapped.
        Some(Value::String(verified)) => verified == "true",
        _ => false,
    };
    verified.then(|| address.to_ascii_lowercase())
}

fn is_of(address: &str, domain: &str) -> bool {
    address.split_once('@').is_some_and(|(_, own)| own == domain)
}

/// By `sub`, or by the user name where the text is not one that only a `sub` should have: in a pool where people choose
/// their name, somebody could choose another's `sub`.
fn is_user(subject: &Subject<'_>, wanted: &str) -> bool {
    subject.user == Some(wanted) || (subject.username == Some(wanted) && !is_uuid(wanted))
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// True where a claim is this text, a number or a truth that is written so, or a list that has it.
fn says(claim: &Value, wanted: &str) -> bool {
    match claim {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(truth) => truth.to_string() == wanted,
        Value::Array(items) => items.iter().any(|item| !item.is_array() && says(item, wanted)),
        Value::Null | Value::Object(_) => false,
    }
}
