//! A site: what belongs to one public URL, beside what all sites share.

use std::sync::Arc;

use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Method, Response};
use url::Url;

use super::WiringError;
use crate::auth::caller::Caller;
use crate::auth::renewal::Prepared;
use crate::auth::{RelyingParty, RequestHead, Shared};
use crate::clock::Clock;
use crate::cognito::endpoints::Endpoints;
use crate::cognito::http::Http;
use crate::cognito::jwks::Jwks;
use crate::cognito::token::TokenClient;
use crate::cognito::verify::Verifier;
use crate::config::{self, Access, PoolId};
use crate::cookie::chunk::TooLarge;
use crate::failure::Failure;
use crate::failure::denied::Denial;
use crate::policy::csrf::Csrf;
use crate::policy::host::RequestHost;
use crate::policy::origins::Origins;
use crate::policy::path::CanonicalPath;
use crate::policy::rules::{Rules, Ruling, Verdict};
use crate::proxy;
use crate::secret::live::LiveSecret;
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

/// The signing keys of every pool, one set each: what was believed of one pool's is never asked for another's.
#[derive(Debug)]
pub(super) struct Pools {
    http: Http,
    clock: Clock,
    pools: Vec<(PoolId, Url, Arc<Jwks>)>,
}

impl Pools {
    pub(super) fn new(http: Http, clock: Clock) -> Self {
        Self { http, clock, pools: Vec::new() }
    }

    fn keys(&mut self, pool: &PoolId, url: &Url) -> Arc<Jwks> {
        if let Some((.., known)) = self.pools.iter().find(|(id, at, _)| (id, at) == (pool, url)) {
            return Arc::clone(known);
        }
        let jwks = Arc::new(Jwks::new(self.http.clone(), url.clone(), self.clock.clone()));
        self.pools.push((pool.clone(), url.clone(), Arc::clone(&jwks)));
        jwks
    }

    /// True once every pool's keys have been loaded.
    pub(super) fn are_loaded(&self) -> bool {
        self.pools.iter().all(|(.., jwks)| jwks.is_loaded())
    }

    /// Keeps them up to date; never ends.
    pub(super) async fn keep_fresh(&self) {
        join_all(self.pools.iter().map(|(.., jwks)| jwks.keep_fresh())).await;
    }
}

impl Site {
    /// The site, by the keys of its pool among `pools`.
    pub(super) fn new(
        site: &config::Site,
        shared: &Shared<'_>,
        pools: &mut Pools,
    ) -> Result<Self, WiringError> {
        let cognito = &site.cognito;
        let endpoints = Endpoints::new(cognito)?;
        let jwks = pools.keys(&cognito.pool, &endpoints.jwks);
        let verifier = Verifier::new(jwks, &endpoints.issuers, &cognito.client_id, shared.clock.clone());
        let secret = LiveSecret::new(cognito.client_secret.clone(), cognito.client_secret_file.clone())
            .with_rule((no_white_space, "a client secret, which is one word"));
        let tokens = TokenClient::new(pools.http.clone(), &endpoints, &cognito.client_id, secret);
        Ok(Self {
            rp: RelyingParty::new(site, &endpoints, tokens, verifier, shared),
            public_url: site.public_url.clone(),
            clock: shared.clock.clone(),
            rules: Rules::new(&site.rules),
            origins: Origins::new(&site.public_url, &site.origins),
            csrf: Csrf::new(&site.csrf, &site.public_url),
        })
    }

    /// Answers `start`: by the provider of the rule for where it comes back to, unless another is asked for.
    pub(super) fn start(&self, host: &RequestHost, head: &RequestHead<'_>) -> Response<Body> {
        let return_to = self.rp.asked_return(head);
        let path = return_to.as_str().split('?').next().unwrap_or_default();
        let rule =
            CanonicalPath::parse(path).ok().map(|path| self.rules.decide(host, &path, &Method::GET).rule);
        let usual = rule.and_then(|rule| rule.identity_provider.as_deref());
        self.rp.start(head, return_to, usual)
    }

    /// The answer to a failure, for whoever sent `head`.
    pub(super) fn explain(&self, failure: Failure, head: &RequestHead<'_>) -> Response<Body> {
        failure.into_response(Some(&self.rp), head)
    }

    /// What the answer to this somebody may be given; to be called before the request has any effect.
    pub(super) fn prepare(
        &self,
        caller: &Caller,
        head: &RequestHead<'_>,
    ) -> Result<Option<Prepared>, TooLarge> {
        match caller {
            Caller::Session { session, renewal } => {
                self.rp.prepare(session, *renewal, head.cookies).map(Some)
            }
            Caller::Bearer { .. } => Ok(None),
        }
    }

    /// Whether a request may pass: by whose page made it, where a session carries it, and by who it is.
    pub(super) fn judge_caller(
        &self,
        ruling: &Ruling<'_>,
        caller: &Caller,
        (method, host, headers): (Option<&Method>, &RequestHost, &HeaderMap),
    ) -> Result<(), Failure> {
        // What brings a token of its own is nobody else's idea.
        if caller.session().is_some() {
            self.csrf.admit(ruling.csrf(self.csrf.mode), method, host, headers)?;
        }
        self.judge(ruling, caller)
    }

    /// Whether somebody meets what a rule asks for, who that is being settled.
    pub(super) fn judge(&self, ruling: &Ruling<'_>, caller: &Caller) -> Result<(), Failure> {
        let subject = caller.subject();
        let is_api = ruling.access() == Access::Api || caller.session().is_none();
        match ruling.judge(&subject, self.clock.now()) {
            Verdict::Pass => Ok(()),
            Verdict::Denied(unmet) => Err(Failure::Denied(Denial::of(&subject, unmet, is_api))),
            Verdict::Stale => Err(Failure::NotRecent {
                max_age: ruling.max_auth_age().unwrap_or_default(),
                by_session: caller.session().is_some(),
            }),
        }
    }

    /// The session's new cookie, where there is a session, and a new cookie by now.
    pub(super) async fn renewed(
        &self,
        prepared: Option<Prepared>,
        head: &RequestHead<'_>,
    ) -> Vec<HeaderValue> {
        match prepared {
            Some(prepared) => self.rp.renewed(prepared, head.cookies).await,
            None => Vec::new(),
        }
    }

    /// Gives the answer the session's new cookie, where there is one by now, and keeps it out of shared caches.
    pub(super) async fn for_one_user(
        &self,
        mut response: Response<Body>,
        prepared: Option<Prepared>,
        head: &RequestHead<'_>,
    ) -> Response<Body> {
        proxy::seal_answer(response.headers_mut(), self.renewed(prepared, head).await);
        response
    }
}

/// True for what Cognito may have given as a client secret: letters, digits and the like, and no second line.
fn no_white_space(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
