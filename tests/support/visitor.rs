//! A browser without the browser: a cookie jar for each host, Fetch Metadata, redirects on request.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use cookie::Cookie;
use http::header::{COOKIE, HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::Serializer;

use super::jar::Jar;
use super::tls;
use super::wire::PATIENCE;

/// Every user of the default pool has it.
pub(crate) const PASSWORD: &str = "Passw0rd!";

/// Somebody with a browser. Clones share nothing: the copy of a jar is a stolen one.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    origin: Url,
    /// Where the last request went, which a relative `Location` is relative to.
    here: Url,
    gate: SocketAddr,
    cognito_address: SocketAddr,
    /// The gate's cookies.
    pub(crate) jar: Jar,
    /// The emulator's.
    pub(crate) cognito_jar: Jar,
    /// What TLS to the gate is spoken by, where its door has it.
    pub(crate) client: Option<Arc<ClientConfig>>,
}

/// An answer with its body read.
pub(crate) type Answer = Response<Bytes>;

impl Visitor {
    pub(crate) fn new(origin: &str, gate: SocketAddr, cognito_address: SocketAddr) -> Self {
        let origin = Url::parse(origin).unwrap();
        Self {
            here: origin.clone(),
            origin,
            gate,
            cognito_address,
            jar: Jar::default(),
            cognito_jar: Jar::default(),
            client: None,
        }
    }

    /// Goes to another replica from now on.
    pub(crate) fn go_to(&mut self, gate: SocketAddr) {
        self.gate = gate;
    }

    /// Follows a link or types an address: a GET as a browser's navigation, redirects not followed.
    pub(crate) async fn navigate(&mut self, target: &str) -> Answer {
        self.send(Method::GET, target, &NAVIGATION, Bytes::new()).await
    }

    /// A same-origin `fetch` of a script.
    pub(crate) async fn fetch(&mut self, target: &str) -> Answer {
        self.send(Method::GET, target, &FETCH, Bytes::new()).await
    }

    /// Sends whatever, with this jar's cookies; the answer's are kept.
    ///
    /// `target` is a path or a whole URL, of the gate or of the emulator.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let (address, host, target, at_gate) = self.resolve(target);
        let base = if at_gate { self.origin.clone() } else { Url::parse(&format!("http://{host}")).unwrap() };
        self.here = base.join(&target).unwrap_or(base);
        let jar = if at_gate { &self.jar } else { &self.cognito_jar };
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().expect("a request target that a client may send");
        let map = request.headers_mut();
        map.insert(HOST, HeaderValue::try_from(host).unwrap());
        if let Some(line) = jar.line() {
            map.insert(COOKIE, line);
        }
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            if name == HOST {
                map.remove(HOST);
            }
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let answer = match &self.client {
            Some(client) if at_gate => exchange_by_tls(address, client, request).await,
            _ => exchange(address, request).await,
        };
        let secure = self.origin.scheme() == "https";
        if at_gate {
            self.jar.take(answer.headers(), secure);
        } else {
            self.cognito_jar.take(answer.headers(), false);
        }
        answer
    }

    /// Goes where an answer redirects to, as a browser's navigation, redirects not followed.
    pub(crate) async fn follow(&mut self, answer: &Answer) -> Answer {
        let target = self.target(answer);
        self.navigate(&target).await
    }

    /// Where an answer to the last request redirects to, as a whole URL.
    pub(crate) fn target(&self, answer: &Answer) -> String {
        self.here.join(&location(answer)).unwrap().into()
    }

    /// From `target` through the login page and back, as `username`: the last answer, of the page asked for.
    pub(crate) async fn sign_in(&mut self, username: &str, target: &str) -> Answer {
        let callback = self.reach_callback(username, target).await;
        let mut answer = self.navigate(&callback).await;
        while answer.status().is_redirection() {
            answer = self.follow(&answer).await;
        }
        answer
    }

    /// From `target` through the login page, up to the callback's address, which is not visited yet.
    pub(crate) async fn reach_callback(&mut self, username: &str, target: &str) -> String {
        let to_authorize = self.navigate(target).await;
        assert_eq!(to_authorize.status(), 303, "{target} did not send to the login page");
        self.through_login(username, &self.target(&to_authorize)).await
    }

    /// Through the login page that an authorization request leads to, up to the callback's address.
    pub(crate) async fn through_login(&mut self, username: &str, authorize: &str) -> String {
        let answer = self.navigate(authorize).await;
        let form = self.target(&answer);
        if form.starts_with(self.origin.as_str()) {
            return form;
        }
        let page = self.navigate(&form).await;
        assert_eq!(page.status(), 200, "no login page: {page:?}");
        let fields = Serializer::new(String::new())
            .append_pair("username", username)
            .append_pair("password", PASSWORD)
            .finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.send(Method::POST, &form, &headers, fields).await;
        self.target(&answer)
    }

    /// Where bytes for the gate go.
    pub(crate) fn gate(&self) -> SocketAddr {
        self.gate
    }

    /// Address, `Host` and request target of a path or a URL, and whether it is the gate's.
    fn resolve(&self, target: &str) -> (SocketAddr, String, String, bool) {
        let origin = self.origin.origin().ascii_serialization();
        let cognito = format!("http://{}", self.cognito_address);
        let authority = origin.split("://").nth(1).unwrap().to_owned();
        if let Some(path) = target.strip_prefix(&cognito) {
            (self.cognito_address, self.cognito_address.to_string(), rooted(path), false)
        } else if let Some(path) = target.strip_prefix(&origin) {
            (self.gate, authority, rooted(path), true)
        } else {
            assert!(target.starts_with('/') || target == "*", "{target} is nobody's here");
            (self.gate, authority, target.to_owned(), true)
        }
    }
}

/// What a browser says of a top-level navigation by a typed address.
pub(crate) const NAVIGATION: [(&str, &str); 4] = [
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "none"),
];

/// What a browser says of a same-origin `fetch`.
pub(crate) const FETCH: [(&str, &str); 4] = [
    ("accept", "*/*"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-site", "same-origin"),
];

/// The `Location` of an answer; it must have one.
pub(crate) fn location(answer: &Answer) -> String {
    let value = answer.headers().get(LOCATION);
    value.unwrap_or_else(|| panic!("no Location: {answer:?}")).to_str().unwrap().to_owned()
}

/// The body as text.
pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// The body as JSON.
pub(crate) fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("no JSON: {}", text(answer)))
}

/// A header that is there once, as text.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    header_of(answer.headers(), name)
}

/// The cookies that an answer sets or ends.
pub(crate) fn set_cookies(answer: &Answer) -> Vec<Cookie<'static>> {
    let lines = answer.headers().get_all(SET_COOKIE).iter();
    lines.map(|line| Cookie::parse(line.to_str().unwrap().to_owned()).unwrap()).collect()
}

/// The query parameter `name` of a URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn header_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    assert!(lines.next().is_none(), "{name} is there more than once");
    Some(line.to_str().unwrap())
}

fn rooted(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let conversation = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driving = tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        drop(sender);
        driving.abort();
        Response::from_parts(parts, body)
    };
    timeout(PATIENCE, conversation).await.expect("no answer")
}

async fn exchange_by_tls(
    address: SocketAddr,
    client: &Arc<ClientConfig>,
    request: Request<Full<Bytes>>,
) -> Answer {
    let conversation = async {
        let (parts, body) = tls::send(address, client, request).await.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    };
    timeout(PATIENCE, conversation).await.expect("no answer")
}
