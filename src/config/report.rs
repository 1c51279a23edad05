//! What a reading finds: problems, warnings, and the place of every value.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::error::{ConfigError, Problem};
use super::key::Key;
use super::table::key_at;

/// Collects what is wrong, so that one start shows all of it.
#[derive(Default)]
pub(super) struct Report {
    /// Where each key's value came from.
    pub(super) places: BTreeMap<String, String>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Report {
    /// Something is wrong with the value of `key`.
    pub(super) fn problem(&mut self, key: &str, text: impl Display) {
        let place = self.places.get(key).cloned();
        self.at(key, place, text);
    }

    /// Something is wrong with an entry of the table `key`, the one that is `at` this place of it.
    ///
    /// It is named where the file names it. What stands for a name in a variable or a flag may be a value, a secret even.
    pub(super) fn entry(&mut self, key: &str, name: &str, at: usize, text: impl Display) {
        let entry = format!("{key}.{name}");
        let file = |key: &str| Some(self.places.get(key)?.rsplit_once(':')?.0);
        // Not of the file where a variable has replaced the whole table.
        if file(&entry).is_some() && file(&entry) == file(key) {
            return self.problem(&entry, text);
        }
        self.problem(key, format_args!("its item {}: {text}", at + 1));
    }

    /// Something is wrong with `subject`, at a place of its own.
    pub(super) fn at(&mut self, subject: &str, place: Option<String>, text: impl Display) {
        let problem = Problem { subject: shown(subject), place, text: text.to_string() };
        // What all sites have in common is looked at for each of them.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// A required key is absent.
    pub(super) fn missing(&mut self, key: &str) {
        self.missing_but(key, "");
    }

    /// A required key is absent; `further` says more.
    pub(super) fn missing_but(&mut self, key: &str, further: &str) {
        if let Some(variable) = Key::named(key).and_then(Key::variable) {
            let how = format_args!(
                "it is missing; set it in the file, by {variable}, or by --set {key}=…{further}"
            );
            return self.problem(key, how);
        }
        // In one of a list of tables, which the file alone holds.
        let table = key.rfind(']').and_then(|end| self.places.get(&key[..=end]).cloned());
        let how = match key_at(key).and_then(Key::of_all_sites) {
            Some(top) if self.is_set(top.name) => {
                "; the site has a user_pool_id or a domain of its own, so that it takes nothing of the top level's pool"
            }
            Some(_) => "; set it in the site, or for all sites at the top level",
            None => "",
        };
        self.at(key, table, format_args!("it is missing{how}{further}"));
    }

    /// It works, and the operator should know.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// True where `key` has a value, from wherever.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Where the value of `key` came from, for a message about another key.
    pub(super) fn place(&self, key: &str) -> &str {
        self.places.get(key).map_or("not set", String::as_str)
    }

    /// The text as a type that cannot be wrong; a problem where it is wrong.
    pub(super) fn parse<T>(&mut self, key: &str, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        text.parse().map_err(|error| self.problem(key, error)).ok()
    }

    /// The required text as a type that cannot be wrong; a problem where it is wrong or absent.
    pub(super) fn require<T>(&mut self, key: &str, text: Option<&str>) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        match text {
            Some(text) => self.parse(key, text),
            None => {
                self.missing(key);
                None
            }
        }
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    pub(super) fn into_error(self) -> ConfigError {
        ConfigError { problems: self.problems }
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }
}

/// A name that someone else chose, bounded, and with nothing in it that a terminal or a log would act on.
pub(super) fn shown(name: &str) -> String {
    const MAX: usize = 200;
    let mut text: String = name.chars().take(MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX).is_some() {
        text.push('…');
    }
    text
}
