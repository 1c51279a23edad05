//! The canonical path: judged once, forwarded byte for byte.
//!
//! A gate and the app behind it must never disagree about which path a request names. Where a path could be
//! read in two ways (dot segments in any spelling, backslashes, NUL, broken escapes) it is refused; where it
//! has one reading, that reading is what every rule sees and the bytes go on untouched.

use std::fmt::Write as _;

/// A path that has one reading. The upstream gets [`CanonicalPath::raw`]; rules look at
/// [`CanonicalPath::judged`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath {
    raw: String,
    judged: String,
}

/// Why a path was refused. Every one of them is a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    #[error("the path has a byte that a URL must escape")]
    RawByte,
    #[error("the path has a percent sign that two hexadecimal digits do not follow")]
    BadEscape,
    #[error("the path has an escaped control character")]
    Control,
    #[error("the path has a backslash")]
    Backslash,
    #[error("the path has escapes that are not UTF-8")]
    NotUtf8,
    #[error("the path has a dot segment")]
    DotSegment,
}

impl CanonicalPath {
    /// Judges a request's path, without its query.
    ///
    /// An escaped slash (`%2F`) passes and is never a separator; an escaped percent sign stays escaped, so
    /// that the judged form has one reading too.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        if !raw.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        let once = decode(raw.as_bytes())?;
        let text = std::str::from_utf8(&once).map_err(|_| PathError::NotUtf8)?;
        // What a second decoder behind us might make of it. Escapes that only appear in this round may be
        // broken: `%25zz` is a percent sign and two letters.
        let twice = decode_leniently(&once);
        if twice.contains(&b'\\') {
            return Err(PathError::Backslash);
        }
        if twice.contains(&0) {
            return Err(PathError::Control);
        }
        if has_dot_segment(text.as_bytes()) || has_dot_segment(&twice) {
            return Err(PathError::DotSegment);
        }
        Ok(Self { raw: raw.to_owned(), judged: judged_form(raw.as_bytes()) })
    }

    /// The root, which is what a request is judged by that is for the whole server (`OPTIONS *`, RFC 9112 §3.2.4).
    #[must_use]
    pub fn root() -> Self {
        Self { raw: "/".to_owned(), judged: "/".to_owned() }
    }

    /// The path as it was sent and as the upstream gets it.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The path as rules compare it: escapes undone, but for `%2F` and `%25`.
    #[must_use]
    pub fn judged(&self) -> &str {
        &self.judged
    }

    /// What follows `prefix` where this path is `prefix` itself (nothing) or below it (`/…`).
    #[must_use]
    pub fn below(&self, prefix: &str) -> Option<&str> {
        let rest = self.judged.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// What follows `prefix`, like [`Self::below`], of the path as it was sent.
    #[must_use]
    pub fn raw_below(&self, prefix: &str) -> Option<&str> {
        self.below(prefix)?;
        let (mut rest, mut judged) = (self.raw.as_bytes(), 0);
        while judged < prefix.len() {
            let (&byte, tail) = rest.split_first()?;
            (rest, judged) = match escape(tail).filter(|_| byte == b'%') {
                // These stay escaped in the judged form, in three characters.
                Some((b'/' | b'%', after)) => (after, judged + 3),
                Some((_, after)) => (after, judged + 1),
                None => (tail, judged + 1),
            };
        }
        // An escape is ASCII, and a raw path too, so that this is no character's middle.
        self.raw.get(self.raw.len() - rest.len()..)
    }
}

/// Undoes one round of escapes, strictly.
fn decode(raw: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let (decoded, after) = escape(tail).ok_or(PathError::BadEscape)?;
            if decoded.is_ascii_control() {
                return Err(PathError::Control);
            }
            if decoded == b'\\' {
                return Err(PathError::Backslash);
            }
            out.push(decoded);
            rest = after;
            continue;
        }
        match byte {
            b'\\' => return Err(PathError::Backslash),
            0x21..=0x7e if !matches!(byte, b'"' | b'<' | b'>' | b'#' | b'?' | b'^' | b'`') => {}
            _ => return Err(PathError::RawByte),
        }
        out.push(byte);
        rest = tail;
    }
    Ok(out)
}

/// Undoes a further round, keeping what is no escape.
fn decode_leniently(once: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(once.len());
    let mut rest = once;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%'
            && let Some((decoded, after)) = escape(tail)
        {
            out.push(decoded);
            rest = after;
            continue;
        }
        out.push(byte);
        rest = tail;
    }
    out
}

/// The byte that the two digits after a percent sign name, and what follows them.
fn escape(after_percent: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = after_percent.split_first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some((digit(high)? << 4 | digit(low)?, rest))
}

/// True where a segment is `.` or `..`, with or without parameters (`..;x=1`), whatever wrote the slash.
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|&b| b == b'/').any(|segment| {
        let name = segment.split(|&b| b == b';').next().unwrap_or_default();
        matches!(name, b"." | b"..")
    })
}

/// Only for a path whose escapes [`decode`] has accepted and whose bytes are UTF-8.
fn judged_form(raw: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, escape(tail)) {
            (b'%', Some((decoded @ (b'/' | b'%'), after))) => {
                let mut kept = String::with_capacity(3);
                // Writing to a String does not fail.
                let _ = write!(kept, "%{decoded:02X}");
                bytes.extend_from_slice(kept.as_bytes());
                rest = after;
            }
            (b'%', Some((decoded, after))) => {
                bytes.push(decoded);
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(raw: &str) -> Result<String, PathError> {
        CanonicalPath::parse(raw).map(|path| path.judged)
    }

    #[test]
    fn dot_segments_are_refused_in_every_spelling() {
        for raw in [
            "/public/../admin",
            "/public/./../admin",
            "/./",
            "/..",
            "/public/..;/admin",
            "/public/..;x=1/admin",
            "/public;x/../admin",
            "/public/%2e%2e/admin",
            "/public/%2E./admin",
            "/public/%252e%252e/admin",
            "/public/..%2fadmin",
            "/public/%2e%2e%2fadmin",
            "/public/%252e%252e%252fadmin",
            "/%2e%3bx/admin",
        ] {
            assert_eq!(judged(raw), Err(PathError::DotSegment), "{raw}");
        }
    }

    #[test]
    fn what_has_no_single_reading_is_refused() {
        for (raw, why) in [
            ("/a\\b", PathError::Backslash),
            ("/..%5cadmin", PathError::Backslash),
            ("/a%255cb", PathError::Backslash),
            ("/%00", PathError::Control),
            ("/%2500", PathError::Control),
            ("/%0d%0a", PathError::Control),
            ("/%zz", PathError::BadEscape),
            ("/%", PathError::BadEscape),
            ("/%2", PathError::BadEscape),
            ("/%c0%ae", PathError::NotUtf8),
            ("/%ff", PathError::NotUtf8),
            ("/ü", PathError::RawByte),
            ("*", PathError::NotAbsolute),
            ("", PathError::NotAbsolute),
        ] {
            assert_eq!(judged(raw), Err(why), "{raw}");
        }
    }

    #[test]
    fn an_escaped_slash_is_never_a_separator_and_an_escaped_percent_stays() {
        assert_eq!(judged("/a%2fb").as_deref(), Ok("/a%2Fb"));
        assert_eq!(judged("/a%252fb").as_deref(), Ok("/a%252fb"));
        assert_eq!(judged("/%61dmin").as_deref(), Ok("/admin"));
        assert_eq!(judged("/caf%C3%A9/...").as_deref(), Ok("/café/..."));
        assert_eq!(judged("//admin").as_deref(), Ok("//admin"));
    }

    #[test]
    fn case_30_what_is_stripped_is_what_was_judged() {
        let below = |path: &str, prefix: &str| {
            CanonicalPath::parse(path).unwrap().raw_below(prefix).map(str::to_owned)
        };
        assert_eq!(below("/api/a%20b", "/api").as_deref(), Some("/a%20b"));
        assert_eq!(below("/%61p%69/%61", "/api").as_deref(), Some("/%61"));
        assert_eq!(below("/api", "/api").as_deref(), Some(""));
        assert_eq!(below("/api//x", "/api").as_deref(), Some("//x"));
        assert_eq!(below("/caf%C3%A9/x", "/caf\u{e9}").as_deref(), Some("/x"));
        assert_eq!(below("/api%2Fx", "/api"), None);
        assert_eq!(below("/apix", "/api"), None);
    }

    #[test]
    fn below_respects_the_segment() {
        let below = |path: &str| CanonicalPath::parse(path).unwrap().below("/oauth2").map(str::to_owned);
        assert_eq!(below("/oauth2/start").as_deref(), Some("/start"));
        assert_eq!(below("/oauth2").as_deref(), Some(""));
        assert_eq!(below("/%6Fauth2/start").as_deref(), Some("/start"));
        assert_eq!(below("/oauth2x"), None);
        assert_eq!(below("/oauth2%2Fstart"), None);
    }
}
