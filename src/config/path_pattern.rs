//! The paths that a rule is for.

use std::fmt;
use std::str::FromStr;

/// One exact path, `/health`, or everything below one, `/static/*`.
///
/// It is compared with the canonical path, escapes undone, so it is written without escapes. Case counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern {
    /// Ends with a slash where everything below is meant.
    path: String,
    below: bool,
}

/// Why a text is not a [`PathPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    #[error("it must begin with a slash, such as /health or /static/*")]
    NoSlash,
    #[error("a * stands only at the end, behind a slash, such as /static/*")]
    Star,
    #[error("it is every path; a rule without a path is for all that no other rule names")]
    Everything,
    #[error("it must not have empty segments, . or ..")]
    Segment,
    #[error("it must be a plain path without escapes, query, backslash, white space or control characters")]
    NotPlain,
}

impl PathPattern {
    /// True for a path that this names, as the canonical path is judged.
    #[must_use]
    pub fn names(&self, judged: &str) -> bool {
        if self.below { judged.starts_with(&self.path) } else { judged == self.path }
    }

    /// The path, with a slash at its end where everything below is meant.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// True for everything below a path, and not the path itself.
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.below
    }

    /// True where this names every path that `other` names.
    pub(super) fn covers(&self, other: &Self) -> bool {
        if self.below { other.path.starts_with(&self.path) } else { self == other }
    }
}

/// As it is written: `/static/*`.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.below { f.write_str("*") } else { Ok(()) }
    }
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        let segments = text.strip_prefix('/').ok_or(PathPatternError::NoSlash)?;
        let (path, below) = match text.strip_suffix('*') {
            Some(path) if path.ends_with('/') => (path, true),
            Some(_) => return Err(PathPatternError::Star),
            None => (text, false),
        };
        if path.contains('*') {
            return Err(PathPatternError::Star);
        }
        if below && path == "/" {
            return Err(PathPatternError::Everything);
        }
        if path.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '%' | '?' | '#' | '\\'))
        {
            return Err(PathPatternError::NotPlain);
        }
        let mut segments = segments.split('/').rev();
        // The last may be empty: `/app/` is a path, and so is the root.
        let last = segments.next().unwrap_or_default();
        let is_dot = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
        if is_dot(last) || segments.any(|segment| segment.is_empty() || is_dot(segment)) {
            return Err(PathPatternError::Segment);
        }
        Ok(Self { path: path.to_owned(), below })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_exact_or_everything_below() {
        let names = |path: &str, judged: &str| path.parse::<PathPattern>().unwrap().names(judged);
        assert!(names("/health", "/health"));
        assert!(
            !names("/health", "/health/") && !names("/health", "/healthy") && !names("/health", "/HEALTH")
        );
        assert!(names("/static/*", "/static/") && names("/static/*", "/static/a/b.css"));
        assert!(!names("/static/*", "/static") && !names("/static/*", "/statics/a"));
        assert!(names("/", "/") && !names("/", "/x"));
        assert!(names("/caf\u{e9}/*", "/caf\u{e9}/x"));
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused() {
        for (text, error) in [
            ("health", PathPatternError::NoSlash),
            ("", PathPatternError::NoSlash),
            ("/static*", PathPatternError::Star),
            ("/*/health", PathPatternError::Star),
            ("/a/**", PathPatternError::Star),
            ("/*", PathPatternError::Everything),
            ("/a//b", PathPatternError::Segment),
            ("//a", PathPatternError::Segment),
            ("/a/../b", PathPatternError::Segment),
            ("/..", PathPatternError::Segment),
            ("/a/..;x/*", PathPatternError::Segment),
            ("/a%20b", PathPatternError::NotPlain),
            ("/a b", PathPatternError::NotPlain),
            ("/a?b", PathPatternError::NotPlain),
            ("/a\\b", PathPatternError::NotPlain),
        ] {
            assert_eq!(text.parse::<PathPattern>(), Err(error), "{text}");
        }
    }
}
