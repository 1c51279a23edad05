//! Attack cases have numbers, which the tests that hold them off have in their names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The last of the first list, whose cases are told by the names of their tests.
const LAST: usize = 91;

/// Numbers that stand for nothing.
const WITHOUT: [usize; 2] = [74, 77];

/// The others have a row each.
const DOCS: &str = include_str!("../docs/attack-cases.md");

/// How many tests each number has: `case_60_…` is one of 60, `case_60_and_61_…` one of both.
fn tests_below(folder: &Path, found: &mut BTreeMap<usize, usize>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        for name in text.split("fn case_").skip(1) {
            let words = name.split('_').take_while(|word| *word == "and" || word.parse::<usize>().is_ok());
            for number in words.filter_map(|word| word.parse().ok()) {
                *found.entry(number).or_default() += 1;
            }
        }
    }
}

#[test]
fn every_attack_case_has_a_test_of_its_number() {
    let mut found = BTreeMap::new();
    for folder in ["tests", "src"] {
        tests_below(&Path::new(ROOT).join(folder), &mut found);
    }
    for number in 1..=LAST {
        assert_eq!(found.contains_key(&number), !WITHOUT.contains(&number), "case {number}");
    }
    let rows = DOCS.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok());
    let documented: Vec<usize> = rows.collect();
    let beyond: Vec<_> = found.keys().copied().filter(|number| *number > LAST).collect();
    assert_eq!(documented, beyond, "the rows of docs/attack-cases.md are not the cases that have tests");
}
