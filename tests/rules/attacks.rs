//! No trick makes a rule look at another request than the app gets, before an app and behind nginx.

use http::Method;
use http::header::AUTHORIZATION;

use crate::support::visitor::{NAVIGATION, Visitor, text};
use crate::support::{Setup, Stage, wire};

const RULES: &str = "
    [[rules]]
    path = '/public/*'
    access = 'public'
    [[rules]]
    path = '/health'
    methods = ['GET']
    access = 'public'
    [[rules]]
    path = '/admin/*'
    groups = ['admins']
    [[rules]]
    path = '/orders'
    methods = ['DELETE']
    groups = ['admins']
    [[rules]]
    path = '/closed/*'
    access = 'deny'
    [[rules]]
    path = ['/rest/users', '/kiosk', '/console.php']
    groups = ['admins']
    [[rules]]
    path = '/api/*'
    access = 'api'
    groups = ['admins']
    allow_preflight = true
    [[rules]]
    host = 'b.test'
    access = 'deny'";

/// A gate with these rules, before an app or behind nginx, and bob, who is in no group.
pub(super) struct Door {
    stage: Stage,
    asked: bool,
    pub(super) bob: Visitor,
}

pub(super) async fn doors() -> [Door; 2] {
    let with = |asked: bool| async move {
        let setup = |setup: Setup| setup.set("listen.hosts", "b.test").tables(RULES);
        let stage = Stage::with(|it| if asked { setup(it).asked_by("nginx") } else { setup(it) }).await;
        let mut bob = stage.visitor();
        bob.sign_in("bob", "/oauth2/start?rd=/").await;
        Door { stage, asked, bob }
    };
    [with(false).await, with(true).await]
}

/// What a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    Passed,
    /// Somebody has to sign in.
    Kept,
    /// This one may not.
    Denied,
    /// 400 or 405, which nginx's question has no words for.
    Refused,
}

impl Door {
    /// Sends a request byte for byte, as a client or as nginx tells of it.
    async fn ask(&self, who: Option<&Visitor>, method: &str, target: &[u8], headers: &str) -> Vec<u8> {
        let host = if headers.to_ascii_lowercase().contains("host: ") { "" } else { "\r\nHost: app.test" };
        let mut head = wire::begin(self.asked, method, target);
        let cookie = who.and_then(|who| who.jar.line());
        let cookie = cookie.map(|line| format!("\r\nCookie: {}", line.to_str().unwrap())).unwrap_or_default();
        head.extend(format!("{host}{cookie}\r\nConnection: close\r\n{headers}\r\n").as_bytes());
        wire::exchange(self.stage.gate.address(), head).await
    }

    async fn met_with(&self, who: Option<&Visitor>, method: &str, target: &[u8], headers: &str) -> Met {
        let before = self.stage.app.count();
        let answer = self.ask(who, method, target, headers).await;
        let status = wire::status(&answer);
        let shown = String::from_utf8_lossy(target).into_owned();
        let reached = self.stage.app.count() > before;
        assert_eq!(reached, status == 200 && !self.asked, "{method} {shown}: {status}");
        match status {
            200 => Met::Passed,
            401 => Met::Kept,
            // A path that has no one reading is a 403 for nginx.
            403 if self.asked => Met::Denied,
            403 => Met::Denied,
            400 | 405 => Met::Refused,
            status => panic!("{status} for {method} {shown}"),
        }
    }

    pub(super) async fn met(&self, who: Option<&Visitor>, method: &str, target: &[u8]) -> Met {
        self.met_with(who, method, target, "").await
    }

    /// Bob gets a 403 for each of these targets, and without a session nothing passes.
    pub(super) async fn denies(&self, method: &str, targets: &[&str]) {
        for target in targets {
            let met = self.met(Some(&self.bob), method, target.as_bytes()).await;
            assert_eq!(met, Met::Denied, "{method} {target}, asked: {}", self.asked);
            let met = self.met(None, method, target.as_bytes()).await;
            assert_ne!(met, Met::Passed, "{method} {target}, asked: {}", self.asked);
        }
    }

    /// Bob passes with each of these targets.
    pub(super) async fn lets_bob(&self, method: &str, targets: &[&str]) {
        for target in targets {
            let met = self.met(Some(&self.bob), method, target.as_bytes()).await;
            assert_eq!(met, Met::Passed, "{method} {target}, asked: {}", self.asked);
        }
    }

    /// Neither bob nor nobody passes, whatever they are told.
    async fn holds(&self, method: &str, target: &[u8]) {
        for who in [None, Some(&self.bob)] {
            let met = self.met(who, method, target).await;
            assert_ne!(
                met,
                Met::Passed,
                "{method} {}, asked: {}",
                String::from_utf8_lossy(target),
                self.asked
            );
        }
    }
}

#[tokio::test]
async fn case_20_and_21_and_22_dot_segments_lead_nowhere_through_rules() {
    for door in doors().await {
        for target in [
            "/public/../admin/x",
            "/public/./../admin/x",
            "/public/..;/admin/x",
            "/public/..;x=1/admin/x",
            "/public;x/../admin/x",
            "/public/%2e%2e/admin/x",
            "/public/%2E./admin/x",
            "/public/%252e%252e/admin/x",
            "/public/..%2fadmin/x",
            "/public/..%5cadmin/x",
            "/health/../admin/x",
            "/x/../admin/x",
        ] {
            door.holds("GET", target.as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn case_23_no_other_spelling_goes_round_a_rule() {
    for door in doors().await {
        for target in [
            "//admin/x",
            "/admin//x",
            "/ADMIN/x",
            "/Admin/x",
            "/admin",
            "/admin/",
            "/admin;a=b/x",
            "/admin%2Fx",
            "/admin%252Fx",
            "/%61dmin/x",
            "/%2561dmin/x",
            "/admin/x?y=/public/",
            "/admin%23/public/",
            "/admin%3F/public/",
            "/admin/public/x",
            "//closed/x",
            "/CLOSED/x",
            "/closed",
        ] {
            door.holds("GET", target.as_bytes()).await;
            assert_eq!(door.met(Some(&door.bob), "GET", target.as_bytes()).await, Met::Denied, "{target}");
        }
        door.holds("GET", b"/admin#/public/").await;
        for target in
            ["/PUBLIC/x", "//public/x", "/public", "/public;/x", "/public%2Fx", "/x?/public/", "/HEALTH"]
        {
            assert_eq!(door.met(None, "GET", target.as_bytes()).await, Met::Kept, "{target}");
        }
        for target in ["/public/x", "/public/a//b", "/health?x=/admin/", "/public/admin/x"] {
            assert_eq!(door.met(None, "GET", target.as_bytes()).await, Met::Passed, "{target}");
        }
        assert_eq!(door.met(Some(&door.bob), "GET", b"/administrator").await, Met::Passed);
    }
}

#[tokio::test]
async fn case_24_bytes_without_a_reading_are_refused_whatever_the_rule() {
    for door in doors().await {
        for target in [&b"/public/%zz"[..], b"/public/%c0%ae", b"/public/%00", b"/public/\xff", b"/%zz"] {
            door.holds("GET", target).await;
        }
    }
}

#[tokio::test]
async fn case_25_no_form_of_a_target_goes_round_a_rule() {
    let [door, _] = doors().await;
    for who in [None, Some(&door.bob)] {
        for (method, target) in [
            ("GET", &b"http://app.test/admin/x"[..]),
            ("GET", b"HTTPS://app.test/ADMIN/x"),
            ("GET", b"http://app.test/public/../admin/x"),
            ("CONNECT", b"app.test:443"),
            ("CONNECT", b"/public/x"),
            ("OPTIONS", b"*"),
            ("GET", b"*"),
            ("GET", b"admin/x"),
        ] {
            let met = door.met(who, method, target).await;
            let is_whole_server = who.is_some() && target == b"*" && method == "OPTIONS";
            assert_eq!(met == Met::Passed, is_whole_server, "{method} {target:?}");
        }
    }
    // Where everything is public, the whole server still is nobody's.
    let open = Stage::with(|setup| setup.tables("[[rules]]\naccess = 'public'")).await;
    assert_eq!(text(&open.visitor().fetch("/x").await), "the app");
    let answer = open.visitor().send(Method::OPTIONS, "*", &[], "").await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn case_26_no_method_goes_round_a_rule() {
    for door in doors().await {
        for method in ["get", "FOO", "HEAD", "OPTIONS", "PROPFIND"] {
            door.holds(method, b"/admin/x").await;
            assert_eq!(
                door.met(None, method, b"/health").await,
                Met::Kept,
                "{method}: public is GET's alone"
            );
        }
        for method in ["DELETE", "delete", "Delete"] {
            assert_eq!(door.met(Some(&door.bob), method, b"/orders").await, Met::Denied, "{method}");
            assert_eq!(door.met(Some(&door.bob), method, b"/ORDERS/").await, Met::Denied, "{method}");
        }
        assert_eq!(door.met(Some(&door.bob), "POST", b"/orders").await, Met::Passed);
        let trace = door.ask(None, "TRACE", b"/public/x", "X-Secret: 7\r\n").await;
        assert!(!String::from_utf8_lossy(&trace).contains("X-Secret"));
        assert_eq!(door.stage.app.received().iter().filter(|it| it.method == Method::TRACE).count(), 0);
    }
}

#[tokio::test]
async fn case_27_and_28_a_rule_knows_its_host_in_every_spelling() {
    let [before, behind] = doors().await;
    for host in ["b.test", "B.TEST", "b.test.", "b.test:443", "B.Test.:8443"] {
        // What the host's own rule denies is denied on paths that others may open.
        let met = before.met_with(None, "GET", b"/unlisted", &format!("Host: {host}\r\n")).await;
        assert_eq!(met, Met::Denied, "{host}");
    }
    for host in ["app.test", "APP.test.", "app.test:443"] {
        assert_eq!(before.met_with(None, "GET", b"/admin/x", &format!("Host: {host}\r\n")).await, Met::Kept);
    }
    for host in ["app.test/public?", "app.test/public/", "b.test/public/x"] {
        let met = before.met_with(None, "GET", b"/admin/x", &format!("Host: {host}\r\n")).await;
        assert_eq!(met, Met::Refused, "{host}");
    }
    let mut nobody = behind.stage.visitor();
    for (url, status) in [
        ("https://B.test./unlisted", 403),
        ("https://b.test:443/unlisted", 403),
        ("https://APP.test:443/admin/x", 401),
        ("https://app.test/public?/../admin/x", 401),
    ] {
        let headers = [("x-original-url", url), ("x-original-method", "GET")];
        let no = nobody.send(Method::GET, "/oauth2/auth", &headers, "").await;
        assert_eq!(no.status(), status, "{url}");
    }
}

#[tokio::test]
async fn case_29_a_header_does_not_change_the_method_that_a_rule_sees() {
    for door in doors().await {
        for header in [
            "X-HTTP-Method-Override: GET",
            "X-Method-Override: POST",
            "X-HTTP-Method: GET",
            "X-Original-URL: https://app.test/public/x",
            "X-Rewrite-URL: /public/x",
            "X-Forwarded-Uri: /public/x",
            "X-Forwarded-Method: POST",
        ] {
            // Two of the one that nginx sends are none.
            for (method, target) in [("DELETE", &b"/orders"[..]), ("GET", b"/admin/x"), ("POST", b"/health")]
            {
                let met = door.met_with(None, method, target, &format!("{header}\r\n")).await;
                assert_ne!(met, Met::Passed, "{header} {method}");
            }
            let met = door.met_with(Some(&door.bob), "DELETE", b"/orders", &format!("{header}\r\n")).await;
            assert_eq!(met, Met::Denied, "{header}");
        }
    }
}

#[tokio::test]
async fn case_30_the_path_that_a_rule_saw_is_the_path_that_the_app_gets() {
    let [door, _] = doors().await;
    for target in
        ["/public/a%2Fb", "/public/%61", "/public//x;y?z=%zz&../", "/public/%25", "/public/caf%C3%A9"]
    {
        assert_eq!(door.met(None, "GET", target.as_bytes()).await, Met::Passed, "{target}");
        assert_eq!(door.stage.app.last().target, target);
    }
}

/// Whatever an app might take for a statement about its user.
const FORGED: [(&str, &str); 8] = [
    ("authorization", "Bearer forged"),
    ("x-forwarded-user", "forged"),
    ("X_Forwarded_Groups", "admins"),
    ("x.forwarded.email", "forged@app.test"),
    ("x-auth-request-user", "forged"),
    ("X_AUTH_REQUEST_GROUPS", "admins"),
    ("x-amzn-oidc-data", "forged"),
    ("connection", "authorization, x-forwarded-user"),
];

#[tokio::test]
async fn case_12_and_13_what_a_client_says_of_itself_meets_no_rule() {
    for door in doors().await {
        let headers: String = FORGED.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        for target in [&b"/admin/x"[..], b"/api/x"] {
            assert_eq!(door.met_with(None, "GET", target, &headers).await, Met::Kept);
            assert_eq!(door.met_with(Some(&door.bob), "GET", target, &headers).await, Met::Denied);
        }
    }
}

#[tokio::test]
async fn case_14_and_15_forged_headers_are_scrubbed_on_what_passes_without_a_session() {
    let [before, behind] = doors().await;
    let preflight = [("origin", "https://spa.test"), ("access-control-request-method", "PUT")];
    let forged = [&FORGED[..], &[("x-original-url", "/admin/x"), ("x-forwarded-uri", "/admin/x")]].concat();
    let mut bob = before.bob.clone();
    for visitor in [&mut before.stage.visitor(), &mut bob] {
        for (method, target, more) in [
            (Method::GET, "/public/x", &[][..]),
            (Method::GET, "/health", &[]),
            (Method::OPTIONS, "/api/x", &preflight),
        ] {
            let page = visitor.send(method, target, &[&forged[..], more].concat(), "").await;
            assert_eq!(text(&page), "the app", "{target}");
            let arrived = before.stage.app.last();
            for (name, value) in FORGED {
                let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
                let same = |known: &str| known.replace(['_', '.'], "-") == name;
                let found = arrived.headers.iter().find(|(known, _)| same(known.as_str()));
                assert!(found.is_none_or(|(_, found)| found != value), "{name}: {:?}", arrived.headers);
            }
            assert!(!arrived.headers.contains_key(AUTHORIZATION));
            assert_eq!(arrived.header("cookie"), None, "our own cookies end here");
        }
    }
    let told = [("x-original-url", "https://app.test/api/x"), ("x-original-method", "OPTIONS")];
    let mut bob = behind.bob.clone();
    for visitor in [&mut behind.stage.visitor(), &mut bob] {
        let headers = [&FORGED[..], &told, &preflight].concat();
        let yes = visitor.send(Method::GET, "/oauth2/auth", &headers, "").await;
        assert_eq!(yes.status(), 200);
        assert!(!yes.headers().contains_key(AUTHORIZATION));
        let mut told = yes.headers().iter().filter(|(name, _)| name.as_str().starts_with("x-auth-"));
        assert!(told.all(|(name, value)| name == "x-auth-request-decision" && value == "public"), "{yes:?}");
    }
}

#[tokio::test]
async fn case_18_a_claim_that_is_no_header_is_judged_as_it_is_and_never_raw() {
    let stage = Stage::with(|setup| {
        setup
            .pool(|pool| {
                pool.users[1].groups =
                    vec!["admins,ops".to_owned(), " admins".to_owned(), "\u{e4}dmins".to_owned()];
            })
            .tables("[[rules]]\npath = '/admin/*'\ngroups = ['admins', 'ops']")
            .tables("[[rules]]\npath = '/odd/*'\ngroups = ['\u{e4}dmins']")
    })
    .await;
    let mut bob = stage.visitor();
    bob.sign_in("bob", "/").await;
    assert_eq!(bob.send(Method::GET, "/admin/x", &NAVIGATION, "").await.status(), 403);
    assert_eq!(bob.fetch("/odd/x").await.status(), 200);
    let groups = "admins%2Cops,%20admins,%C3%A4dmins";
    assert_eq!(stage.app.last().header("x-forwarded-groups"), Some(groups));
}

#[tokio::test]
async fn case_90_an_address_that_has_two_readings_meets_no_rule() {
    let stage = Stage::with(|setup| {
        setup
            .pool(|pool| {
                pool.users[0].email = Some("a@evil.test@company.test".to_owned());
                pool.users[1].email = Some("bob@Company.TEST".to_owned());
            })
            .tables("[[rules]]\nemail_domains = ['company.test']")
    })
    .await;
    let mut alice = stage.visitor();
    assert_eq!(alice.sign_in("alice", "/").await.status(), 403);
    let mut bob = stage.visitor();
    assert_eq!(text(&bob.sign_in("bob", "/").await), "the app");
    // Without the pool's word for it, no address counts.
    let unverified = Stage::with(|setup| {
        setup
            .pool(|pool| pool.users[0].email_verified = false)
            .tables("[[rules]]\nemails = ['alice@example.com']\n[[rules]]\npath = '/x'\nusers = ['alice']")
    })
    .await;
    let mut alice = unverified.visitor();
    assert_eq!(text(&alice.sign_in("alice", "/x").await), "the app");
    assert_eq!(alice.fetch("/").await.status(), 403);
}
