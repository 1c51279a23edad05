//! The admin port: probes, and nothing that the public port would answer.

use std::net::TcpListener as StdListener;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};

use super::accept;
use super::shutdown::Shutdown;
use crate::types::{Body, full};

/// Answers `/livez` (the process runs) and `/readyz` (`is_ready`, and not ending).
pub async fn serve(
    listener: StdListener,
    shutdown: Shutdown,
    is_ready: impl Fn() -> bool + Send + Sync + 'static,
) -> std::io::Result<()> {
    let (is_ready, ending) = (Arc::new(is_ready), shutdown.clone());
    accept::serve(listener, shutdown, move |request, _peer| {
        let (is_ready, ending) = (Arc::clone(&is_ready), ending.clone());
        async move {
            let known = matches!(*request.method(), Method::GET | Method::HEAD);
            match request.uri().path() {
                "/livez" if known => plain(StatusCode::OK, "ok\n"),
                "/readyz" if known && ending.has_begun() => {
                    plain(StatusCode::SERVICE_UNAVAILABLE, "ending\n")
                }
                "/readyz" if known && is_ready() => plain(StatusCode::OK, "ok\n"),
                "/readyz" if known => plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Cognito's signing keys have not been loaded yet\n",
                ),
                "/livez" | "/readyz" => plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n"),
                _ => plain(StatusCode::NOT_FOUND, "not found\n"),
            }
        }
    })
    .await
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
