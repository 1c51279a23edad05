//! What a running gate writes: the access log, its warnings, and no secret.

use std::time::Duration;

use cognigate::emulator::{Endpoint, Settings, TokenEdit};
use http::Method;
use serde_json::Value;

use super::{ALONE, run, run_alone, stage, stage_with};
use crate::program::Program;
use crate::support::TEST_KEY;
use crate::support::visitor::{NAVIGATION, text};
use crate::support::wire::exchange;

#[tokio::test]
async fn the_access_log_has_one_json_line_a_request_under_the_id_that_the_app_and_the_page_have() {
    let stage = stage().await;
    let gate = run(&stage, &[], |program| program).await;
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.sign_in("alice", "/deep?with=SENTINEL").await.status(), 200);

    let of_the_app = stage.app.last().header("x-request-id").unwrap().to_owned();
    let line = gate.access_line(&of_the_app);
    for (key, value) in [
        ("path", "/deep"),
        ("method", "GET"),
        ("host", "app.test"),
        ("client_ip", "127.0.0.1"),
        ("decision", "forward"),
    ] {
        assert_eq!(line[key], value, "{line}");
    }
    assert_eq!(line["status"], 200);
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
    assert_eq!(line["sub"], stage.app.last().header("x-forwarded-user").unwrap());

    let page = text(&visitor.navigate("/oauth2/nowhere?with=SENTINEL").await);
    let of_the_page = page.split("Request <code>").nth(1).unwrap().split('<').next().unwrap();
    let line = gate.access_line(of_the_page);
    assert_eq!((&line["path"], &line["status"]), (&"/oauth2/nowhere".into(), &404.into()));

    let mut named = NAVIGATION.to_vec();
    named.push(("x-request-id", "from-the-balancer-7"));
    visitor.send(Method::GET, "/named", &named, "").await;
    assert_eq!(stage.app.last().header("x-request-id"), Some("from-the-balancer-7"));
    assert_eq!(gate.access_line("from-the-balancer-7")["path"], "/named");

    gate.process.signal("TERM");
    let log = gate.process.ends().out;
    let access: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let access: Vec<_> = access.iter().filter(|line| line["target"] == "cognigate::access").collect();
    // To the login page, the callback, the page, and the two of this test.
    assert_eq!(access.len(), 5, "{log}");
    assert!(!log.contains("SENTINEL"), "a query is in the log: {log}");
}

#[tokio::test]
async fn the_client_in_the_log_is_the_one_that_a_trusted_proxy_names() {
    let named = [NAVIGATION.as_slice(), &[("x-forwarded-for", "1.1.1.1, 203.0.113.5")]].concat();
    for (trusted, expected) in [("127.0.0.1", "203.0.113.5"), ("10.0.0.0/8", "127.0.0.1")] {
        let gate = run_alone(|program| program.variable("COGNIGATE_LISTEN__TRUSTED_PROXIES", trusted));
        let request: String = named.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET /asked HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n{request}\r\n");
        exchange(gate.address, request.into_bytes()).await;
        let line = gate.process.prints(&["cognigate::access", "/asked"]);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["client_ip"], expected);
    }
}

#[tokio::test]
async fn case_82_at_the_most_talkative_level_a_sign_in_a_refresh_and_a_sign_out_log_no_credential() {
    // Each token is within the margin at once, so that every request refreshes.
    let short = |settings: &mut Settings| settings.clients[0].access_token_validity = Duration::from_secs(30);
    let stage = stage_with(|setup| setup.pool(short)).await;
    let gate = run(&stage, &[], |mut program| {
        program.command.arg("--log-level=trace");
        program
    })
    .await;
    let mut visitor = gate.visitor(&stage);
    let callback = visitor.reach_callback("alice", "/deep").await;
    let login_cookies: Vec<String> =
        visitor.jar.logins().iter().map(|name| visitor.jar.get(name).unwrap().to_owned()).collect();
    visitor.navigate(&callback).await;
    let session = visitor.jar.get("__Host-cognigate").unwrap().to_owned();
    // The refresh runs beside the request: its answer brings what came of it, or a later one.
    for _ in 0..100 {
        visitor.navigate("/deep").await;
        if stage.has_tickets() || visitor.jar.get("__Host-cognigate") != Some(&session) {
            break;
        }
    }
    let bearer = stage.app.last().header("authorization").unwrap().trim_start_matches("Bearer ").to_owned();
    let renewed = visitor.jar.get("__Host-cognigate").unwrap().to_owned();
    assert!(renewed != session || stage.has_tickets(), "nothing was refreshed");
    let out = visitor.navigate("/oauth2/sign_out").await;
    assert_eq!(out.status(), 303);
    stage.cognito.reached(Endpoint::Revoke, 1).await;
    let last = |endpoint| {
        let body = stage.cognito.last(endpoint).unwrap().body;
        String::from_utf8(body.to_vec()).unwrap()
    };
    let grant = last(Endpoint::TokenCode);
    let field = |text: &str, name: &str| {
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap()
    };
    gate.process.signal("TERM");
    let ended = gate.process.ends();
    let log = ended.out + ended.err.as_str();
    assert!(log.contains("/oauth2/callback"), "{log}");
    let mut credentials = vec![
        ("code", field(&grant, "code")),
        ("verifier", field(&grant, "code_verifier")),
        ("refresh token", field(&last(Endpoint::Revoke), "token")),
        ("access token", bearer),
        // The first letters of every JWT and JWE: `{"` in base64url.
        ("any token", "eyJ".to_owned()),
        ("session cookie", session),
        ("renewed session cookie", renewed),
        ("state", field(callback.split('?').nth(1).unwrap(), "state")),
        ("client secret", "demo-secret".to_owned()),
        ("client authentication", "ZGVtby1jbGllbnQ6ZGVtby1zZWNyZXQ".to_owned()),
        ("session key", TEST_KEY.to_owned()),
    ];
    credentials.extend(login_cookies.into_iter().map(|cookie| ("login cookie", cookie)));
    for (name, value) in credentials {
        // A beginning is enough to be a leak.
        let begin = &value[..value.len().min(60)];
        assert!(!log.contains(begin), "the {name} is in the log");
    }
}

#[test]
fn without_keys_the_log_says_loudly_that_sessions_end_with_the_process_and_are_not_shared() {
    let gate = run_alone(|program| program);
    let line = gate.process.prints(&["session.keys is not set"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "WARN");
    let message = line["message"].as_str().unwrap();
    for part in ["end with", "replica", "cognigate keys new"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn with_keys_and_https_endpoints_there_is_no_warning_at_start() {
    let gate = run_alone(|program| program.variable("COGNIGATE_SESSION__KEYS", TEST_KEY));
    let log = gate.process.printed();
    // What comes after that is of endpoints that nobody reaches here.
    let start: Vec<&str> = log.lines().take_while(|line| !line.contains("\"serving\"")).collect();
    assert!(start.len() < log.lines().count(), "{log}");
    assert!(start.iter().all(|line| !line.contains("WARN")), "{log}");
}

#[test]
fn text_lines_have_no_colours_where_nobody_sees_them() {
    let mut program = Program::new(&["run", "--config=alone.toml", "--log-format=text"]);
    program = program.file("alone.toml", ALONE);
    let running = program.start();
    let line = running.prints(&["serving"]);
    assert!(line.contains("INFO") && !line.contains('\x1b'), "{line:?}");
}

#[tokio::test]
async fn a_session_that_is_too_large_is_logged_with_what_makes_it_so_and_no_value_of_it() {
    let stage = stage().await;
    let groups: Vec<String> = (0..900).map(|at| format!("SENTINEL-of-a-long-group-name-{at:04}")).collect();
    stage.cognito.edit_token(TokenEdit::access().set("cognito:groups", groups));
    let gate = run(&stage, &[], |program| program).await;
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 500);
    let line = gate.process.prints(&["a session is too large for cookies"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "ERROR");
    let sizes = line["sizes"].as_str().unwrap();
    // Each name with quotes and a comma, and brackets around all.
    assert!(sizes.contains("with \"cognito:groups\" 33301 B, \""), "{sizes}");
    assert!(sizes.contains("; refresh token ") && sizes.contains("; groups "), "{sizes}");
    assert!(!line.to_string().contains("SENTINEL"), "{line}");
}
