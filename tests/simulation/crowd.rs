//! People who are signed in, and what becomes of them when they all come at once.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use cognigate::clock::Clock;
use cognigate::commands::run::Gate;
use cognigate::emulator::{Endpoint, Fault, User};
use cognigate::types::full;
use http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::form_urlencoded::Serializer;

use super::lines::Lines;
use crate::support::app::Arrived;
use crate::support::jar::Jar;
use crate::support::visitor::{FETCH, NAVIGATION, PASSWORD};
use crate::support::wire::{eventually, exchange};
use crate::support::{PUBLIC_URL, Setup, Stage};

/// So many people are served at the same time, with all their requests: no more than a busy machine gets done within the
/// second that an answer waits for its refresh.
const AT_ONCE: usize = 4;
/// How long Cognito takes for a refresh: longer than the app for its answer.
const REFRESH_TAKES: Duration = Duration::from_millis(20);
/// How much later what is slow on its way arrives: less than any grace but none.
const LATE: Duration = Duration::from_secs(5);

/// Three replicas, and people who are signed in.
pub(super) struct Crowd {
    stage: Stage,
    others: [Gate; 2],
    people: Vec<Person>,
    lines: Lines,
    /// What the dice show next.
    dice: u64,
}

/// Somebody with a browser, whose answers come in any order.
#[derive(Clone, Debug)]
struct Person {
    jar: Arc<Mutex<Jar>>,
    /// The first answer that was not the app's.
    lost: Arc<Mutex<Option<StatusCode>>>,
}

/// What a moment cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Refreshes that Cognito was asked for.
    pub(super) refreshes: u64,
    /// Pairs of a session and a replica that it came to.
    pub(super) pairs: u64,
}

impl Crowd {
    /// So many people, signed in at whichever replica.
    pub(super) async fn new(size: usize, change: impl FnOnce(Setup) -> Setup) -> Self {
        let named = |setup: Setup| {
            setup.pool(|settings| settings.users = (0..size).map(|n| User::new(&name(n), PASSWORD)).collect())
        };
        let stage = Stage::with(|setup| change(named(setup))).await;
        let others = [stage.replica(&[]).await, stage.replica(&[]).await];
        let clock = stage.clock.clone();
        stage.app.answer(move |arrived| if is_current(arrived, &clock) { ok() } else { stale() });
        stage.cognito.fail(Endpoint::TokenRefresh, Fault::delay(REFRESH_TAKES).always());
        let mut crowd = Self { stage, others, people: Vec::new(), lines: Lines::default(), dice: 0x5eed };
        let (at_once, mut signing_in) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        for number in 0..size {
            let (gate, cognito) = (crowd.any_gate(), crowd.stage.cognito_address);
            let (lines, at_once) = (crowd.lines.clone(), Arc::clone(&at_once));
            signing_in.spawn(async move {
                let _one = at_once.acquire().await.unwrap();
                sign_in(&lines, gate, cognito, number).await
            });
        }
        crowd.people = signing_in.join_all().await;
        crowd
    }

    /// Lets time pass.
    pub(super) fn wait(&self, time: Duration) {
        self.stage.clock.advance(time);
    }

    /// Everybody who is still signed in sends so many requests with the cookie of this moment to replicas at random,
    /// the `late` of which are slow on their way.
    pub(super) async fn come(&mut self, early: usize, late: usize) -> Moment {
        let before = self.stage.cognito.count(Endpoint::TokenRefresh);
        let coming: Vec<_> = self.people.iter().filter(|person| !person.is_lost()).cloned().collect();
        let coming = coming.into_iter().map(|person| (person.cookies(), person)).collect::<Vec<_>>();
        let mut pairs = HashSet::new();
        for (requests, later) in [(early, Duration::ZERO), (late, LATE)].into_iter().filter(|(n, _)| *n > 0) {
            self.stage.clock.advance(later);
            let (at_once, mut asking) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
            for (number, (cookies, person)) in coming.iter().enumerate() {
                let gates: Vec<_> = (0..requests).map(|_| self.any_gate()).collect();
                pairs.extend(gates.iter().map(|gate| (number, *gate)));
                let (lines, at_once) = (self.lines.clone(), Arc::clone(&at_once));
                let (cookies, person) = (cookies.clone(), person.clone());
                asking.spawn(async move {
                    let _one = at_once.acquire().await.unwrap();
                    let mut asking = JoinSet::new();
                    for gate in gates {
                        let (lines, cookies, person) = (lines.clone(), cookies.clone(), person.clone());
                        asking.spawn(async move {
                            let request = get("/", &FETCH, Some(cookies));
                            person.take(&lines.ask(gate, request).await, StatusCode::OK);
                        });
                    }
                    asking.join_all().await;
                });
            }
            asking.join_all().await;
            self.landed().await;
        }
        let refreshes = self.stage.cognito.count(Endpoint::TokenRefresh) - before;
        Moment { refreshes, pairs: pairs.len() as u64 }
    }

    /// How many were asked to sign in again, and how many got something else that is no answer of the app.
    pub(super) fn lost(&self) -> (usize, usize) {
        let lost: Vec<_> = self.people.iter().filter_map(|person| *person.lost.lock().unwrap()).collect();
        let signed_out = lost.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
        (signed_out, lost.len() - signed_out)
    }

    /// Waits until every refresh that Cognito has been asked for has come back.
    async fn landed(&self) {
        let gates = [&self.stage.gate, &self.others[0], &self.others[1]].map(Gate::admin_address);
        eventually("the refreshes have landed", || async {
            let asked = self.stage.cognito.count(Endpoint::TokenRefresh);
            let mut landed = 0;
            for gate in gates {
                landed += refreshes(gate).await;
            }
            landed >= asked
        })
        .await;
    }

    fn any_gate(&mut self) -> SocketAddr {
        // xorshift64, for dice that fall the same way each time.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let gates = [self.stage.gate.address(), self.others[0].address(), self.others[1].address()];
        gates[(self.dice % 3) as usize]
    }
}

impl Person {
    fn cookies(&self) -> HeaderValue {
        self.jar.lock().unwrap().line().expect("a browser with cookies")
    }

    fn is_lost(&self) -> bool {
        self.lost.lock().unwrap().is_some()
    }

    fn take(&self, answer: &Response<Bytes>, expected: StatusCode) {
        self.jar.lock().unwrap().take(answer.headers(), true);
        if answer.status() != expected {
            self.lost.lock().unwrap().get_or_insert(answer.status());
        }
    }
}

/// How many refreshes a gate has seen end, whatever way.
async fn refreshes(admin: SocketAddr) -> u64 {
    let request = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(admin, request.into()).await;
    let text = String::from_utf8(answer).unwrap();
    let counts = text.lines().filter(|line| line.starts_with("cognigate_token_refresh_total{"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

impl AddAssign for Moment {
    fn add_assign(&mut self, other: Self) {
        self.refreshes += other.refreshes;
        self.pairs += other.pairs;
    }
}

fn name(number: usize) -> String {
    format!("user-{number:04}")
}

/// From the first page to the session cookie, in as few steps as there are.
async fn sign_in(lines: &Lines, gate: SocketAddr, cognito: SocketAddr, number: usize) -> Person {
    let person = Person { jar: Arc::default(), lost: Arc::default() };
    let answer = lines.ask(gate, get("/", &NAVIGATION, None)).await;
    person.take(&answer, StatusCode::SEE_OTHER);
    let authorize = location(&answer);
    let query = authorize.split_once("/oauth2/authorize?").unwrap().1;
    let form = Serializer::new(String::new())
        .append_pair("username", &name(number))
        .append_pair("password", PASSWORD)
        .finish();
    let mut login = Request::new(Full::new(Bytes::from(form)));
    *login.method_mut() = Method::POST;
    *login.uri_mut() = format!("/login?{query}").parse().unwrap();
    login.headers_mut().insert(HOST, cognito.to_string().parse().unwrap());
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    login.headers_mut().insert(CONTENT_TYPE, kind);
    let callback = location(&lines.ask(cognito, login).await);
    let callback = callback.strip_prefix(PUBLIC_URL).unwrap();
    let answer = lines.ask(gate, get(callback, &NAVIGATION, Some(person.cookies()))).await;
    person.take(&answer, StatusCode::SEE_OTHER);
    assert!(!person.is_lost(), "{} could not sign in: {answer:?}", name(number));
    person
}

fn get(
    target: &str,
    headers: &[(&'static str, &'static str)],
    cookies: Option<HeaderValue>,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = target.parse().unwrap();
    let map = request.headers_mut();
    map.insert(HOST, HeaderValue::from_static("app.test"));
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_static(value));
    }
    map.extend(cookies.map(|line| (COOKIE, line)));
    request
}

fn location(answer: &Response<Bytes>) -> String {
    let value = answer.headers().get(LOCATION);
    value.unwrap_or_else(|| panic!("no Location: {answer:?}")).to_str().unwrap().to_owned()
}

/// True where the access token has not expired.
fn is_current(arrived: &Arrived, clock: &Clock) -> bool {
    let token = arrived.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let claims = URL_SAFE_NO_PAD.decode(token.unwrap().split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["exp"].as_i64().unwrap() > clock.now().0
}

fn ok() -> Response<cognigate::types::Body> {
    Response::new(full("the app"))
}

/// What the app says to a token that has expired.
fn stale() -> Response<cognigate::types::Body> {
    let mut response = Response::new(full("expired"));
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    response
}
