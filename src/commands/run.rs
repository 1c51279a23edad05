//! `cognigate run`: the gate itself, and the threads it runs on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::app::{App, WiringError};
use crate::clock::Clock;
use crate::config::{Config, LogFormat, Mode};
use crate::proxy::client::Upstream;
use crate::proxy::health::AppHealth;
use crate::server::shutdown::{Shutdown, Trigger};
use crate::server::{accept, admin, shutdown};
use crate::telemetry::log::{self, Format};

use super::cli::ConfigArgs;
use super::signals::end_signal;
use super::{Exit, fail, load};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Serves until SIGINT or SIGTERM.
#[must_use]
pub fn run(arguments: ConfigArgs) -> Exit {
    let config = match load(arguments) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let format = match config.log.format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    if let Err(error) = log::init(format, &config.log.level) {
        return fail(&error, Exit::Config);
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match serve_until_told(&config) {
        Ok(()) => Exit::Success,
        Err(error) => fail(&error, error.exit()),
    }
}

fn serve_until_told(config: &Config) -> Result<(), GateError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(GateError::Thread)?;
    // Before anything serves, so that no signal finds the process without an answer to it.
    let told = {
        let _inside = runtime.enter();
        end_signal().map_err(GateError::Thread)?
    };
    let gate = Gate::start(config, &[], serving_threads(), Clock::system())?;
    let (address, admin) = (gate.address(), gate.admin_address());
    tracing::info!(%address, %admin, public_url = %config.public_url, version = VERSION, "serving");
    // Outside the macro, which evaluates nothing at a level that is off.
    let signal = runtime.block_on(told);
    tracing::info!(signal, "ending");
    gate.stop();
    Ok(())
}

/// A gate that serves, on threads of its own, until it is stopped or dropped.
///
/// One thread for each core that it may use, each with its own runtime, listening socket and connections to
/// the app; and one for the admin port and the signing keys.
#[derive(Debug)]
pub struct Gate {
    addresses: Vec<SocketAddr>,
    admin_address: SocketAddr,
    trigger: Trigger,
    threads: Vec<JoinHandle<()>>,
}

/// Why a gate does not serve.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Wiring(#[from] WiringError),
    #[error("{key} = \"{address}\" cannot be listened on: {source}")]
    Bind { key: &'static str, address: SocketAddr, source: io::Error },
    #[error("the system gives no thread, timer or signal: {0}")]
    Thread(#[source] io::Error),
}

impl Gate {
    /// Serves `config` on its own address and on `further` ones.
    ///
    /// Cognito need not be in reach: the gate serves at once, and is ready when it has the signing keys.
    pub fn start(
        config: &Config,
        further: &[SocketAddr],
        threads: usize,
        clock: Clock,
    ) -> Result<Self, GateError> {
        let app = Arc::new(App::new(config, clock)?);
        let mut listeners: Vec<Vec<TcpListener>> = (0..threads).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for &address in std::iter::once(&config.listen.address).chain(further) {
            let bound = accept::bind(address, threads).map_err(|source| GateError::Bind {
                key: "listen.address",
                address,
                source,
            })?;
            addresses.extend(bound.first().and_then(|listener| listener.local_addr().ok()));
            for (of_thread, listener) in listeners.iter_mut().zip(bound) {
                of_thread.push(listener);
            }
        }
        let unbound =
            |source| GateError::Bind { key: "admin.address", address: config.admin.address, source };
        let admin = accept::bind(config.admin.address, 1).map_err(unbound)?.remove(0);
        let admin_address = admin.local_addr().map_err(unbound)?;
        let (trigger, shutdown) = shutdown::channel();
        let mut gate = Self { addresses, admin_address, trigger, threads: Vec::new() };
        for (index, listeners) in listeners.into_iter().enumerate() {
            let upstream = match &config.mode {
                Mode::Proxy { upstream } => {
                    let metrics = Arc::clone(app.metrics());
                    Some(Upstream::new(upstream, metrics).map_err(WiringError::from)?)
                }
                Mode::Gateway { .. } => None,
            };
            let (app, shutdown) = (Arc::clone(&app), shutdown.clone());
            gate.spawn(format!("gate-{index}"), move |runtime| {
                runtime.block_on(attend_public(&app, upstream.as_ref(), listeners, &shutdown));
            })?;
        }
        let health = match &config.mode {
            Mode::Proxy { upstream } => {
                let path = config.admin.upstream_health_path.clone();
                Some(AppHealth::new(upstream, path, &config.public_url).map_err(WiringError::from)?)
            }
            Mode::Gateway { .. } => None,
        };
        gate.spawn("admin".to_owned(), move |runtime| {
            runtime.block_on(attend_admin(app, health, admin, shutdown));
        })?;
        Ok(gate)
    }

    /// Where it listens; the port is the real one where the configuration says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.first().copied().unwrap_or(self.admin_address)
    }

    /// Where its probes are.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Ends it in order: what is under way is answered first.
    pub fn stop(mut self) {
        self.trigger.begin();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the gate had panicked");
            }
        }
    }

    fn spawn(&mut self, name: String, body: impl FnOnce(&Runtime) + Send + 'static) -> Result<(), GateError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(GateError::Thread)?;
        let thread =
            thread::Builder::new().name(name).spawn(move || body(&runtime)).map_err(GateError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }
}

impl GateError {
    /// How a process ends that cannot serve for this reason.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Wiring(WiringError::Endpoint(_) | WiringError::Upstream(_)) => Exit::Config,
            Self::Wiring(WiringError::Http(_)) | Self::Thread(_) => Exit::Failure,
            Self::Bind { .. } => Exit::Unavailable,
        }
    }
}

/// How many threads serve: the cores that the container may use.
#[must_use]
pub fn serving_threads() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// One thread's share of the public port.
async fn attend_public(
    app: &Arc<App>,
    upstream: Option<&Upstream>,
    listeners: Vec<TcpListener>,
    shutdown: &Shutdown,
) {
    let mut serving = JoinSet::new();
    for listener in listeners {
        let (app, upstream) = (Arc::clone(app), upstream.cloned());
        serving.spawn(accept::serve(listener, shutdown.clone(), move |request, peer| {
            let (app, upstream) = (Arc::clone(&app), upstream.clone());
            async move { app.respond(upstream.as_ref(), request, peer).await }
        }));
    }
    let mut shutdown = shutdown.clone();
    let of_app = Arc::clone(app);
    serving.spawn(async move {
        shutdown.begun().await;
        of_app.end_tunnels();
        Ok(())
    });
    while let Some(ended) = serving.join_next().await {
        if let Ok(Err(error)) = ended {
            tracing::error!(%error, "a listener ended");
        }
    }
    app.settle().await;
}

/// The admin port, and the signing keys.
async fn attend_admin(app: Arc<App>, health: Option<AppHealth>, listener: TcpListener, shutdown: Shutdown) {
    let (jwks, metrics) = (Arc::clone(app.jwks()), Arc::clone(app.metrics()));
    let subject = admin::Subject { is_ready: move || app.jwks().is_loaded(), app: health, metrics };
    let probes = admin::serve(listener, shutdown, subject);
    tokio::select! {
        ended = probes => {
            if let Err(error) = ended {
                tracing::error!(%error, "the admin listener ended");
            }
        }
        () = jwks.keep_fresh() => {}
    }
}
