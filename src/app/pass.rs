//! The way of one request to the app: whose it is, whether it may pass, and the app's answer.

use http::{Method, Response};

use super::{App, Inbound};
use crate::auth::caller::Caller;
use crate::auth::gate::Admission;
use crate::auth::login::Ask;
use crate::auth::navigation::is_navigation;
use crate::config::{Access, OnSessionEnd};
use crate::failure::denied::Denial;
use crate::failure::{Failure, grpc};
use crate::policy::preflight::is_preflight;
use crate::proxy::tunnel::End;
use crate::proxy::upstreams::Upstreams;
use crate::proxy::{self, Forwarded, Passport, Payload, long_lived};
use crate::telemetry::access::Decision;
use crate::types::Body;

use super::site::Site;

impl App {
    /// Sends a request on to its app, or answers it: who may not pass is sent to sign in.
    pub(super) async fn pass(
        &self,
        upstreams: Option<&Upstreams>,
        inbound: &Inbound<'_>,
        payload: &mut Payload,
        decision: &mut Decision,
    ) -> Result<Response<Body>, Failure> {
        let Inbound { site, head, way, host, path, is_for_all, .. } = inbound;
        // It would send back the bearer, to a script that must not see it.
        if head.method == Method::TRACE {
            return Err(Failure::Method { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" });
        }
        decision.route = "app";
        // Without any, a gateway sends requests on, and has none of them to send here.
        let chosen = upstreams.and_then(|upstreams| upstreams.choose(host, path));
        let chosen = chosen.ok_or(Failure::NoEndpoint)?;
        let target = chosen.target(head.uri, path);
        let (upstream, uri) = (chosen.upstream, target.as_ref().unwrap_or(head.uri));
        let is_websocket = payload.upgrade.is_some();
        if is_websocket {
            site.origins.admit(head.headers)?;
        }
        let mut passport = Passport {
            told: &[],
            app_headers: &self.app_headers,
            public_url: &site.public_url,
            way,
            version: head.version,
            request_id: head.request_id,
            cookies: head.cookies,
            cookie_name: site.rp.cookie_name(),
            stripped: chosen.stripped,
        };
        let ruling = site.rules.decide(host, path, head.method);
        let access = match ruling.access() {
            // Nobody who says what is public means the whole server.
            Access::Public if *is_for_all => Access::User,
            access => access,
        };
        if access == Access::Deny {
            decision.outcome = "denied";
            return Err(Failure::Denied(Denial::of_everybody(false)));
        }
        let is_preflight =
            !is_for_all && ruling.allows_preflight() && is_preflight(head.method, head.headers);
        if access == Access::Public || is_preflight {
            decision.outcome = "public";
            let forwarded = proxy::forward(upstream, head.method, uri, head.headers, payload, &passport);
            return Ok(self.deliver(site, forwarded.await?, None));
        }
        let provider = ruling.rule.identity_provider.as_deref();
        let goes_to_sign_in =
            access == Access::User && !is_websocket && is_navigation(head.method, head.headers);
        match site.rp.admit(head).await {
            Admission::Forward(caller) => {
                decision.outcome = caller.outcome();
                decision.sub = Some(caller.sub().to_owned());
                inbound.client.set_signed_in();
                // Before the app acts: an answer that cannot be given would hide what it did.
                let prepared = site.prepare(&caller, head)?;
                if let Err(failure) =
                    site.judge_caller(&ruling, &caller, (Some(head.method), host, head.headers))
                {
                    let response = match failure {
                        Failure::NotRecent { max_age, by_session: true } if goes_to_sign_in => {
                            decision.outcome = "login";
                            site.rp.begin_login(head, Vec::new(), Ask::anew(max_age).by(provider))
                        }
                        failure => {
                            decision.outcome = outcome(&failure);
                            site.explain(failure, head)
                        }
                    };
                    return Ok(site.for_one_user(response, prepared, head).await);
                }
                let told = self.app_headers.of(&caller.subject());
                passport.told = &told;
                let forwarded =
                    proxy::forward(upstream, head.method, uri, head.headers, payload, &passport).await;
                let response = forwarded.map_or_else(
                    |error| site.explain(error.into(), head),
                    |forwarded| self.deliver(site, forwarded, Some(&caller)),
                );
                Ok(site.for_one_user(response, prepared, head).await)
            }
            Admission::Login { expired } if goes_to_sign_in => {
                decision.outcome = "login";
                Ok(site.rp.begin_login(head, expired, Ask::default().by(provider)))
            }
            Admission::CookieLost if goes_to_sign_in => Err(Failure::CookieLost),
            Admission::Login { .. } | Admission::CookieLost => {
                decision.outcome = "unauthorized";
                Err(Failure::Unauthenticated)
            }
            Admission::Refused(refused) => {
                decision.outcome = refused.outcome();
                Err(refused.into())
            }
            Admission::Unavailable(unavailable) => {
                decision.outcome = "unavailable";
                Err(unavailable.into())
            }
        }
    }

    /// The app's answer; what outlasts it ends with what `caller` came by, if it should, and with the gate.
    fn deliver(&self, site: &Site, forwarded: Forwarded, caller: Option<&Caller>) -> Response<Body> {
        let caller = caller.filter(|_| self.on_session_end == OnSessionEnd::Close);
        let over = || caller.map(|caller| -> End { Box::pin(site.rp.over(caller)) });
        match forwarded {
            Forwarded::Answer(response) if long_lived::is_event_stream(response.headers()) => {
                let (over, told) = (over(), self.tunnels.told());
                long_lived::until(
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
                Some(over) => long_lived::until(response, over, Some(grpc::session_over())),
                None => response,
            },
            Forwarded::Answer(response) => response,
            Forwarded::Switched(response, tunnel) => {
                self.tunnels.open(tunnel, over());
                response
            }
        }
    }
}

/// What the log and the metrics call it.
pub(super) fn outcome(failure: &Failure) -> &'static str {
    match failure {
        Failure::Denied(_) => "denied",
        Failure::NotRecent { .. } => "unauthorized",
        _ => "refused",
    }
}
