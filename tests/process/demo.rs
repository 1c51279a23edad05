//! `cognigate demo`: what it says, that it is so, and how it ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::Duration;

use crate::demo::{Demo, free_port};
use crate::program::Program;
use crate::support::visitor::{json, text};
use crate::support::wire;

const PROMPTLY: Duration = Duration::from_secs(5);

impl Demo {
    async fn ask(&self, ip: IpAddr, path: &str) -> u16 {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", self.port);
        wire::status(&wire::exchange((ip, self.port).into(), head.into_bytes()).await)
    }
}

#[test]
fn demo_prints_the_url_the_users_their_passwords_and_what_to_try() {
    let demo = Demo::start();
    let gate = format!("http://localhost:{}", demo.port);
    demo.process.prints(&[&format!("Open  {gate}/  in a browser")]);
    demo.process.prints(&["alice / Passw0rd!", "alice@example.com", "groups admins"]);
    demo.process.prints(&["bob / Passw0rd!", "no email"]);
    for path in ["/deep/link?with=query", "/oauth2/userinfo", "/oauth2/sign_out", "/api/time"] {
        demo.process.prints(&[&format!("{gate}{path} ")]);
    }
    demo.process.prints(&[&format!("emulated at http://127.0.0.1:{}", demo.emulator_port), "Ctrl-C"]);
    // It is read by whoever redirects it, too.
    assert!(!demo.process.printed().contains('\x1b'), "colours, and nobody to see them");
}

#[tokio::test]
async fn demo_signs_its_users_in_and_shows_them_what_the_app_receives() {
    let demo = Demo::start();
    for (username, says) in [("alice", "alice@example.com"), ("bob", "Hello, bob")] {
        let mut visitor = demo.visitor();
        let page = visitor.sign_in(username, "/deep/link?with=query").await;
        let html = text(&page);
        assert_eq!(page.status(), 200, "{html}");
        assert!(html.contains(says) && html.contains("with=query"), "{html}");
        assert_eq!(
            json(&visitor.fetch("/api/time").await)["user"],
            json(&visitor.fetch("/oauth2/userinfo").await)["sub"]
        );
        assert_eq!(demo.visitor().fetch("/api/time").await.status(), 401);
    }
}

#[tokio::test]
async fn demo_answers_on_both_addresses_of_localhost() {
    let demo = Demo::start();
    assert_eq!(demo.ask(Ipv4Addr::LOCALHOST.into(), "/oauth2/signed_out").await, 200);
    // A machine without IPv6 has only the one.
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        assert_eq!(demo.ask(Ipv6Addr::LOCALHOST.into(), "/oauth2/signed_out").await, 200);
    }
}

#[tokio::test]
async fn demo_ends_with_0_and_promptly_after_either_signal_though_a_browser_keeps_its_connections() {
    for name in ["INT", "TERM"] {
        let demo = Demo::start();
        let mut visitor = demo.visitor();
        assert_eq!(visitor.sign_in("alice", "/").await.status(), 200);
        let mut kept = Vec::new();
        for port in [demo.port, demo.emulator_port] {
            kept.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        }
        demo.process.signal(name);
        let ended = demo.process.ends_within(PROMPTLY);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "SIG{name}: {}", ended.out);
    }
}

#[test]
fn demo_takes_nothing_from_its_surroundings() {
    // The settings of another gate on the same machine, which would not even load.
    let (port, emulator_port) = (free_port().to_string(), free_port().to_string());
    let program = Program::new(&["demo", "--port", &port, "--emulator-port", &emulator_port])
        .file("cognigate.toml", "teapot = true")
        .variable("COGNIGATE_TEAPOT", "short and stout")
        .variable("COGNIGATE_PUBLIC_URL", "https://app.example.com");
    program.start().prints(&[&format!("http://localhost:{port}/  in a browser")]);
}

#[test]
fn a_wrong_demo_command_line_ends_with_64() {
    let same = free_port().to_string();
    for (arguments, says) in [
        (&["demo", "--port", &same, "--emulator-port", &same][..], "--port and --emulator-port are both"),
        (&["demo", "--port", "0"], "--port"),
        (&["demo", "--port", "http"], "--port"),
        (&["demo", "--emulator-port", "65536"], "--emulator-port"),
        (&["demo", "--config", "a.toml"], "--config"),
    ] {
        let (code, out, err) = Program::new(arguments).run();
        assert_eq!((code, out.as_str()), (64, ""), "{arguments:?}: {err}");
        assert!(err.contains(says), "{arguments:?}: {err}");
    }
}
