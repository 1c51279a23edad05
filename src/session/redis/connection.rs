//! One connection to Redis for the whole process, kept open by a task of its own.
//!
//! While there is none, whoever asks is told so at once, but for the first moments: after a connection broke off, the
//! next one is waited for within the time-out, so that a server that restarts or hands over costs nobody an answer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, RedisConnectionInfo, RedisError, ServerErrorKind,
};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config;
use crate::crypto::random;
use crate::secret::live::LiveSecret;
use crate::session::store::StoreUnavailable;
use crate::telemetry::metrics::Metrics;

/// How often a connection that is open is asked for a sign of life.
const PING: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Asks Redis. Clones share the connection.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    settings: config::Redis,
    password: LiveSecret,
    tls: Option<TlsConnector>,
    state: watch::Sender<State>,
    /// True while Redis does not answer, so that the log tells of changes alone.
    failing: AtomicBool,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
enum State {
    /// There is none, and there may be one in a moment.
    Connecting,
    /// Each has a number, so that the fault of one does not end the next.
    Up(u64, MultiplexedConnection),
    Down,
}

/// Why Redis gave no answer.
#[derive(Debug, thiserror::Error)]
enum RedisFault {
    #[error("there is no connection")]
    Down,
    #[error("it took longer than {0:?}")]
    Slow(Duration),
    #[error("it cannot be connected to: {0}")]
    Connect(io::Error),
    #[error("{0}")]
    Redis(#[from] RedisError),
}

impl Connection {
    /// Nothing is connected before [`Connection::keep_open`].
    #[must_use]
    pub fn new(settings: &config::Redis, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Shared {
            tls: settings.tls.as_ref().map(|tls| connector(tls.roots.as_ref())),
            password: LiveSecret::new(settings.password.clone(), settings.password_file.clone()),
            settings: settings.clone(),
            state: watch::Sender::new(State::Connecting),
            failing: AtomicBool::new(false),
            metrics,
        }))
    }

    /// What the next connection is opened with.
    #[must_use]
    pub fn password(&self) -> &LiveSecret {
        &self.0.password
    }

    /// Keeps the connection open, and opens it again with growing pauses; never ends.
    pub async fn keep_open(&self) {
        let shared = &self.0;
        let mut pause = FIRST_PAUSE;
        let mut number = 0;
        loop {
            let within = shared.settings.timeout;
            match timeout(within, shared.connect()).await.unwrap_or(Err(RedisFault::Slow(within))) {
                Ok((connection, driver)) => {
                    shared.works();
                    pause = FIRST_PAUSE;
                    shared.metrics.redis_connected(true);
                    number += 1;
                    let mut state = shared.state.subscribe();
                    shared.state.send_replace(State::Up(number, connection.clone()));
                    tokio::select! {
                        () = driver => {}
                        _ = state.wait_for(|state| !matches!(state, State::Up(..))) => {}
                        () = shared.ping(connection) => {}
                    }
                    shared.metrics.redis_connected(false);
                    shared.state.send_replace(State::Connecting);
                }
                Err(fault) => {
                    shared.fails(&fault);
                    shared.state.send_replace(State::Down);
                    let [random] = random::bytes::<1>();
                    tokio::time::sleep(pause / 2 + pause / 2 * u32::from(random) / 255).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }

    /// Sends a command that may be sent twice: where the connection broke off, it is, over the next one.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreUnavailable> {
        let shared = &self.0;
        let within = shared.settings.timeout;
        let asked = timeout(within, shared.ask(command)).await.unwrap_or(Err(RedisFault::Slow(within)));
        shared.metrics.redis_asked(asked.is_ok());
        match asked {
            Ok(answer) => {
                shared.works();
                Ok(answer)
            }
            Err(fault) => {
                shared.fails(&fault);
                Err(StoreUnavailable)
            }
        }
    }
}

impl Shared {
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisFault> {
        let mut again = true;
        loop {
            let (number, mut connection) = self.connection().await?;
            match command.query_async(&mut connection).await {
                Err(error) if again && is_over(&error) => {
                    again = false;
                    self.state.send_if_modified(|state| {
                        let is_it = matches!(state, State::Up(current, _) if *current == number);
                        if is_it {
                            *state = State::Connecting;
                        }
                        is_it
                    });
                }
                answer => return Ok(answer?),
            }
        }
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), RedisFault> {
        let mut state = self.state.subscribe();
        let state = state.wait_for(|state| !matches!(state, State::Connecting)).await;
        match state.as_deref() {
            Ok(State::Up(number, connection)) => Ok((*number, connection.clone())),
            Ok(State::Connecting | State::Down) | Err(_) => Err(RedisFault::Down),
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, Driver), RedisFault> {
        let settings = &self.settings;
        let address = (settings.host.as_str(), settings.port);
        let stream = TcpStream::connect(address).await.map_err(RedisFault::Connect)?;
        stream.set_nodelay(true).map_err(RedisFault::Connect)?;
        match (&self.tls, &settings.tls) {
            (Some(connector), Some(tls)) => {
                let stream = connector.connect(tls.server_name.clone(), stream).await;
                self.greet(stream.map_err(RedisFault::Connect)?).await
            }
            _ => self.greet(stream).await,
        }
    }

    async fn greet<S>(&self, stream: S) -> Result<(MultiplexedConnection, Driver), RedisFault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let settings = &self.settings;
        // Our own time-out is around it all. Without SETINFO an ACL user needs no right to it.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut info =
            RedisConnectionInfo::default().set_skip_set_lib_name().set_db(settings.database.into());
        if let Some(username) = &settings.username {
            info = info.set_username(username);
        }
        if let Some(password) = self.password.current() {
            info = info.set_password(password.expose());
        }
        let (mut connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
        let mut driver: Driver = Box::pin(driver);
        // A server that stands still takes connections too.
        let greeting = redis::cmd("PING");
        tokio::select! {
            answer = greeting.query_async::<()>(&mut connection) => answer?,
            () = &mut driver => return Err(RedisFault::Connect(io::ErrorKind::ConnectionReset.into())),
        }
        Ok((connection, driver))
    }

    /// Ends when a ping is not answered.
    async fn ping(&self, mut connection: MultiplexedConnection) {
        let command = redis::cmd("PING");
        loop {
            tokio::time::sleep(PING).await;
            let answer = command.query_async::<()>(&mut connection);
            match timeout(self.settings.timeout, answer).await {
                Ok(Ok(())) => {}
                // It answers, if not what we would hear.
                Ok(Err(error)) if !is_over(&error) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    fn works(&self) {
        if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis answers again");
        }
    }

    fn fails(&self, fault: &RedisFault) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%fault, "Redis does not answer");
        }
    }
}

type Driver = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// True where another connection may be of more use: this one is gone, or leads to a replica by now.
fn is_over(error: &RedisError) -> bool {
    error.is_io_error() || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

fn connector(roots: Option<&Arc<RootCertStore>>) -> TlsConnector {
    let roots = roots.cloned().unwrap_or_else(|| Arc::new(system_roots()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    match builder.with_safe_default_protocol_versions() {
        Ok(builder) => {
            TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
        }
        // The provider is fixed above and has suites for both versions.
        Err(error) => unreachable!("the TLS provider has no suites for TLS 1.2 and 1.3: {error}"),
    }
}

/// The system's certificate authorities, or Mozilla's where the system has none.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("host", &self.0.settings.host)
            .field("port", &self.0.settings.port)
            .finish_non_exhaustive()
    }
}
