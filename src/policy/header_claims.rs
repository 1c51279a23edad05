//! What a header claims that no client may claim, looked up by its name.

use std::sync::LazyLock;

use http::HeaderName;

use super::header_names::FoldedName;
use super::reserved_headers::{Claim, FRAMING, names};

/// What this header claims, in whatever spelling; `None` for a header that may pass.
///
/// Every header of every request is looked up here, so this allocates nothing and takes two binary searches.
#[must_use]
pub fn claim(name: &HeaderName) -> Option<Claim> {
    static INDEX: LazyLock<Index> = LazyLock::new(Index::new);
    INDEX.claim(name)
}

/// The reserved names without their separators, sorted.
#[derive(Debug)]
struct Index {
    names: Vec<(Box<[u8]>, Claim)>,
    /// None of them begins with another.
    beginnings: Vec<Beginning>,
}

#[derive(Debug)]
struct Beginning {
    folded: Box<[u8]>,
    claim: Claim,
    /// False for `x-auth-request-*`, which leaves `X-Auth-Request` alone.
    may_end_here: bool,
}

impl Index {
    fn new() -> Self {
        let folded = |name: &str| Box::<[u8]>::from(FoldedName::of_text(name).start());
        let mut index = Self { names: Vec::new(), beginnings: Vec::new() };
        for (claim, name) in names() {
            match name.strip_suffix('*') {
                Some(beginning) => index.beginnings.push(Beginning {
                    folded: folded(beginning),
                    claim,
                    may_end_here: !beginning.ends_with('-'),
                }),
                None => index.names.push((folded(name), claim)),
            }
        }
        index.names.extend(FRAMING.iter().map(|name| (folded(name), Claim::Framing)));
        index.names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        index.beginnings.sort_unstable_by(|a, b| a.folded.cmp(&b.folded));
        index
    }

    fn claim(&self, name: &HeaderName) -> Option<Claim> {
        let folded = FoldedName::of(name);
        match folded.whole().and_then(|folded| self.of_name(folded)) {
            Some(Claim::Framing) if FRAMING.contains(&name.as_str()) => None,
            Some(claim) => Some(claim),
            None => self.of_beginning(folded.start()),
        }
    }

    fn of_name(&self, folded: &[u8]) -> Option<Claim> {
        let at = self.names.binary_search_by(|(known, _)| (**known).cmp(folded)).ok()?;
        self.names.get(at).map(|(_, claim)| *claim)
    }

    fn of_beginning(&self, folded: &[u8]) -> Option<Claim> {
        // Of those that sort before the name, only the last can be its beginning.
        let before = self.beginnings.partition_point(|known| *known.folded <= *folded);
        let known = self.beginnings.get(before.checked_sub(1)?)?;
        let begins = folded.starts_with(&known.folded);
        let goes_on = known.may_end_here || folded.len() > known.folded.len();
        (begins && goes_on).then_some(known.claim)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn claimed(name: &str) -> Option<Claim> {
        claim(&HeaderName::try_from(name).unwrap())
    }

    #[test]
    fn the_lists_are_in_lower_case_and_say_nothing_twice() {
        let mut seen = BTreeSet::new();
        for (_, name) in names() {
            let fits = |byte: u8| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || matches!(byte, b'-' | b'_' | b'$' | b'*')
            };
            assert!(name.bytes().all(fits), "{name}");
            assert!(!name.trim_end_matches('*').contains('*'), "{name} has a star in its midst");
            assert!(name.len() <= FoldedName::LONGEST, "{name} is longer than a folded name");
            let star = if name.ends_with('*') { b'*' } else { b' ' };
            let folded = [FoldedName::of_text(name).start(), &[star]].concat();
            assert!(seen.insert(folded), "{name} is there twice");
        }
    }

    #[test]
    fn no_beginning_begins_another_and_what_follows_one_is_covered_by_it() {
        let index = Index::new();
        for pair in index.beginnings.windows(2) {
            assert!(!pair[1].folded.starts_with(&pair[0].folded), "{pair:?}");
        }
        for (claim, name) in names().filter(|(_, name)| !name.ends_with('*')) {
            let folded = FoldedName::of_text(name);
            let by_beginning = index.of_beginning(folded.start());
            assert!(by_beginning.is_none_or(|covers| covers == claim), "{name} is in another group too");
        }
    }

    #[test]
    fn case_101_every_reserved_name_is_found_and_near_misses_are_not() {
        for (claim, name) in names() {
            let name = name.replace('*', "whatever");
            assert_eq!(claimed(&name), Some(claim), "{name}");
        }
        for name in [
            "accept",
            "destination",
            "origin",
            "referer",
            "server-timing",
            "traceparent",
            "x-amzn-trace-id",
            "x-api-key",
            "x-auth-request",
            "x-auth-token",
            "x-csrf-token",
            "x-envoy-attempt-count",
            "x-forwarder",
            "x-goog-api-key",
            "x-middleware-prefetch",
            "x-ms-version",
            "x-nextjs-data",
            "x-requested-with",
            "x-user",
            "x-xsrf-token",
        ] {
            assert_eq!(claimed(name), None, "{name}");
        }
    }

    #[test]
    fn case_102_headers_that_frame_a_message_have_one_spelling() {
        for name in FRAMING {
            assert_eq!(claimed(name), None, "{name}");
            assert_eq!(claimed(&format!("{name}_")), Some(Claim::Framing), "{name}");
        }
        assert_eq!(claimed("transfer_encoding"), Some(Claim::Framing));
        assert_eq!(claimed("content.length"), Some(Claim::Framing));
    }
}
