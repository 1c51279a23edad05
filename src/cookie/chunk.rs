//! A value that is too long for one cookie, in several.
//!
//! Browsers store at most 4096 bytes of name and value, and drop a longer cookie without a word, which loops
//! the user through the login. Past [`LIMIT`] the cookie `NAME` gives way to `NAME-1`, `NAME-2`, …, and
//! `NAME-1` begins with how many there are (`3.`), so that a tail that an earlier, longer value left behind
//! is not taken for a part of this one.

use std::fmt;

use crate::cookie::read::{Named, RequestCookies};

/// The most bytes of name and value that one cookie is given.
pub const LIMIT: usize = 4000;

/// The most chunks that a value is cut into.
pub const MAX_CHUNKS: usize = 8;

/// The value does not fit into [`MAX_CHUNKS`] cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes do not fit into {MAX_CHUNKS} cookies of {LIMIT} bytes")]
pub struct TooLarge {
    /// How long the value is.
    pub bytes: usize,
}

/// The cookies that carry `value`, as name and value each: `NAME` alone where it fits.
///
/// `value` is ASCII, as a sealed value is.
///
/// # Errors
/// [`TooLarge`] where it takes more than [`MAX_CHUNKS`].
pub fn split(name: &str, value: &str) -> Result<Vec<(String, String)>, TooLarge> {
    if name.len() + value.len() <= LIMIT {
        return Ok(vec![(name.to_owned(), value.to_owned())]);
    }
    let too_large = TooLarge { bytes: value.len() };
    // Every chunk is as long as the first may be, whose "3." the others do without: simpler, for two bytes.
    let size = LIMIT.checked_sub(name.len() + "-1".len() + "3.".len()).filter(|size| *size > 0);
    let parts: Vec<&[u8]> = value.as_bytes().chunks(size.ok_or(too_large)?).collect();
    if parts.len() > MAX_CHUNKS {
        return Err(too_large);
    }
    let count = parts.len();
    let chunk = |(index, part): (usize, &[u8])| {
        // Other text than ASCII might be cut within a character; it is refused rather than changed.
        let part = str::from_utf8(part).map_err(|_| too_large)?;
        let part = if index == 0 { format!("{count}.{part}") } else { part.to_owned() };
        Ok((format!("{name}-{}", index + 1), part))
    };
    parts.into_iter().enumerate().map(chunk).collect()
}

/// What the request's cookies may hold under one name; each candidate is to be tried.
///
/// Both are there where answers under way crossed, one setting `NAME` and another its chunks.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Reassembled<'a> {
    /// The value of `NAME`.
    pub single: Option<&'a [u8]>,
    /// The value of `NAME-1` … `NAME-n` put together, where none of them is missing or there twice.
    pub chunked: Option<Vec<u8>>,
    /// Whether the client sent any of the names, usable or not.
    pub any: bool,
}

/// Puts together what [`split`] cut. One pass over the cookies, whatever they claim of themselves.
#[must_use]
pub fn reassemble<'a>(cookies: &'a RequestCookies, name: &str) -> Reassembled<'a> {
    let slots = slots(cookies, name);
    let any = slots.iter().any(|slot| *slot != Named::Absent);
    let single = match slots[0] {
        Named::One(value) => Some(value),
        Named::Absent | Named::Many => None,
    };
    Reassembled { single, chunked: chunked(&slots[1..]), any }
}

/// Which of `NAME`, `NAME-1` … `NAME-8` the client sent, each once, for the sweep after a change.
#[must_use]
pub fn present(cookies: &RequestCookies, name: &str) -> Vec<String> {
    let slots = slots(cookies, name);
    let sent = slots.iter().enumerate().filter(|(_, slot)| **slot != Named::Absent);
    sent.map(|(index, _)| if index == 0 { name.to_owned() } else { format!("{name}-{index}") }).collect()
}

/// Whether a cookie called `cookie_name` belongs to us and not to the app: `NAME`, `NAME-<digits>`,
/// `NAME-login-…` and `NAME-check`. Wider than what we read, so that nothing of ours reaches the upstream.
#[must_use]
pub fn is_own(name: &str, cookie_name: &[u8]) -> bool {
    match cookie_name.strip_prefix(name.as_bytes()) {
        Some([]) => true,
        Some([b'-', digits @ ..]) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => true,
        Some(rest) => rest == b"-check" || rest.starts_with(b"-login-"),
        None => false,
    }
}

/// `NAME` in the first place, then `NAME-1` to `NAME-8`.
fn slots<'a>(cookies: &'a RequestCookies, name: &str) -> [Named<'a>; MAX_CHUNKS + 1] {
    let mut slots = [Named::Absent; MAX_CHUNKS + 1];
    for (cookie_name, value) in cookies.pairs() {
        let slot = match cookie_name.strip_prefix(name.as_bytes()) {
            Some([]) => 0,
            Some([b'-', digit @ b'1'..=b'8']) => usize::from(digit - b'0'),
            _ => continue,
        };
        slots[slot] = slots[slot].and(value);
    }
    slots
}

fn chunked(chunks: &[Named<'_>]) -> Option<Vec<u8>> {
    let Named::One([count @ b'2'..=b'8', b'.', first @ ..]) = chunks.first()? else {
        return None;
    };
    let count = usize::from(count - b'0');
    let mut value = Vec::with_capacity(count * LIMIT);
    value.extend_from_slice(first);
    for chunk in chunks.get(1..count)? {
        let Named::One(part) = chunk else {
            return None;
        };
        value.extend_from_slice(part);
    }
    Some(value)
}

impl fmt::Debug for Reassembled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reassembled")
            .field("single", &self.single.map(<[u8]>::len))
            .field("chunked", &self.chunked.as_ref().map(Vec::len))
            .field("any", &self.any)
            .finish()
    }
}
