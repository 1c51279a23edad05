//! How an app's server reads the name of a header.
//!
//! Only ASCII letters and digits count here; every other byte is skipped. Servers disagree about the rest, and each of
//! these makes one name of several:
//!
//! - WSGI, Rack, PSGI and most CGI servers write `_` for `-`. PHP writes `_` for `.` too.
//! - lighttpd (tried with 1.4.69), busybox's httpd (1.35), Phusion Passenger and Apache before 2.4 write `_` for every byte
//!   that is not a letter or a digit: `X!Forwarded!User` becomes `HTTP_X_FORWARDED_USER`.
//! - Symfony's `HeaderBag` and Perl's `HTTP::Headers` write `-` for `_`.
//!
//! We know of no server that drops such bytes, merges repeated ones or trims them at the ends; lighttpd and busybox keep
//! each of them. A filter in front of an app may do so, and no client needs two names that differ in such bytes alone. So `X--Forwarded-User`, `-X-Forwarded-User-`
//! and `XForwardedUser` are `X-Forwarded-User` too.

use http::HeaderName;

/// A header's name without its separators, at most [`FoldedName::LONGEST`] bytes of it. Lives on the stack.
#[derive(Clone, Copy, Debug)]
pub struct FoldedName {
    bytes: [u8; Self::LONGEST],
    length: usize,
    /// False where the name goes on behind `bytes`.
    is_whole: bool,
}

impl FoldedName {
    /// No reserved name is longer; a test holds that.
    pub const LONGEST: usize = 48;

    #[must_use]
    pub fn of(name: &HeaderName) -> Self {
        Self::of_text(name.as_str())
    }

    pub(super) fn of_text(name: &str) -> Self {
        let mut folded = Self { bytes: [0; Self::LONGEST], length: 0, is_whole: true };
        for byte in significant(name) {
            match folded.bytes.get_mut(folded.length) {
                Some(free) => *free = byte,
                None => {
                    folded.is_whole = false;
                    break;
                }
            }
            folded.length += 1;
        }
        folded
    }

    /// The whole name; `None` for one that is longer than any reserved name.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.is_whole.then_some(self.start())
    }

    /// As much of the name as is kept.
    pub(super) fn start(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// True where a server may take `name` for `other`.
#[must_use]
pub fn is_same(name: &HeaderName, other: &str) -> bool {
    significant(name.as_str()).eq(significant(other))
}

/// The bytes that count, in lower case.
fn significant(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every byte of a token (RFC 9110 §5.6.2) that is not a letter or a digit.
    const SEPARATORS: &str = "[-_.!^+~'*#$%&|`]";

    proptest! {
        #[test]
        fn case_102_no_separator_makes_another_name(
            separators in proptest::collection::vec(proptest::string::string_regex(&format!("{SEPARATORS}{{0,3}}")).unwrap(), 4)
        ) {
            let [before, first, second, after] = &separators[..] else { unreachable!() };
            let spelled = format!("{before}x{first}forwarded{second}user{after}");
            let name = HeaderName::try_from(spelled).unwrap();
            prop_assert!(is_same(&name, "X-Forwarded-User"));
            let folded = FoldedName::of(&name);
            prop_assert_eq!(folded.whole(), Some(&b"xforwardeduser"[..]));
        }

        #[test]
        fn case_102_another_letter_or_digit_makes_another_name(letter in "[a-z0-9]") {
            let name = HeaderName::try_from(format!("x-forwarded-user{letter}")).unwrap();
            prop_assert!(!is_same(&name, "x-forwarded-user"));
        }
    }

    #[test]
    fn a_long_name_is_not_mistaken_for_what_it_begins_with() {
        let long = HeaderName::try_from("a".repeat(FoldedName::LONGEST + 1)).unwrap();
        assert_eq!(FoldedName::of(&long).whole(), None);
        assert_eq!(FoldedName::of(&long).start().len(), FoldedName::LONGEST);
        let fits = HeaderName::try_from("a".repeat(FoldedName::LONGEST)).unwrap();
        assert_eq!(FoldedName::of(&fits).whole().map(<[u8]>::len), Some(FoldedName::LONGEST));
    }
}
