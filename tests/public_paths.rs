//! Public paths, before an app and behind nginx: what they let through, and what no trick makes of them.

use http::header::{AUTHORIZATION, SET_COOKIE};
use http::{HeaderName, Method};

use crate::support::visitor::{FETCH, NAVIGATION, text};
use crate::support::{Stage, wire};

/// What a request without a session meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    Passed,
    /// Somebody has to sign in.
    Kept,
    /// 400, or nginx's 403.
    Refused,
}

/// A gate with public paths, before an app or behind nginx.
struct Door {
    stage: Stage,
    asked: bool,
}

const PUBLIC: &str = "/health,/public/*,/caf\u{e9}/*";

async fn doors() -> [Door; 2] {
    let before = Stage::with(|setup| setup.set("public", PUBLIC)).await;
    let behind = Stage::with(|setup| setup.asked_by("nginx").set("public", PUBLIC)).await;
    [Door { stage: before, asked: false }, Door { stage: behind, asked: true }]
}

impl Door {
    /// Sends a request for `target`, byte for byte, as a client or as nginx tells of it.
    async fn ask(&self, method: &str, target: &[u8], headers: &str) -> Vec<u8> {
        let mut head = wire::begin(self.asked, method, target);
        let rest = format!("\r\nHost: app.test\r\nConnection: close\r\n{headers}\r\n");
        head.extend(rest.as_bytes());
        wire::exchange(self.stage.gate.address(), head).await
    }

    async fn met(&self, method: &str, target: &[u8]) -> Met {
        let before = self.stage.app.count();
        let status = wire::status(&self.ask(method, target, "").await);
        let reached = self.stage.app.count() > before;
        assert_eq!(reached, status == 200 && !self.asked, "{}", String::from_utf8_lossy(target));
        match (status, self.asked) {
            (200, _) => Met::Passed,
            (401, _) => Met::Kept,
            (400, false) | (403, true) => Met::Refused,
            (status, _) => panic!("{status} for {}", String::from_utf8_lossy(target)),
        }
    }

    async fn meets(&self, expected: Met, targets: &[&str]) {
        for target in targets {
            assert_eq!(self.met("GET", target.as_bytes()).await, expected, "{target}, asked: {}", self.asked);
        }
    }
}

#[tokio::test]
async fn a_public_path_needs_no_session_and_its_neighbours_do() {
    for door in doors().await {
        door.meets(
            Met::Passed,
            &[
                "/health",
                "/health?probe=1",
                "/%68ealth",
                "/public/",
                "/public/x",
                "/public/a/b.css?v=/../",
                "/public/%61%2Fb",
                "/caf%C3%A9/x",
            ],
        )
        .await;
        door.meets(
            Met::Kept,
            &[
                "/",
                "/health/",
                "/healthy",
                "/health/x",
                "/HEALTH",
                "/public",
                "/publicity",
                "/x/public/y",
                "/caf%C3%A9",
            ],
        )
        .await;
        // The method does not matter, nor what a header says that it should be.
        for method in ["HEAD", "OPTIONS", "POST", "DELETE"] {
            assert_eq!(door.met(method, b"/public/x").await, Met::Passed, "{method}");
            assert_eq!(door.met(method, b"/admin").await, Met::Kept, "{method}");
        }
    }
}

#[tokio::test]
async fn case_20_dot_segments_lead_nowhere() {
    for door in doors().await {
        let tricks =
            ["/public/../admin", "/public/./../admin", "/public/x/../../admin", "/public/.", "/public/.."];
        door.meets(Met::Refused, &tricks).await;
    }
}

#[tokio::test]
async fn case_21_dot_segments_with_parameters_lead_nowhere() {
    for door in doors().await {
        let tricks = ["/public/..;/admin", "/public/..;x=1/admin", "/public;x/../admin", "/public/.;/x"];
        door.meets(Met::Refused, &tricks).await;
        door.meets(Met::Kept, &["/public;x/admin", "/;/public/x"]).await;
    }
}

#[tokio::test]
async fn case_22_escaped_dot_segments_lead_nowhere() {
    for door in doors().await {
        let tricks = [
            "/public/%2e%2e/admin",
            "/public/%2E./admin",
            "/public/.%2E/admin",
            "/public/%252e%252e/admin",
            "/public/..%2fadmin",
            "/public/..%252fadmin",
            "/public/..%5cadmin",
            "/public/..%255cadmin",
            "/public/%2e%2e%2fadmin",
            "/public/..%3b/admin",
            "/public%2f..%2fadmin",
            "/public/..\\admin",
        ];
        door.meets(Met::Refused, &tricks).await;
        door.meets(Met::Kept, &["/public%2fx", "/public%252fx", "/%2fpublic/x"]).await;
    }
}

#[tokio::test]
async fn case_23_nothing_but_the_path_makes_a_path_public() {
    for door in doors().await {
        door.meets(Met::Refused, &["/public//../admin", "/PUBLIC/../admin"]).await;
        door.meets(
            Met::Kept,
            &[
                "//admin",
                "//public/x",
                "/PUBLIC/admin",
                "/Public/x",
                "/admin?x=/public/",
                "/admin?/public/",
                "/admin%23/public/",
                "/admin%3f/public/",
                "/admin/public/",
            ],
        )
        .await;
    }
    let [before, behind] = doors().await;
    // A client sends no fragment; one that does means the path before it.
    assert_ne!(before.met("GET", b"/admin#/public/").await, Met::Passed);
    assert_eq!(behind.met("GET", b"/admin#/public/").await, Met::Refused);
    assert_eq!(behind.met("GET", b"/public/#/../admin").await, Met::Refused);
}

#[tokio::test]
async fn case_24_bytes_without_a_reading_are_refused() {
    for door in doors().await {
        let tricks =
            ["/public/%zz", "/public/%", "/public/%c0%ae", "/public/%00", "/public/%2500", "/public/%0d%0ax"];
        door.meets(Met::Refused, &tricks).await;
        for raw in [&b"/public/\xff"[..], b"/public/\xc3\xa9", b"/public/\x01", b"/public/\"x"] {
            let status = wire::status(&door.ask("GET", raw, "").await);
            assert!(matches!(status, 400 | 403), "{status} for {raw:?}");
        }
        assert_eq!(door.stage.app.count(), 0);
    }
}

/// Whatever an app might take for a statement about its user, in several spellings.
const FORGED: [(&str, &str); 11] = [
    ("authorization", "Bearer forged"),
    ("x-forwarded-user", "forged"),
    ("x_forwarded_user", "forged"),
    ("x-forwarded-email", "forged@app.test"),
    ("x-forwarded-groups", "admins"),
    ("x-forwarded-preferred-username", "forged"),
    ("x-forwarded-access-token", "forged"),
    ("x-auth-request-user", "forged"),
    ("x.auth.request.email", "forged@app.test"),
    ("x_auth_request_groups", "admins"),
    ("x-amzn-oidc-data", "forged"),
];

#[tokio::test]
async fn case_15_forged_identity_headers_are_scrubbed_on_public_paths_too() {
    let [before, behind] = doors().await;
    let mut alice = before.stage.visitor();
    alice.sign_in("alice", "/").await;
    let headers =
        [&FORGED[..], &[("cookie", "theme=dark"), ("connection", "authorization, x-forwarded-user")]]
            .concat();
    for visitor in [&mut before.stage.visitor(), &mut alice] {
        for (method, target) in
            [(Method::GET, "/public/x"), (Method::OPTIONS, "/public/x"), (Method::GET, "/health")]
        {
            let page = visitor.send(method, target, &headers, "").await;
            assert_eq!(text(&page), "the app");
            let arrived = before.stage.app.last();
            for (name, _) in FORGED {
                let name: HeaderName = name.parse().unwrap();
                assert!(!arrived.headers.contains_key(&name), "{name}: {:?}", arrived.headers);
            }
            assert_eq!(arrived.header("cookie"), Some("theme=dark"), "our own cookies end here");
            assert_eq!(arrived.header("x-forwarded-host"), Some("app.test"));
        }
    }
    // nginx sets its headers to what it is told: to nothing.
    let mut alice = behind.stage.visitor();
    alice.sign_in("alice", "/oauth2/start").await;
    let asked = [("x-original-url", "https://app.test/public/x"), ("x-original-method", "GET")];
    for visitor in [&mut behind.stage.visitor(), &mut alice] {
        let yes = visitor.send(Method::GET, "/oauth2/auth", &[&FORGED[..], &asked].concat(), "").await;
        assert_eq!(yes.status(), 200);
        assert!(!yes.headers().contains_key(AUTHORIZATION));
        let mut told = yes.headers().iter().filter(|(name, _)| name.as_str().starts_with("x-auth-"));
        assert!(told.all(|(name, value)| name == "x-auth-request-decision" && value == "public"), "{yes:?}");
    }
}

#[tokio::test]
async fn a_public_path_costs_no_refresh_and_sets_no_cookie() {
    let [before, _] = doors().await;
    let mut alice = before.stage.visitor();
    alice.sign_in("alice", "/").await;
    before.stage.clock.advance(std::time::Duration::from_secs(3601));
    before.stage.app.answer(|_| {
        let mut page = http::Response::new(cognigate::types::full("the app"));
        page.headers_mut().append(SET_COOKIE, "__Host-cognigate=theirs; Secure; Path=/".parse().unwrap());
        page.headers_mut().append(SET_COOKIE, "theme=dark".parse().unwrap());
        page
    });
    let page = alice.navigate("/public/x").await;
    let cookies: Vec<_> = page.headers().get_all(SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["theme=dark"], "the app's own cookie, and none of ours");
    assert_eq!(before.stage.cognito.count(cognigate::emulator::Endpoint::Token), 1);
}

#[tokio::test]
async fn our_own_endpoints_are_never_public_nor_the_apps() {
    let before = Stage::with(|setup| setup.set("public", "/oauth2x/*")).await;
    for kind in [&NAVIGATION[..], &FETCH] {
        let answer = before.visitor().send(Method::GET, "/oauth2/no_such_endpoint", kind, "").await;
        assert_eq!(answer.status(), 404);
    }
    assert_eq!(before.app.count(), 0);
    assert_eq!(text(&before.visitor().fetch("/oauth2x/y").await), "the app");
}
