//! An emulator on a port of its own, with a clock that stands, and a client that follows nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognigate::clock::{Clock, UnixTime};
use cognigate::emulator::{Emulator, Settings, Switches};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

pub(super) const CALLBACK: &str = "http://localhost:8080/oauth2/callback";
pub(super) const SIGNED_OUT: &str = "http://localhost:8080/oauth2/signed_out";
pub(super) const VERIFIER: &str = "a-code-verifier-of-the-least-length-43-chars";

pub(super) struct Fixture {
    pub(super) base: String,
    pub(super) switches: Switches,
    pub(super) clock: Clock,
    client: reqwest::Client,
    /// Dropping it ends the emulator.
    pub(super) stop: oneshot::Sender<()>,
    pub(super) served: JoinHandle<std::io::Result<()>>,
}

/// What came back, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// The tokens of one answer.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) id: String,
    pub(super) refresh: String,
}

pub(super) fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub(super) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

impl Fixture {
    pub(super) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock = Clock::manual(UnixTime(1_790_000_000));
        let emulator = Emulator::bind(settings, loopback(), clock.clone()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            base: emulator.base_url(),
            switches: emulator.switches(),
            clock,
            client,
            stop,
            served: tokio::spawn(emulator.serve(async {
                let _ = stopped.await;
            })),
        }
    }

    /// A GET with headers; `target` begins with a slash.
    pub(super) async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(self.client.get(format!("{}{target}", self.base)), headers).await
    }

    pub(super) async fn post(&self, target: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        self.send(self.client.post(format!("{}{target}", self.base)).form(form), headers).await
    }

    /// A switch over HTTP.
    pub(super) async fn switch(&self, name: &str, body: Value) -> Answer {
        self.send(self.client.post(format!("{}/_emulator/{name}", self.base)).json(&body), &[]).await
    }

    /// Like [`Fixture::post`], for what may not be answered.
    pub(super) async fn try_post(
        &self,
        target: &str,
        form: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        Answer::read(self.client.post(format!("{}{target}", self.base)).form(form).send().await?).await
    }

    pub(super) async fn send(
        &self,
        mut request: reqwest::RequestBuilder,
        headers: &[(&str, &str)],
    ) -> Answer {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.send().await.unwrap()).await.unwrap()
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Sends the form of the page behind an authorization request; gives the answer, and the cookie's pair.
    pub(super) async fn sign_in(&self, target: &str, username: &str) -> (Answer, String) {
        let login = target.replacen("/oauth2/authorize", "/login", 1);
        let form = [("username", username), ("password", "Passw0rd!")];
        let answer = self.post(&login, &form, &[]).await;
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        (answer, cookie)
    }

    /// A code for that user, by the plain authorization request.
    pub(super) async fn code(&self, username: &str) -> String {
        self.sign_in(&authorize(&[]), username).await.0.query("code").unwrap()
    }

    pub(super) async fn redeem(&self, code: &str) -> Answer {
        self.post("/oauth2/token", &code_grant(code), &[basic("demo-client", "demo-secret").pair()]).await
    }

    pub(super) async fn tokens(&self, username: &str) -> Tokens {
        let code = self.code(username).await;
        Tokens::of(&self.redeem(&code).await)
    }

    pub(super) async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("/oauth2/token", &form, &[basic("demo-client", "demo-secret").pair()]).await
    }
}

impl Answer {
    async fn read(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { status, headers, body: response.text().await? })
    }

    /// A header that must be there, once.
    pub(super) fn header(&self, name: &str) -> &str {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "{name} of {self:?}");
        values[0].to_str().unwrap()
    }

    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::FOUND, "{self:?}");
        self.header("location")
    }

    /// A parameter of the address that it redirects to.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let url = Url::parse("http://emulator").unwrap().join(self.location()).unwrap();
        url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Status and `error` of a refusal of the token or revoke endpoint.
    pub(super) fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

impl Tokens {
    pub(super) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let reply = answer.json();
        let token = |name: &str| reply[name].as_str().unwrap_or_default().to_owned();
        Self { access: token("access_token"), id: token("id_token"), refresh: token("refresh_token") }
    }
}

/// A Basic `Authorization` header.
pub(super) struct Basic(String);

impl Basic {
    pub(super) fn pair(&self) -> (&str, &str) {
        ("authorization", &self.0)
    }
}

pub(super) fn basic(id: &str, secret: &str) -> Basic {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    Basic(format!("Basic {encoded}"))
}

pub(super) fn code_grant(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// An authorization request with PKCE for `demo-client`, with some parameters changed: an empty one is left out.
pub(super) fn authorize(changes: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", "demo-client"),
        ("redirect_uri", CALLBACK),
        ("state", "the-state"),
        ("scope", "openid email profile"),
        ("nonce", "the-nonce"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        parameters.retain(|(n, _)| n != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth2/authorize?{query}")
}

/// What must happen soon: a test that waits for an event that never comes fails, and does not hang.
pub(super) async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), event).await.expect("it did not happen")
}

/// A part of a JWT, unverified: 0 is the header, 1 the claims.
pub(super) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// True where the JWKS has the key that signed it under that key's id, as RS256.
pub(super) async fn verifies(fixture: &Fixture, token: &str) -> bool {
    use jsonwebtoken::{Algorithm, DecodingKey, crypto};
    let jwks = fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await.json();
    let header = part(token, 0);
    let keys = jwks["keys"].as_array().unwrap();
    let Some(key) = keys.iter().find(|key| key["kid"] == header["kid"]) else { return false };
    let key =
        DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    crypto::verify(signature, signed.as_bytes(), &key, Algorithm::RS256).unwrap()
}
