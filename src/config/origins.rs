//! Lists of web origins.

use super::report::Report;
use crate::types::Origin;

/// The origins in the list of that key, those that are well. None of them is a pattern.
pub(super) fn origins(key: &str, raw: &[String], report: &mut Report) -> Vec<Origin> {
    let mut origins = Vec::with_capacity(raw.len());
    for (at, text) in raw.iter().enumerate() {
        match text.parse::<Origin>() {
            // A URL parser takes it for a name.
            Ok(origin) if origin.host().contains('*') => {
                report.problem(key, format_args!("its item {}: it must be one origin, without a *", at + 1));
            }
            Ok(origin) => origins.push(origin),
            Err(error) => report.problem(key, format_args!("its item {}: {error}", at + 1)),
        }
    }
    origins
}
