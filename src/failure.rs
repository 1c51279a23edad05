//! Every failure as an answer, in one exhaustive match.
//!
//! Whoever asked for HTML gets a page that says what happened and what to do, a gRPC call its status; everything else
//! gets problem+json (RFC 9457). Neither says more about the inside than the person outside can use; the log does,
//! under the same request id.

pub mod bearer;
pub mod denied;
pub mod grpc;
pub mod step_up;

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::auth::bearer::BearerRefused;
use crate::auth::callback::{CallbackError, CallbackFailure};
use crate::auth::exchange_limit::TooManyExchanges;
use crate::auth::gate::Unavailable;
use crate::auth::navigation::{accepts, is_navigation};
use crate::auth::{RelyingParty, RequestHead};
use crate::cognito::token::GrantError;
use crate::cookie::chunk::TooLarge;
use crate::pages::problem::Problem;
use crate::pages::{Action, Page};
use crate::policy::csrf::CrossSite;
use crate::policy::host::HostError;
use crate::policy::origins::ForeignOrigin;
use crate::policy::path::PathError;
use crate::policy::size::SizeError;
use crate::proxy::client::ForwardError;
use crate::session::store::StoreUnavailable;
use crate::types::Body;

use denied::{Denial, Reason};

/// What ends a request without the app's answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Origin(#[from] ForeignOrigin),
    #[error(transparent)]
    CrossSite(#[from] CrossSite),
    #[error("there is no endpoint of that name")]
    NoEndpoint,
    #[error("that endpoint does not answer this method")]
    Method { allow: &'static str },
    #[error("nobody is signed in")]
    Unauthenticated,
    #[error("a rule is not met: {}", .0.detail())]
    Denied(Denial),
    /// Somebody has signed in, longer ago than is taken here; `by_session` where a browser can do something about it.
    #[error("the sign-in is older than is taken here")]
    NotRecent { max_age: Duration, by_session: bool },
    #[error(transparent)]
    Bearer(#[from] BearerRefused),
    #[error("Cognito's signing keys have not been loaded yet")]
    KeysUnavailable,
    #[error("the session cookie did not stick")]
    CookieLost,
    #[error("the session cannot be refreshed at the moment")]
    RefreshUnavailable { retry_after: Duration },
    #[error(transparent)]
    StoreUnavailable(#[from] StoreUnavailable),
    #[error("the session does not fit into cookies: {0}")]
    SessionTooLarge(#[from] TooLarge),
    #[error("sign-in failed: {}", .0.reason)]
    Callback(CallbackFailure),
    #[error(transparent)]
    Forward(#[from] ForwardError),
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Refresh { retry_after } => Self::RefreshUnavailable { retry_after },
            Unavailable::Keys => Self::KeysUnavailable,
            Unavailable::Store(unavailable) => Self::StoreUnavailable(unavailable),
        }
    }
}

/// When whoever found the session store out of reach should try again.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// What a 401 asks for (RFC 9110 §11.6.1).
#[must_use]
pub fn challenge(rp: &RelyingParty) -> Option<HeaderValue> {
    // An origin is visible ASCII without quotes, so there always is a value.
    HeaderValue::try_from(format!("Bearer realm=\"{}\"", rp.public_url())).ok()
}

/// What a failure looks like from outside.
struct Look {
    status: StatusCode,
    title: &'static str,
    /// For a person.
    text: Cow<'static, str>,
    /// For a program, where it is told something else.
    detail: Option<&'static str>,
    /// Where the one button leads, and what it says.
    action: Option<(String, &'static str)>,
    /// Beside the problem; the page has its button.
    login_url: Option<String>,
    headers: Vec<(http::HeaderName, HeaderValue)>,
}

impl Failure {
    /// The answer, for whoever sent `head`. `rp` is absent where nobody knows what site was meant.
    #[must_use]
    pub fn into_response(self, rp: Option<&RelyingParty>, head: &RequestHead<'_>) -> Response<Body> {
        self.log(head);
        let cookies = match &self {
            Self::Callback(failure) => failure.cookies.clone(),
            _ => Vec::new(),
        };
        // A script that must sign in reads a problem, even where its Accept lists HTML too.
        let as_page = match &self {
            Self::Unauthenticated
            | Self::NotRecent { .. }
            | Self::Denied(Denial { is_api: true, .. })
            | Self::Bearer(_) => false,
            _ => is_navigation(head.method, head.headers) || accepts(head.headers, "text/html"),
        };
        let look = self.look(rp, head);
        if grpc::is_grpc(head.headers) {
            return grpc::answer(look.status, look.detail.unwrap_or(&look.text));
        }
        let mut response = if as_page {
            Page {
                status: look.status,
                title: look.title,
                text: &[&look.text],
                action: look.action.as_ref().map(|(href, label)| Action::Link { href, label }),
                request_id: Some(head.request_id),
                form_origins: &[],
                afterwards: None,
            }
            .into_response()
        } else {
            Problem {
                status: look.status,
                title: look.title,
                detail: look.detail.unwrap_or(&look.text),
                request_id: Some(head.request_id),
                login_url: look.login_url.as_deref(),
            }
            .into_response()
        };
        for (name, value) in look.headers {
            response.headers_mut().insert(name, value);
        }
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    fn look(self, rp: Option<&RelyingParty>, head: &RequestHead<'_>) -> Look {
        match self {
            Self::Size(SizeError::Target) => Look::new(
                StatusCode::URI_TOO_LONG,
                "The address is too long",
                "This address has more characters than are passed on.",
            ),
            Self::Size(SizeError::Header) => Look::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request's headers are too large",
                "Your browser sent more header fields than are passed on. Cookies are the usual reason: please \
                 delete those of this site, and sign in again.",
            ),
            Self::Size(SizeError::Body) | Self::Forward(ForwardError::TooLarge) => Look::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The upload is too large",
                "The request's body is larger than what is passed on.",
            ),
            Self::Forward(ForwardError::Stalled) => Look::new(
                StatusCode::REQUEST_TIMEOUT,
                "The upload took too long",
                "Nothing came of the request's body for a while. Please try again.",
            ),
            Self::Host(HostError::Malformed) => Look::new(
                StatusCode::BAD_REQUEST,
                "Bad request",
                "The request does not name one host.",
            ),
            Self::Host(HostError::Unknown) => Look::new(
                StatusCode::MISDIRECTED_REQUEST,
                "Wrong address",
                "This server does not answer under the address that was used.",
            )
            .action(rp.map(|rp| rp.public_url().to_string()), "Go to the right address"),
            Self::Path(_) => Look::new(
                StatusCode::BAD_REQUEST,
                "Bad request",
                "The path of this address could be read in more than one way, so it is not passed on.",
            ),
            Self::Origin(ForeignOrigin) => Look::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "A page of another site asked for a connection.",
            ),
            Self::CrossSite(CrossSite) => Look::new(
                StatusCode::FORBIDDEN,
                "Another site asked for this",
                "A page of another site asked for a change here in your name, so nothing was done.",
            )
            .action(rp.map(|rp| rp.public_url().to_string()), "Go to this site"),
            Self::NoEndpoint => Look::new(StatusCode::NOT_FOUND, "Not found", "There is nothing at this address."),
            Self::Method { allow } => Look::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
                "This address does not answer that kind of request.",
            )
            .header(ALLOW, HeaderValue::from_static(allow)),
            Self::Unauthenticated => Look::unauthenticated(rp, head),
            Self::Denied(denial) => Look::denied(rp, &denial),
            Self::NotRecent { max_age, by_session } => step_up::look(rp, head, max_age, by_session),
            Self::Bearer(refused) => bearer::look(rp, &refused),
            Self::KeysUnavailable => bearer::keys_unavailable(),
            Self::CookieLost => Look::new(
                StatusCode::FORBIDDEN,
                "The session was not kept",
                "You signed in, but no session came of it. Cookies may be blocked for this site, the session may \
                 be too large for them, or the servers of this site may not share their keys or their time.",
            )
            .action(rp.map(|rp| rp.start_path(&rp.return_to(head))), "Try again"),
            Self::RefreshUnavailable { retry_after } => Look::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The sign-in service cannot be reached",
                "Your session needs to be renewed, and that is not possible at the moment. You stay signed in; \
                 please try again shortly.",
            )
            .retry_after(retry_after),
            Self::StoreUnavailable(_) => Look::store_unavailable(),
            Self::SessionTooLarge(_) => Look::session_too_large(),
            Self::Callback(CallbackFailure { reason: CallbackError::TooMany(refused), .. }) => {
                Look::too_many_exchanges(head, refused)
            }
            Self::Callback(failure) => Look::callback(rp, &failure),
            Self::Forward(
                ForwardError::Unreachable { .. } | ForwardError::Broken { .. } | ForwardError::Switched,
            ) => Look::new(
                StatusCode::BAD_GATEWAY,
                "The application is not available",
                "It could not be reached, or it broke off. You stay signed in; please try again shortly.",
            ),
            Self::Forward(ForwardError::Slow { .. }) => Look::new(
                StatusCode::GATEWAY_TIMEOUT,
                "The application took too long",
                "It did not answer in time. You stay signed in; please try again shortly.",
            ),
            Self::Forward(ForwardError::Coding) => Look::new(
                StatusCode::NOT_IMPLEMENTED,
                "Not implemented",
                "The request's body is coded in a way that is not understood here.",
            )
            // Nor is it certain, then, where the next request would begin.
            .header(CONNECTION, HeaderValue::from_static("close")),
            Self::Forward(ForwardError::Body) => {
                Look::new(StatusCode::BAD_REQUEST, "Bad request", "The request's body is broken.")
            }
            Self::Forward(ForwardError::Target) => {
                Look::new(StatusCode::BAD_REQUEST, "Bad request", "This address cannot be passed on.")
            }
        }
    }

    fn log(&self, head: &RequestHead<'_>) {
        let request_id = head.request_id.as_str();
        match self {
            Self::Size(_)
            | Self::Host(_)
            | Self::Path(_)
            | Self::Origin(_)
            | Self::CrossSite(_)
            | Self::NoEndpoint
            | Self::Method { .. }
            | Self::Unauthenticated
            | Self::Denied(_)
            | Self::NotRecent { .. }
            | Self::Bearer(_)
            | Self::KeysUnavailable
            | Self::CookieLost
            // Told once by who notices, not by each request.
            | Self::StoreUnavailable(_) => tracing::debug!(request_id, failure = %self, "refused"),
            Self::Callback(CallbackFailure {
                reason: CallbackError::Malformed(_)
                    | CallbackError::StateLost
                    | CallbackError::Reported(_)
                    | CallbackError::TooMany(_),
                ..
            }) => tracing::info!(request_id, failure = %self, "refused"),
            Self::Forward(ForwardError::TooLarge | ForwardError::Stalled) => {
                tracing::debug!(request_id, failure = %self, "refused");
            }
            Self::RefreshUnavailable { .. } | Self::Callback(_) | Self::Forward(_) => {
                tracing::warn!(request_id, failure = %self, "failed");
            }
            Self::SessionTooLarge(_) => tracing::error!(request_id, failure = %self, "failed"),
        }
    }
}

impl Look {
    fn new(status: StatusCode, title: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self { status, title, text, detail: None, action: None, login_url: None, headers: Vec::new() }
    }

    fn action(mut self, href: Option<String>, label: &'static str) -> Self {
        self.action = href.map(|href| (href, label));
        self
    }

    fn header(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn retry_after(self, after: Duration) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)))
    }

    fn unauthenticated(rp: Option<&RelyingParty>, head: &RequestHead<'_>) -> Self {
        let mut look = Self::new(StatusCode::UNAUTHORIZED, "Sign-in required", "Nobody is signed in.");
        if let Some(challenge) = rp.and_then(challenge) {
            look = look.header(WWW_AUTHENTICATE, challenge);
        }
        look.login_url = rp.map(|rp| rp.login_url(head));
        look
    }

    /// Another account may fit; the session is over first, since Cognito would only sign the same one in again.
    fn denied(rp: Option<&RelyingParty>, denial: &Denial) -> Self {
        let mut look = Self::new(StatusCode::FORBIDDEN, "You may not open this", denial.text());
        look.detail = Some(denial.detail());
        if let Some(challenge) = rp.and_then(|rp| denial.challenge(rp)) {
            look = look.header(WWW_AUTHENTICATE, challenge);
        }
        let rp = rp.filter(|_| denial.reason != Reason::Nobody);
        look.action(rp.map(|rp| rp.own_path("sign_out")), "Sign out to use another account")
    }

    fn store_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Sessions cannot be looked up",
            "Where this site keeps its sessions cannot be reached at the moment. You stay signed in; please try again \
             shortly.",
        )
        .retry_after(STORE_RETRY)
    }

    fn session_too_large() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The session is too large",
            "Your account's tokens take more room than a session has. Please tell whoever runs this site; signing in \
             again will not help.",
        )
    }

    /// The button leads to the same callback again, which goes on with the same sign-in.
    fn too_many_exchanges(head: &RequestHead<'_>, refused: TooManyExchanges) -> Self {
        let seconds = refused.retry_after.as_secs();
        let wait = if seconds == 1 { "a second".to_owned() } else { format!("{seconds} seconds") };
        let text = format!(
            "More sign-ins are being completed than this site accepts at a time, or several from your network failed. Please \
             wait {wait} and try again. You need not enter your password again."
        );
        let again = head.uri.path_and_query().map(ToString::to_string);
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many sign-ins", text)
            .action(again, "Try again")
            .retry_after(refused.retry_after)
    }

    fn callback(rp: Option<&RelyingParty>, failure: &CallbackFailure) -> Self {
        let (status, text) = match &failure.reason {
            CallbackError::Malformed(_) => (
                StatusCode::BAD_REQUEST,
                "This address is where the sign-in service answers, and it holds no answer.",
            ),
            CallbackError::ForeignIssuer => (
                StatusCode::BAD_REQUEST,
                "The answer came from another sign-in service than the one that was asked.",
            ),
            CallbackError::TooMany(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "Too many sign-ins are being completed at the moment.")
            }
            CallbackError::StateLost => (
                StatusCode::BAD_REQUEST,
                "The sign-in took too long, was begun in another browser, or this browser keeps no cookies.",
            ),
            CallbackError::Reported(error) => reported(error),
            CallbackError::NotRecent => (
                StatusCode::FORBIDDEN,
                "This needs a sign-in of right now, and the sign-in service took an earlier one for it. If you have just \
                 given your password, its clock or that of this site is wrong.",
            ),
            CallbackError::Grant(GrantError::InvalidGrant) => {
                (StatusCode::FORBIDDEN, "The sign-in took too long or was used already.")
            }
            CallbackError::Grant(GrantError::Unavailable(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "The sign-in service cannot be reached at the moment.")
            }
            CallbackError::Grant(GrantError::Refused { .. } | GrantError::Malformed(_))
            | CallbackError::Refused { .. }
            | CallbackError::Mismatch(_) => {
                (StatusCode::BAD_GATEWAY, "The sign-in service gave an answer that cannot be accepted.")
            }
            CallbackError::TooLarge { .. } => return Self::session_too_large(),
            CallbackError::Store(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Where this site keeps its sessions cannot be reached at the moment.",
            ),
        };
        let again = rp.map(|rp| rp.start_path(&failure.return_to));
        let look = Self::new(status, "Sign-in failed", text).action(again, "Try again");
        if status == StatusCode::SERVICE_UNAVAILABLE {
            look.retry_after(Duration::from_secs(5))
        } else {
            look
        }
    }
}

/// What an authorization response's `error` means to a person. Its description is the other side's text, in the
/// other side's words, and is not shown.
fn reported(error: &str) -> (StatusCode, &'static str) {
    match error {
        "access_denied" => (StatusCode::FORBIDDEN, "The sign-in was cancelled, or access was denied."),
        "login_required" => (StatusCode::FORBIDDEN, "The sign-in service wants you to sign in there first."),
        "server_error" | "temporarily_unavailable" => {
            (StatusCode::BAD_GATEWAY, "The sign-in service has a problem at the moment.")
        }
        _ => (StatusCode::FORBIDDEN, "The sign-in service refused the sign-in."),
    }
}
