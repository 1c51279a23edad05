//! The paths that an app is given.

use std::fmt;
use std::str::FromStr;

/// A path and everything below it, in whole segments: `/api` is `/api` and `/api/x`, and not `/apix`.
///
/// It is compared with the canonical path, escapes undone, so it is written without escapes. Case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(String);

/// Why a text is not a [`PathPrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPrefixError {
    #[error("it must begin with a slash, such as /api")]
    NoSlash,
    #[error("it is the root, which is every path; leave it out")]
    Root,
    #[error("it must not end with a slash or a *; /api is everything below it too")]
    End,
    #[error("it must not have empty segments, . or ..")]
    Segment,
    #[error("it must be a plain path without escapes, query, backslash, white space or control characters")]
    NotPlain,
}

impl PathPrefix {
    /// The path, `/api`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let segments = text.strip_prefix('/').ok_or(PathPrefixError::NoSlash)?;
        if segments.is_empty() {
            return Err(PathPrefixError::Root);
        }
        if segments.ends_with(['/', '*']) {
            return Err(PathPrefixError::End);
        }
        let foreign =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '%' | '?' | '#' | '\\' | '*');
        if segments.contains(foreign) {
            return Err(PathPrefixError::NotPlain);
        }
        let is_plain = |segment: &str| !matches!(segment.split(';').next(), Some("" | "." | ".."));
        if segments.split('/').all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathPrefixError::Segment)
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused() {
        for text in ["/api", "/a/b.c", "/caf\u{e9}", "/v1;x"] {
            assert!(text.parse::<PathPrefix>().is_ok(), "{text}");
        }
        for (text, error) in [
            ("", PathPrefixError::NoSlash),
            ("api", PathPrefixError::NoSlash),
            ("/", PathPrefixError::Root),
            ("/api/", PathPrefixError::End),
            ("/api/*", PathPrefixError::End),
            ("//api", PathPrefixError::Segment),
            ("/a/../b", PathPrefixError::Segment),
            ("/a/..;x", PathPrefixError::Segment),
            ("/;x", PathPrefixError::Segment),
            ("/a%20b", PathPrefixError::NotPlain),
            ("/a b", PathPrefixError::NotPlain),
            ("/a?b", PathPrefixError::NotPlain),
            ("/a\\b", PathPrefixError::NotPlain),
            ("/*/a", PathPrefixError::NotPlain),
        ] {
            assert_eq!(text.parse::<PathPrefix>(), Err(error), "{text:?}");
        }
    }
}
