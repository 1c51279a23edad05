//! The environment's layer: `COGNIGATE_` and the key, `__` for its dots.

use std::ffi::{OsStr, OsString};

use super::key::{self, Key, VARIABLE_PREFIX};
use super::layer::Layer;
use super::report::{Report, shown};
use super::sources::Sources;
use super::table::{list_meant, only_in_file};
use super::{kubernetes, text};

/// Reads the variables that begin with `COGNIGATE_`.
pub(super) fn read(variables: &[(OsString, OsString)], report: &mut Report) -> Layer {
    let mut layer = Layer::default();
    // In the order of their names, so that messages do not change places from start to start.
    let mut ours: Vec<_> = variables.iter().filter(|(name, _)| is_ours(name)).collect();
    ours.sort();
    for (name, value) in ours {
        match name.to_str() {
            Some(Sources::FILE_VARIABLE) => {}
            Some(name) => variable(name, value, &mut layer, report),
            None => {
                report.at(&name.to_string_lossy(), None, "there is no such setting; its name is not UTF-8")
            }
        }
    }
    layer
}

fn is_ours(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(VARIABLE_PREFIX.as_bytes())
}

fn variable(name: &str, value: &OsStr, layer: &mut Layer, report: &mut Report) {
    if let Some(key) = Key::of_variable(name) {
        match value.to_str() {
            Some(value) => text::put(layer, report, key, value, name.to_owned()),
            None => report.at(key.name, Some(name.to_owned()), "its value is not UTF-8 text"),
        }
    } else if kubernetes::is_service_variable(name) {
        if !kubernetes::is_service_value(name, value) {
            report.warn(format!(
                "{} is passed over, since Kubernetes makes variables of that name for a Service; \
                 the ports are COGNIGATE_LISTEN__ADDRESS and COGNIGATE_ADMIN__ADDRESS",
                shown(name)
            ));
        }
    } else if let Some(list) = list_meant(name) {
        report.at(name, None, only_in_file(list));
    } else {
        let text = match key::nearest(name, Key::variable) {
            Some(meant) => format!("there is no such setting; did you mean {meant}?"),
            None => "there is no such setting; docs/configuration.md lists those there are, and every variable that \
                     begins with COGNIGATE_ must be one of them"
                .to_owned(),
        };
        report.at(name, None, text);
    }
}
