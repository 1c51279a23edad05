//! Paths without case.

/// Without case: what any comparison that ignores it takes for the same becomes the same.
///
/// That covers Unicode's simple and full case folding, comparing in capitals, and comparing in small letters: `K` (the
/// Kelvin sign) is `k`, `ſ` is `s`, `ß` is `ss`. All four of `i`, `I`, `ı` and `İ` are `i`, as in Python's `re.I` and in
/// Java's `equalsIgnoreCase`; the dot above that `İ` leaves behind in small letters is dropped.
pub(super) fn fold_case(path: &str) -> String {
    const DOT_ABOVE: char = '\u{307}';
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let small = path.chars().flat_map(char::to_lowercase);
    let again = small.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    again.filter(|&letter| letter != DOT_ABOVE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_110_letters_are_the_same_in_every_folding_of_unicode() {
        // What Python's re.I, Java's equalsIgnoreCase and its UNICODE_CASE take for one, and what comes of it in
        // capitals and small letters in either of them.
        for same in [
            "k K \u{212a}",
            "s S \u{17f}",
            "i I \u{131} \u{130} i\u{307}",
            "\u{e5} \u{c5} \u{212b}",
            "\u{3c3} \u{3a3} \u{3c2}",
            "\u{df} \u{1e9e} ss SS",
            "\u{b5} \u{3bc} \u{39c}",
            "\u{3c9} \u{3a9} \u{2126}",
            "\u{1c4} \u{1c5} \u{1c6}",
            "\u{390} \u{1fd3}",
            "\u{fb01} fi FI",
            "\u{fb05} \u{fb06} st",
            "\u{13a0} \u{ab70}",
            "\u{10400} \u{10428}",
            "\u{1e61} \u{1e60} \u{1e9b}",
            "\u{2160} \u{2170}",
            "\u{ff21} \u{ff41}",
        ] {
            let mut folded = same.split(' ').map(fold_case);
            let first = folded.next().unwrap();
            assert!(folded.all(|other| other == first), "{same}");
        }
        // Of all letters: what small letters and capitals make of one stays the same.
        for letter in (0..=0x10_ffff).filter_map(char::from_u32) {
            let itself = fold_case(&letter.to_string());
            assert_eq!(fold_case(&letter.to_lowercase().to_string()), itself, "{letter:?}");
            assert_eq!(fold_case(&letter.to_uppercase().to_string()), itself, "{letter:?}");
        }
        assert_ne!(fold_case("\u{e4}"), fold_case("a"), "an accent is no matter of case");
    }
}
