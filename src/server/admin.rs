//! The admin port: probes and metrics, and nothing that the public port would answer.

use std::net::TcpListener as StdListener;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::accept;
use super::conn::Terms;
use super::connections::Connections;
use super::shutdown::Shutdown;
use crate::proxy::health::AppHealth;
use crate::telemetry::metrics::{self, Metrics};
use crate::types::{Body, full};

/// Far more than probes and a few scrapers need.
const MAX_CONNECTIONS: usize = 256;

/// What the admin port tells of.
#[derive(Debug)]
pub struct Subject<R, S> {
    /// True once requests can be served.
    pub is_ready: R,
    /// Answers for the sessions of a user, if it does: method, `sub` and headers.
    pub sessions: S,
    /// The end of the public listener; this one goes on a little longer.
    pub ending: Shutdown,
    /// Absent where requests do not go on from here.
    pub app: Option<AppHealth>,
    pub metrics: Arc<Metrics>,
}

/// Answers:
///
/// - `/livez` and its other name `/healthz`: the process runs. Nothing else counts, since a restart would mend
///   nothing else;
/// - `/readyz`: it can serve, and is not ending. The app's health does not count;
/// - `/upstream/healthz`: the app says that it is well;
/// - `/metrics`;
/// - `/sessions/{sub}`, for whoever may.
pub async fn serve<R, S, A>(
    listener: StdListener,
    terms: Terms,
    subject: Subject<R, S>,
) -> std::io::Result<()>
where
    R: Fn() -> bool + Send + Sync + 'static,
    S: Fn(Method, String, HeaderMap) -> A + Send + Sync + 'static,
    A: Future<Output = Option<Response<Body>>> + Send + 'static,
{
    let subject = Arc::new(subject);
    accept::serve(
        listener,
        None,
        terms,
        Connections::new(MAX_CONNECTIONS, None, None),
        move |request, _client| {
            let subject = Arc::clone(&subject);
            async move {
                if let Some(sub) = request.uri().path().strip_prefix("/sessions/") {
                    let (method, headers) = (request.method().clone(), request.headers().clone());
                    let answer = (subject.sessions)(method, sub.to_owned(), headers).await;
                    return answer.unwrap_or_else(not_found);
                }
                if !matches!(*request.method(), Method::GET | Method::HEAD) {
                    return refuse_method();
                }
                match request.uri().path() {
                    "/livez" | "/healthz" => well(),
                    "/readyz" if subject.ending.has_begun() => unavailable("ending"),
                    "/readyz" if (subject.is_ready)() => well(),
                    "/readyz" => unavailable("Cognito's signing keys have not been loaded yet"),
                    "/upstream/healthz" => subject.app_health().await,
                    "/metrics" => subject.show_metrics(),
                    _ => not_found(),
                }
            }
        },
    )
    .await
}

impl<R, S> Subject<R, S> {
    async fn app_health(&self) -> Response<Body> {
        let Some(app) = &self.app else {
            return plain(StatusCode::NOT_FOUND, "there is no upstream in this mode\n");
        };
        match app.ask().await {
            Ok(()) => well(),
            Err(unwell) => unavailable(&unwell.to_string()),
        }
    }

    fn show_metrics(&self) -> Response<Body> {
        match self.metrics.text() {
            Ok(text) => {
                let mut response = plain(StatusCode::OK, text);
                let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be written");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n")
            }
        }
    }
}

fn well() -> Response<Body> {
    plain(StatusCode::OK, "ok\n")
}

fn unavailable(reason: &str) -> Response<Body> {
    plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"))
}

fn not_found() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "not found\n")
}

fn refuse_method() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
