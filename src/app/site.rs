//! A site: what belongs to one public URL, beside what all sites share.

use std::sync::Arc;

use http::{HeaderMap, Method, Response};

use super::WiringError;
use crate::auth::renewal::Prepared;
use crate::auth::{RelyingParty, RequestHead};
use crate::clock::Clock;
use crate::cognito::endpoints::Endpoints;
use crate::cognito::http::Http;
use crate::cognito::jwks::Jwks;
use crate::cognito::token::TokenClient;
use crate::cognito::verify::Verifier;
use crate::config::{self, Access, Config};
use crate::failure::Failure;
use crate::failure::denied::Denial;
use crate::policy::csrf::Csrf;
use crate::policy::host::RequestHost;
use crate::policy::origins::Origins;
use crate::policy::rules::{Rules, Ruling, Verdict};
use crate::policy::subject::Subject;
use crate::proxy;
use crate::secret::live::LiveSecret;
use crate::telemetry::metrics::Metrics;
use crate::types::{Body, Origin};

/// What one site's requests are judged and answered by.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) rp: RelyingParty,
    /// What browsers see.
    pub(super) public_url: Origin,
    clock: Clock,
    /// Who may pass where.
    pub(super) rules: Rules,
    /// Whose pages may open a WebSocket.
    pub(super) origins: Origins,
    /// Whose pages may change something.
    pub(super) csrf: Csrf,
}

/// What the sites have in common while they are made.
pub(super) struct Shared<'a> {
    pub(super) config: &'a Config,
    pub(super) http: Http,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
}

impl Site {
    /// The site, and the keys of its pool.
    pub(super) fn new(site: &config::Site, shared: &Shared<'_>) -> Result<(Self, Arc<Jwks>), WiringError> {
        let Shared { config, http, clock, metrics } = shared;
        let cognito = &site.cognito;
        let endpoints = Endpoints::new(cognito)?;
        let jwks = Arc::new(Jwks::new(http.clone(), endpoints.jwks.clone(), clock.clone()));
        let verifier =
            Verifier::new(Arc::clone(&jwks), &endpoints.issuers, &cognito.client_id, clock.clone());
        let secret = LiveSecret::new(cognito.client_secret.clone(), cognito.client_secret_file.clone());
        let tokens = TokenClient::new(http.clone(), &endpoints, &cognito.client_id, secret);
        let rp =
            RelyingParty::new(config, site, &endpoints, tokens, verifier, clock.clone(), Arc::clone(metrics));
        let site = Self {
            rp,
            public_url: site.public_url.clone(),
            clock: clock.clone(),
            rules: Rules::new(&site.rules),
            origins: Origins::new(&site.public_url, &config.websocket.origins),
            csrf: Csrf::new(&config.csrf, &site.public_url),
        };
        Ok((site, jwks))
    }

    /// The answer to a failure, for whoever sent `head`.
    pub(super) fn explain(&self, failure: Failure, head: &RequestHead<'_>) -> Response<Body> {
        failure.into_response(Some(&self.rp), head)
    }

    /// Whether a request that a session carries may pass: by whose page made it, and by whose session it is.
    pub(super) fn judge_by_session(
        &self,
        ruling: &Ruling<'_>,
        subject: &Subject<'_>,
        (method, host, headers): (Option<&Method>, &RequestHost, &HeaderMap),
    ) -> Result<(), Failure> {
        self.csrf.admit(ruling.csrf(self.csrf.mode), method, host, headers)?;
        self.judge(ruling, subject)
    }

    /// Whether the session's user meets what a rule asks for, who that is being settled.
    pub(super) fn judge(&self, ruling: &Ruling<'_>, subject: &Subject<'_>) -> Result<(), Failure> {
        let is_api = ruling.access() == Access::Api;
        match ruling.judge(subject, self.clock.now()) {
            Verdict::Pass => Ok(()),
            Verdict::Denied(unmet) => Err(Failure::Denied(Denial::of(subject, unmet, is_api))),
            Verdict::Stale => Err(Failure::NotRecent { max_age: ruling.max_auth_age().unwrap_or_default() }),
        }
    }

    /// Gives the answer the session's new cookie, where there is one by now, and keeps it out of shared caches.
    pub(super) fn for_one_user(
        &self,
        mut response: Response<Body>,
        prepared: Prepared,
        head: &RequestHead<'_>,
    ) -> Response<Body> {
        proxy::seal_answer(response.headers_mut(), self.rp.renewed(prepared, head.cookies));
        response
    }
}
