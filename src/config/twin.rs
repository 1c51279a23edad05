//! The secrets that stand in files of their own, as Docker and Kubernetes mount them.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Value, ValueKind};

use crate::file;

use super::key::{KEYS, Kind};
use super::layer::Layer;
use super::report::{Report, shown};
use super::table::{KeyAt, key_at};

/// The layer of what the files hold. A secret and its file are a contradiction, whichever layers they come from: nobody
/// can tell which of the two was meant to be forgotten.
pub(super) fn read(said: &BTreeMap<String, &Value>, report: &mut Report) -> Layer {
    let mut layer = Layer::default();
    for file_key in KEYS {
        let Some(secret) = file_key.twin() else { continue };
        for (name, named) in said.iter().filter(|(name, _)| key_at(name) == Some(file_key)) {
            let (Some(of), ValueKind::String(path)) = (name.strip_suffix("_file"), &named.kind) else {
                continue;
            };
            let place = named.origin().unwrap_or_default();
            if let Some(value) = said.get(of) {
                let text = format!("it is set, and so is {name} ({place}); leave one of the two out");
                report.at(of, value.origin().map(str::to_owned), text);
                continue;
            }
            match file::read_text(Path::new(path)) {
                Ok(text) => {
                    let at = KeyAt { name: of, kind: secret.kind };
                    put(&mut layer, report, at, &text, format!("{}, named by {place}", shown(path)));
                }
                Err(error) => {
                    let text = format_args!("the file {} {error}", shown(path));
                    report.at(name, Some(place.to_owned()), text);
                }
            }
        }
    }
    layer
}

/// A secret is the whole file but one newline at its end; a list of secrets has one a line.
fn put(layer: &mut Layer, report: &mut Report, key: KeyAt<'_>, text: &str, place: String) {
    let text = file::without_newline(text);
    match key.kind {
        Kind::SecretList => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            layer.put_list(report, key, lines.map(str::to_owned).collect(), place);
        }
        _ => layer.put_text(report, key, text, place),
    }
}
