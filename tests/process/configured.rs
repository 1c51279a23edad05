//! Where a running gate has its settings from, and what else of its surroundings it listens to.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{ALONE, run, run_alone, stage, stage_with};
use crate::demo::free_port;
use crate::program::Program;
use crate::support::visitor::{NAVIGATION, Visitor, location, parameter};
use crate::support::{PUBLIC_URL, TEST_KEY, wire};
use cognigate::emulator::Endpoint;

#[tokio::test]
async fn a_running_gate_has_the_file_the_variables_and_the_flags_each_over_the_one_before() {
    let file = format!(
        "{}\n[cookie]\nname = 'from-file'\n",
        ALONE.replace(
            "client_id",
            "lang = 'de'\nidentity_provider = 'FromFile'\nscopes = ['openid', 'from-file']\nclient_id"
        )
    );
    let gate = super::GateProcess::of({
        let mut program = Program::new(&["run", "--set=cognito.lang=pt"]).file("named.toml", &file);
        program = program
            .variable("COGNIGATE_CONFIG", "named.toml")
            .variable("COGNIGATE_COGNITO__LANG", "fr")
            .variable("COGNIGATE_COGNITO__SCOPES", "openid,from-variable");
        program.command.args(["--set", "cookie.secure=false", "--public-url", "http://localhost:1"]);
        program.start()
    });
    let mut visitor = Visitor::new("http://localhost:1", gate.address, gate.address);
    let to_login = visitor.navigate("/").await;
    let authorize = location(&to_login);
    assert!(authorize.starts_with("http://127.0.0.1:9/oauth2/authorize?"), "{authorize}");
    for (name, value) in [
        ("identity_provider", "FromFile"),
        ("scope", "openid from-variable"),
        ("lang", "pt"),
        ("redirect_uri", "http://localhost:1/oauth2/callback"),
    ] {
        assert_eq!(parameter(&authorize, name).as_deref(), Some(value), "{name}");
    }
    assert!(visitor.jar.names()[0].starts_with("from-file-login-"), "{:?}", visitor.jar.names());
}

#[tokio::test]
async fn secrets_come_from_files_that_a_variable_or_the_file_names() {
    let stage = stage().await;
    let gate = run(&stage, &["cognito.client_secret", "session.keys"], |program| {
        program
            .file("client-secret", "demo-secret\n")
            .file("keys", &format!("{TEST_KEY}\n"))
            .file("cognigate.toml", "[session]\nkeys_file = 'keys'\n")
            .variable("COGNIGATE_COGNITO__CLIENT_SECRET_FILE", "client-secret")
    })
    .await;
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200, "the client secret is wrong");
    let basic = stage.cognito.last(Endpoint::TokenCode).unwrap().headers["authorization"].clone();
    // demo-client:demo-secret
    assert_eq!(basic, "Basic ZGVtby1jbGllbnQ6ZGVtby1zZWNyZXQ=");
    // The stage's own gate has the same key, so the session that the process sealed opens there.
    visitor.go_to(stage.gate.address());
    assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 200, "the key is another");
}

#[test]
fn run_ends_with_64_where_check_would() {
    let wrong = format!("{ALONE}[cookie]\nsecure = 'SENTINEL'\n");
    for (arguments, file, says) in [
        (&["run"][..], wrong.as_str(), "cookie.secure (cognigate.toml:"),
        (&["run", "--teapot"], ALONE, "unexpected argument '--teapot'"),
        (&["run", "--log-level", "SENTINEL=="], ALONE, "log.level"),
        (&["run", "--set", "cognito.domain=http://cognito.test"], ALONE, "cognito.domain"),
        (&["run", "--config", "gone.toml"], ALONE, "gone.toml (--config)"),
        (&["run", "--public-url", "http://app.test"], ALONE, "cookie.secure"),
    ] {
        let (code, out, err) = Program::new(arguments).file("cognigate.toml", file).run();
        assert_eq!((code, out.as_str()), (64, ""), "{arguments:?}: {err}");
        assert!(err.contains(says) && !err.contains("SENTINEL"), "{arguments:?}: {err}");
    }
}

/// A proxy that remembers the first line of every request, and answers 502.
async fn proxy() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, sees) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            let _ = seen.send(line);
            let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    (url, sees)
}

#[tokio::test]
async fn loopback_endpoints_never_go_through_a_proxy() {
    let (proxy, mut seen) = proxy().await;
    let stage = stage().await;
    let gate = run(&stage, &[], |program| {
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .into_iter()
            .fold(program, |program, name| program.variable(name, &proxy))
    })
    .await;
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    stage.cognito.reached(Endpoint::Revoke, 1).await;
    assert!(seen.try_recv().is_err(), "the proxy was asked");
}

#[tokio::test]
async fn endpoints_elsewhere_go_through_the_proxy() {
    let (proxy, mut seen) = proxy().await;
    let gate = run_alone(|mut program| {
        program.command.args([
            "--set=cognito.allow_insecure_http=true",
            "--set=cognito.domain=http://cognito.test",
            "--set=cognito.jwks_url=http://cognito.test/keys",
        ]);
        program.variable("HTTP_PROXY", &proxy).variable("http_proxy", &proxy)
    });
    assert_eq!(seen.recv().await.as_deref(), Some("GET http://cognito.test/keys HTTP/1.1"));
    gate.process.prints(&["WARN", "cognito.allow_insecure_http"]);
}

#[tokio::test]
async fn the_gate_serves_while_cognito_is_out_of_reach_and_is_ready_once_it_has_the_keys() {
    let stage = stage().await;
    let gone = format!("http://127.0.0.1:{}/jwks", free_port());
    let gate = run_alone(|mut program| {
        program.command.arg(format!("--set=cognito.jwks_url={gone}"));
        program
    });
    assert_eq!(probe(gate.admin, "/livez").await, 200);
    assert_eq!(probe(gate.admin, "/readyz").await, 503);
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.navigate("/").await.status(), 303);
}

#[tokio::test]
async fn case_75_probes_are_on_the_admin_port_alone_and_nothing_else_is_there() {
    let stage = stage_with(|setup| setup).await;
    let gate = run(&stage, &[], |program| program).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(probe(gate.admin, path).await, 200, "{path}");
    }
    for path in ["/", "/metrics", "/debug/pprof", "/oauth2/start", "/oauth2/userinfo", "/livez/", "/livez/x"]
    {
        assert_eq!(probe(gate.admin, path).await, 404, "{path}");
    }
    let own = ["/livez", "/readyz", "/metrics", "/healthz", "/debug/pprof", "/config", "/admin"];
    for path in own {
        assert_eq!(probe(gate.address, path).await, 401, "{path} is served to anyone");
    }
    assert_eq!(stage.app.count(), 0);
    // To a user they are the app's, as every path is.
    let mut visitor = gate.visitor(&stage);
    assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);
    for path in own {
        visitor.send(http::Method::GET, path, &NAVIGATION, "").await;
        assert_eq!(stage.app.last().target, path);
    }
}

async fn probe(address: std::net::SocketAddr, path: &str) -> u16 {
    let host = PUBLIC_URL.trim_start_matches("https://");
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    wire::status(&wire::exchange(address, head.into_bytes()).await)
}
