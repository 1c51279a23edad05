//! `cognigate emulate`: the offline Cognito, until it is told to stop.

use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::runtime::Builder;

use super::signals::end_signal;
use super::{Exit, fail};
use crate::clock::Clock;
use crate::emulator::{Client, Emulator, Issuer, Settings, SettingsError};

/// An offline Cognito for development and tests: any client can be pointed at it.
#[derive(Clone, Debug, clap::Args)]
pub struct EmulateArgs {
    /// Where it listens: loopback, unless told otherwise.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9400")]
    pub listen: SocketAddr,
    /// A TOML file with the pool's app clients and users, in place of the default pool.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What the tokens' `iss` says: `original` and `updated` are AWS's two forms.
    #[arg(long, value_name = "URL|original|updated")]
    pub issuer: Option<Issuer>,
    /// Lets it listen where others can reach it. Its keys, codes and passwords protect nothing.
    #[arg(long)]
    pub i_know_this_is_not_cognito: bool,
}

/// Why there is no emulator.
#[derive(Debug, thiserror::Error)]
pub enum EmulateError {
    #[error("--config {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("--config {}: {source}", path.display())]
    Settings { path: PathBuf, source: SettingsError },
    #[error(
        "--listen {0}: others could sign in there as anyone; it listens on loopback only, unless told \
         --i-know-this-is-not-cognito"
    )]
    NotLoopback(SocketAddr),
    #[error("--listen {address}: {source}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("the runtime gives neither signals nor sockets: {0}")]
    Runtime(io::Error),
}

impl EmulateError {
    /// How a process ends that cannot emulate for this reason.
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::Settings { .. } | Self::NotLoopback(_) => Exit::Config,
            Self::Bind { .. } => Exit::Unavailable,
            Self::Runtime(_) => Exit::Failure,
        }
    }
}

/// Serves until SIGINT or SIGTERM.
#[must_use]
pub fn emulate(args: &EmulateArgs) -> Exit {
    match serve(args) {
        Ok(()) => Exit::Success,
        Err(error) => fail(&error, error.exit()),
    }
}

fn serve(args: &EmulateArgs) -> Result<(), EmulateError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(EmulateError::Runtime)?;
    runtime.block_on(async {
        let stop = end_signal().map_err(EmulateError::Runtime)?;
        let (emulator, settings) = prepare(args)?;
        let summary = Summary { emulator: &emulator, settings: &settings, is_default: args.config.is_none() };
        // Serving goes on where nobody reads this.
        let _ = writeln!(io::stdout(), "{summary}");
        let stop = async {
            stop.await;
        };
        emulator.serve(stop).await.map_err(EmulateError::Runtime)
    })
}

/// All that comes before serving: the settings are read and checked, the port is taken.
fn prepare(args: &EmulateArgs) -> Result<(Emulator, Settings), EmulateError> {
    if !args.listen.ip().is_loopback() && !args.i_know_this_is_not_cognito {
        return Err(EmulateError::NotLoopback(args.listen));
    }
    let mut settings = match &args.config {
        None => Settings::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| EmulateError::Read { path: path.clone(), source })?;
            Settings::from_toml(&text)
                .map_err(|source| EmulateError::Settings { path: path.clone(), source })?
        }
    };
    if let Some(issuer) = &args.issuer {
        settings.issuer = issuer.clone();
    }
    let emulator = Emulator::bind(settings.clone(), args.listen, Clock::system())
        .map_err(|source| EmulateError::Bind { address: args.listen, source })?;
    Ok((emulator, settings))
}

/// What it tells whoever started it. Passwords and secrets are shown only of the default pool, where everyone
/// knows them.
struct Summary<'a> {
    emulator: &'a Emulator,
    settings: &'a Settings,
    is_default: bool,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.emulator.base_url();
        let pool = &self.settings.pool_id;
        writeln!(f, "An emulated Amazon Cognito, for development and tests only\n")?;
        writeln!(f, "  domain     {base}")?;
        writeln!(f, "  pool       {pool}")?;
        writeln!(f, "  issuer     {}", self.emulator.issuer())?;
        writeln!(f, "  JWKS       {}", self.emulator.jwks_url())?;
        writeln!(f, "  discovery  {base}/{pool}/.well-known/openid-configuration")?;
        for client in &self.settings.clients {
            writeln!(f, "\n  client     {}{}", client.id, self.kind_of(client))?;
            writeln!(f, "  callback   {}", client.callback_urls.join(", "))?;
            writeln!(f, "  sign-out   {}", client.logout_urls.join(", "))?;
        }
        writeln!(f)?;
        for user in &self.settings.users {
            write!(f, "  user       {}", user.username)?;
            if self.is_default {
                write!(f, " / {}", user.password.expose())?;
            }
            if !user.groups.is_empty() {
                write!(f, " (groups {})", user.groups.join(", "))?;
            }
            writeln!(f)?;
        }
        write!(f, "\nCtrl-C ends it.")
    }
}

impl Summary<'_> {
    fn kind_of(&self, client: &Client) -> String {
        match client.secrets.as_slice() {
            [] => " (public, no secret)".to_owned(),
            [secret, ..] if self.is_default => format!(" (secret {})", secret.expose()),
            _ => " (confidential)".to_owned(),
        }
    }
}
