//! The attack on one server: its requests, and what came of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use futures_util::future::join_all;

use super::headers::{self, Kind};
use super::oracle::{Caller, FORGED, Fault, Oracle, report, rules};
use super::paths;
use super::random::{Random, SEED, seed};
use super::running::{Place, Server};
use super::wire::Client;
use crate::support::Stage;
use crate::support::visitor::Visitor;

/// How many requests are under way at a time.
const LANES: usize = 4;

/// Headers that move no path go together, so that each request of a CGI app is worth its process.
const TOGETHER: usize = 8;

/// How many failures of one kind are shown.
const SHOWN: usize = 3;

/// So many answers at least are the app's, or the requests do not reach what they are to test.
const LEAST: usize = 500;

/// One request.
#[derive(Debug)]
struct Attack {
    caller: Caller,
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    /// What is tried, by which failures are grouped.
    how: String,
}

/// Starts the server, and fails where any request gets what the rules do not give it. `base` is the path that the app is
/// below, as browsers see it.
pub(super) async fn hold(base: &'static str, command: impl FnOnce(&Place) -> Command) {
    let mut server = Server::start(command).await;
    let url = format!("http://{}", server.address());
    let stage = Stage::with(|setup| setup.tables(&rules(base)).set("upstream", &url)).await;
    let oracle = Oracle::new(&stage.config(&[]), base);
    let mut alice = stage.visitor();
    alice.sign_in("alice", "/oauth2/start?rd=/").await;
    let mut bob = stage.visitor();
    bob.sign_in("bob", "/oauth2/start?rd=/").await;

    assert_is_reached(&stage, &alice, &bob, base).await;
    assert_bites(&server, &oracle, base).await;
    let attacks = attacks(base);
    let lanes = (0..LANES).map(|lane| {
        let own = attacks.iter().skip(lane).step_by(LANES);
        run(own, &stage, &bob, &oracle)
    });
    let mut faults = Vec::new();
    let mut reached = 0;
    for (lane, count) in join_all(lanes).await {
        faults.extend(lane);
        reached += count;
    }
    server.assert_runs();
    assert_is_reached(&stage, &alice, &bob, base).await;
    println!("{} requests, {reached} answered by the app, {SEED}={}", attacks.len(), seed());
    assert!(
        reached >= LEAST,
        "only {reached} of {} requests reached the app: {}",
        attacks.len(),
        server.log()
    );
    assert!(faults.is_empty(), "{}", told(&faults));
}

/// The gate and the app work: an admin is served, bob and nobody what is theirs.
async fn assert_is_reached(stage: &Stage, alice: &Visitor, bob: &Visitor, base: &str) {
    let mut client = Client::new(stage.gate.address());
    for (who, path, served) in [
        (Some(alice), "/admin/secret", Ok("/admin/secret")),
        (Some(bob), "/admin/secret", Err(403)),
        (None, "/admin/secret", Err(401)),
        (Some(bob), "/internal/keys", Err(403)),
        (Some(bob), "/x", Ok("/")),
        (None, "/public/x", Ok("/public")),
    ] {
        let head = format!("GET {base}{path} HTTP/1.1\r\nHost: app.test\r\n{}\r\n", cookie(who));
        let answer = client.send(head.as_bytes()).await.expect("no answer");
        let body = String::from_utf8_lossy(&answer.body);
        let got = report(&answer.body).map(|report| report["served"].as_str().unwrap().to_owned());
        assert_eq!(got.as_deref().ok_or(answer.status), served, "{path}: {}\n{body}", answer.head);
    }
}

/// Without the gate the oracle finds fault with what it is to find.
async fn assert_bites(server: &Server, oracle: &Oracle, base: &str) {
    let mut client = Client::new(server.address());
    for path in ["/admin/secret", "/internal/keys", "/public/x"] {
        let forged = format!("X-Forwarded-User: {FORGED}user\r\n");
        let head = format!("GET {base}{path} HTTP/1.1\r\nHost: app.test\r\n{forged}\r\n");
        let answer = client.send(head.as_bytes()).await.expect("no answer");
        let report = report(&answer.body).unwrap_or_else(|| panic!("no report: {answer:?}"));
        for caller in [Caller::Nobody, Caller::Bob] {
            let faults = oracle.faults(caller, &report);
            let about = |is_variable: bool| faults.iter().any(|fault| fault.about.is_some() == is_variable);
            assert_eq!(about(false), path != "/public/x", "{path}: {faults:?}");
            // Files say nothing of headers.
            assert_eq!(about(true), report.contains_key("variables"), "{path}: {faults:?}");
        }
    }
}

async fn run<'a>(
    attacks: impl Iterator<Item = &'a Attack>,
    stage: &Stage,
    bob: &Visitor,
    oracle: &Oracle,
) -> (Vec<Fault>, usize) {
    let mut client = Client::new(stage.gate.address());
    let (mut faults, mut reached) = (Vec::new(), 0);
    for attack in attacks {
        let bytes = attack.bytes(bob);
        let Some(answer) = client.send(&bytes).await else {
            let request = attack.bytes_without_cookie().escape_ascii().to_string();
            faults.push(Fault { about: Some("no answer".to_owned()), text: request });
            continue;
        };
        let Some(report) = report(&answer.body) else {
            continue;
        };
        reached += 1;
        for fault in oracle.faults(attack.caller, &report) {
            let request = attack.bytes_without_cookie().escape_ascii().to_string();
            let shown = |member: &str| report.get(member).map(ToString::to_string).unwrap_or_default();
            let text = format!(
                "{}\n    {:?} sent {request}\n    served {} path {} method {}",
                fault.text,
                attack.caller,
                shown("served"),
                shown("path"),
                shown("method"),
            );
            let about = fault.about.map_or_else(|| attack.how.clone(), |name| format!("variable: {name}"));
            faults.push(Fault { about: Some(about), text });
        }
    }
    (faults, reached)
}

impl Attack {
    fn bytes(&self, bob: &Visitor) -> Vec<u8> {
        self.written(&cookie((self.caller == Caller::Bob).then_some(bob)))
    }

    fn bytes_without_cookie(&self) -> Vec<u8> {
        self.written("")
    }

    fn written(&self, cookie: &str) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: app.test\r\n{cookie}", self.method, self.target);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if self.method != "GET" {
            text += "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n";
        }
        text += "\r\n";
        text.into_bytes()
    }
}

fn cookie(who: Option<&Visitor>) -> String {
    let line = who.and_then(|who| who.jar.line());
    line.map(|line| format!("Cookie: {}\r\n", line.to_str().unwrap())).unwrap_or_default()
}

/// All that is tried at a server below `base`.
fn attacks(base: &str) -> Vec<Attack> {
    let mut random = Random::new();
    let mut made = Vec::new();
    for spelling in paths::spellings(base, &mut random) {
        for caller in [Caller::Nobody, Caller::Bob] {
            let method = random.of(&["GET", "GET", "GET", "GET", "GET", "POST"]);
            let (target, how) = (spelling.target.clone(), format!("path: {}", spelling.how));
            made.push(Attack { caller, method, target, headers: Vec::new(), how });
        }
    }
    for method in ["DELETE", "delete", "Delete", "DELETe", "POST", "X-DELETE", "DELETE-"] {
        for path in [
            "/orders",
            "/orders/",
            "/Orders",
            "//orders",
            "/%6frders",
            "/orders;x",
            "/orders.json",
            "//x/orders",
        ] {
            let (target, how) = (format!("{base}{path}"), format!("method: {method}"));
            made.push(Attack { caller: Caller::Bob, method, target, headers: Vec::new(), how });
        }
    }
    let spellings = headers::spellings(&mut random);
    let value = |at: usize| format!("{FORGED}{at}");
    let (together, alone): (Vec<_>, Vec<_>) =
        spellings.iter().enumerate().partition(|(_, it)| matches!(it.kind, Kind::Identity | Kind::Origin));
    for few in together.chunks(TOGETHER) {
        let headers = few.iter().map(|(at, it)| (it.name.clone(), value(*at))).collect();
        let (caller, path) = random.of(&[(Caller::Nobody, "/public/x"), (Caller::Bob, "/x")]);
        let how = "headers together".to_owned();
        made.push(Attack { caller, method: "GET", target: format!("{base}{path}"), headers, how });
    }
    for (at, spelling) in alone {
        let how = format!("header: {}", spelling.of);
        let mut add = |caller, method, path: &str, value: String| {
            let headers = vec![(spelling.name.clone(), value)];
            made.push(Attack { caller, method, target: format!("{base}{path}"), headers, how: how.clone() });
        };
        if spelling.kind == Kind::Framing {
            // Where the app believes it, it waits for more.
            add(Caller::Nobody, "GET", "/public/x", "5".to_owned());
            add(Caller::Nobody, "GET", "/public/x", "chunked".to_owned());
        } else if spelling.kind == Kind::Path {
            // As what comes before the app's path, and in its place.
            add(Caller::Nobody, "GET", "/public/admin/secret", format!("{base}/public"));
            add(Caller::Nobody, "GET", "/public/x", format!("/admin/secret?{}", value(at)));
        } else {
            add(Caller::Bob, "POST", "/orders", "DELETE".to_owned());
            add(Caller::Bob, "POST", "/orders", value(at));
        }
    }
    made
}

/// The faults, a few of each kind.
fn told(faults: &[Fault]) -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for fault in faults {
        kinds.entry(fault.about.as_deref().unwrap_or_default()).or_default().push(&fault.text);
    }
    let mut text = format!("{} times something went through, {SEED}={}:\n", faults.len(), seed());
    for (how, texts) in kinds {
        let _ = writeln!(text, "- {how}: {}", texts.len());
        for fault in texts.iter().take(SHOWN) {
            let _ = writeln!(text, "  {}", shortened(fault));
        }
    }
    text
}

/// Overlong requests are not shown whole.
fn shortened(text: &str) -> String {
    if text.len() <= 1000 { text.to_owned() } else { text.chars().take(1000).collect::<String>() + "…" }
}
