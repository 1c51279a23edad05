//! The way of a gateway's questions through the rooms: may this request pass, and where does its sender sign in?

use http::{Method, Response};

use super::pass::outcome;
use super::site::Site;
use super::{App, Inbound};
use crate::auth::RequestHead;
use crate::auth::bearer::BearerRefused;
use crate::auth::gate::Admission;
use crate::auth::login::Ask;
use crate::auth::navigation::is_navigation;
use crate::config::Access;
use crate::failure::denied::Denial;
use crate::failure::{Failure, bearer, challenge, step_up};
use crate::gateway::nginx::{self, OriginalRequest};
use crate::pages::see_other;
use crate::policy::host::RequestHost;
use crate::policy::path::CanonicalPath;
use crate::policy::preflight::is_preflight;
use crate::policy::rules::Ruling;
use crate::telemetry::access::Decision;
use crate::types::Body;

impl App {
    /// Answers `auth`: whether the request that a trusted gateway tells of may pass.
    ///
    /// Whoever else asks gets a 403 that says nothing: a script on a page must not read the bearer here.
    pub(super) async fn decide(
        &self,
        inbound: &Inbound<'_>,
        decision: &mut Decision,
    ) -> Result<Response<Body>, Failure> {
        decision.outcome = "refused";
        let Inbound { site, head, .. } = *inbound;
        let Some((original, host, path)) = self.original(inbound) else {
            return Ok(nginx::refused());
        };
        let Some(ruling) = site.ruling(&original, &host, &path) else {
            return Ok(nginx::refused());
        };
        // As where requests go on from here: `TRACE` would send back the bearer, `CONNECT` asks for a tunnel.
        let is_refused = matches!(*original.method(), Method::TRACE | Method::CONNECT);
        if is_refused || (original.is_websocket && site.origins.admit(head.headers).is_err()) {
            return Ok(nginx::refused());
        }
        let is_preflight = ruling.allows_preflight() && is_preflight(original.method(), head.headers);
        if ruling.access() == Access::Public || is_preflight {
            decision.outcome = "public";
            return Ok(nginx::allow(None, Vec::new()));
        }
        if ruling.access() == Access::Deny {
            decision.outcome = "denied";
            return Ok(nginx::refused());
        }
        match site.rp.admit(head).await {
            Admission::Forward(caller) => {
                decision.sub = Some(caller.sub().to_owned());
                inbound.client.set_signed_in();
                let asked = (original.method.as_ref(), &host, head.headers);
                if let Err(failure) = site.judge_caller(&ruling, &caller, asked) {
                    if let Failure::NotRecent { max_age, .. } = failure {
                        decision.outcome = "unauthorized";
                        return Ok(nginx::unauthenticated(step_up::challenge(&site.rp, max_age)));
                    }
                    // nginx sends its client on to `denied`, which explains, and gives it what was renewed.
                    decision.outcome = outcome(&failure);
                    return Ok(nginx::refused());
                }
                decision.outcome = caller.outcome();
                let prepared = site.prepare(&caller, head)?;
                let cookies = site.renewed(prepared, head).await;
                Ok(nginx::allow(Some(self.app_headers.of(&caller.subject())), cookies))
            }
            Admission::Login { .. } | Admission::CookieLost => {
                decision.outcome = "unauthorized";
                Ok(nginx::unauthenticated(challenge(&site.rp)))
            }
            Admission::Refused(refused) => {
                decision.outcome = refused.outcome();
                Ok(match refused {
                    BearerRefused::Scope(_) => nginx::refused(),
                    _ => nginx::unauthenticated(bearer::challenge(&site.rp, &refused)),
                })
            }
            // Not a 5xx, of which nginx makes a bare 500: it sends its client on to `start`, which explains.
            Admission::Unavailable(_) => {
                decision.outcome = "unavailable";
                Ok(nginx::unauthenticated(challenge(&site.rp)))
            }
        }
    }

    /// Answers `denied`, where a trusted gateway sends somebody who may not pass: always a 403, with what there is to say
    /// of it.
    pub(super) async fn denied_for_gateway(&self, inbound: &Inbound<'_>) -> Response<Body> {
        let Inbound { site, head, .. } = *inbound;
        let refused = |is_api, head| site.explain(Failure::Denied(Denial::of_everybody(is_api)), head);
        let Some((original, host, path)) = self.original(inbound) else {
            return refused(false, head);
        };
        let Some(ruling) = site.ruling(&original, &host, &path) else {
            return refused(false, head);
        };
        let said_method = original.method.as_ref();
        let (method, uri) = (original.method(), original.target.clone().into());
        let original = RequestHead { method, uri: &uri, ..*head };
        let is_api = ruling.access() == Access::Api;
        if ruling.access() == Access::Deny {
            return refused(is_api, &original);
        }
        match site.rp.admit(head).await {
            Admission::Forward(caller) => {
                let asked = (said_method, &host, head.headers);
                let response = match site.judge_caller(&ruling, &caller, asked) {
                    // Since a moment ago: the next request will pass, or ask for a sign-in.
                    Ok(()) | Err(Failure::NotRecent { .. }) => refused(is_api, &original),
                    Err(failure) => site.explain(failure, &original),
                };
                match site.prepare(&caller, head) {
                    Ok(prepared) => site.for_one_user(response, prepared, head).await,
                    Err(error) => site.explain(error.into(), &original),
                }
            }
            Admission::Refused(bearer) => site.explain(bearer.into(), &original),
            _ => refused(is_api, &original),
        }
    }

    /// Answers `start` where a trusted gateway sends somebody to it who was refused: like a request for the
    /// original address, which is where it comes back to.
    pub(super) async fn start_for_gateway(
        &self,
        inbound: &Inbound<'_>,
        (original, host, path): (&OriginalRequest, &RequestHost, &CanonicalPath),
        decision: &mut Decision,
    ) -> Response<Body> {
        let Inbound { site, head, .. } = *inbound;
        let ruling = site.ruling(original, host, path);
        let is_api = ruling.as_ref().is_some_and(|ruling| ruling.access() == Access::Api);
        let provider = ruling.as_ref().and_then(|ruling| ruling.rule.identity_provider.as_deref());
        // nginx asks by GET, whatever the request was that was refused.
        let (method, uri) = (original.method(), original.target.clone().into());
        let original = RequestHead { method, uri: &uri, ..*head };
        let goes_to_sign_in = !is_api && is_navigation(method, head.headers);
        let answer = match site.rp.admit(head).await {
            Admission::Unavailable(unavailable) => {
                decision.outcome = "unavailable";
                Err(unavailable.into())
            }
            Admission::Refused(refused) => {
                decision.outcome = refused.outcome();
                Err(refused.into())
            }
            Admission::Forward(caller) => {
                let goes_to_sign_in = goes_to_sign_in && caller.session().is_some();
                let judged = ruling.map_or(Ok(()), |ruling| site.judge(&ruling, &caller));
                let response = match judged {
                    Err(Failure::NotRecent { max_age, .. }) if goes_to_sign_in => {
                        decision.outcome = "login";
                        site.rp.begin_login(&original, Vec::new(), Ask::anew(max_age).by(provider))
                    }
                    Err(failure @ Failure::NotRecent { .. }) => {
                        decision.outcome = "unauthorized";
                        site.explain(failure, &original)
                    }
                    _ if !goes_to_sign_in => {
                        decision.outcome = "unauthorized";
                        site.explain(Failure::Unauthenticated, &original)
                    }
                    // Signed in meanwhile, in another tab, or refreshed at the second try.
                    _ => see_other(site.rp.return_to(&original).as_str(), Vec::new()),
                };
                // What was rotated goes along.
                match site.prepare(&caller, head) {
                    Ok(prepared) => Ok(site.for_one_user(response, prepared, head).await),
                    Err(error) => Err(error.into()),
                }
            }
            _ if !goes_to_sign_in => {
                decision.outcome = "unauthorized";
                Err(Failure::Unauthenticated)
            }
            Admission::CookieLost => Err(Failure::CookieLost),
            Admission::Login { expired } => {
                decision.outcome = "login";
                Ok(site.rp.begin_login(&original, expired, Ask::default().by(provider)))
            }
        };
        // To whoever sent the original request, and with the way back to it.
        answer.unwrap_or_else(|failure| site.explain(failure, &original))
    }

    /// The request that a trusted gateway tells of, where it is one that we answer for and can judge.
    ///
    /// What anybody else says of another request has no effect.
    pub(super) fn original(
        &self,
        inbound: &Inbound<'_>,
    ) -> Option<(OriginalRequest, RequestHost, CanonicalPath)> {
        self.dialect?;
        let Inbound { way, head, .. } = inbound;
        if !way.is_from_trusted() {
            tracing::debug!(client = %way.client(), "a question from a peer that is not in listen.trusted_proxies");
            return None;
        }
        let original = OriginalRequest::read(head.headers)
            .inspect_err(|error| tracing::debug!(%error, "a question that cannot be answered"))
            .ok()?;
        // Of the site that it comes by, whose cookies it shows.
        let host =
            self.hosts.admit_text(&original.host).ok().filter(|host| host.site() == inbound.host.site())?;
        let path = CanonicalPath::parse(original.target.path()).ok()?;
        // Our own endpoints are not behind the gateway's question.
        path.below(self.prefix.as_str()).is_none().then_some((original, host, path))
    }
}

impl Site {
    /// What decides about a request that a gateway tells of. `None` where that takes its method, and the gateway does
    /// not say it.
    fn ruling(
        &self,
        original: &OriginalRequest,
        host: &RequestHost,
        path: &CanonicalPath,
    ) -> Option<Ruling<'_>> {
        if original.method.is_none() && self.rules.look_at_methods() {
            tracing::debug!("there are rules by method, and no X-Original-Method");
            return None;
        }
        Some(self.rules.decide(host, path, original.method()))
    }
}
