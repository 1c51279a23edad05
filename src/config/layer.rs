//! One layer of values, each with the place it came from.

use std::fmt;

use config::{ConfigError, Map, Source, Value, ValueKind};

use super::key::Kind;
use super::report::Report;
use super::table::KeyAt;

/// Values of one layer, in the order they were met; of two for one key the later wins.
#[derive(Clone, Default)]
pub(super) struct Layer(Vec<(String, Value)>);

impl Layer {
    /// Puts a text, which must not be empty.
    pub(super) fn put_text<'a>(
        &mut self,
        report: &mut Report,
        key: impl Into<KeyAt<'a>>,
        text: impl Into<String>,
        place: String,
    ) {
        let (key, text) = (key.into(), text.into());
        if text.is_empty() {
            return report.at(key.name, Some(place), "it is empty; leave it out, or give it a value");
        }
        self.push(key, Value::new(Some(&place), text));
    }

    pub(super) fn put_switch<'a>(&mut self, key: impl Into<KeyAt<'a>>, on: bool, place: String) {
        self.push(key.into(), Value::new(Some(&place), on));
    }

    pub(super) fn put_count<'a>(&mut self, key: impl Into<KeyAt<'a>>, count: u64, place: String) {
        self.push(key.into(), Value::new(Some(&place), count));
    }

    /// Puts a list of texts, none of which may be empty. A list of secrets must hold something.
    pub(super) fn put_list<'a>(
        &mut self,
        report: &mut Report,
        key: impl Into<KeyAt<'a>>,
        items: Vec<String>,
        place: String,
    ) {
        let key = key.into();
        if items.is_empty() && key.kind == Kind::SecretList {
            return report.at(key.name, Some(place), "it is empty; leave it out, or give it a value");
        }
        if let Some(index) = items.iter().position(String::is_empty) {
            let text = format_args!("its item {} is empty", index + 1).to_string();
            return report.at(key.name, Some(place), text);
        }
        let items: Vec<Value> =
            items.into_iter().map(|item| Value::new(Some(&place), ValueKind::String(item))).collect();
        self.push(key, Value::new(Some(&place), ValueKind::Array(items)));
    }

    /// Puts lists of texts by name. None of them, and no text in them, may be empty.
    pub(super) fn put_lists(
        &mut self,
        report: &mut Report,
        key: KeyAt<'_>,
        lists: Vec<(String, Vec<String>)>,
        place: String,
    ) {
        if lists.is_empty() {
            return report.at(key.name, Some(place), "it is empty; leave it out, or give it a value");
        }
        let mut table = Map::new();
        for (name, items) in lists {
            if name.is_empty() {
                return report.at(key.name, Some(place), "one of its names is empty");
            }
            let entry = format!("{}.{name}", key.name);
            if items.is_empty() {
                return report.problem(&entry, "it is empty; leave it out, or give it a value");
            }
            if let Some(index) = items.iter().position(String::is_empty) {
                return report.problem(&entry, format_args!("its item {} is empty", index + 1));
            }
            let items: Vec<Value> =
                items.into_iter().map(|item| Value::new(Some(&place), ValueKind::String(item))).collect();
            table.insert(name, Value::new(Some(&place), ValueKind::Array(items)));
        }
        self.push(key, Value::new(Some(&place), ValueKind::Table(table)));
    }

    /// The first key here that has a secret for its value, if there is one. A URL without a user name is not a secret.
    pub(super) fn secret(&self) -> Option<&str> {
        let holds = |value: &Value| match &value.kind {
            ValueKind::String(text) => !text.contains("://") || text.contains('@'),
            _ => true,
        };
        let secret = |(name, value): &&(String, Value)| {
            KeyAt::named(name).is_some_and(|key| key.is_secret()) && holds(value)
        };
        self.0.iter().find(secret).map(|(name, _)| name.as_str())
    }

    /// Puts what another layer has checked, with the place it came from.
    pub(super) fn put_again(&mut self, key: KeyAt<'_>, value: Value) {
        self.push(key, value);
    }

    fn push(&mut self, key: KeyAt<'_>, value: Value) {
        self.0.push((key.name.to_owned(), value));
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.iter().cloned().collect())
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
