//! The secrets that stand in files of their own, as Docker and Kubernetes mount them.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Value, ValueKind};

use crate::file;

use super::key::{KEYS, Key, Kind};
use super::layer::Layer;
use super::report::{Report, shown};

/// The layer of what the files hold. A secret and its file are a contradiction, whichever layers they come from: nobody
/// can tell which of the two was meant to be forgotten.
pub(super) fn read(said: &BTreeMap<String, &Value>, report: &mut Report) -> Layer {
    let mut layer = Layer::default();
    for key in KEYS {
        let (Some(secret), Some(named)) = (key.twin(), said.get(key.name)) else { continue };
        let ValueKind::String(path) = &named.kind else { continue };
        let place = named.origin().unwrap_or_default();
        if let Some(value) = said.get(secret.name) {
            let text = format!("it is set, and so is {} ({place}); leave one of the two out", key.name);
            report.at(secret.name, value.origin().map(str::to_owned), text);
            continue;
        }
        match file::read_text(Path::new(path)) {
            Ok(text) => put(&mut layer, report, secret, &text, format!("{}, named by {place}", shown(path))),
            Err(error) => {
                report.at(key.name, Some(place.to_owned()), format_args!("the file {} {error}", shown(path)));
            }
        }
    }
    layer
}

/// A secret is the whole file but one newline at its end; a list of secrets has one a line.
fn put(layer: &mut Layer, report: &mut Report, key: &'static Key, text: &str, place: String) {
    let text = file::without_newline(text);
    match key.kind {
        Kind::SecretList => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            layer.put_list(report, key, lines.map(str::to_owned).collect(), place);
        }
        _ => layer.put_text(report, key, text, place),
    }
}
