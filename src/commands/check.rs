//! `cognigate check`: would it start?

use std::io::{self, Write};

use super::cli::ConfigArgs;
use super::{Exit, load, written};

/// Loads everything without binding a port, and prints what came out with the place of every value. Warnings go to
/// standard error, so that the output stays TOML.
pub fn check(arguments: ConfigArgs) -> Exit {
    let config = match load(arguments) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    for warning in &config.warnings {
        // Where standard error is closed, nobody is left to warn.
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    written(io::stdout().write_all(config.effective.to_string().as_bytes()))
}
