//! `cognigate keys`: keys for the ring, and the ring's file.

use std::io::{self, Write};
use std::path::Path;

use super::cli::{KeysArgs, KeysCommand, RotationStep};
use super::{Exit, fail, written};
use crate::config::key_file::{self, KeyFileError};
use crate::config::{encode_key, generate_key};
use crate::crypto::keyring::KeyRing;
use crate::secret::KeyMaterial;

/// Why a command about keys ends without doing its work.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error("the system has no random bytes to give: {0}")]
    NoRandomBytes(#[from] getrandom::Error),
    #[error("{file} {error}")]
    File { file: String, error: KeyFileError },
}

/// Prints, changes or lists keys. A key itself is printed by `new` alone.
pub fn keys(arguments: KeysArgs) -> Exit {
    let done = match &arguments.command {
        KeysCommand::New => generate_key().map(|key| format!("{}\n", &*encode_key(&key))).map_err(Into::into),
        KeysCommand::Rotate { file, step } => rotate(file, *step).map(|keys| listed(&keys)),
        KeysCommand::List { file } => {
            key_file::read(file).map_err(|error| KeysError::file(file, error)).map(|keys| listed(&keys))
        }
    };
    match done {
        Ok(text) => written(io::stdout().write_all(text.as_bytes())),
        Err(error) => fail(&error, Exit::Failure),
    }
}

fn rotate(file: &Path, step: Option<RotationStep>) -> Result<Vec<KeyMaterial>, KeysError> {
    let fresh = generate_key()?;
    let changed = key_file::change(file, |mut keys| {
        match step {
            None => keys.insert(0, fresh),
            Some(RotationStep::Add) => keys.push(fresh),
            Some(RotationStep::Promote) if keys.len() < 2 => {
                return Err("it has one key, and so none to promote; --step add puts one in");
            }
            Some(RotationStep::Promote) => keys.rotate_right(1),
            Some(RotationStep::Retire) if keys.len() < 2 => {
                return Err("it has one key, which is the one that seals");
            }
            Some(RotationStep::Retire) => keys.truncate(keys.len() - 1),
        }
        Ok(keys)
    });
    changed.map_err(|error| KeysError::file(file, error))
}

/// A line a key: the id that is within what it seals, and what the key does.
fn listed(keys: &[KeyMaterial]) -> String {
    let ids = KeyRing::new(keys).ids();
    let roles = std::iter::once("seals and opens").chain(std::iter::repeat("opens"));
    ids.into_iter().zip(roles).map(|(id, role)| format!("{id}  {role}\n")).collect()
}

impl KeysError {
    fn file(file: &Path, error: KeyFileError) -> Self {
        Self::File { file: file.display().to_string(), error }
    }
}
