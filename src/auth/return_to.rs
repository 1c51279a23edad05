//! Where a browser goes back to after a sign-in: a path of our own origin, by construction.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::policy::path::CanonicalPath;
use crate::types::Origin;

/// A longer one is not kept: it has to fit into the login cookie.
pub const LIMIT: usize = 2048;

/// A path and query that a browser resolves to our own origin, whatever it is relative to.
///
/// Never below the prefix of our own endpoints, so that no sign-in ends in another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The site's root: what every unacceptable address becomes.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// From a text that anybody may have written: a path, or a whole URL of our origin.
    #[must_use]
    pub fn parse(text: &str, origin: &Origin, prefix: &str) -> Self {
        Self::checked(text, origin, prefix).unwrap_or_else(Self::root)
    }

    /// The path and query, to be sent as a `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn checked(text: &str, origin: &Origin, prefix: &str) -> Option<Self> {
        if text.len() > LIMIT {
            return None;
        }
        // What URL parsers drop or turn into slashes is never part of an honest address. A space within is: it is
        // what `%20` or `+` in a query parameter comes to.
        if text.bytes().any(|b| b.is_ascii_control() || b == b'\\') || text.trim() != text {
            return None;
        }
        let base = Url::parse(&origin.to_string()).ok()?;
        let target = if text.starts_with('/') && !text.starts_with("//") {
            base.join(text).ok()?
        } else {
            // A whole URL, with its two slashes: a parser forgives their lack, we do not.
            let (scheme, rest) = text.split_once("://")?;
            let named = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
            (named && !rest.starts_with('/')).then_some(())?;
            Url::parse(text).ok()?
        };
        let ours = origin.contains(&target) && target.username().is_empty() && target.password().is_none();
        if !ours {
            return None;
        }
        let path = target.path();
        if path.starts_with("//") || CanonicalPath::parse(path).ok()?.below(prefix).is_some() {
            return None;
        }
        // A proxy in front may undo an escaped slash: `/oauth2%2Fstart` must not become an endpoint of ours.
        let unescaped = percent_decode_str(path).decode_utf8_lossy();
        if unescaped.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        let kept = match text.split('#').next() {
            // Byte for byte, if a `Location` can carry every byte. A raw space in the query cannot go there. It is
            // encoded here, once, so that what is kept is also what is sent and counted.
            Some(raw) if raw.starts_with('/') && is_graphic(raw) && raw_path(raw) == path => raw.to_owned(),
            _ => match target.query() {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            },
        };
        // Both as a path relative to our origin, and as what is sent in the end.
        let resolved = base.join(&kept).ok()?;
        (kept.len() <= LIMIT && origin.contains(&resolved)).then_some(Self(kept))
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_graphic(raw: &str) -> bool {
    raw.bytes().all(|byte| byte.is_ascii_graphic())
}

fn raw_path(raw: &str) -> &str {
    raw.split('?').next().unwrap_or(raw)
}
