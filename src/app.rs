//! The rooms, wired together from one configuration, and the way of one request through them.

mod asked;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use hyper::body::{Body as _, Incoming};

use crate::auth::gate::Admission;
use crate::auth::navigation::{is_declared_fetch, is_navigation};
use crate::auth::{RelyingParty, RequestHead, subject};
use crate::clock::Clock;
use crate::cognito::client_secret::ClientSecret;
use crate::cognito::endpoints::{Endpoints, MissingEndpoint};
use crate::cognito::http::Http;
use crate::cognito::jwks::Jwks;
use crate::cognito::token::TokenClient;
use crate::cognito::verify::Verifier;
use crate::config::{Config, Dialect, EndpointPrefix, Mode, OnSessionEnd};
use crate::cookie::read::RequestCookies;
use crate::crypto::random;
use crate::failure::{Failure, grpc};
use crate::policy::app_headers::AppHeaders;
use crate::policy::host::Hosts;
use crate::policy::origins::Origins;
use crate::policy::path::CanonicalPath;
use crate::policy::proxies::TrustedProxies;
use crate::policy::public::PublicPaths;
use crate::policy::size::Sizes;
use crate::policy::way::Way;
use crate::proxy::client::ForwardError;
use crate::proxy::tunnel::{End, Tunnels};
use crate::proxy::unread::read_away;
use crate::proxy::upstreams::Upstreams;
use crate::proxy::{self, Bounds, Forwarded, NoWay, Passport, Payload, upgrade};
use crate::proxy::{hop, lasting};
use crate::secret::Secret;
use crate::server::redirect;
use crate::session::Session;
use crate::telemetry::access::{Access, Decision};
use crate::telemetry::metrics::{Metrics, endpoint_route};
use crate::types::{Body, Origin, RequestId};

/// What all threads share.
#[derive(Debug)]
pub struct App {
    rp: RelyingParty,
    jwks: Arc<Jwks>,
    metrics: Arc<Metrics>,
    sizes: Sizes,
    body_bytes: Option<u64>,
    stall_timeout: Duration,
    hosts: Hosts,
    hsts: Option<HeaderValue>,
    public_url: Origin,
    prefix: EndpointPrefix,
    public: PublicPaths,
    trusted_proxies: TrustedProxies,
    origins: Origins,
    tunnels: Arc<Tunnels>,
    on_session_end: OnSessionEnd,
    /// What opens the sessions of users on the admin port.
    admin_token: Option<Secret>,
    /// Who asks, where requests do not go on from here.
    dialect: Option<Dialect>,
    app_headers: Arc<AppHeaders>,
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
    /// Nothing is asked of Cognito yet: the keys are loaded while [`App::jwks`] is kept fresh.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, WiringError> {
        let endpoints = Endpoints::new(&config.cognito)?;
        let metrics = Arc::new(Metrics::new());
        let http = Http::new(Arc::clone(&metrics))?;
        let cognito = &config.cognito;
        let jwks = Arc::new(Jwks::new(http.clone(), endpoints.jwks.clone(), clock.clone()));
        let verifier =
            Verifier::new(Arc::clone(&jwks), &endpoints.issuers, &cognito.client_id, clock.clone());
        let secret = ClientSecret::new(cognito.client_secret.clone(), cognito.client_secret_file.clone());
        let tokens = TokenClient::new(http, &endpoints, &cognito.client_id, secret);
        Ok(Self {
            tunnels: Arc::new(Tunnels::new(Arc::clone(&metrics))),
            origins: Origins::new(&config.public_url, &config.websocket.origins),
            on_session_end: config.websocket.on_session_end,
            rp: RelyingParty::new(config, &endpoints, tokens, verifier, clock, Arc::clone(&metrics)),
            jwks,
            metrics,
            sizes: Sizes::new(&config.limits),
            body_bytes: config.limits.body_bytes,
            stall_timeout: config.limits.stall_timeout,
            hosts: Hosts::new(&config.public_url, &config.listen.hosts),
            hsts: config.listen.hsts.and_then(|age| format!("max-age={}", age.as_secs()).try_into().ok()),
            public_url: config.public_url.clone(),
            prefix: config.prefix.clone(),
            public: PublicPaths::new(&config.public),
            trusted_proxies: TrustedProxies::new(&config.listen.trusted_proxies),
            admin_token: config.admin.token.clone(),
            dialect: match config.mode {
                Mode::Proxy { .. } => None,
                Mode::Gateway { dialect } => Some(dialect),
            },
            app_headers: Arc::new(AppHeaders::new(
                &config.forward,
                matches!(config.mode, Mode::Gateway { .. }),
            )),
        })
    }

    /// Cognito's signing keys; the gate is ready once they are loaded.
    #[must_use]
    pub fn jwks(&self) -> &Arc<Jwks> {
        &self.jwks
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

    /// Follows the files of the session keys and the client secret, and keeps the session store open; never ends.
    pub async fn keep_up(&self) {
        tokio::join!(self.rp.follow_files(), self.rp.keep_store_open());
    }

    /// Waits, for a while, for what goes on beside the answers; before the end of the process.
    pub async fn settle(&self) {
        // Tunnels end by themselves once they are told to.
        self.end_tunnels();
        tokio::join!(self.rp.settle(), self.tunnels.ended());
    }

    /// Answers one request. `upstreams` are the calling thread's own, where there are any.
    pub async fn respond(
        &self,
        upstreams: Option<&Upstreams>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let request_id = request_id(request.headers());
        let way = self.trusted_proxies.way(peer.ip(), request.headers());
        let access = Access::begin(&request, way.client());
        let (parts, body) = request.into_parts();
        let cookies = RequestCookies::read(&parts.headers);
        let head = RequestHead {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
            cookies: &cookies,
            request_id: &request_id,
        };
        let mut decision = Decision::default();
        let (upgrade, bounds) = (upgrade::asked(&parts), self.bounds(&parts.headers));
        let mut payload = Payload { body: Some(body), upgrade, bounds };
        let answer = self.dispatch(upstreams, &head, &mut payload, &way, &mut decision).await;
        let mut response = answer.unwrap_or_else(|failure| self.explain(failure, &head));
        if let Some(hsts) = &self.hsts {
            // The app may say more of it than we know.
            response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| hsts.clone());
        }
        access.end(&request_id, response.status(), &decision, &self.metrics);
        match payload.body {
            Some(unread) if head.version == Version::HTTP_2 && !unread.is_end_stream() => {
                read_away(response, unread)
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

    async fn dispatch(
        &self,
        upstreams: Option<&Upstreams>,
        head: &RequestHead<'_>,
        payload: &mut Payload,
        way: &Way,
        decision: &mut Decision,
    ) -> Result<Response<Body>, Failure> {
        decision.outcome = "refused";
        if !hop::is_chunked_alone(head.headers) {
            return Err(ForwardError::Coding.into());
        }
        self.sizes.admit(head.uri, head.headers)?;
        let host = self.hosts.admit(head.uri, head.headers, self.public_url.is_secure())?;
        // `CONNECT` asks for a tunnel, whatever its target looks like.
        let target = head.uri.path_and_query().filter(|_| head.method != Method::CONNECT);
        let target = target.map_or("", |target| target.path());
        let is_for_all = head.method == Method::OPTIONS && target == "*";
        let path = if is_for_all { CanonicalPath::root() } else { CanonicalPath::parse(target)? };
        if let Some(endpoint) = path.below(self.prefix.as_str()) {
            decision.outcome = Decision::ENDPOINT;
            decision.route = endpoint_route(endpoint);
            return self.endpoint(endpoint, head, way, decision).await;
        }
        // It would send back the bearer, to a script that must not see it.
        if head.method == Method::TRACE {
            return Err(Failure::Method { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" });
        }
        decision.route = "app";
        // Without any, a gateway sends requests on, and has none of them to send here.
        let chosen = upstreams.and_then(|upstreams| upstreams.choose(&host, &path));
        let chosen = chosen.ok_or(Failure::NoEndpoint)?;
        let target = chosen.target(head.uri, &path);
        let (upstream, uri) = (chosen.upstream, target.as_ref().unwrap_or(head.uri));
        let is_websocket = payload.upgrade.is_some();
        if is_websocket {
            self.origins.admit(head.headers)?;
        }
        let mut passport = Passport {
            told: &[],
            app_headers: &self.app_headers,
            public_url: &self.public_url,
            way,
            version: head.version,
            request_id: head.request_id,
            cookies: head.cookies,
            cookie_name: self.rp.cookie_name(),
            stripped: chosen.stripped,
        };
        if !is_for_all && self.public.include(&path) {
            decision.outcome = "public";
            let forwarded = proxy::forward(upstream, head.method, uri, head.headers, payload, &passport);
            return Ok(self.deliver(forwarded.await?, None));
        }
        match self.rp.admit(head.cookies).await {
            Admission::Forward { session, renewed } => {
                decision.outcome = "forward";
                decision.sub = Some(session.identity.sub.clone());
                let told = self.app_headers.of(&subject::of(&session));
                passport.told = &told;
                // Before the app acts: an answer that cannot be given would hide what it did.
                let renewal = self.renewal(&session, renewed, head)?;
                let forwarded =
                    proxy::forward(upstream, head.method, uri, head.headers, payload, &passport).await;
                let response = forwarded.map_or_else(
                    |error| self.explain(error.into(), head),
                    |forwarded| self.deliver(forwarded, Some(&session)),
                );
                Ok(self.for_one_user(response, &session, renewal))
            }
            Admission::Login { expired } if !is_websocket && is_navigation(head.method, head.headers) => {
                decision.outcome = "login";
                Ok(self.rp.begin_login(head, expired))
            }
            Admission::CookieLost if is_navigation(head.method, head.headers) => Err(Failure::CookieLost),
            Admission::Login { .. } | Admission::CookieLost => {
                decision.outcome = "unauthorized";
                Err(Failure::Unauthenticated)
            }
            Admission::Unavailable(unavailable) => {
                decision.outcome = "unavailable";
                Err(unavailable.into())
            }
        }
    }

    /// A gRPC stream may be silent for as long as it likes: the client has another call to make, or none.
    fn bounds(&self, headers: &HeaderMap) -> Bounds {
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let stall = (!kind.starts_with(b"application/grpc")).then_some(self.stall_timeout);
        Bounds { most: self.body_bytes, stall }
    }

    /// Our own endpoints, below the prefix; none of them is ever the app's.
    async fn endpoint(
        &self,
        endpoint: &str,
        head: &RequestHead<'_>,
        way: &Way,
        decision: &mut Decision,
    ) -> Result<Response<Body>, Failure> {
        // Any method, and whatever comes behind: the original request is what its headers say.
        if self.dialect.is_some() && (endpoint == "/auth" || endpoint.starts_with("/auth/")) {
            return self.decide(head, way, decision).await;
        }
        let allow = match endpoint {
            "/sign_out" => "GET, POST",
            "/start" | "/sign_in" | "/callback" | "/signed_out" | "/userinfo" => "GET",
            _ => return Err(Failure::NoEndpoint),
        };
        if !allow.split(", ").any(|method| head.method == method) {
            return Err(Failure::Method { allow });
        }
        match endpoint {
            "/callback" => self.rp.callback(head).await.map_err(Failure::Callback),
            "/sign_out" => Ok(self.rp.sign_out(head).await?),
            "/signed_out" => Ok(self.rp.signed_out_page(head).await?),
            "/userinfo" => match self.rp.admit(head.cookies).await {
                Admission::Forward { session, renewed } => {
                    decision.sub = Some(session.identity.sub.clone());
                    let renewal = self.renewal(&session, renewed, head)?;
                    Ok(self.for_one_user(self.rp.userinfo(&session), &session, renewal))
                }
                Admission::Login { .. } | Admission::CookieLost => Err(Failure::Unauthenticated),
                Admission::Unavailable(unavailable) => Err(unavailable.into()),
            },
            _ => match self.original(head, way) {
                Some((original, _)) => Ok(self.start_for_gateway(head, &original, decision).await),
                // Only a navigation may be given a login cookie; what does not say what it is may be one.
                None if is_declared_fetch(head.headers) => Err(Failure::Unauthenticated),
                None => Ok(self.rp.start(head)),
            },
        }
    }

    /// The app's answer; what outlasts it ends with the session, if it should, and with the gate.
    fn deliver(&self, forwarded: Forwarded, session: Option<&Session>) -> Response<Body> {
        let session = session.filter(|_| self.on_session_end == OnSessionEnd::Close);
        let over = || session.map(|session| -> End { Box::pin(self.rp.over(session)) });
        match forwarded {
            Forwarded::Answer(response) if lasting::is_event_stream(response.headers()) => {
                let (over, told) = (over(), self.tunnels.told());
                lasting::until(
                    response,
                    match over {
                        Some(over) => Box::pin(async move {
                            tokio::select! { () = told => {}, () = over => {} }
                        }),
                        None => Box::pin(told),
                    },
                    None,
                )
            }
            // A call in the middle of which the gate ends is finished, as any answer is.
            Forwarded::Answer(response) if grpc::is_grpc(response.headers()) => match over() {
                Some(over) => lasting::until(response, over, Some(grpc::session_over())),
                None => response,
            },
            Forwarded::Answer(response) => response,
            Forwarded::Switched(response, tunnel) => {
                self.tunnels.open(tunnel, over());
                response
            }
        }
    }

    /// The lines that store a session that was renewed.
    fn renewal(
        &self,
        session: &Session,
        renewed: bool,
        head: &RequestHead<'_>,
    ) -> Result<Vec<HeaderValue>, Failure> {
        if renewed { Ok(self.rp.save(session, head.cookies)?) } else { Ok(Vec::new()) }
    }

    /// Gives the answer the session's new cookie, unless that is out of date by now, and keeps it out of shared
    /// caches.
    fn for_one_user(
        &self,
        mut response: Response<Body>,
        session: &Session,
        renewal: Vec<HeaderValue>,
    ) -> Response<Body> {
        let cookies = if !renewal.is_empty() && self.rp.is_current(session) { renewal } else { Vec::new() };
        proxy::seal_answer(response.headers_mut(), cookies);
        response
    }

    fn explain(&self, failure: Failure, head: &RequestHead<'_>) -> Response<Body> {
        failure.into_response(&self.rp, head)
    }
}

/// The client's own id where it has the shape of one, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let own = headers.get("x-request-id").and_then(|value| RequestId::from_client(value.as_bytes()));
    own.unwrap_or_else(|| RequestId::from_random(random::bytes()))
}
