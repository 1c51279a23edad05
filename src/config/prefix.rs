//! The path that our own endpoints are below.

use std::fmt;
use std::str::FromStr;

/// The path that our own endpoints are below: `/oauth2`, or several segments. No slash at its end, nothing in it that a
/// proxy in front could read in two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPrefix(String);

/// Why a text is not an [`EndpointPrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    #[error("it must begin with a slash, such as /oauth2")]
    NoSlash,
    #[error("it must name a path below the root, such as /oauth2, or nothing would be left for the app")]
    Root,
    #[error("it must not end with a slash")]
    SlashAtEnd,
    #[error(
        "its segments must be letters, digits, dots, hyphens, underscores and tildes, and neither . nor .."
    )]
    Segment,
    #[error("it must be at most 128 characters long")]
    TooLong,
}

impl EndpointPrefix {
    const MAX_LENGTH: usize = 128;

    /// The path, `/oauth2`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the endpoint `name`: `/oauth2/callback`.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    /// What follows the prefix and a slash in `path`: `callback`. `None` where the path is not ours; the bare prefix is
    /// ours, and gives an empty text.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.0.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }
}

impl FromStr for EndpointPrefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let segments = text.strip_prefix('/').ok_or(PrefixError::NoSlash)?;
        if segments.is_empty() {
            return Err(PrefixError::Root);
        }
        if segments.ends_with('/') {
            return Err(PrefixError::SlashAtEnd);
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(PrefixError::TooLong);
        }
        let plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~'))
        };
        if segments.split('/').all(plain) { Ok(Self(text.to_owned())) } else { Err(PrefixError::Segment) }
    }
}

impl fmt::Display for EndpointPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_owns_what_is_below_it_and_nothing_beside_it() {
        let prefix: EndpointPrefix = "/oauth2".parse().unwrap();
        assert_eq!(prefix.endpoint("callback"), "/oauth2/callback");
        assert_eq!(prefix.strip("/oauth2/callback"), Some("callback"));
        assert_eq!(prefix.strip("/oauth2/"), Some(""));
        assert_eq!(prefix.strip("/oauth2"), Some(""));
        assert_eq!(prefix.strip("/oauth2x/callback"), None);
        assert_eq!(prefix.strip("/app/oauth2/callback"), None);
    }

    #[test]
    fn segments_are_plain() {
        for text in ["/oauth2", "/_auth", "/a/b.c/d-e~f"] {
            assert!(text.parse::<EndpointPrefix>().is_ok(), "{text}");
        }
        for (text, error) in [
            ("", PrefixError::NoSlash),
            ("oauth2", PrefixError::NoSlash),
            ("https://app.test/oauth2", PrefixError::NoSlash),
            ("/", PrefixError::Root),
            ("/oauth2/", PrefixError::SlashAtEnd),
            ("//", PrefixError::SlashAtEnd),
            ("//oauth2", PrefixError::Segment),
            ("/a//b", PrefixError::Segment),
            ("/a/../b", PrefixError::Segment),
            ("/./b", PrefixError::Segment),
            ("/a%2fb", PrefixError::Segment),
            ("/a;b", PrefixError::Segment),
            ("/a?b", PrefixError::Segment),
            ("/a b", PrefixError::Segment),
            ("/ä", PrefixError::Segment),
        ] {
            assert_eq!(text.parse::<EndpointPrefix>(), Err(error), "{text:?}");
        }
        assert_eq!(format!("/{}", "a".repeat(128)).parse::<EndpointPrefix>(), Err(PrefixError::TooLong));
    }
}
