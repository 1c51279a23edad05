//! The headers that nginx clears, against those that the gate reserves.

use std::collections::BTreeSet;

use cognigate::policy::reserved_headers::names;

use super::server::{CLEARED, shipped_text};
use super::*;
use crate::forwarding::reserved::{SEPARATORS, spelled_with};
use crate::support::wire::{exchange, status};

with_both!(case_101_and_102_no_reserved_name_in_any_spelling_gets_past_nginx);

/// Names of `proxy_set_header` lines, with the values.
fn set(text: &str) -> Vec<(String, &str)> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("proxy_set_header "));
    let fields = lines.map(|line| line.trim_end_matches(';').split_once(' ').unwrap());
    fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect()
}

/// What nginx lets through to be cleared: it drops other names, and knows no stars. The request's id is no claim.
fn to_be_cleared() -> BTreeSet<String> {
    let plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    names()
        .map(|(_, name)| name)
        .filter(plain)
        .filter(|name| *name != "x-request-id")
        .map(str::to_owned)
        .collect()
}

#[test]
fn case_101_the_file_of_cleared_headers_is_the_list_of_reserved_ones() {
    let conf = shipped_text("nginx.conf");
    let (_, location) = conf.split_once("location / {").unwrap();
    assert_eq!(location.matches(&format!("include {CLEARED};")).count(), 1);
    let cleared = shipped_text(CLEARED);
    let cleared = set(&cleared);
    assert!(cleared.iter().all(|(_, value)| *value == "''"), "{cleared:?}");
    let mut all = BTreeSet::new();
    for (name, _) in set(location).into_iter().chain(cleared) {
        // nginx would send a header twice that is set twice.
        assert!(all.insert(name.clone()), "{name} is there twice");
    }
    for own in ["host", "upgrade", "connection"] {
        assert!(all.remove(own), "{own}");
    }
    assert_eq!(all, to_be_cleared());
}

async fn case_101_and_102_no_reserved_name_in_any_spelling_gets_past_nginx(which: Which) {
    let front = Front::with(which, |setup| setup.set("public", "/public/*")).await;
    let alice = front.signed_in().await;
    let mut lines = BTreeSet::new();
    for name in to_be_cleared() {
        // nginx passes `X--Forwarded-User`, which no server is known to take for `X-Forwarded-User`.
        let spelled = SEPARATORS.iter().filter(|by| **by != "--").map(|by| spelled_with(&name, by));
        lines.extend(spelled.chain([name.clone()]).map(|name| format!("{name}: forged")));
    }
    let lines: Vec<String> = lines.into_iter().collect();
    for (visitor, target) in [(Some(&alice), "/x"), (None, "/public/x")] {
        for lines in lines.chunks(60) {
            let cookies = visitor.and_then(|visitor| visitor.jar.line());
            let cookies =
                cookies.map(|line| format!("Cookie: {}\r\n", line.to_str().unwrap())).unwrap_or_default();
            let lines = lines.join("\r\n");
            let head = format!(
                "GET {target} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nX-Kept: mine\r\n{cookies}{lines}\r\n\r\n"
            );
            let answer = exchange(front.nginx.address(), head.into()).await;
            assert_eq!(status(&answer), 200, "{}", front.nginx.log());
            let arrived = front.stage.app.last();
            assert_eq!((arrived.target.as_str(), arrived.header("x-kept")), (target, Some("mine")));
            let forged: Vec<_> = arrived.headers.iter().filter(|(_, value)| *value == "forged").collect();
            assert_eq!(forged, []);
        }
    }
}
