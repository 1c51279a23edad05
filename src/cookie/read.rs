//! The cookies of one request, as bytes.

use std::fmt;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use memchr::memchr;

/// The cookies of one request, all `Cookie` lines joined by `"; "` (RFC 6265 §4.2, RFC 9113 §8.2.3).
///
/// Nothing is parsed ahead: every question walks the bytes once and keeps nothing, so the work is linear in a
/// header block that the server has bounded already, whatever the number of pairs. There is no cap of
/// its own, past which a cookie of ours could slip through to the upstream.
#[derive(Clone)]
pub struct RequestCookies {
    line: HeaderValue,
}

/// The cookies of one name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// There is none.
    Absent,
    /// There is one, and this is its value.
    One(&'a [u8]),
    /// There are several, and which of them is meant cannot be known: take none.
    Many,
}

impl RequestCookies {
    /// The cookies that `headers` carry.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(COOKIE).iter();
        let (first, second) = (lines.next(), lines.next());
        let mut line = match (first, second) {
            (None, _) => HeaderValue::from_static(""),
            // Shared with the request, not copied.
            (Some(only), None) => only.clone(),
            (Some(first), Some(second)) => {
                let mut joined = first.as_bytes().to_vec();
                for line in std::iter::once(second).chain(lines) {
                    joined.extend_from_slice(b"; ");
                    joined.extend_from_slice(line.as_bytes());
                }
                // Header values joined by "; " are a header value again: it is never the other one.
                HeaderValue::try_from(joined).unwrap_or(HeaderValue::from_static(""))
            }
        };
        // Keeps it, and what is left of it for the upstream, out of Debug output.
        line.set_sensitive(true);
        Self { line }
    }

    /// The cookies called `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Named<'_> {
        let mut found = Named::Absent;
        for (_, value) in self.pairs().filter(|pair| pair.0 == name.as_bytes()) {
            found = found.and(value);
        }
        found
    }

    /// Name and value of every cookie whose name begins with `prefix`, in the order sent, duplicates too.
    pub fn starting_with<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.pairs().filter(move |pair| pair.0.starts_with(prefix.as_bytes()))
    }

    /// The `Cookie` line without the cookies whose name is `own`; the others stay as they are, byte for byte
    /// and in order. `None` where no other is left.
    #[must_use]
    pub fn without(&self, own: impl Fn(&[u8]) -> bool) -> Option<HeaderValue> {
        let line = self.line.as_bytes();
        // A name without "=" counts here, though it is no cookie to `named`: some parsers take it for one.
        let kept = |segment: &&[u8]| !own(pair(segment).map_or(segment.trim_ascii(), |(name, _)| name));
        if !segments(line).filter(kept).any(|segment| !segment.trim_ascii().is_empty()) {
            return None;
        }
        if segments(line).all(|segment| kept(&segment)) {
            return Some(self.line.clone());
        }
        let mut others = Vec::with_capacity(line.len());
        for (index, segment) in segments(line).filter(kept).enumerate() {
            if index > 0 {
                others.push(b';');
            }
            others.extend_from_slice(segment);
        }
        // A part of a header value is a header value: nothing is lost here.
        let mut value = HeaderValue::from_bytes(others.trim_ascii_start()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Name and value of each cookie, in the order sent. What has no `=` is no cookie.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        segments(self.line.as_bytes()).filter_map(pair)
    }
}

impl<'a> Named<'a> {
    /// What is known of a name after one more cookie of it.
    pub(super) fn and(self, value: &'a [u8]) -> Self {
        match self {
            Self::Absent => Self::One(value),
            Self::One(_) | Self::Many => Self::Many,
        }
    }
}

impl fmt::Debug for RequestCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestCookies({} bytes)", self.line.len())
    }
}

impl fmt::Debug for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::One(_) => "One([redacted])",
            Self::Many => "Many",
        })
    }
}

/// What stands between the semicolons; a sealed value is long, and this skips it many bytes at a time.
fn segments(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let (segment, after) = match memchr(b';', line) {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        rest = after;
        Some(segment)
    })
}

fn pair(segment: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr(b'=', segment)?;
    Some((segment[..equals].trim_ascii(), segment[equals + 1..].trim_ascii()))
}
