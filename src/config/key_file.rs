//! The file of a key ring, a key a line: read as a whole, and changed in place so that no reader ever sees half of it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::session_key::{self, KeyError};
use crate::file::{ReadError, read_text};
use crate::secret::KeyMaterial;
use crate::watch::Content;

/// Why a key ring's file cannot be read or changed. Follows the file's name in a message, and shows no key.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct KeyFileError(#[from] Reason);

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("has no key in it; `cognigate keys new` prints one")]
    Empty,
    #[error("line {line}: this {error}")]
    Key { line: usize, error: KeyError },
    #[error("lines {first} and {line} have the same key; leave one out")]
    Twice { first: usize, line: usize },
    #[error(
        "is being changed already, or a change was cut short: where nothing else changes it, remove {}",
        .0.display()
    )]
    Locked(PathBuf),
    #[error("cannot be changed: {action}: {error}")]
    Write { action: &'static str, error: io::Error },
    #[error("cannot be changed: {0}")]
    Refused(&'static str),
}

/// The keys of a file, in its order.
///
/// # Errors
/// Where it cannot be read, has no key, a line that is none, or one key twice.
pub fn read(path: &Path) -> Result<Vec<KeyMaterial>, KeyFileError> {
    Ok(parse(&read_text(path).map_err(Reason::Read)?)?)
}

/// The keys of what a file held.
///
/// # Errors
/// As [`read`] has them.
pub fn keys_of(content: Content) -> Result<Vec<KeyMaterial>, KeyFileError> {
    let bytes = content.map_err(Reason::Read)?;
    Ok(parse(str::from_utf8(&bytes).map_err(|_| Reason::Read(ReadError::NotUtf8))?)?)
}

/// Replaces the file's keys by what `change` makes of them, in one step: whoever reads it meanwhile finds the old keys
/// or the new ones. Owner and mode stay; where the path is a link, what it leads to is replaced.
///
/// # Errors
/// Where the file is no key ring, where `change` says no, or where its folder cannot be written to. The file is then
/// as it was.
pub fn change(
    path: &Path,
    change: impl FnOnce(Vec<KeyMaterial>) -> Result<Vec<KeyMaterial>, &'static str>,
) -> Result<Vec<KeyMaterial>, KeyFileError> {
    let failed = |action| move |error| Reason::Write { action, error };
    // The name that a rename must not take away is the file's, not the link's.
    let path = &fs::canonicalize(path).map_err(failed("finding it"))?;
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let beside = path.with_file_name(name);
    // Made before the keys are read, so that of two changes at once one waits for nothing and is refused.
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    let new = new.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Reason::Locked(beside.clone()),
        _ => Reason::Write { action: "making a new file beside it", error },
    })?;
    let changed = replace(path, &beside, new, change);
    if changed.is_err() {
        // It is ours and has not taken the file's place.
        let _ = fs::remove_file(&beside);
    }
    Ok(changed?)
}

fn replace(
    path: &Path,
    beside: &Path,
    mut new: File,
    change: impl FnOnce(Vec<KeyMaterial>) -> Result<Vec<KeyMaterial>, &'static str>,
) -> Result<Vec<KeyMaterial>, Reason> {
    let failed = |action| move |error| Reason::Write { action, error };
    let keys = change(parse(&read_text(path)?)?).map_err(Reason::Refused)?;
    let old = fs::metadata(path).map_err(failed("reading its mode"))?;
    let made = new.metadata().map_err(failed("reading the new file's owner"))?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        // Else the gate, which may be another user, could read it no more.
        fchown(&new, Some(old.uid()), Some(old.gid())).map_err(failed("giving the new file its owner"))?;
    }
    new.set_permissions(old.permissions()).map_err(failed("giving the new file its mode"))?;
    for key in &keys {
        let mut line = Zeroizing::new(session_key::encode(key).as_bytes().to_vec());
        line.push(b'\n');
        new.write_all(&line).map_err(failed("writing the new file"))?;
    }
    new.sync_all().map_err(failed("writing the new file"))?;
    fs::rename(beside, path).map_err(failed("putting the new file in its place"))?;
    // So that it is still there after a power cut. The change has happened either way.
    let _ = path.parent().map(File::open).and_then(Result::ok).map(|folder| folder.sync_all());
    Ok(keys)
}

fn parse(text: &str) -> Result<Vec<KeyMaterial>, Reason> {
    let mut keys: Vec<(usize, KeyMaterial)> = Vec::new();
    for (at, text) in text.lines().enumerate() {
        let (line, text) = (at + 1, text.trim());
        if text.is_empty() {
            continue;
        }
        let key = session_key::decode(text).map_err(|error| Reason::Key { line, error })?;
        if let Some((first, _)) = keys.iter().find(|(_, known)| *known == key) {
            return Err(Reason::Twice { first: *first, line });
        }
        keys.push((line, key));
    }
    if keys.is_empty() { Err(Reason::Empty) } else { Ok(keys.into_iter().map(|(_, key)| key).collect()) }
}
