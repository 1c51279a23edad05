//! The flow: who is signed in, how one signs in, stays signed in, and signs out.
//!
//! Knows no sockets: it is given a request's head and returns an answer, or a typed error that the failure
//! room turns into one.

pub mod bearer;
pub mod callback;
pub mod caller;
pub mod exchange_limit;
pub mod gate;
pub mod identity;
pub mod lifetimes;
pub mod login;
pub mod login_state;
pub mod logout;
pub mod navigation;
pub mod refresh;
pub mod reload;
pub mod remembered;
pub mod renewal;
pub mod return_to;
mod revocation;
mod sign_outs;
pub mod subject;
mod user_sessions;
pub mod userinfo;
mod verified;
mod watched;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Uri, Version};
use url::Url;

use crate::clock::Clock;
use crate::cognito::endpoints::Endpoints;
use crate::cognito::token::TokenClient;
use crate::cognito::verify::Verifier;
use crate::config::{AuthorizeParameters, Config, EndpointPrefix, SameSite, Site};
use crate::cookie::read::RequestCookies;
use crate::cookie::write::{Attributes, SameSite as CookieSameSite};
use crate::crypto::keyring::KeyRing;
use crate::crypto::seal::{Purpose, Sealer};
use crate::session::SessionId;
use crate::session::store::{Place, Store};
use crate::telemetry::metrics::Metrics;
use crate::types::{Origin, RequestId};

use bearer::Bearers;
use exchange_limit::ExchangeLimit;
use identity::Kept;
use lifetimes::Lifetimes;
use login_state::LoginStates;
use refresh::Refresher;
use remembered::Remembered;
use revocation::Revocations;
use watched::Watched;

/// How long a signed-out session id is refused at least, so that an answer under way cannot bring the session back.
const TOMBSTONE: Duration = Duration::from_secs(120);
/// How long a redeemed state is remembered: as long as its login cookie could be replayed. [`ExchangeLimit`] admits fewer
/// in this time than are remembered.
const REDEEMED: Duration = login_state::LIFETIME;
/// Both memories are bounded; past it the oldest entries go first.
const REMEMBERED: usize = 100_000;

/// One app client of one user pool, and all that its flow needs. Shared by every thread.
#[derive(Debug)]
pub struct RelyingParty {
    public_url: Origin,
    prefix: EndpointPrefix,
    store: Store,
    /// That of the login cookies, to be given other keys.
    login_sealer: Sealer,
    keys_file: Option<PathBuf>,
    client_id: String,
    scopes: String,
    authorize: Url,
    authorize_parameters: AuthorizeParameters,
    /// Those that may be asked for.
    identity_providers: Vec<String>,
    logout: Url,
    attributes: Attributes,
    login_states: LoginStates,
    tokens: Arc<TokenClient>,
    verifier: Verifier,
    bearers: Bearers,
    revocations: Revocations,
    refresher: Refresher,
    lifetimes: Lifetimes,
    kept: Kept,
    /// States whose code has been redeemed, by hash.
    redeemed: Remembered<[u8; 32]>,
    exchanges: Arc<ExchangeLimit>,
    signed_out: Arc<Remembered<SessionId>>,
    watched: Arc<Watched>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// What the relying parties of a process have in common.
#[derive(Clone, Debug)]
pub struct Shared<'a> {
    pub config: &'a Config,
    /// Where sessions are kept.
    pub place: Place,
    pub exchanges: Arc<ExchangeLimit>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
}

/// What the flow looks at of a request.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    pub method: &'a Method,
    /// Whose request it is, as far as trusted proxies tell.
    pub client: IpAddr,
    pub uri: &'a Uri,
    /// What the client spoke.
    pub version: Version,
    pub headers: &'a HeaderMap,
    pub cookies: &'a RequestCookies,
    pub request_id: &'a RequestId,
}

/// Not the query and the headers, which carry codes, cookies and tokens.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("client", &self.client)
            .field("path", &self.uri.path())
            .field("version", &self.version)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl RelyingParty {
    #[must_use]
    pub fn new(
        site: &Site,
        endpoints: &Endpoints,
        tokens: TokenClient,
        verifier: Verifier,
        shared: &Shared<'_>,
    ) -> Self {
        let Shared { config, place, exchanges, clock, metrics } = shared;
        let ring = KeyRing::new(&config.session.keys);
        // A session of another pool or app client is nothing here, though host and keys may be the same: its
        // tokens were believed by other rules.
        let cognito = &site.cognito;
        let scope = format!("{} {} {}", site.cookie.scope, cognito.pool.as_str(), cognito.client_id);
        let login_sealer = Sealer::new(&ring, Purpose::Login, &scope);
        let attributes = Attributes {
            secure: site.cookie.secure,
            same_site: match site.cookie.same_site {
                SameSite::Lax => CookieSameSite::Lax,
                SameSite::None => CookieSameSite::None,
            },
            domain: site.cookie.domain.clone(),
        };
        // The callback is a top-level navigation from Cognito's site: Lax is enough, and None would be too wide.
        let login_attributes = Attributes { same_site: CookieSameSite::Lax, ..attributes.clone() };
        let name = site.cookie.name.as_str();
        let tokens = Arc::new(tokens);
        let kept = Kept::new(config);
        let signed_out = Arc::new(Remembered::new(TOMBSTONE, REMEMBERED, clock.clone()));
        let watched = Arc::new(Watched::new(clock.clone()));
        let lifetimes = Lifetimes::new(config.session.max_lifetime, config.session.idle_timeout);
        let store = Store::new(place, name, &ring, &scope, attributes, clock.clone());
        Self {
            login_sealer: login_sealer.clone(),
            public_url: site.public_url.clone(),
            prefix: config.prefix.clone(),
            store: store.clone(),
            keys_file: config.session.keys_file.clone(),
            client_id: cognito.client_id.clone(),
            scopes: cognito.scopes.join(" "),
            authorize: endpoints.authorize.clone(),
            authorize_parameters: cognito.authorize.clone(),
            identity_providers: cognito.identity_providers.clone(),
            logout: endpoints.logout.clone(),
            attributes: login_attributes.clone(),
            login_states: LoginStates::new(login_sealer, name, login_attributes, clock.clone()),
            refresher: Refresher::new(
                Arc::clone(&tokens),
                verifier.clone(),
                kept.clone(),
                (store, lifetimes),
                (Arc::clone(&signed_out), Arc::clone(&watched)),
                clock.clone(),
                Arc::clone(metrics),
            )
            .within(config.session.refresh_margin),
            bearers: Bearers::new(config, verifier.clone(), kept.clone(), clock.clone(), Arc::clone(metrics)),
            kept,
            lifetimes,
            tokens,
            verifier,
            revocations: Revocations::new(),
            redeemed: Remembered::new(REDEEMED, REMEMBERED, clock.clone()),
            exchanges: Arc::clone(exchanges),
            signed_out,
            watched,
            metrics: Arc::clone(metrics),
            clock: clock.clone(),
        }
    }

    /// The session cookie's name, which its chunks, the login cookies and the mark begin with.
    #[must_use]
    pub fn cookie_name(&self) -> &str {
        self.store.name()
    }

    /// Waits, for a while, for what goes on beside the answers; before the end of the process.
    pub async fn settle(&self) {
        self.revocations.settle().await;
    }

    /// What browsers see.
    #[must_use]
    pub fn public_url(&self) -> &Origin {
        &self.public_url
    }

    /// The address of one of our own endpoints, as browsers see it.
    #[must_use]
    pub fn own_url(&self, endpoint: &str) -> String {
        format!("{}{}", self.public_url, self.prefix.endpoint(endpoint))
    }

    /// The path of one of our own endpoints.
    #[must_use]
    pub fn own_path(&self, endpoint: &str) -> String {
        self.prefix.endpoint(endpoint)
    }
}
