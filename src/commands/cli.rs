//! The command line's types.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::healthcheck::Asked;
use crate::config::{ConfigError, Problem, Sources};

/// A reverse proxy authentication sidecar for Amazon Cognito.
#[derive(Debug, Parser)]
#[command(name = "cognigate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gate.
    Run(ConfigArgs),
    /// Check the configuration and print it, secrets redacted, without binding a port.
    Check(CheckArgs),
    /// Ask the running gate whether it is ready, and say why not.
    Healthcheck(HealthcheckArgs),
    /// Make keys for `session.keys`, and rotate those in a file.
    Keys(KeysArgs),
    /// Run an offline Cognito for development and tests.
    #[cfg(feature = "emulator")]
    Emulate(super::emulate::EmulateArgs),
    /// Run the emulator, a sample app and the gate in one process.
    #[cfg(feature = "emulator")]
    Demo(super::demo::DemoArgs),
    /// Run an app that shows what reaches it, to stand for yours.
    #[cfg(feature = "emulator")]
    SampleApp(super::sample_app::SampleAppArgs),
}

/// Where the configuration comes from. Flags win over variables, variables over the file.
#[derive(Args)]
pub struct ConfigArgs {
    /// The configuration file; else COGNIGATE_CONFIG names it, else it is cognigate.toml where that exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set any key, such as --set cognito.client_id=abc; lists by comma. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What browsers see (public_url).
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Where requests go (upstream).
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// The public listener (listen.address).
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The listener of the probes and metrics (admin.address).
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<String>,
    /// A level or directives (log.level).
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// json or text (log.format).
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

impl ConfigArgs {
    /// The file and the environment of this process, and these flags on top.
    ///
    /// # Errors
    /// A `--set` without an equals sign. Its text is not quoted, since it may be a secret.
    pub fn sources(self) -> Result<Sources, ConfigError> {
        let mut flags = Vec::new();
        for text in &self.set {
            let Some((key, value)) = text.split_once('=') else {
                let problem = Problem {
                    subject: "--set".to_owned(),
                    place: None,
                    text: "it must be KEY=VALUE, such as --set cognito.client_id=abc".to_owned(),
                };
                return Err(ConfigError { problems: vec![problem] });
            };
            flags.push((key.to_owned(), value.to_owned()));
        }
        let short = [
            ("public_url", self.public_url),
            ("upstream", self.upstream),
            ("listen.address", self.listen),
            ("admin.address", self.admin),
            ("log.level", self.log_level),
            ("log.format", self.log_format),
        ];
        flags.extend(short.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        Ok(Sources::of_process(self.config, flags))
    }
}

/// Not the values, which may be secrets.
impl std::fmt::Debug for ConfigArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigArgs").field("config", &self.config).finish_non_exhaustive()
    }
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Say which rule decides about a request, and why, in place of the configuration.
    #[arg(long, num_args = 2, value_names = ["METHOD", "URL"])]
    pub explain: Option<Vec<String>>,
    /// Say it of somebody too: a JSON object of the claims of an id token, and perhaps `scope`.
    #[arg(long = "as", value_name = "FILE", requires = "explain")]
    pub claims: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask this http URL and read no configuration; an answer from 200 to 299 is healthy.
    #[arg(long, value_name = "URL", exclusive = true)]
    pub url: Option<Asked>,
}

#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Print a new random key. Into a file that only you can read: (umask 077; cognigate keys new > FILE).
    New,
    /// Put a new key in front of those in a file, which then seals; the others still open.
    Rotate {
        /// The file that `session.keys_file` names.
        file: PathBuf,
        /// One step at a time, for replicas that do not read the file at the same moment.
        #[arg(long)]
        step: Option<RotationStep>,
    },
    /// Print the ids of the keys in a file, and what each does.
    List {
        /// The file that `session.keys_file` names.
        file: PathBuf,
    },
}

/// A rotation's steps. Between any two of them every replica must have read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RotationStep {
    /// Put a new key behind the others: it opens, and does not seal yet.
    Add,
    /// Put the last key in front: it seals from now on.
    Promote,
    /// Drop the last key: what it sealed is a sign-in from now on.
    Retire,
}
