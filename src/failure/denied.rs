//! Why somebody may not pass, and what they are told of it.

use http::HeaderValue;

use crate::auth::RelyingParty;
use crate::policy::conditions::{Unmet, What};
use crate::policy::subject::Subject;

/// A rule that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What the user knows the account by. `None`: it does not matter whose it is.
    pub account: Option<String>,
    pub reason: Reason,
    /// True where the rule is for programs, which are never shown a page.
    pub is_api: bool,
}

/// What about the account is amiss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing; nobody may pass.
    Nobody,
    /// It is not one of those who may.
    Account,
    /// Its access token has none of these scopes.
    Scopes(Vec<String>),
}

/// More of an account's name is not shown.
const SHOWN: usize = 100;

impl Denial {
    /// Of whoever it is.
    #[must_use]
    pub fn of_everybody(is_api: bool) -> Self {
        Self { account: None, reason: Reason::Nobody, is_api }
    }

    /// Of this somebody.
    #[must_use]
    pub fn of(subject: &Subject<'_>, unmet: Unmet<'_>, is_api: bool) -> Self {
        let names = [subject.email, subject.preferred_username, subject.username, subject.user];
        let account = names.into_iter().flatten().next().map(|name| name.chars().take(SHOWN).collect());
        let reason = match unmet {
            Unmet { what: What::Scopes, any_of } => Reason::Scopes(any_of.to_vec()),
            _ => Reason::Account,
        };
        Self { account, reason, is_api }
    }

    /// What a person reads.
    pub(super) fn text(&self) -> String {
        match (&self.account, &self.reason) {
            (_, Reason::Nobody) | (None, Reason::Account | Reason::Scopes(_)) => {
                "This address may not be opened.".to_owned()
            }
            (Some(account), Reason::Account | Reason::Scopes(_)) => {
                format!("You are signed in as {account}, and this account may not open this address.")
            }
        }
    }

    /// What a program reads. Not the account: problems end up in logs.
    pub(super) fn detail(&self) -> &'static str {
        match self.reason {
            Reason::Nobody => "Nobody may do this.",
            Reason::Account => "The account may not do this.",
            Reason::Scopes(_) => "The access token has none of the scopes that are needed.",
        }
    }

    /// What a token would need (RFC 6750 §3.1). Of several scopes any would do, which cannot be said there.
    pub(super) fn challenge(&self, rp: &RelyingParty) -> Option<HeaderValue> {
        let Reason::Scopes(scopes) = &self.reason else { return None };
        let scope = match &scopes[..] {
            [scope] if scope.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\')) => {
                format!(", scope=\"{scope}\"")
            }
            _ => String::new(),
        };
        let realm = rp.public_url();
        HeaderValue::try_from(format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\"{scope}")).ok()
    }
}
