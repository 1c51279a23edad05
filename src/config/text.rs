//! Values that arrive as text: from the environment, and from flags.

use super::key::{self, Key, Kind};
use super::layer::Layer;
use super::report::Report;
use super::table::{list_meant, only_in_file};

/// Puts a text as the type that the key has. Only the key's type decides: `012345` stays text where text is wanted.
pub(super) fn put(layer: &mut Layer, report: &mut Report, key: &'static Key, text: &str, place: String) {
    match key.kind {
        Kind::Text
        | Kind::Duration
        | Kind::Size
        | Kind::Secret
        | Kind::SecretFile
        | Kind::Path
        | Kind::PrivateKey => {
            layer.put_text(report, key, text, place);
        }
        Kind::Switch => match text {
            "true" => layer.put_switch(key, true, place),
            "false" => layer.put_switch(key, false, place),
            _ => report.at(key.name, Some(place), "it must be true or false"),
        },
        Kind::Count => match text.parse() {
            Ok(count) => layer.put_count(key, count, place),
            Err(_) => report.at(key.name, Some(place), "it must be a whole number"),
        },
        Kind::List | Kind::Table | Kind::OneOrList | Kind::Paths | Kind::PrivateKeys | Kind::SecretList => {
            let items = if text.trim().is_empty() {
                Vec::new()
            } else {
                text.split(',').map(|item| item.trim().to_owned()).collect()
            };
            layer.put_list(report, key, items, place);
        }
        Kind::Lists => {
            report.at(key.name, Some(place), "it is a table, which only the configuration file can hold");
        }
    }
}

/// The flags' layer.
pub(super) fn flags(flags: &[(String, String)], report: &mut Report) -> Layer {
    let mut layer = Layer::default();
    for (name, text) in flags {
        match Key::named(name).filter(|key| !key.is_in_tables()) {
            Some(key) => {
                if key.is_secret() {
                    report.warn(format!(
                        "{name} is on the command line, where every user of this machine can read it; use {name}_file"
                    ));
                }
                put(&mut layer, report, key, text, PLACE.to_owned());
            }
            None => {
                let text = match (list_meant(name), key::nearest(name, |key| Some(key.name.to_owned()))) {
                    (Some(list), _) => only_in_file(list),
                    (None, Some(meant)) => format!("there is no such key; did you mean {meant}?"),
                    (None, None) => {
                        "there is no such key; docs/configuration.md lists those there are".to_owned()
                    }
                };
                report.at(name, Some(PLACE.to_owned()), text);
            }
        }
    }
    layer
}

const PLACE: &str = "command line";
