//! Who else can read the files that hold secrets.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use config::{Value, ValueKind};

use super::report::{Report, shown};
use super::table::key_at;

/// Read by users that are neither the owner nor in the group.
const READ_BY_OTHERS: u32 = 0o004;
/// Changed by anyone but the owner. A group that only reads is fine: Kubernetes mounts secrets for one (`fsGroup`).
const CHANGED_BY_OTHERS: u32 = 0o022;

/// Warns of each file named by a key whose kind says that it holds a secret, where others can read or change it.
pub(super) fn warn(said: &BTreeMap<String, &Value>, report: &mut Report) {
    for (name, value) in said {
        if !key_at(name).is_some_and(|key| key.kind.is_secret_file()) {
            continue;
        }
        match &value.kind {
            ValueKind::String(path) => warn_of(name, path, report),
            ValueKind::Array(paths) => {
                for path in paths {
                    if let ValueKind::String(path) = &path.kind {
                        warn_of(name, path, report);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Warns of one file. Whatever cannot be looked at is for those who read it to report.
pub(super) fn warn_of(key: &str, path: &str, report: &mut Report) {
    // What a link leads to: the link's own mode says nothing.
    let Ok(metadata) = fs::metadata(Path::new(path)) else { return };
    let mode = metadata.permissions().mode() & 0o7777;
    let others = match (mode & READ_BY_OTHERS != 0, mode & CHANGED_BY_OTHERS != 0) {
        // A pipe of the shell's is gone once it is read.
        _ if !metadata.is_file() => return,
        (true, true) => "read and change",
        (true, false) => "read",
        (false, true) => "change",
        (false, false) => return,
    };
    let file = shown(path);
    report.warn(format!(
        "{key}: the file {file} has mode {mode:04o}, so that other users can {others} it; run `chmod 600 {file}`"
    ));
}
