//! Tokens that clients bring themselves.

use super::raw::RawBearer;
use super::report::Report;

/// Whose tokens are accepted from clients, beside sessions.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// App clients whose tokens are. Empty: none from anybody.
    pub clients: Vec<String>,
    /// What a token must permit, all of it.
    pub scopes: Vec<String>,
}

pub(super) fn bearer(raw: &RawBearer, report: &mut Report) -> Bearer {
    const CLIENTS: &str = "bearer.clients";
    const SCOPES: &str = "bearer.scopes";
    let client = |id: &str| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    list(CLIENTS, &raw.clients, "is not an app client's id", client, report);
    // RFC 6749 §3.3
    let scope = |scope: &str| scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    list(SCOPES, &raw.scopes, "has a character that no scope has", scope, report);
    if !raw.accept {
        for (key, is_set) in [(CLIENTS, !raw.clients.is_empty()), (SCOPES, !raw.scopes.is_empty())] {
            if is_set {
                report.warn(format!("{key} is set and does nothing, since bearer.accept is not true"));
            }
        }
        return Bearer { clients: Vec::new(), scopes: Vec::new() };
    }
    if raw.clients.is_empty() {
        let place = report.place("bearer.accept").to_owned();
        report.problem(
            CLIENTS,
            format_args!(
                "it is empty, and bearer.accept ({place}) is true: list the app clients whose tokens are accepted"
            ),
        );
    }
    Bearer { clients: raw.clients.clone(), scopes: raw.scopes.clone() }
}

fn list(key: &str, items: &[String], problem: &str, fits: impl Fn(&str) -> bool, report: &mut Report) {
    for (at, item) in items.iter().enumerate() {
        if !fits(item) {
            report.problem(key, format_args!("its item {} {problem}", at + 1));
        } else if items[..at].contains(item) {
            report.problem(key, format_args!("its item {} is there twice", at + 1));
        }
    }
}
