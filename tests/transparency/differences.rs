//! What is not the same through the gate: all of it, as docs/http.md has it, and nothing else.

use std::collections::BTreeSet;

use cognigate::policy::reserved_headers::names;
use http::HeaderMap;
use http::header::{
    CACHE_CONTROL, CONNECTION, COOKIE, EXPECT, HeaderName, HeaderValue, SET_COOKIE, TE, TRAILER,
};

use crate::support::SESSION;

const PAGE: &str = include_str!("../../docs/http.md");

/// Set by the gate for a signed-in user, whatever the client sent.
pub(crate) const SET: [&str; 12] = [
    "authorization",
    "forwarded",
    "via",
    "x-forwarded-email",
    "x-forwarded-for",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-preferred-username",
    "x-forwarded-proto",
    "x-forwarded-user",
    "x-real-ip",
    "x-request-id",
];

/// Removed from a request, in every spelling; a star stands for whatever follows. Not those that are set anyway, and of
/// what a star stands for no examples.
fn removed() -> BTreeSet<String> {
    let stars: Vec<&str> = names().filter_map(|(_, name)| name.strip_suffix('*')).collect();
    let is_example = |name: &str| stars.iter().any(|star| name.starts_with(star) && !name.ends_with('*'));
    let removed = names().map(|(_, name)| name).filter(|name| !is_example(name) && !SET.contains(name));
    removed.map(str::to_owned).collect()
}

/// Between two neighbours, and removed in both directions.
const HOPS: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What arrives through the gate of a request that arrives like this straight from its client.
pub(super) fn of_a_request(straight: &HeaderMap, session: &HeaderValue) -> HeaderMap {
    let mut kept = without_hops(straight);
    for name in straight.keys().filter(|name| SET.contains(&name.as_str()) || is_removed(name)) {
        kept.remove(name);
    }
    if kept.get(EXPECT).is_some_and(|value| value == "100-continue") {
        kept.remove(EXPECT);
    }
    // The client's own stand before the session's.
    let cookies = kept.remove(COOKIE).unwrap();
    let own = cookies.as_bytes().strip_suffix(session.as_bytes()).unwrap();
    if let Some(own) = own.strip_suffix(b"; ") {
        kept.insert(COOKIE, HeaderValue::from_bytes(own).unwrap());
    }
    kept
}

/// What arrived through the gate, without what the gate sets; all of that must be there.
pub(super) fn set_aside(through: &HeaderMap) -> HeaderMap {
    let mut rest = without_hops(through);
    for name in SET {
        // The last is for users who have any.
        assert!(
            rest.remove(name).is_some() || name == "x-forwarded-groups",
            "{name} is missing: {through:?}"
        );
    }
    rest
}

/// What a client gets through the gate of an answer that it gets like this straight from the app.
pub(super) fn of_an_answer(straight: &HeaderMap) -> HeaderMap {
    let mut kept = without_hops(straight);
    let cookies: Vec<_> = kept.get_all(SET_COOKIE).iter().cloned().collect();
    kept.remove(SET_COOKIE);
    for cookie in cookies {
        if !cookie.as_bytes().starts_with(format!("{SESSION}=").as_bytes()) {
            kept.append(SET_COOKIE, cookie);
        }
    }
    kept.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    kept
}

/// What is between two neighbours ends; trailers are announced and asked for anew.
pub(super) fn without_hops(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for line in headers.get_all(CONNECTION) {
        for name in line.to_str().unwrap().split(", ") {
            kept.remove(name);
        }
    }
    for name in HOPS {
        kept.remove(name);
    }
    if headers.get(TE).is_some_and(|value| value == "trailers") {
        kept.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(announced) = headers.get(TRAILER) {
        kept.insert(TRAILER, announced.clone());
    }
    kept
}

fn is_removed(name: &HeaderName) -> bool {
    let fold = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let name = fold(name.as_str());
    names().any(|(_, removed)| match removed.strip_suffix('*') {
        Some(beginning) => name.starts_with(&fold(beginning)),
        None => name == fold(removed),
    })
}

fn section(heading: &str) -> &'static str {
    let section = PAGE.split(&format!("\n## {heading}\n")).nth(1).expect(heading);
    section.split("\n## ").next().unwrap()
}

/// All that the items of a section's lists have as code, over several lines too.
fn listed(heading: &str) -> BTreeSet<String> {
    let lists = section(heading).split("\n\n").filter(|part| part.trim_start().starts_with("- "));
    lists.flat_map(|list| list.split('`').skip(1).step_by(2)).map(str::to_lowercase).collect()
}

/// The header names that a section of the page has, as code.
fn named(heading: &str) -> BTreeSet<String> {
    let lists = section(heading).lines().filter(|line| line.starts_with("| ") || line.starts_with("- "));
    let first = lists.map(|line| line[2..].split(['|', ':']).next().unwrap());
    first.flat_map(|names| names.split('`').skip(1).step_by(2)).map(str::to_lowercase).collect()
}

#[test]
fn the_page_lists_what_is_set_removed_and_kept_between_neighbours() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(named("Set for the app"), set(&SET));
    assert_eq!(listed("Removed from requests"), removed());
    assert_eq!(named("Between two neighbours"), set(&HOPS));
}
