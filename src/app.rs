//! The rooms, wired together from one configuration, and the way of one request through them.

mod asked;
mod own;
mod pass;
mod sessions;
mod site;

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::header::{CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use hyper::body::{Body as _, Incoming};

use crate::auth::exchange_limit::ExchangeLimit;
use crate::auth::reload::{follow_files, follow_secret};
use crate::auth::{RelyingParty, RequestHead, Shared};
use crate::clock::Clock;
use crate::cognito::endpoints::MissingEndpoint;
use crate::cognito::http::Http;
use crate::config::{ADMIN_TOKEN, Config, Dialect, EndpointPrefix, OnSessionEnd};
use crate::cookie::read::RequestCookies;
use crate::crypto::random;
use crate::failure::Failure;
use crate::policy::app_headers::AppHeaders;
use crate::policy::forwarded_chain::ForwardedChain;
use crate::policy::host::{HostError, Hosts, RequestHost};
use crate::policy::path::CanonicalPath;
use crate::policy::proxies::TrustedProxies;
use crate::policy::size::Sizes;
use crate::proxy::client::ForwardError;
use crate::proxy::discard::discard_rest;
use crate::proxy::hop;
use crate::proxy::tunnel::Tunnels;
use crate::proxy::upstreams::Upstreams;
use crate::proxy::{Bounds, NoWay, Payload, upgrade};
use crate::secret::live::LiveSecret;
use crate::server::client::Client;
use crate::server::redirect;
use crate::session::store::Place;
use crate::telemetry::access::{Access, Decision};
use crate::telemetry::metrics::{Metrics, endpoint_route};
use crate::types::{Body, RequestId};

use site::{Pools, Site};

/// What all threads and all sites share.
#[derive(Debug)]
pub struct App {
    sites: Vec<Site>,
    hosts: Hosts,
    pools: Pools,
    /// Where sessions are kept.
    place: Place,
    metrics: Arc<Metrics>,
    clock: Clock,
    sizes: Sizes,
    body_bytes: Option<u64>,
    stall_timeout: Duration,
    hsts: Option<HeaderValue>,
    prefix: EndpointPrefix,
    trusted_proxies: TrustedProxies,
    tunnels: Arc<Tunnels>,
    on_session_end: OnSessionEnd,
    /// What opens the sessions of users on the admin port.
    admin_token: LiveSecret,
    /// Who asks, where requests do not go on from here.
    dialect: Option<Dialect>,
    app_headers: Arc<AppHeaders>,
}

/// A request whose site and path are known.
struct Inbound<'a> {
    site: &'a Site,
    head: &'a RequestHead<'a>,
    way: &'a ForwardedChain,
    client: &'a Client,
    host: RequestHost,
    path: CanonicalPath,
    /// True for `OPTIONS *`.
    is_for_all: bool,
}

/// Why the rooms cannot be wired.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    #[error(transparent)]
    Endpoint(#[from] MissingEndpoint),
    #[error(transparent)]
    Upstream(#[from] NoWay),
    #[error("the client that talks to Cognito cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

impl App {
    /// Nothing is asked of Cognito yet: the keys are loaded while [`App::keep_up`] runs.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, WiringError> {
        let metrics = Arc::new(Metrics::new());
        let place = Place::new(config, Arc::clone(&metrics));
        let mut pools = Pools::new(Http::new(Arc::clone(&metrics))?, clock.clone());
        let shared = Shared {
            config,
            place: place.clone(),
            exchanges: Arc::new(ExchangeLimit::new(clock.clone())),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
        };
        let site = |site| Site::new(site, &shared, &mut pools);
        let admin_token = LiveSecret::new(config.admin.token.clone(), config.admin.token_file.clone());
        let admin_token = admin_token.with_rule(ADMIN_TOKEN);
        Ok(Self {
            sites: config.sites.iter().map(site).collect::<Result<_, _>>()?,
            pools,
            place,
            hosts: Hosts::new(config.sites.iter().map(|site| (&site.public_url, &site.hosts[..]))),
            tunnels: Arc::new(Tunnels::new(Arc::clone(&metrics))),
            on_session_end: config.websocket.on_session_end,
            metrics,
            clock,
            sizes: Sizes::new(&config.limits),
            body_bytes: config.limits.body_bytes,
            stall_timeout: config.limits.stall_timeout,
            hsts: config.listen.hsts.and_then(|age| format!("max-age={}", age.as_secs()).try_into().ok()),
            prefix: config.prefix.clone(),
            trusted_proxies: TrustedProxies::new(&config.listen.trusted_proxies),
            admin_token,
            dialect: config.gateway,
            app_headers: Arc::new(AppHeaders::new(&config.forward, config.gateway.is_some())),
        })
    }

    /// True once every pool's signing keys have been loaded.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.pools.are_loaded()
    }

    /// What is counted, for the admin port.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Ends what outlasts its request: WebSockets, which are told so, and streams of events.
    pub fn end_tunnels(&self) {
        self.tunnels.close();
    }

    /// Keeps the signing keys up to date, follows the files of keys and secrets, and keeps
    /// the session store open; never ends.
    pub async fn keep_up(&self) {
        let parties: Vec<_> = self.sites.iter().map(|site| &site.rp).collect();
        let told = (&*self.metrics, &self.clock);
        let redis_password = async {
            match self.place.password() {
                Some(password) => follow_secret("redis_password", password, told).await,
                None => pending().await,
            }
        };
        tokio::join!(
            self.pools.keep_fresh(),
            self.place.keep_open(),
            join_all(parties.iter().map(|party| party.follow_sign_outs())),
            follow_files(&parties),
            follow_secret("admin_token", &self.admin_token, told),
            redis_password,
        );
    }

    /// Waits, for a while, for what goes on beside the answers; before the end of the process.
    pub async fn settle(&self) {
        // Tunnels end by themselves once they are told to.
        self.end_tunnels();
        let sites = join_all(self.sites.iter().map(|site| site.rp.settle()));
        tokio::join!(sites, self.tunnels.ended());
    }

    /// Answers one request. `upstreams` are the calling thread's own, where there are any.
    pub async fn respond(
        &self,
        upstreams: Option<&Upstreams>,
        request: Request<Incoming>,
        client: Client,
    ) -> Response<Body> {
        let request_id = request_id(request.headers());
        let way = self.trusted_proxies.way(client.address().ip(), request.headers());
        let access = Access::begin(&request, way.client());
        let (parts, body) = request.into_parts();
        let cookies = RequestCookies::read(&parts.headers);
        let head = RequestHead {
            method: &parts.method,
            client: way.client(),
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
            cookies: &cookies,
            request_id: &request_id,
        };
        let mut decision = Decision::default();
        let (upgrade, bounds) = (upgrade::asked(&parts), self.bounds(&parts.headers));
        let mut payload = Payload { body: Some(body), upgrade, bounds, waits: client.waits().clone() };
        decision.outcome = "refused";
        let mut response = match self.site(&head) {
            Ok((site, host)) => self
                .dispatch(upstreams, (site, host), (&head, &way, &client), &mut payload, &mut decision)
                .await
                .unwrap_or_else(|failure| site.explain(failure, &head)),
            Err(failure) => failure.into_response(self.only_party(), &head),
        };
        if let Some(hsts) = &self.hsts {
            // The app may say more of it than we know.
            response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| hsts.clone());
        }
        access.end(&request_id, response.status(), &decision, &self.metrics);
        match payload.body {
            Some(unread) if head.version == Version::HTTP_2 && !unread.is_end_stream() => {
                discard_rest(response, unread)
            }
            _ => response,
        }
    }

    /// Answers a request that came to the listener of plain http.
    pub fn send_to_https<B>(&self, request: &Request<B>, peer: SocketAddr) -> Response<Body> {
        let request_id = request_id(request.headers());
        let access = Access::begin(request, peer.ip());
        let response =
            redirect::to_https(&self.sizes, &self.hosts, request.method(), request.uri(), request.headers());
        let decision = Decision { outcome: Decision::REDIRECT, route: "redirect", sub: None };
        access.end(&request_id, response.status(), &decision, &self.metrics);
        response
    }

    /// Finds the site that a request is for.
    fn site(&self, head: &RequestHead<'_>) -> Result<(&Site, RequestHost), Failure> {
        if !hop::is_chunked_alone(head.headers) {
            return Err(ForwardError::Coding.into());
        }
        self.sizes.admit(head.uri, head.headers)?;
        let host = self.hosts.admit(head.uri, head.headers)?;
        let site = self.sites.get(host.site()).ok_or(HostError::Unknown)?;
        Ok((site, host))
    }

    async fn dispatch(
        &self,
        upstreams: Option<&Upstreams>,
        (site, host): (&Site, RequestHost),
        (head, way, client): (&RequestHead<'_>, &ForwardedChain, &Client),
        payload: &mut Payload,
        decision: &mut Decision,
    ) -> Result<Response<Body>, Failure> {
        // `CONNECT` asks for a tunnel, whatever its target looks like.
        let target = head.uri.path_and_query().filter(|_| head.method != Method::CONNECT);
        let target = target.map_or("", |target| target.path());
        let is_for_all = head.method == Method::OPTIONS && target == "*";
        let path = if is_for_all { CanonicalPath::root() } else { CanonicalPath::parse(target)? };
        let inbound = Inbound { site, head, way, client, host, path, is_for_all };
        match inbound.path.below(self.prefix.as_str()) {
            Some(endpoint) => {
                decision.outcome = Decision::ENDPOINT;
                decision.route = endpoint_route(endpoint);
                self.endpoint(endpoint, &inbound, decision).await
            }
            None => self.pass(upstreams, &inbound, payload, decision).await,
        }
    }

    /// A gRPC stream may be silent for as long as it likes: the client has another call to make, or none.
    fn bounds(&self, headers: &HeaderMap) -> Bounds {
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let stall = (!kind.starts_with(b"application/grpc")).then_some(self.stall_timeout);
        Bounds { most: self.body_bytes, stall }
    }

    /// Whose site it must have been that a request meant, where there is one alone.
    fn only_party(&self) -> Option<&RelyingParty> {
        match &self.sites[..] {
            [site] => Some(&site.rp),
            _ => None,
        }
    }
}

/// The client's own id where it has the shape of one, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let own = headers.get("x-request-id").and_then(|value| RequestId::from_client(value.as_bytes()));
    own.unwrap_or_else(|| RequestId::from_random(random::bytes()))
}
