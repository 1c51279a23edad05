//! The access log: one line a request, when its answer's head is ready.
//!
//! Never a query, a cookie, a token or a code: a callback's query alone would be a credential.

use std::net::IpAddr;
use std::time::Instant;

use http::header::{HOST, USER_AGENT};
use http::{Method, Request, StatusCode};

use super::metrics::Metrics;
use crate::types::RequestId;

/// What is known of a request before it is answered.
#[derive(Debug)]
pub struct Access {
    began: Instant,
    client: IpAddr,
    method: Method,
    path: String,
    host: String,
    user_agent: String,
}

/// What was decided about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// `forward`, `bearer`, `public`, `login`, `unauthorized`, `invalid_token`, `denied`, `endpoint`, `redirect`, `refused`,
    /// `unavailable`.
    pub outcome: &'static str,
    /// `app`, `redirect`, the template of one of our own endpoints, or empty where neither was reached.
    pub route: &'static str,
    /// Who was signed in, or whose token it was.
    pub sub: Option<String>,
}

impl Decision {
    /// Nothing to decide: the request was for one of our own endpoints.
    pub const ENDPOINT: &'static str = "endpoint";
    /// Nothing to decide: the request came by http, and is sent to https.
    pub const REDIRECT: &'static str = "redirect";
}

impl Access {
    #[must_use]
    pub fn begin<B>(request: &Request<B>, client: IpAddr) -> Self {
        let header = |name| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().chars().take(256).collect()
        };
        Self {
            began: Instant::now(),
            client: client.to_canonical(),
            method: request.method().clone(),
            path: request.uri().path().chars().take(1024).collect(),
            host: header(HOST),
            user_agent: header(USER_AGENT),
        }
    }

    /// Writes the line, and counts the request.
    pub fn end(self, request_id: &RequestId, status: StatusCode, decision: &Decision, metrics: &Metrics) {
        let took = self.began.elapsed();
        metrics.answered(&self.method, status, decision, took);
        let duration_ms = took.as_secs_f64() * 1000.0;
        tracing::info!(
            target: "cognigate::access",
            request_id = request_id.as_str(),
            method = self.method.as_str(),
            path = self.path,
            status = status.as_u16(),
            duration_ms = (duration_ms * 1000.0).round() / 1000.0,
            client_ip = %self.client,
            host = self.host,
            user_agent = self.user_agent,
            decision = decision.outcome,
            sub = decision.sub.as_deref().unwrap_or_default(),
        );
    }
}
