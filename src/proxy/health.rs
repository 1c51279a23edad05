//! The apps' own health, asked the way requests go.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{HOST, HeaderName, USER_AGENT};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Empty;

use super::connect::{Connection, Connector, NoWay, Sender, Speaks};
use crate::config::{self, ForwardHost};

/// A probe that takes longer has given up already.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks every app for its health, by a connection of its own each time, so that it also shows whether the app accepts
/// any.
#[derive(Clone, Debug)]
pub struct AppHealth {
    apps: Vec<App>,
    path: PathAndQuery,
}

#[derive(Clone, Debug)]
struct App {
    /// As the configuration writes it.
    name: String,
    connector: Connector,
    host: HeaderValue,
    public_host: HeaderValue,
    public_scheme: HeaderValue,
}

/// Why the apps do not count as well: what is wrong with each that is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unwell(String);

#[derive(Debug, thiserror::Error)]
enum Ailment {
    #[error("the app answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("there is no connection to the app")]
    Unreachable,
    #[error("the app did not answer within {} s", TIMEOUT.as_secs())]
    Slow,
}

impl AppHealth {
    /// The apps of these sites. Where several requests go to one address, it is asked once.
    pub fn new(sites: &[config::Site], path: PathAndQuery) -> Result<Self, NoWay> {
        let mut apps: Vec<App> = Vec::new();
        for (site, upstream) in sites.iter().flat_map(|site| site.upstreams.iter().map(move |it| (site, it)))
        {
            let name = upstream.address.to_string();
            if apps.iter().any(|app| app.name == name) {
                continue;
            }
            let public_host = site.public_url.authority();
            let host = match &upstream.forward_host {
                ForwardHost::Preserve => upstream.host.clone().unwrap_or_else(|| public_host.clone()),
                ForwardHost::Upstream => upstream.address.authority(),
                ForwardHost::Name(name) => name.clone(),
            };
            apps.push(App {
                name,
                connector: Connector::new(upstream)?,
                host: HeaderValue::try_from(host).map_err(|_| NoWay)?,
                public_host: HeaderValue::try_from(public_host).map_err(|_| NoWay)?,
                public_scheme: HeaderValue::from_static(site.public_url.scheme()),
            });
        }
        Ok(Self { apps, path })
    }

    /// A GET of each without a user, all at once; well is 2xx from every one within two seconds.
    pub async fn ask(&self) -> Result<(), Unwell> {
        let answers = join_all(self.apps.iter().map(|app| async move {
            tokio::time::timeout(TIMEOUT, self.ask_one(app)).await.unwrap_or(Err(Ailment::Slow))
        }));
        let mut reasons = String::new();
        for (app, answer) in self.apps.iter().zip(answers.await) {
            if let Err(ailment) = answer {
                let separator = if reasons.is_empty() { "" } else { "\n" };
                // Whoever has one app knows which. Writing to a String does not fail.
                let _ = match self.apps.len() {
                    1 => write!(reasons, "{ailment}"),
                    _ => write!(reasons, "{separator}{}: {ailment}", app.name),
                };
            }
        }
        if reasons.is_empty() { Ok(()) } else { Err(Unwell(reasons)) }
    }

    async fn ask_one(&self, app: &App) -> Result<(), Ailment> {
        let Connection { sender, .. } =
            app.connector.open(Speaks::Any).await.map_err(|_| Ailment::Unreachable)?;
        let mut request = Request::new(Empty::<Bytes>::new());
        let headers = request.headers_mut();
        // Frameworks refuse hosts that they do not know, and redirect what they think is not https.
        headers.insert(HeaderName::from_static("x-forwarded-host"), app.public_host.clone());
        headers.insert(HeaderName::from_static("x-forwarded-proto"), app.public_scheme.clone());
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("cognigate/", env!("CARGO_PKG_VERSION"), " (health)")),
        );
        let answer = match sender {
            Sender::Http1(mut sender) => {
                *request.uri_mut() = self.path.clone().into();
                request.headers_mut().insert(HOST, app.host.clone());
                sender.send_request(request).await
            }
            Sender::Http2(mut sender) => {
                let authority = Authority::try_from(app.host.as_bytes()).map_err(|_| Ailment::Unreachable)?;
                let uri = Uri::builder().scheme(app.connector.scheme()).authority(authority);
                *request.uri_mut() =
                    uri.path_and_query(self.path.clone()).build().map_err(|_| Ailment::Unreachable)?;
                sender.send_request(request).await
            }
        };
        match answer.map_err(|_| Ailment::Unreachable)?.status() {
            status if status.is_success() => Ok(()),
            status => Err(Ailment::Status(status)),
        }
    }
}
