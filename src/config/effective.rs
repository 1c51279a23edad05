//! The configuration as it came out, with the place of every value.

use std::collections::BTreeMap;
use std::fmt;

use config::{Value, ValueKind};

use super::key::Kind;
use super::table::{KeyAt, header, order};

/// Every value that is set, by default or by someone, as TOML that can be read again; secrets as `"[redacted]"`.
///
/// A secret's file is not named by its own key: what it holds is shown as the secret's value, with the file as its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective(Vec<Setting>);

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// With an index where it is in a list of tables, `upstreams[0].url`.
    pub key: String,
    /// As TOML.
    pub value: String,
    /// `default`, file and line, variable, or `command line`.
    pub place: String,
}

impl Effective {
    pub(super) fn of(leaves: &BTreeMap<String, &Value>) -> Self {
        let setting = |(name, value): (&String, &&Value)| {
            let key = KeyAt::named(name).filter(|key| key.kind != Kind::SecretFile)?;
            let place = origin(value).unwrap_or_default().to_owned();
            Some(Setting { key: name.clone(), value: toml(key, &value.kind), place })
        };
        let mut settings: Vec<Setting> = leaves.iter().filter_map(setting).collect();
        settings.sort_by_cached_key(|setting| order(&setting.key));
        Self(settings)
    }

    /// The settings, in the order of [`KEYS`](super::KEYS).
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.0
    }

    /// Adds what follows from other values, where nobody set it.
    pub(super) fn derive(&mut self, key: &str, value: &str, place: &str) {
        if self.0.iter().all(|setting| setting.key != key) {
            self.0.push(Setting { key: key.to_owned(), value: value.to_owned(), place: place.to_owned() });
            self.0.sort_by_cached_key(|setting| order(&setting.key));
        }
    }

    pub(super) fn places(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|setting| (setting.key.clone(), setting.place.clone())).collect()
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut open = "";
        for setting in &self.0 {
            let (section, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
            if section != open {
                let header = header(section);
                if section.ends_with(']') {
                    writeln!(f, "\n[[{header}]]")?;
                } else {
                    writeln!(f, "\n[{header}]")?;
                }
                open = section;
            }
            writeln!(f, "{name} = {} # {}", setting.value, setting.place)?;
        }
        Ok(())
    }
}

/// The leaves of merged tables, by dotted name.
pub(super) fn leaves(root: &Value) -> BTreeMap<String, &Value> {
    fn walk<'a>(value: &'a Value, name: &str, found: &mut BTreeMap<String, &'a Value>) {
        match &value.kind {
            ValueKind::Table(table) if KeyAt::named(name).is_none() => {
                for (key, value) in table {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    walk(value, &name, found);
                }
            }
            ValueKind::Array(items) if items.iter().any(|item| matches!(item.kind, ValueKind::Table(_))) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{name}[{index}]"), found);
                }
            }
            _ => {
                found.insert(name.to_owned(), value);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, "", &mut found);
    found
}

/// Where a value came from; a table that was merged has forgotten it, and its values have not.
fn origin(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::Table(table) => value.origin().or_else(|| table.values().find_map(origin)),
        _ => value.origin(),
    }
}

fn toml(key: KeyAt<'_>, value: &ValueKind) -> String {
    let text = |text: &str| {
        let text = if key.is_secret() { "[redacted]" } else { text };
        toml::Value::from(text).to_string()
    };
    match value {
        ValueKind::Array(entries) if key.kind == Kind::Table => {
            let entries = entries.iter().map(|entry| {
                let entry = entry.to_string();
                let (name, value) = entry.split_once('=').unwrap_or((&entry, ""));
                format!("{} = {}", toml::Value::from(name), text(value))
            });
            let entries = entries.collect::<Vec<_>>().join(", ");
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {entries} }}") }
        }
        ValueKind::Array(items) => {
            let items = items.iter().map(|item| match &item.kind {
                ValueKind::String(item) => text(item),
                other => text(&other.to_string()),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        ValueKind::Table(table) => {
            let mut lists: Vec<_> = table.iter().collect();
            lists.sort_by_key(|(name, _)| *name);
            let list = |(name, list): (&String, &Value)| {
                // A string of JSON is one of TOML, and what is no bare key is quoted so.
                format!("{} = {}", serde_json::Value::from(name.as_str()), toml(key, &list.kind))
            };
            format!("{{ {} }}", lists.into_iter().map(list).collect::<Vec<_>>().join(", "))
        }
        ValueKind::Boolean(on) => on.to_string(),
        ValueKind::I64(count) => count.to_string(),
        ValueKind::U64(count) => count.to_string(),
        ValueKind::String(value) => text(value),
        other => text(&other.to_string()),
    }
}
