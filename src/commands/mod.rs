//! The command line: one file a subcommand.

mod budget;
pub mod check;
pub mod cli;
#[cfg(feature = "emulator")]
pub mod demo;
mod descriptors;
mod dumpable;
#[cfg(feature = "emulator")]
pub mod emulate;
mod explain;
pub mod healthcheck;
pub mod keys;
pub mod run;
#[cfg(feature = "emulator")]
pub mod sample_app;
pub mod signals;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::config::{Config, ConfigError};

use cli::{Cli, Command, ConfigArgs};

/// How a process ends. Supervisors and tests rely on the numbers, which are those of `sysexits.h` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or ended by SIGINT or SIGTERM.
    Success = 0,
    /// Anything else went wrong, such as an output that cannot be written.
    Failure = 1,
    /// The configuration or the command line is wrong.
    Config = 64,
    /// A port cannot be bound.
    Unavailable = 69,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Reads the command line, the program's name first, and does what it says.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    dumpable::hide();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output, and are no error; the rest is clap's message with our number.
            let printed = error.print();
            return if error.use_stderr() { Exit::Config } else { written(printed) };
        }
    };
    match cli.command {
        Command::Run(arguments) => run::run(arguments),
        #[cfg(feature = "emulator")]
        Command::Emulate(arguments) => emulate::emulate(&arguments),
        #[cfg(feature = "emulator")]
        Command::Demo(arguments) => demo::demo(&arguments),
        #[cfg(feature = "emulator")]
        Command::SampleApp(arguments) => sample_app::sample_app(&arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Healthcheck(arguments) => healthcheck::healthcheck(arguments),
        Command::Keys(arguments) => keys::keys(arguments),
    }
}

/// The configuration of this process, with its problems on standard error where it has any.
///
/// # Errors
/// [`Exit::Config`], with everything said already.
pub fn load(arguments: ConfigArgs) -> Result<Config, Exit> {
    let loaded = arguments.sources().and_then(|sources| Config::load(&sources));
    loaded.map_err(|error| {
        complain(&error);
        Exit::Config
    })
}

/// Says on standard error why there is nothing to log to or serve.
fn fail(error: &dyn Error, exit: Exit) -> Exit {
    // Where standard error is closed, nobody is left to tell.
    let _ = writeln!(io::stderr(), "error: {error}");
    exit
}

fn complain(error: &ConfigError) {
    let mut text = String::from("error: the configuration cannot be used\n");
    for problem in &error.problems {
        text.push_str(&format!("  {problem}\n"));
    }
    // Where standard error is closed, nobody is left to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The exit of a command whose whole work is its output.
fn written(result: io::Result<()>) -> Exit {
    if result.is_ok() { Exit::Success } else { Exit::Failure }
}
