//! `cognigate demo`: an offline Cognito, a sample app and the gate between them, in one process.
//!
//! The gate is `http://localhost:…` and the emulator `http://127.0.0.1:…`: two sites to a browser, so that
//! SameSite and Fetch Metadata do what they do in front of the real Cognito.

use std::fmt;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::run::{Gate, GateError, serving_threads};
use super::sample_app::SampleApp;
use super::signals::end_signal;
use super::{Exit, complain, fail};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Sources};
use crate::crypto::random;
use crate::emulator::{Emulator, Settings};
use crate::telemetry::log::{self, Format, LogError};

/// The main job on one machine, with nothing installed: no AWS account, no app, no certificates.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Where the gate listens, on localhost.
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Where the emulated Cognito listens, on 127.0.0.1.
    #[arg(long, default_value_t = 9400, value_parser = clap::value_parser!(u16).range(1..))]
    pub emulator_port: u16,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("--port and --emulator-port are both {0}: each needs one of its own")]
    SamePort(u16),
    #[error("port {port} cannot be listened on ({source}); choose another with {flag}")]
    Busy { port: u16, flag: &'static str, source: io::Error },
    #[error("the sample app cannot listen on 127.0.0.1: {0}")]
    SampleApp(io::Error),
    #[error("the demo's own configuration is wrong")]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error("the system gives no timer or signal: {0}")]
    Runtime(io::Error),
}

/// Serves until SIGINT or SIGTERM.
#[must_use]
pub fn demo(args: &DemoArgs) -> Exit {
    match serve(args) {
        Ok(()) => Exit::Success,
        Err(error) => {
            if let DemoError::Config(error) = &error {
                complain(error);
            }
            fail(&error, error.exit())
        }
    }
}

fn serve(args: &DemoArgs) -> Result<(), DemoError> {
    if args.port == args.emulator_port {
        return Err(DemoError::SamePort(args.port));
    }
    let settings = Settings::default().for_gate(&format!("http://localhost:{}", args.port));
    let emulator = SocketAddr::from((Ipv4Addr::LOCALHOST, args.emulator_port));
    let emulator = Emulator::bind(settings.clone(), emulator, Clock::system())
        .map_err(|source| DemoError::Busy { port: args.emulator_port, flag: "--emulator-port", source })?;
    let app = SampleApp::bind((Ipv4Addr::LOCALHOST, 0).into()).map_err(DemoError::SampleApp)?;
    let config = config(args, &settings, &emulator, &app)?;
    log::init(Format::Text, &config.log.level)?;

    let runtime = Builder::new_current_thread().enable_all().build().map_err(DemoError::Runtime)?;
    runtime.block_on(async {
        let told = end_signal().map_err(DemoError::Runtime)?;
        let gate = Gate::start(&config, &further_addresses(args.port), serving_threads(), Clock::system());
        let gate = gate.map_err(|error| DemoError::of_gate(error, args.port))?;
        // Serving goes on where nobody reads this.
        let _ = writeln!(io::stdout(), "{}", Welcome { args, settings: &settings });
        let (end, ended) = watch::channel(());
        let until = |mut ended: watch::Receiver<()>| async move {
            // The channel carries nothing: it closes at the end.
            let _ = ended.changed().await;
        };
        let emulator = tokio::spawn(emulator.serve(until(ended.clone())));
        let app = tokio::spawn(app.serve(until(ended)));
        told.await;
        let stopped = tokio::task::spawn_blocking(|| gate.stop()).await;
        drop(end);
        let _ = (stopped, emulator.await, app.await);
        Ok(())
    })
}

/// The settings of `cognigate run` for this emulator; nothing of the process's own surroundings.
fn config(
    args: &DemoArgs,
    settings: &Settings,
    emulator: &Emulator,
    app: &SampleApp,
) -> Result<Config, ConfigError> {
    let client = settings.clients.first();
    let secret = client.and_then(|client| client.secrets.first()).map(|secret| secret.expose().to_owned());
    let mut flags = vec![
        ("public_url", format!("http://localhost:{}", args.port)),
        ("upstream", format!("http://{}", app.address())),
        ("cognito.user_pool_id", settings.pool_id.clone()),
        ("cognito.client_id", client.map(|client| client.id.clone()).unwrap_or_default()),
        ("cognito.domain", emulator.base_url()),
        ("cognito.jwks_url", emulator.jwks_url()),
        ("session.keys", STANDARD.encode(random::bytes::<32>())),
        ("listen.address", format!("127.0.0.1:{}", args.port)),
        ("admin.address", "127.0.0.1:0".to_owned()),
        ("log.format", "text".to_owned()),
        ("log.level", "warn,cognigate=info".to_owned()),
    ];
    flags.extend(secret.map(|secret| ("cognito.client_secret", secret)));
    let flags = flags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Config::load(&Sources { flags, ..Sources::default() })
}

/// `localhost` is both addresses to a browser; a machine without IPv6 has the one.
fn further_addresses(port: u16) -> Vec<SocketAddr> {
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    let there = TcpListener::bind((v6, 0)).is_ok();
    there.then_some(SocketAddr::from((v6, port))).into_iter().collect()
}

impl DemoError {
    /// A port of the gate's that is taken is the one that `--port` names.
    fn of_gate(error: GateError, port: u16) -> Self {
        match error {
            GateError::Bind { address, source, .. } if address.port() == port => {
                Self::Busy { port, flag: "--port", source }
            }
            other => Self::Gate(other),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::SamePort(_) | Self::Config(_) | Self::Log(_) => Exit::Config,
            Self::Busy { .. } | Self::SampleApp(_) => Exit::Unavailable,
            Self::Gate(error) => error.exit(),
            Self::Runtime(_) => Exit::Failure,
        }
    }
}

/// What the demo tells whoever started it.
struct Welcome<'a> {
    args: &'a DemoArgs,
    settings: &'a Settings,
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gate = format!("http://localhost:{}", self.args.port);
        writeln!(f, "\nThe gate stands. Open  {gate}/  in a browser.\n")?;
        writeln!(f, "Sign in as:")?;
        for user in &self.settings.users {
            let groups = if user.groups.is_empty() {
                String::new()
            } else {
                format!(", groups {}", user.groups.join(", "))
            };
            let email = user.email.as_deref().unwrap_or("no email");
            writeln!(f, "  {} / {}   ({email}{groups})", user.username, user.password.expose())?;
        }
        writeln!(f, "\nThen try:")?;
        for (what, why) in [
            (format!("{gate}/deep/link?with=query"), "a deep link, which you come back to"),
            (format!("{gate}/oauth2/userinfo"), "what a page may know of its user"),
            (format!("{gate}/oauth2/sign_out"), "out of the gate, the tokens and Cognito's own session"),
            (format!("curl -i {gate}/api/time"), "what a script without a session gets"),
        ] {
            writeln!(f, "  {what:<48} {why}")?;
        }
        writeln!(
            f,
            "\nCognito is emulated at http://127.0.0.1:{}. Ctrl-C ends it all.",
            self.args.emulator_port
        )
    }
}
