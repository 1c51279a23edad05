//! The configuration, read in process.

mod bearer;
mod checks;
mod csrf;
mod environment;
mod file;
mod forward;
mod gateway;
mod layers;
mod limits;
mod no_leak;
mod redis;
mod rules;
mod secret_files;
mod sites;
mod twins;
mod upstreams;
mod websocket;

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use cognigate::config::{Config, ConfigError, Sources};
use tempfile::TempDir;

/// A valid key, and another.
pub(crate) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(crate) const OTHER_KEY: &str = "HxAREhMUFRYXGBkaGxwdHgABAgMEBQYHCAkKCwwNDg8=";

/// Sources in a directory of their own: nothing of the process's surroundings comes in.
pub(crate) struct Given {
    pub(crate) directory: TempDir,
    lines: Vec<(String, String)>,
    /// Behind them.
    tables: String,
    pub(crate) sources: Sources,
}

impl Given {
    /// The least that starts, in a file: a key a line, in this order.
    pub(crate) fn minimal() -> Self {
        let mut given = Self {
            directory: tempfile::tempdir().unwrap(),
            lines: Vec::new(),
            tables: String::new(),
            sources: Sources::default(),
        };
        for (key, value) in [
            ("public_url", "https://app.example.com"),
            ("upstream", "http://127.0.0.1:3000"),
            ("cognito.user_pool_id", "eu-west-1_AbCdEfGhI"),
            ("cognito.client_id", "1h57kf5cpq17m0eml12example"),
            ("cognito.domain", "my-app.auth.eu-west-1.amazoncognito.com"),
        ] {
            given = given.text(key, value);
        }
        given
    }

    /// The minimum with one key set otherwise, in TOML.
    pub(crate) fn with(key: &str, value: &str) -> Self {
        Self::minimal().toml(key, value)
    }

    /// Sets a key in the file, its value written in TOML. A key that was there keeps its line. A key of a list of tables
    /// is set in the first of them.
    pub(crate) fn toml(mut self, key: &str, value: &str) -> Self {
        if let Some((list, last)) = key.split_once("[].") {
            return match list {
                "upstreams" => {
                    self.without("upstream").table(list, &[("url", "'https://app:3000'"), (last, value)])
                }
                _ => self.table(list, &[(last, value)]),
            };
        }
        match self.lines.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = value.to_owned(),
            None => self.lines.push((key.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds a table to a list of them; of two values for one key the later counts.
    pub(crate) fn table(mut self, list: &str, values: &[(&str, &str)]) -> Self {
        self.tables.push_str(&format!("[[{list}]]\n"));
        for (at, (key, value)) in values.iter().enumerate() {
            if values[at + 1..].iter().all(|(later, _)| later != key) {
                self.tables.push_str(&format!("{key} = {value}\n"));
            }
        }
        self
    }

    /// Sets a key in the file to a string.
    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.toml(key, &format!("'{value}'"))
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.lines.retain(|(known, _)| known != key);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    pub(crate) fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.into(), value.into()));
        self
    }

    /// Writes a file beside the configuration, and gives its path.
    pub(crate) fn beside(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn load(self) -> Result<Config, ConfigError> {
        let text: String = self.lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let text = text + self.tables.as_str();
        self.load_text(text)
    }

    /// Loads with these lines and tables behind the others; keys of the root that stand in it go first.
    pub(crate) fn load_with(self, text: &str) -> Result<Config, ConfigError> {
        let (root, tables) = text.split_once("[[").unwrap_or((text, ""));
        let lines: String = self.lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let tables = if tables.is_empty() { String::new() } else { format!("[[{tables}") };
        self.load_text(format!("{root}\n{lines}{tables}"))
    }

    /// Loads with this text as the file.
    pub(crate) fn load_text(mut self, text: impl AsRef<[u8]>) -> Result<Config, ConfigError> {
        self.sources.file = Some(self.beside("cognigate.toml", text).into());
        let loaded = Config::load(&self.sources);
        // The directory's name differs from run to run.
        let directory = format!("{}/", self.directory.path().display());
        loaded.map_err(|mut error| {
            for problem in &mut error.problems {
                problem.subject = problem.subject.replace(&directory, "");
                problem.place = problem.place.as_ref().map(|place| place.replace(&directory, ""));
                problem.text = problem.text.replace(&directory, "");
            }
            error
        })
    }

    pub(crate) fn config(self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The one problem, as it is printed.
    pub(crate) fn problem(self) -> String {
        one(self.load())
    }
}

/// The one problem that a loading ended with.
pub(crate) fn one(loaded: Result<Config, ConfigError>) -> String {
    let error = loaded.unwrap_err();
    assert_eq!(error.problems.len(), 1, "{error}");
    error.to_string()
}

/// Asserts that a message holds all of these.
#[track_caller]
pub(crate) fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}
