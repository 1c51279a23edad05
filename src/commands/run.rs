//! `cognigate run`: the gate itself, and the threads it runs on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::app::{App, WiringError};
use crate::clock::Clock;
use crate::config::{Config, LogFormat};
use crate::memory;
use crate::proxy::health::AppHealth;
use crate::proxy::upstreams::Upstreams;
use crate::server::client::Client;
use crate::server::conn::Terms;
use crate::server::connections::Connections;
use crate::server::shutdown::{Shutdown, Trigger};
use crate::server::tls::{Door, reload};
use crate::server::{accept, admin, shutdown};
use crate::telemetry::log::{self, Format};

use super::budget::Budget;
use super::cli::ConfigArgs;
use super::descriptors;
use super::signals::{Signal, Signals};
use super::{Exit, dumpable, fail, load};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long freed memory is kept for what may need it next.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// How long a probe that is being answered may take at the very end.
const LAST_PROBE: Duration = Duration::from_secs(1);

/// Serves until SIGINT or SIGTERM, and then to the end; until SIGQUIT and no longer.
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
    if config.dumpable {
        dumpable::show();
    } else {
        dumpable::no_core_files();
    }
    match serve_until_told(&config) {
        Ok(()) => Exit::Success,
        Err(error) => fail(&error, error.exit()),
    }
}

fn serve_until_told(config: &Config) -> Result<(), GateError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(GateError::Thread)?;
    // Before anything serves, so that no signal finds the process without an answer to it.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(GateError::Thread)?
    };
    if let Err(error) = memory::give_back_within(GIVE_BACK) {
        tracing::debug!(%error, "freed memory is given back late");
    }
    let budget = Budget::of(&config.limits);
    descriptors::raise(budget.connections);
    let gate = Gate::start(config, &[], serving_threads(), Clock::system())?;
    let (address, admin) = (gate.address(), gate.admin_address());
    let redirect = gate.redirect_address().map(tracing::field::display);
    let public_url =
        config.sites.iter().map(|site| site.public_url.to_string()).collect::<Vec<_>>().join(" ");
    let (connections, memory) = (budget.connections, budget.memory.map(|limit| limit.most));
    tracing::info!(%address, %admin, redirect, public_url, connections, memory, version = VERSION, "serving");
    // Outside the macro, which evaluates nothing at a level that is off.
    runtime.block_on(async {
        let signal = signals.next().await;
        tracing::info!(signal = signal.name(), "ending");
        if signal == Signal::Quit {
            return;
        }
        gate.drain();
        if signal == Signal::Terminate {
            let delay = tokio::time::sleep(config.shutdown.drain_delay);
            tokio::select! {
                () = delay => {}
                signal = signals.next() => {
                    tracing::info!(signal = signal.name(), "ending without further delay");
                    if signal == Signal::Quit {
                        return;
                    }
                }
            }
        }
        // Not on a thread that the runtime would wait for, if it is told to quit.
        let (done, stopped) = oneshot::channel();
        thread::spawn(move || {
            gate.stop();
            let _ = done.send(());
        });
        tokio::select! {
            _ = stopped => {}
            () = signals.quit() => tracing::info!(signal = Signal::Quit.name(), "ending at once"),
        }
    });
    Ok(())
}

/// A gate that serves, on threads of its own, until it is stopped or dropped.
///
/// One thread for each core that it may use, each with its own runtime, listening socket and connections to
/// the app; and one for the admin port and the signing keys.
#[derive(Debug)]
pub struct Gate {
    addresses: Vec<SocketAddr>,
    redirect_address: Option<SocketAddr>,
    admin_address: SocketAddr,
    trigger: Trigger,
    threads: Vec<JoinHandle<()>>,
    /// Ended last.
    admin: Option<(Trigger, JoinHandle<()>)>,
}

/// One thread's sockets.
#[derive(Debug, Default)]
struct Listeners {
    public: Vec<TcpListener>,
    redirect: Option<TcpListener>,
}

/// Why a gate does not serve.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Wiring(#[from] WiringError),
    #[error("{key} = \"{address}\" cannot be listened on: {source}")]
    Bind { key: &'static str, address: SocketAddr, source: io::Error },
    #[error("TLS cannot begin: {0}")]
    Tls(#[from] rustls::Error),
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
        let app = Arc::new(App::new(config, clock.clone())?);
        let door = match &config.listen.certificates {
            none if none.is_empty() => None,
            certificates => {
                Some(Door::new(certificates, config.limits.tls_handshake_timeout, Arc::clone(app.metrics()))?)
            }
        };
        let mut listeners: Vec<Listeners> = (0..threads).map(|_| Listeners::default()).collect();
        let mut addresses = Vec::new();
        for &address in std::iter::once(&config.listen.address).chain(further) {
            let bound = bind("listen.address", address, threads)?;
            addresses.extend(bound.first().and_then(|listener| listener.local_addr().ok()));
            for (of_thread, listener) in listeners.iter_mut().zip(bound) {
                of_thread.public.push(listener);
            }
        }
        let mut redirect_address = None;
        if let Some(address) = config.listen.redirect_http {
            // One thread is enough for what browsers do once.
            let bound = bind("listen.redirect_http", address, 1)?;
            redirect_address = bound.first().and_then(|listener| listener.local_addr().ok());
            for (of_thread, listener) in listeners.iter_mut().zip(bound) {
                of_thread.redirect = Some(listener);
            }
        }
        let admin = bind("admin.address", config.admin.address, 1)?.remove(0);
        let admin_address = admin.local_addr().map_err(GateError::Thread)?;
        let (trigger, shutdown) = shutdown::channel(config.shutdown.timeout);
        let terms = Terms { limits: Arc::new(config.limits.clone()), shutdown };
        let budget = Budget::of(&config.limits);
        let connections =
            Connections::new(budget.connections, budget.memory, Some(Arc::clone(app.metrics())));
        let mut gate =
            Self { addresses, redirect_address, admin_address, trigger, threads: Vec::new(), admin: None };
        let (upstreams, health) = match config.gateway {
            None => {
                let path = config.admin.upstream_health_path.clone();
                let health = AppHealth::new(&config.sites, path).map_err(WiringError::from)?;
                let upstreams = Upstreams::new(&config.sites, app.metrics()).map_err(WiringError::from)?;
                (Some(upstreams), Some(health))
            }
            Some(_) => (None, None),
        };
        for (index, listeners) in listeners.into_iter().enumerate() {
            let upstreams = upstreams.as_ref().map(Upstreams::anew);
            let (app, terms, connections) = (Arc::clone(&app), terms.clone(), Arc::clone(&connections));
            let door = door.clone();
            let thread = spawn(format!("gate-{index}"), move |runtime| {
                let public = attend_public(&app, upstreams.as_ref(), listeners, door, &terms, &connections);
                runtime.block_on(public);
            })?;
            gate.threads.push(thread);
        }
        let (trigger, shutdown) = shutdown::channel(LAST_PROBE);
        let certificates = config.listen.certificates.clone();
        let thread = spawn("admin".to_owned(), move |runtime| {
            runtime.block_on(async {
                let kept_fresh = async {
                    match door {
                        Some(door) => reload::keep_fresh(&door, certificates, clock).await,
                        None => std::future::pending().await,
                    }
                };
                let of_admin = Terms { shutdown, ..terms.clone() };
                tokio::select! {
                    () = attend_admin(app, health, admin, of_admin, terms.shutdown) => {}
                    () = connections.keep_in_memory() => {}
                    () = kept_fresh => {}
                }
            });
        })?;
        gate.admin = Some((trigger, thread));
        Ok(gate)
    }

    /// Where it listens; the port is the real one where the configuration says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.first().copied().unwrap_or(self.admin_address)
    }

    /// Where it sends plain http to https, if it does.
    #[must_use]
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        self.redirect_address
    }

    /// Where its probes are.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Begins the end: it is no longer ready, and asks its clients to go elsewhere, but serves whoever comes.
    pub fn drain(&self) {
        self.trigger.drain();
    }

    /// Ends it in order: what is under way is answered first. The probes are answered to the last.
    pub fn stop(mut self) {
        self.trigger.end();
        self.threads.drain(..).for_each(join);
        if let Some((trigger, thread)) = self.admin.take() {
            trigger.end();
            join(thread);
        }
    }
}

impl GateError {
    /// How a process ends that cannot serve for this reason.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Wiring(WiringError::Endpoint(_) | WiringError::Upstream(_)) => Exit::Config,
            Self::Wiring(WiringError::Http(_)) | Self::Tls(_) | Self::Thread(_) => Exit::Failure,
            Self::Bind { .. } => Exit::Unavailable,
        }
    }
}

/// A thread with a runtime of its own.
fn spawn(name: String, body: impl FnOnce(&Runtime) + Send + 'static) -> Result<JoinHandle<()>, GateError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(GateError::Thread)?;
    let whole = move || {
        body(&runtime);
        // Not waiting for a file or a name that is still being read or looked up: that may be for ever.
        runtime.shutdown_background();
    };
    thread::Builder::new().name(name).spawn(whole).map_err(GateError::Thread)
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the gate had panicked");
    }
}

fn bind(key: &'static str, address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, GateError> {
    accept::bind(address, count).map_err(|source| GateError::Bind { key, address, source })
}

/// How many threads serve: the cores that the container may use.
#[must_use]
pub fn serving_threads() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// One thread's share of the public port.
async fn attend_public(
    app: &Arc<App>,
    upstreams: Option<&Upstreams>,
    listeners: Listeners,
    door: Option<Door>,
    terms: &Terms,
    connections: &Arc<Connections>,
) {
    let mut serving = JoinSet::new();
    if let Some(listener) = listeners.redirect {
        let app = Arc::clone(app);
        let respond = move |request, client: Client| {
            let app = Arc::clone(&app);
            async move { app.send_to_https(&request, client.address()) }
        };
        serving.spawn(accept::serve(listener, None, terms.clone(), Arc::clone(connections), respond));
    }
    for listener in listeners.public {
        let (app, upstreams) = (Arc::clone(app), upstreams.cloned());
        let respond = move |request, client| {
            let (app, upstreams) = (Arc::clone(&app), upstreams.clone());
            // On the heap, and only until the answer's head is there: a connection or a stream has room for it otherwise.
            Box::pin(async move { app.respond(upstreams.as_ref(), request, client).await })
        };
        serving.spawn(accept::serve(listener, door.clone(), terms.clone(), Arc::clone(connections), respond));
    }
    let mut shutdown = terms.shutdown.clone();
    let of_app = Arc::clone(app);
    serving.spawn(async move {
        shutdown.ending().await;
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

/// The admin port, and what is kept up beside it.
async fn attend_admin(
    app: Arc<App>,
    health: Option<AppHealth>,
    listener: TcpListener,
    terms: Terms,
    ending: Shutdown,
) {
    let metrics = Arc::clone(app.metrics());
    let followed = Arc::clone(&app);
    let of_sessions = Arc::clone(&app);
    let sessions = move |method, sub: String, headers| {
        let app = Arc::clone(&of_sessions);
        async move { app.sessions(&method, &sub, &headers).await }
    };
    let is_ready = move || app.is_ready();
    let subject = admin::Subject { is_ready, sessions, ending, app: health, metrics };
    let probes = admin::serve(listener, terms, subject);
    tokio::select! {
        ended = probes => {
            if let Err(error) = ended {
                tracing::error!(%error, "the admin listener ended");
            }
        }
        () = followed.keep_up() => {}
    }
}
