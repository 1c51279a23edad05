//! Cookie lines of any shape are read without a panic, and what is not ours goes on byte for byte.

use cognigate::cookie::chunk;
use cognigate::cookie::read::RequestCookies;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

const NAME: &str = "__Host-cognigate";

/// `bytes` are the lines, split where a line cannot hold a byte anyway.
pub(crate) fn run(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append(COOKIE, line);
    }
    let cookies = RequestCookies::read(&headers);
    let found = chunk::reassemble(&cookies, NAME);
    assert!(found.chunked.is_none_or(|sealed| sealed.len() <= chunk::LIMIT * chunk::MAX_CHUNKS));
    for name in chunk::present(&cookies, NAME) {
        assert!(chunk::is_own(NAME, name.as_bytes()), "{name}");
    }
    let Some(rest) = cookies.without(|name| chunk::is_own(NAME, name)) else { return };
    assert!(rest.len() <= bytes.len() * 2, "the rest is longer than the whole");
    // What is left holds nothing of ours, and reading it again takes nothing from it.
    let mut left = HeaderMap::new();
    left.insert(COOKIE, rest.clone());
    let left = RequestCookies::read(&left);
    assert_eq!(left.starting_with(NAME).find(|(name, _)| chunk::is_own(NAME, name)), None);
    assert_eq!(left.without(|name| chunk::is_own(NAME, name)), Some(rest));
}
