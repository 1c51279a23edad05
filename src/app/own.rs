//! Our own endpoints, below the prefix.

use http::Response;

use super::{App, Inbound};
use crate::auth::gate::Admission;
use crate::auth::navigation::is_declared_fetch;
use crate::failure::Failure;
use crate::telemetry::access::Decision;
use crate::types::Body;

impl App {
    /// Answers `endpoint`, which is what follows the prefix; nothing there is ever the app's.
    pub(super) async fn endpoint(
        &self,
        endpoint: &str,
        inbound: &Inbound<'_>,
        decision: &mut Decision,
    ) -> Result<Response<Body>, Failure> {
        // Any method, and whatever comes behind: the original request is what its headers say.
        if self.dialect.is_some() && (endpoint == "/auth" || endpoint.starts_with("/auth/")) {
            return self.decide(inbound, decision).await;
        }
        let Inbound { site, head, .. } = *inbound;
        let allow = match endpoint {
            "/sign_out" => "GET, POST",
            "/start" | "/sign_in" | "/callback" | "/signed_out" | "/userinfo" => "GET",
            "/denied" if self.dialect.is_some() => "GET",
            _ => return Err(Failure::NoEndpoint),
        };
        if !allow.split(", ").any(|method| head.method == method) {
            return Err(Failure::Method { allow });
        }
        match endpoint {
            "/callback" => site.rp.callback(head).await.map_err(Failure::Callback),
            "/denied" => Ok(self.denied_for_gateway(inbound).await),
            "/sign_out" => Ok(site.rp.sign_out(head).await?),
            "/signed_out" => Ok(site.rp.signed_out_page(head).await?),
            "/userinfo" => match site.rp.admit(head).await {
                Admission::Forward(caller) => {
                    decision.sub = Some(caller.sub().to_owned());
                    let prepared = site.prepare(&caller, head)?;
                    Ok(site.for_one_user(site.rp.userinfo(&caller), prepared, head).await)
                }
                Admission::Login { .. } | Admission::CookieLost => Err(Failure::Unauthenticated),
                Admission::Refused(refused) => Err(refused.into()),
                Admission::Unavailable(unavailable) => Err(unavailable.into()),
            },
            _ => match self.original(inbound) {
                Some((original, host, path)) => {
                    Ok(self.start_for_gateway(inbound, (&original, &host, &path), decision).await)
                }
                // Only a navigation may be given a login cookie; what does not say what it is may be one.
                None if is_declared_fetch(head.headers) => Err(Failure::Unauthenticated),
                None => Ok(site.start(&inbound.host, head)),
            },
        }
    }
}
