//! `cognigate keys`: keys for the ring.

use std::io::{self, Write};

use crate::config::{encode_key, generate_key};

use super::cli::{KeysArgs, KeysCommand};
use super::{Exit, written};

/// Prints a key, alone on its line, so that it can go straight into a file.
pub fn keys(arguments: KeysArgs) -> Exit {
    match arguments.command {
        KeysCommand::New => match generate_key() {
            Ok(key) => written(writeln!(io::stdout(), "{}", &*encode_key(&key))),
            Err(error) => {
                // Where standard error is closed, the exit code says it alone.
                let _ = writeln!(io::stderr(), "error: the system has no random bytes to give: {error}");
                Exit::Failure
            }
        },
    }
}
