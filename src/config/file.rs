//! The file's layer: TOML, with the line of every key.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::file;

use super::key::{self, Key, Kind};
use super::layer::Layer;
use super::report::{Report, shown};
use super::secret_files;
use super::sources::Sources;
use super::table::{self, KeyAt};

/// Reads the file that the sources name, if they name one. A named file must be there.
pub(super) fn read(sources: &Sources, report: &mut Report) -> Layer {
    let Some((path, named_by)) = named(sources) else { return Layer::default() };
    if path.as_os_str().is_empty() {
        report.at(named_by.unwrap_or("--config"), None, "it is empty; leave it out, or name a file");
        return Layer::default();
    }
    match file::read_text(&path) {
        Ok(text) => {
            let layer = parse(&text, &path, report);
            if let Some(secret) = layer.secret() {
                secret_files::warn_of(secret, &path.to_string_lossy(), report);
            }
            layer
        }
        Err(error) => {
            let named_by = named_by.map(str::to_owned);
            report.at(&path.to_string_lossy(), named_by, format_args!("the configuration file {error}"));
            Layer::default()
        }
    }
}

/// The file, and the flag or variable that named it; neither did for the default file.
fn named(sources: &Sources) -> Option<(PathBuf, Option<&'static str>)> {
    if let Some(path) = &sources.file {
        let by_default = path == Path::new(Sources::DEFAULT_FILE);
        return Some((path.clone(), (!by_default).then_some("--config")));
    }
    let (_, path) = sources.environment.iter().rfind(|(name, _)| name == Sources::FILE_VARIABLE)?;
    Some((PathBuf::from(path), Some(Sources::FILE_VARIABLE)))
}

fn parse(text: &str, path: &Path, report: &mut Report) -> Layer {
    let mut file = File { text, path, name: shown(&path.to_string_lossy()), layer: Layer::default(), report };
    match DeTable::parse(text) {
        Ok(table) => file.table(table.get_ref(), ""),
        Err(error) => {
            // Not its Display, which quotes the line, and a secret with it.
            let place = error.span().map(|span| file.place(span.start));
            file.report.at("syntax", place, format_args!("this is not TOML: {}", error.message()));
        }
    }
    file.layer
}

struct File<'a> {
    text: &'a str,
    path: &'a Path,
    name: String,
    layer: Layer,
    report: &'a mut Report,
}

impl File<'_> {
    fn place(&self, offset: usize) -> String {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        format!("{}:{}", self.name, 1 + before.iter().filter(|byte| **byte == b'\n').count())
    }

    fn table(&mut self, table: &DeTable<'_>, above: &str) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = format!("{above}{}", key.get_ref());
            // Brackets are ours: they stand for the places in a list.
            let name =
                if key.get_ref().contains('[') { name.replace('[', "(").replace(']', ")") } else { name };
            self.entry(&name, value.get_ref(), self.place(key.span().start));
        }
    }

    fn entry(&mut self, name: &str, value: &DeValue<'_>, place: String) {
        let section = format!("{name}.");
        if let Some(key) = KeyAt::named(name) {
            self.known(key, value, place);
        } else if table::is_list(name) {
            match value {
                DeValue::Array(items) => self.tables(name, items),
                other => self.not_tables(name, other, place),
            }
        } else if table::is_section(name) {
            match value {
                DeValue::Table(table) => self.table(table, &section),
                other => {
                    let text =
                        format!("it must be a table, [{}], but is {}", table::header(name), article(other));
                    self.report.at(name, Some(place), text);
                }
            }
        } else {
            let text = match key::nearest(&table::without_indices(name), |key| Some(key.name.to_owned())) {
                Some(meant) => format!("there is no such key; did you mean {meant}?"),
                None => "there is no such key; docs/configuration.md lists those there are".to_owned(),
            };
            self.report.at(name, Some(place), text);
        }
    }

    /// A list of tables. Each has the defaults of its keys beneath what it says.
    fn tables(&mut self, list: &str, items: &DeArray<'_>) {
        for (index, item) in items.iter().enumerate() {
            let (name, place) = (format!("{list}[{index}]"), self.place(item.span().start));
            let DeValue::Table(table) = item.get_ref() else {
                self.not_tables(&name, item.get_ref(), place);
                continue;
            };
            self.report.places.insert(name.clone(), place);
            for (key, last) in table::keys_of(list) {
                let name = format!("{name}.{last}");
                put_default(&mut self.layer, self.report, key, KeyAt { name: &name, kind: key.kind });
            }
            self.table(table, &format!("{name}."));
        }
    }

    fn not_tables(&mut self, name: &str, value: &DeValue<'_>, place: String) {
        let header = table::header(name);
        let text = format!("it must be a list of tables, each [[{header}]], but is {}", article(value));
        self.report.at(name, Some(place), text);
    }

    fn known(&mut self, key: KeyAt<'_>, value: &DeValue<'_>, place: String) {
        if let (Kind::Table | Kind::Lists, DeValue::Table(entries)) = (key.kind, value) {
            for name in entries.keys() {
                let entry = format!("{}.{}", key.name, name.get_ref());
                let place = self.place(name.span().start);
                self.report.places.insert(entry, place);
            }
        }
        let is_path = key.kind.is_path();
        let value = if is_path { &self.beside(value) } else { value };
        put(&mut self.layer, self.report, key, value, place);
    }

    /// A path in a file is relative to that file, wherever the process was started; so are those of a list.
    fn beside<'v>(&self, value: &DeValue<'v>) -> DeValue<'v> {
        match value {
            DeValue::String(path) if !path.is_empty() => {
                let beside = self.path.parent().unwrap_or(Path::new("")).join(path.as_ref());
                DeValue::String(beside.to_string_lossy().into_owned().into())
            }
            DeValue::Array(paths) => {
                let mut paths = paths.clone();
                for path in paths.iter_mut() {
                    *path.get_mut() = self.beside(path.get_ref());
                }
                DeValue::Array(paths)
            }
            other => other.clone(),
        }
    }
}

/// Puts a key's default, where it has one.
pub(super) fn put_default(layer: &mut Layer, report: &mut Report, key: &'static Key, at: KeyAt<'_>) {
    if let Some(Ok(default)) = key.default.map(DeValue::parse) {
        put(layer, report, at, default.get_ref(), "default".to_owned());
    }
}

/// Puts a TOML value where it has the key's type.
fn put(layer: &mut Layer, report: &mut Report, key: KeyAt<'_>, value: &DeValue<'_>, place: String) {
    use Kind::{
        Count, Duration, List, Lists, OneOrList, Path, Paths, PrivateKey, PrivateKeys, Secret, SecretFile,
        SecretList, Size, Switch, Table, Text,
    };
    match (key.kind, value) {
        (Lists, DeValue::Table(table)) => match lists(table) {
            Ok(lists) => layer.put_lists(report, key, lists, place),
            Err((name, text)) => report.problem(&format!("{}.{name}", key.name), text),
        },
        (Text | Duration | Size | Secret | SecretFile | Path | PrivateKey, DeValue::String(text)) => {
            layer.put_text(report, key, text.as_ref(), place);
        }
        (OneOrList | Paths | PrivateKeys, DeValue::String(text)) => {
            layer.put_list(report, key, vec![text.as_ref().to_owned()], place);
        }
        (Count, DeValue::Integer(number)) => match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(count) => layer.put_count(key, count, place),
            Err(_) => report.at(key.name, Some(place), "it must be a whole number, and not below 0"),
        },
        (Switch, DeValue::Boolean(on)) => layer.put_switch(key, *on, place),
        (List | OneOrList | Paths | PrivateKeys | SecretList, DeValue::Array(items)) => match texts(items) {
            Ok(texts) => layer.put_list(report, key, texts, place),
            Err(text) => report.at(key.name, Some(place), text),
        },
        (Table, DeValue::Table(table)) => put_table(layer, report, key, table, place),
        (kind, other) => {
            let text = format!("it must be {}, but is {}", kind.expected(), article(other));
            report.at(key.name, Some(place), text);
        }
    }
}

/// Puts a table of texts as a list of `name=value`, in the order of the file.
fn put_table(layer: &mut Layer, report: &mut Report, key: KeyAt<'_>, table: &DeTable<'_>, place: String) {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut texts = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let (name, value) = (name.get_ref(), value.get_ref());
        let problem = match value {
            _ if name.contains('=') => "its name has a =".to_owned(),
            DeValue::String(text) => {
                texts.push(format!("{name}={text}"));
                continue;
            }
            other => format!("it must be a string in quotes, but is {}", article(other)),
        };
        report.problem(&format!("{}.{name}", key.name), problem);
    }
    if texts.len() == table.len() {
        layer.put_list(report, key, texts, place);
    }
}

/// The texts of a list, or what is wrong with it.
fn texts(items: &DeArray<'_>) -> Result<Vec<String>, String> {
    let text = |(index, item): (usize, &Spanned<DeValue<'_>>)| match item.get_ref() {
        DeValue::String(text) => Ok(text.as_ref().to_owned()),
        other => Err(format!("its item {} must be a string in quotes, but is {}", index + 1, article(other))),
    };
    items.iter().enumerate().map(text).collect()
}

/// Lists of texts, each with its name.
type NamedLists = Vec<(String, Vec<String>)>;

/// The lists of a table by name, in the file's order, or the name of one and what is wrong with it. A text by itself is
/// a list of one.
fn lists(table: &DeTable<'_>) -> Result<NamedLists, (String, String)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let list = |(name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let name = name.get_ref().as_ref().to_owned();
        let texts = match value.get_ref() {
            DeValue::String(text) => Ok(vec![text.as_ref().to_owned()]),
            DeValue::Array(items) => texts(items),
            other => Err(format!("it must be a list of strings, but is {}", article(other))),
        };
        match texts {
            Ok(texts) => Ok((name, texts)),
            Err(text) => Err((name, text)),
        }
    };
    entries.into_iter().map(list).collect()
}

/// The type of a value, and nothing of the value.
fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
