//! The main job in a real browser. The gate is `http://localhost:…` and Cognito `http://127.0.0.1:…`: two sites to
//! a browser, so that SameSite and Fetch Metadata do what they do in front of the real Cognito.

mod chromium;
mod chunks;
mod csrf;
mod looks;
mod over_tls;
mod sessions;
mod sign_in;
mod sign_out;
mod spa;
mod websocket;

use std::net::SocketAddr;

use cognigate::emulator::Endpoint;
use cognigate::types::{Body, full};
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use self::chromium::Chromium;
use crate::demo::free_port;
use crate::support::app::Arrived;
use crate::support::{Setup, Stage};

/// A stage where a browser gets to: the gate's port is the public URL's.
struct Site {
    stage: Stage,
    /// Without a slash at its end.
    origin: String,
}

impl Site {
    async fn new() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let port = free_port();
        let origin = format!("http://localhost:{port}");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stage = Stage::with(|setup| {
            change(setup.public_url(&origin).set("listen.address", &address.to_string()))
        })
        .await;
        stage.app.answer(|arrived| page(arrived, None));
        Self { stage, origin }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// A browser that is signed in as alice and looks at `path`.
    async fn signed_in(&self, path: &str) -> Chromium {
        let browser = Chromium::start().await;
        browser.go(&self.url(path)).await;
        browser.sign_in("alice").await;
        browser.comes_to(&self.url(path)).await;
        browser
    }

    /// How often somebody gave a password.
    fn passwords_given(&self) -> u64 {
        self.stage.cognito.count(Endpoint::Login)
    }
}

/// What the app shows on every path: where one is, a mark of a secret, and a way out.
fn page(arrived: &Arrived, cache_control: Option<&'static str>) -> Response<Body> {
    let html = format!(
        "<!doctype html><title>App</title><h1>Confidential</h1><p id='where'>{}</p>\
         <p id='counted'>loaded anew</p><a id='out' href='/oauth2/sign_out'>Sign out</a> <a id='on' href='/further'>On</a>\
         <script>addEventListener('pageshow', event => {{ if (event.persisted) counted.textContent = 'kept' }})</script>",
        arrived.target.replace('&', "&amp;").replace('<', "&lt;"),
    );
    let mut response = Response::new(full(html));
    response.headers_mut().insert(CONTENT_TYPE, "text/html; charset=utf-8".parse().unwrap());
    if let Some(value) = cache_control {
        response.headers_mut().insert(CACHE_CONTROL, value.parse().unwrap());
    }
    response
}
