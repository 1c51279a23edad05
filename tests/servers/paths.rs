//! Spellings of paths: of those that are guarded, and of public ones that lead to them.

use std::collections::HashSet;

use super::path_parts::{DOTS, DROPPED, ENDS, FRONTS, QUERIES, SLASHES, WAYS_OUT};
use super::random::Random;

/// How many there are.
const COUNT: usize = 2000;

/// What the apps have that is guarded.
const GUARDED: [&str; 3] = ["/admin/secret", "/rest/users", "/internal/keys"];

/// A target, and how it was made.
#[derive(Clone, Debug)]
pub(super) struct Spelling {
    pub(super) target: String,
    pub(super) how: String,
}

/// A change to a path by each of some strings.
struct Change {
    how: &'static str,
    strings: &'static [&'static str],
    /// The path, changed by one of the strings. Where it could be changed at several places, one of them is chosen.
    make: fn(&str, &str, &mut Random) -> String,
}

/// For a change that needs no string, and that is made at so many places.
const PLACES: &[&str] = &[""; 8];

/// The last goes with no other.
const CHANGES: &[Change] = &[
    Change { how: "capitals", strings: &[""], make: |path, _, _| path.to_uppercase() },
    Change { how: "a capital", strings: PLACES, make: a_capital },
    Change { how: "an escape", strings: &["%", "%", "%", "%25", "%25", "%2525", "%u00"], make: an_escape },
    Change { how: "all escaped", strings: &["%", "%25"], make: all_escaped },
    Change { how: "in place of a slash", strings: SLASHES, make: at_slash },
    Change { how: "dot segments", strings: DOTS, make: at_slash },
    Change { how: "in front", strings: FRONTS, make: |path, front, _| format!("{front}{path}") },
    Change {
        how: "a way out of public",
        strings: WAYS_OUT,
        make: |path, way, _| way.to_owned() + path.trim_start_matches('/'),
    },
    Change { how: "behind", strings: ENDS, make: |path, end, _| format!("{path}{end}") },
    Change { how: "a look-alike", strings: LOOK_ALIKES, make: a_look_alike },
    Change { how: "what is dropped", strings: DROPPED, make: what_is_dropped },
    Change {
        how: "what is dropped in front",
        strings: DROPPED,
        make: |path, part, _| format!("/{part}{path}"),
    },
    Change { how: "a query", strings: QUERIES, make: |path, query, _| query.replace("{}", path) },
    Change { how: "overlong", strings: &["a/", "/", "%2f", ";x/"], make: overlong },
];

/// Letters that some comparisons take for others, each as UTF-8 behind the one that it stands for.
const LOOK_ALIKES: &[&str] = &[
    // Dotless, whose capital is I; a capital with a dot; the long s, whose capital is S; the Kelvin sign.
    "i%C4%B1",
    "i%C4%B0",
    "s%C5%BF",
    "k%E2%84%AA",
    // Of full width, with an accent, Cyrillic.
    "a%EF%BD%81",
    "s%EF%BD%93",
    "e%C3%A9",
    "ee%CC%81",
    "a%D0%B0",
];

/// Each change of each path once, and then further ones together. `base` is where the app is.
pub(super) fn spellings(base: &str, random: &mut Random) -> Vec<Spelling> {
    let mut made = Vec::new();
    let mut known = HashSet::new();
    let mut add = |target: String, how: String| {
        let target = if base.is_empty() { target } else { below(base, &target) };
        if known.insert(target.clone()) {
            made.push(Spelling { target, how });
        }
        known.len()
    };
    for path in GUARDED {
        add(path.to_owned(), "as it is".to_owned());
        for change in CHANGES {
            for string in change.strings {
                add((change.make)(path, string, random), change.how.to_owned());
            }
        }
    }
    loop {
        let mut target = random.of(&GUARDED).to_owned();
        let mut hows = Vec::new();
        for _ in 0..random.below(2) + 2 {
            let change = &CHANGES[random.below(CHANGES.len() - 1)];
            target = (change.make)(&target, random.of(change.strings), random);
            hows.push(change.how);
        }
        if add(target, hows.join(", ")) >= COUNT {
            return made;
        }
    }
}

/// The path of the target gets the base in front, in absolute form behind the authority.
fn below(base: &str, target: &str) -> String {
    let authority = target.find("://").filter(|_| !target.starts_with('/')).map_or(0, |at| at + 3);
    match target[authority..].find('/') {
        Some(slash) => format!("{}{base}{}", &target[..authority + slash], &target[authority + slash..]),
        None => target.to_owned(),
    }
}

fn a_capital(path: &str, _: &str, random: &mut Random) -> String {
    at_letter(path, random, |letter| letter.to_ascii_uppercase().to_string())
}

fn an_escape(path: &str, percent: &str, random: &mut Random) -> String {
    at_letter(path, random, |letter| format!("{percent}{:02x}", u32::from(letter)))
}

fn all_escaped(path: &str, percent: &str, _: &mut Random) -> String {
    let escape = |c: char| if c == '/' { "/".to_owned() } else { format!("{percent}{:02X}", u32::from(c)) };
    path.chars().map(escape).collect()
}

fn what_is_dropped(path: &str, part: &str, random: &mut Random) -> String {
    at_letter(path, random, |letter| format!("{part}{letter}"))
}

fn overlong(path: &str, part: &str, _: &mut Random) -> String {
    format!("/{}{path}", part.repeat(1500))
}

fn a_look_alike(path: &str, pair: &str, _: &mut Random) -> String {
    let (letter, like) = pair.split_at(1);
    path.replacen(letter, like, 1)
}

/// Puts something in the place of one slash.
fn at_slash(path: &str, slash: &str, random: &mut Random) -> String {
    at(path, random, |c| c == '/', |_| slash.to_owned())
}

/// Changes one letter or digit.
fn at_letter(path: &str, random: &mut Random, change: impl FnOnce(char) -> String) -> String {
    at(path, random, |c| c.is_ascii_alphanumeric(), change)
}

fn at(
    path: &str,
    random: &mut Random,
    fits: fn(char) -> bool,
    change: impl FnOnce(char) -> String,
) -> String {
    let places: Vec<(usize, char)> = path.char_indices().filter(|(_, c)| fits(*c)).collect();
    if places.is_empty() {
        return path.to_owned();
    }
    let (place, c) = places[random.below(places.len())];
    format!("{}{}{}", &path[..place], change(c), &path[place + c.len_utf8()..])
}
