//! A path that needs no session.

use std::str::FromStr;

/// One exact path, `/health`, or everything below one, `/static/*`.
///
/// It is compared with the canonical path, escapes undone, so it is written without escapes. Case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPath {
    /// Ends with a slash where everything below is meant.
    path: String,
    below: bool,
}

/// Why a text is not a [`PublicPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicPathError {
    #[error("it must begin with a slash, such as /health or /static/*")]
    NoSlash,
    #[error("a * stands only at the end, behind a slash, such as /static/*")]
    Star,
    #[error("it would make every path public; then no gate is needed")]
    Everything,
    #[error("it must not have empty segments, . or ..")]
    Segment,
    #[error("it must be a plain path without escapes, query, backslash, white space or control characters")]
    NotPlain,
}

impl PublicPath {
    /// True for a path that this names, as the canonical path is judged.
    #[must_use]
    pub fn names(&self, judged: &str) -> bool {
        if self.below { judged.starts_with(&self.path) } else { judged == self.path }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for PublicPath {
    type Err = PublicPathError;

    fn from_str(text: &str) -> Result<Self, PublicPathError> {
        let segments = text.strip_prefix('/').ok_or(PublicPathError::NoSlash)?;
        let (path, below) = match text.strip_suffix('*') {
            Some(path) if path.ends_with('/') => (path, true),
            Some(_) => return Err(PublicPathError::Star),
            None => (text, false),
        };
        if path.contains('*') {
            return Err(PublicPathError::Star);
        }
        if below && path == "/" {
            return Err(PublicPathError::Everything);
        }
        if path.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '%' | '?' | '#' | '\\'))
        {
            return Err(PublicPathError::NotPlain);
        }
        let mut segments = segments.split('/').rev();
        // The last may be empty: `/app/` is a path, and so is the root.
        let last = segments.next().unwrap_or_default();
        let is_dot = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
        if is_dot(last) || segments.any(|segment| segment.is_empty() || is_dot(segment)) {
            return Err(PublicPathError::Segment);
        }
        Ok(Self { path: path.to_owned(), below })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_path_is_exact_or_everything_below() {
        let names = |path: &str, judged: &str| path.parse::<PublicPath>().unwrap().names(judged);
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
            ("health", PublicPathError::NoSlash),
            ("", PublicPathError::NoSlash),
            ("/static*", PublicPathError::Star),
            ("/*/health", PublicPathError::Star),
            ("/a/**", PublicPathError::Star),
            ("/*", PublicPathError::Everything),
            ("/a//b", PublicPathError::Segment),
            ("//a", PublicPathError::Segment),
            ("/a/../b", PublicPathError::Segment),
            ("/..", PublicPathError::Segment),
            ("/a/..;x/*", PublicPathError::Segment),
            ("/a%20b", PublicPathError::NotPlain),
            ("/a b", PublicPathError::NotPlain),
            ("/a?b", PublicPathError::NotPlain),
            ("/a\\b", PublicPathError::NotPlain),
        ] {
            assert_eq!(text.parse::<PublicPath>(), Err(error), "{text}");
        }
    }
}
