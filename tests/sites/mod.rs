//! Several sites behind one gate: three hosts, three app clients, two pools.

mod apart;
mod gateway;
mod hosts;
mod providers;
#[cfg(feature = "redis-tests")]
mod redis;

use std::fs;
use std::net::SocketAddr;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognigate::clock::{Clock, UnixTime};
use cognigate::commands::run::Gate;
use cognigate::config::{Config, Sources};
use cognigate::emulator::{Emulator, Endpoint, Settings, Switches};
use cognigate::types::full;
use http::Response;
use tokio::sync::oneshot;

use crate::support::app::App;
use crate::support::visitor::{Answer, Visitor};
use crate::support::{TEST_KEY, ready};

/// Where the sites stand: two of one pool by an app client each, and one of another pool.
const SITES: [&str; 3] = ["https://a.test", "https://b.test", "https://c.test"];
const CLIENTS: [&str; 3] = ["demo-client", "demo-public", "demo-client"];
const APPS: [&str; 3] = ["the app a", "the app b", "the app c"];
const POOLS: [&str; 2] = ["us-east-1_Emulated1", "eu-west-1_Other2"];
/// Alice's, in both pools.
const ALICE: &str = "5e9c1d8e-0c0d-4a44-8c5f-0d3a6a6a5e1b";

struct Scene {
    clock: Clock,
    gate: Gate,
    apps: [App; 3],
    pools: [Switches; 2],
    addresses: [SocketAddr; 2],
    _ends: [oneshot::Sender<()>; 2],
}

impl Scene {
    async fn new() -> Self {
        Self::with("", ["", "", ""]).await
    }

    /// One with further lines at the top level and in each site.
    async fn with(top: &str, sites: [&str; 3]) -> Self {
        let scene = Self::start(top, sites, |text| text);
        ready(scene.gate.admin_address()).await;
        scene
    }

    /// One whose configuration is changed as a text, and which need not have the keys yet.
    fn start(top: &str, [a, b, c]: [&str; 3], change: impl FnOnce(String) -> String) -> Self {
        let clock = Clock::manual(UnixTime(1_900_000_000));
        let apps = APPS.map(|name| {
            let app = App::bind();
            app.answer(move |_| Response::new(full(name)));
            tokio::spawn(app.serving());
            app
        });
        let [one, other] = [0, 1].map(|at: usize| {
            let mut settings = Settings { pool_id: POOLS[at].to_owned(), ..Settings::default() };
            settings.users[0].sub = Some(ALICE.to_owned());
            for (client, site) in settings.clients.iter_mut().take(2).zip(&SITES[2 * at..]) {
                client.callback_urls = vec![format!("{site}/oauth2/callback")];
                client.logout_urls = vec![format!("{site}/oauth2/signed_out")];
            }
            Emulator::bind(settings, ([127, 0, 0, 1], 0).into(), clock.clone()).unwrap()
        });
        let [to_a, to_b, to_c] = apps.each_ref().map(|app| format!("upstream = 'http://{}'", app.address()));
        let text = format!(
            "{top}\n[session]\nkeys = ['{TEST_KEY}']\n[listen]\naddress = '127.0.0.1:0'\n[admin]\n\
             address = '127.0.0.1:0'\n[shutdown]\ndrain_delay = '0s'\n\
             [cognito]\nuser_pool_id = '{}'\nclient_id = 'demo-client'\nclient_secret = 'demo-secret'\n\
             domain = '{}'\njwks_url = '{}'\n\
             [[sites]]\npublic_url = 'https://a.test'\n{to_a}\n{a}\n\
             [[sites]]\npublic_url = 'https://b.test'\n{to_b}\n{b}\n[sites.cognito]\nclient_id = 'demo-public'\n\
             [[sites]]\npublic_url = 'https://c.test'\n{to_c}\n{c}\n[sites.cognito]\nuser_pool_id = '{}'\n\
             client_id = 'demo-client'\nclient_secret = 'demo-secret'\ndomain = '{}'\njwks_url = '{}'\n",
            POOLS[0],
            one.base_url(),
            one.jwks_url(),
            POOLS[1],
            other.base_url(),
            other.jwks_url(),
        );
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cognigate.toml");
        fs::write(&file, change(text)).unwrap();
        let config = Config::load(&Sources { file: Some(file), ..Sources::default() });
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let gate = Gate::start(&config, &[], 1, clock.clone()).unwrap();
        let (pools, addresses) = ([one.switches(), other.switches()], [one.address(), other.address()]);
        Self { clock, gate, apps, pools, addresses, _ends: [one, other].map(serve) }
    }

    /// A browser at a site that has not been anywhere before.
    fn visitor(&self, site: usize) -> Visitor {
        Visitor::new(SITES[site], self.gate.address(), self.addresses[pool_of(site)])
    }

    /// One that is signed in there as alice.
    async fn signed_in(&self, site: usize) -> Visitor {
        let mut visitor = self.visitor(site);
        let page = visitor.sign_in("alice", "/").await;
        assert_eq!(page.status(), 200, "{page:?}");
        visitor
    }

    /// What the pools were asked.
    fn asked(&self, endpoint: Endpoint) -> [u64; 2] {
        self.pools.each_ref().map(|pool| pool.count(endpoint))
    }
}

fn pool_of(site: usize) -> usize {
    usize::from(site == 2)
}

fn serve(emulator: Emulator) -> oneshot::Sender<()> {
    let (end, ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let end = async {
            let _ = ended.await;
        };
        runtime.block_on(emulator.serve(end)).unwrap();
    });
    end
}

/// The body, as text.
fn body(answer: &Answer) -> &str {
    str::from_utf8(answer.body()).unwrap()
}

/// What the token of an `Authorization` says.
fn claims(authorization: &str) -> serde_json::Value {
    let payload = authorization.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
