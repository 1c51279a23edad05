//! Fixtures that the subjects share: a gate with an emulated Cognito and an app, all on real sockets.

pub(crate) mod app;
pub(crate) mod frames;
pub(crate) mod jar;
pub(crate) mod peer;
#[cfg(feature = "redis-tests")]
pub(crate) mod redis;
pub(crate) mod tls;
pub(crate) mod visitor;
pub(crate) mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cognigate::clock::{Clock, UnixTime};
use cognigate::commands::run::Gate;
use cognigate::config::{Config, ConfigError, Sources};
use cognigate::emulator::{Emulator, Settings, Switches};
use rustls::ClientConfig;
use tempfile::NamedTempFile;
use tokio::sync::oneshot;

use app::App;
use tls::Folder;
use visitor::Visitor;

/// Where the tests' gate stands to its visitors. Whatever port it really listens on, requests name this host.
pub(crate) const PUBLIC_URL: &str = "https://app.test";

/// A key for tests only: 32 bytes of 7.
pub(crate) const TEST_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The session cookie of a gate at [`PUBLIC_URL`].
pub(crate) const SESSION: &str = "__Host-cognigate";

/// Set, this variable gives every stage a Redis, so that the cases hold there too: its sessions are in it, or with
/// `beside` it is what replicas share.
#[cfg(feature = "redis-tests")]
const IN_REDIS: &str = "TEST_IN_REDIS";

/// A gate in front of an [`App`], with an emulator behind it, on one clock that the test turns.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    /// The emulator's switches and counters.
    pub(crate) cognito: Switches,
    pub(crate) cognito_address: SocketAddr,
    pub(crate) app: App,
    pub(crate) gate: Gate,
    /// The settings that the gate was started with, to start another like it.
    flags: Vec<(String, String)>,
    /// Beside them, what only a file can hold.
    file: Option<NamedTempFile>,
    public_url: String,
    client: Option<Arc<ClientConfig>>,
    /// There where sessions are in a Redis that nobody else named.
    #[cfg(feature = "redis-tests")]
    _redis: Option<redis::RedisServer>,
    /// Dropped at the end, which ends the emulator and the app.
    _end: oneshot::Sender<()>,
}

/// What a [`Stage`] is set up with.
pub(crate) struct Setup {
    flags: Vec<(String, String)>,
    tables: String,
    without: Vec<String>,
    public_url: String,
    client: Option<Arc<ClientConfig>>,
    settings: Settings,
    threads: usize,
    clock: Clock,
}

impl Stage {
    /// The plain one: `https://app.test`, the confidential client, one serving thread.
    pub(crate) async fn new() -> Self {
        Self::with(|setup| setup).await
    }

    /// One that differs as `change` says.
    pub(crate) async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let setup = change(Setup {
            flags: Vec::new(),
            tables: String::new(),
            without: Vec::new(),
            public_url: PUBLIC_URL.to_owned(),
            client: None,
            settings: Settings::default(),
            threads: 1,
            // Not now, so that nothing passes that only looks at the machine's clock.
            clock: Clock::manual(UnixTime(1_900_000_000)),
        });
        let clock = setup.clock;
        let settings = setup.settings.for_gate(&setup.public_url);
        let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
        let emulator = Emulator::bind(settings.clone(), loopback, clock.clone()).unwrap();
        let app = App::bind();
        let client = &settings.clients[0];
        let mut flags = vec![
            ("public_url".to_owned(), setup.public_url.clone()),
            ("upstream".to_owned(), format!("http://{}", app.address())),
            ("cognito.user_pool_id".to_owned(), settings.pool_id.clone()),
            ("cognito.client_id".to_owned(), client.id.clone()),
            ("cognito.domain".to_owned(), emulator.base_url()),
            ("cognito.jwks_url".to_owned(), emulator.jwks_url()),
            ("session.keys".to_owned(), TEST_KEY.to_owned()),
            ("listen.address".to_owned(), "127.0.0.1:0".to_owned()),
            ("admin.address".to_owned(), "127.0.0.1:0".to_owned()),
            ("shutdown.drain_delay".to_owned(), "0s".to_owned()),
        ];
        let secret = client.secrets.first();
        flags.extend(secret.map(|secret| ("cognito.client_secret".to_owned(), secret.expose().to_owned())));
        flags.retain(|(key, _)| !setup.without.contains(key));
        #[cfg(feature = "redis-tests")]
        let redis = std::env::var_os(IN_REDIS).map(|_| redis::RedisServer::start());
        #[cfg(feature = "redis-tests")]
        if let Some(redis) = &redis {
            if std::env::var_os(IN_REDIS).is_none_or(|value| value != "beside") {
                flags.push(("session.store".to_owned(), "redis".to_owned()));
            }
            flags.push(("redis.url".to_owned(), redis.url()));
        }
        for (key, value) in setup.flags {
            flags.retain(|(known, _)| *known != key);
            flags.push((key, value));
        }
        let file = (!setup.tables.is_empty()).then(|| {
            let file = NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &setup.tables).unwrap();
            file
        });
        let config = config(&flags, file.as_ref()).unwrap();
        let gate = Gate::start(&config, &[], setup.threads, clock.clone()).unwrap();
        let (cognito, cognito_address) = (emulator.switches(), emulator.address());
        let (end, ended) = oneshot::channel::<()>();
        let serving = app.serving();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::spawn(serving);
                let end = async {
                    let _ = ended.await;
                };
                emulator.serve(end).await.unwrap();
            });
        });
        let stage = Self {
            clock,
            cognito,
            cognito_address,
            app,
            gate,
            flags,
            file,
            #[cfg(feature = "redis-tests")]
            _redis: redis,
            public_url: setup.public_url,
            client: setup.client,
            _end: end,
        };
        ready(stage.gate.admin_address()).await;
        stage
    }

    /// Waits until so many refreshes at the gate have ended, whatever came of them.
    pub(crate) async fn refreshed(&self, count: u32) {
        refreshed(&self.gate, count).await;
    }

    /// True where browsers hold tickets, which stay what they are.
    pub(crate) fn has_tickets(&self) -> bool {
        self.flags.iter().any(|(key, value)| key == "session.store" && value == "redis")
    }

    /// The settings that the gate was started with, for a gate that is a process of its own.
    pub(crate) fn flags(&self) -> &[(String, String)] {
        &self.flags
    }

    /// The key set as the emulator publishes it.
    pub(crate) async fn jwks(&self) -> serde_json::Value {
        let (_, url) = self.flags.iter().find(|(key, _)| key == "cognito.jwks_url").unwrap();
        visitor::json(&self.visitor().navigate(url).await)
    }

    /// A browser that has not been here before.
    pub(crate) fn visitor(&self) -> Visitor {
        let mut visitor = Visitor::new(&self.public_url, self.gate.address(), self.cognito_address);
        visitor.client = self.client.clone();
        visitor
    }

    /// A browser that is signed in as alice; its first page was `/`.
    pub(crate) async fn signed_in(&self) -> Visitor {
        let mut visitor = self.visitor();
        let page = visitor.sign_in("alice", "/").await;
        assert_eq!(page.status(), 200, "alice could not sign in");
        visitor
    }

    /// A second replica: the same settings but for `changes`, the same emulator, app and clock.
    pub(crate) async fn replica(&self, changes: &[(&str, &str)]) -> Gate {
        let gate = self.start(changes, self.clock.clone());
        ready(gate.admin_address()).await;
        gate
    }

    /// A replica by a clock of its own, which need not have the signing keys yet.
    pub(crate) fn start(&self, changes: &[(&str, &str)], clock: Clock) -> Gate {
        Gate::start(&self.config(changes), &[], 1, clock).unwrap()
    }

    /// The gate's configuration, but for `changes`.
    pub(crate) fn config(&self, changes: &[(&str, &str)]) -> Config {
        let mut flags = self.flags.clone();
        for (key, value) in changes {
            flags.retain(|(known, _)| known != key);
            flags.push(((*key).to_owned(), (*value).to_owned()));
        }
        config(&flags, self.file.as_ref()).unwrap()
    }
}

impl Setup {
    /// Sets one key of the gate's configuration.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.flags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds tables, as the configuration's file has them: `[[rules]]`.
    pub(crate) fn tables(mut self, text: &str) -> Self {
        self.tables.push_str(text);
        self.tables.push('\n');
        self
    }

    /// Leaves a key out that the stage would set.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.without.push(key.to_owned());
        self
    }

    /// A gateway that asks, at 127.0.0.1, in the place of an app behind the gate.
    pub(crate) fn asked_by(self, dialect: &str) -> Self {
        self.without("upstream").set("gateway.dialect", dialect).set("listen.trusted_proxies", "127.0.0.1")
    }

    /// Another public URL, which the emulator's clients are registered for.
    pub(crate) fn public_url(mut self, url: &str) -> Self {
        self.public_url = url.to_owned();
        self
    }

    /// TLS at the door, by the pairs of these names; visitors come by what `client` offers.
    pub(crate) fn over_tls(mut self, folder: &Folder, names: &[&str], client: ClientConfig) -> Self {
        self.client = Some(Arc::new(client));
        for (key, paths) in folder.settings(names) {
            self = self.set(key, &paths);
        }
        self
    }

    /// Sessions in this Redis.
    #[cfg(feature = "redis-tests")]
    pub(crate) fn in_redis(self, server: &redis::RedisServer) -> Self {
        self.set("session.store", "redis").set("redis.url", &server.url())
    }

    /// More serving threads than one.
    pub(crate) fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The machine's clock, which a process of its own goes by.
    pub(crate) fn real_time(mut self) -> Self {
        self.clock = Clock::system();
        self
    }

    /// Changes the emulated pool.
    pub(crate) fn pool(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The public client in place of the confidential one.
    pub(crate) fn public_client(self) -> Self {
        self.pool(|settings| settings.clients.retain(|client| client.secrets.is_empty()))
    }

    /// Rotates refresh tokens, the old one being good for `grace` longer.
    pub(crate) fn rotation(self, grace: Duration) -> Self {
        self.pool(|settings| settings.clients[0].rotation_grace = Some(grace))
    }
}

/// Waits until the gate that has this admin port has loaded the signing keys.
pub(crate) async fn ready(admin: SocketAddr) {
    wire::eventually("the gate is ready", || async { wire::probe(admin, "/readyz").await == 200 }).await;
}

/// Waits until so many refreshes at this gate have ended, whatever came of them.
pub(crate) async fn refreshed(gate: &Gate, count: u32) {
    wire::eventually("a refresh has ended", || async {
        let mut ended = 0.0;
        for result in ["success", "refused", "unavailable", "ended"] {
            let series = format!("cognigate_token_refresh_total{{result=\"{result}\"}}");
            ended += wire::metric(gate.admin_address(), &series).await;
        }
        ended >= f64::from(count)
    })
    .await;
}

fn config(flags: &[(String, String)], file: Option<&NamedTempFile>) -> Result<Config, ConfigError> {
    let file = file.map(|file| file.path().to_owned());
    Config::load(&Sources { flags: flags.to_vec(), file, ..Sources::default() })
}
