//! `cognigate healthcheck`: 0 where the gate is ready, else 1 and one line that says why; 64 for a wrong configuration.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use super::{ALONE, run, run_alone, stage};
use crate::demo::free_port;
use crate::program::Program;

/// What it says of an admin address.
fn healthcheck(admin: &str) -> (i32, String, String) {
    let arguments = ["healthcheck", "--config=a.toml", "--admin", admin];
    Program::new(&arguments).file("a.toml", ALONE).run()
}

/// A port where each connection gets `answer`, and is then kept open for a while.
fn answering(answer: &'static str, kept: Duration) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(answer.as_bytes()).unwrap();
            thread::sleep(kept);
        }
    });
    address
}

#[tokio::test]
async fn a_ready_gate_is_healthy_and_nothing_is_said() {
    let stage = stage().await;
    let gate = run(&stage, &[], |program| program).await;
    assert_eq!(healthcheck(&gate.admin.to_string()), (0, String::new(), String::new()));
}

#[tokio::test]
async fn a_gate_on_all_addresses_is_asked_on_the_machines_own() {
    let stage = stage().await;
    for all in ["0.0.0.0", "[::]"] {
        // A machine without IPv6 cannot have the second.
        if all == "[::]" && TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            continue;
        }
        let admin = format!("{all}:{}", free_port());
        let flag = format!("--set=admin.address={admin}");
        let gate = run(&stage, &["admin.address"], |mut program| {
            program.command.arg(&flag);
            program
        })
        .await;
        assert_eq!(healthcheck(&admin), (0, String::new(), String::new()), "{admin}");
        drop(gate);
    }
}

#[test]
fn a_gate_that_is_not_ready_is_not_healthy_and_says_in_its_own_words_why() {
    let gate = run_alone(|program| program);
    let (code, out, err) = healthcheck(&gate.admin.to_string());
    let reason =
        format!("error: {} answers 503: Cognito's signing keys have not been loaded yet\n", gate.admin);
    assert_eq!((code, out.as_str(), err), (1, "", reason));
}

#[test]
fn a_gate_that_is_not_there_is_not_healthy() {
    let admin = format!("127.0.0.1:{}", free_port());
    let (code, out, err) = healthcheck(&admin);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.starts_with(&format!("error: {admin} cannot be asked: ")), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn whatever_else_listens_there_is_not_healthy_and_cannot_write_to_the_terminal() {
    let (code, _, err) = healthcheck(&answering("SSH-2.0-OpenSSH\r\n", Duration::ZERO).to_string());
    assert_eq!(code, 1);
    assert!(err.ends_with(" does not speak HTTP\n"), "{err}");
    let bell = "HTTP/1.1 404 Not Found\r\n\r\n\x1b[2J\x07gone";
    let (code, _, err) = healthcheck(&answering(bell, Duration::ZERO).to_string());
    assert_eq!(code, 1);
    assert!(err.ends_with(" answers 404: \u{fffd}[2J\u{fffd}gone\n"), "{err}");
}

#[test]
fn a_gate_that_hangs_is_not_healthy_after_three_seconds() {
    let started = Instant::now();
    let (code, _, err) = healthcheck(&answering("", Duration::from_secs(60)).to_string());
    assert_eq!(code, 1);
    assert!(err.ends_with(" does not answer within 3 seconds\n"), "{err}");
    assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn a_wrong_configuration_is_64_whatever_listens() {
    let (code, out, err) = healthcheck("everywhere");
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(err.contains("admin.address (command line): it must be an IP address and a port"), "{err}");
    let (code, _, err) = healthcheck("127.0.0.1:0");
    assert_eq!(code, 64);
    assert!(err.starts_with("error: admin.address has port 0"), "{err}");
}

/// What it says of a URL, in a folder whose configuration would not load.
fn healthcheck_url(url: &str) -> (i32, String, String) {
    Program::new(&["healthcheck", "--url", url]).file("cognigate.toml", "teapot = true").run()
}

#[test]
fn any_url_can_be_asked_and_needs_no_configuration() {
    for (status, healthy) in
        [("200 OK", true), ("204 No Content", true), ("301 Moved", false), ("500 Oh", false)]
    {
        let answer = format!("HTTP/1.1 {status}\r\n\r\nsee above\nand below").leak();
        let address = answering(answer, Duration::ZERO);
        let (code, out, err) = healthcheck_url(&format!("http://{address}/health?deep=1"));
        let says = format!("error: {address} answers {}: see above\n", &status[..3]);
        let expected = if healthy { (0, "") } else { (1, says.as_str()) };
        assert_eq!((code, err.as_str(), out.as_str()), (expected.0, expected.1, ""), "{status}");
    }
}

#[test]
fn a_urls_path_query_and_host_are_what_is_asked() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    });
    // A name of several addresses, of which perhaps one listens.
    let (code, _, err) = healthcheck_url(&format!("http://localhost:{port}/health?deep=1#not-this"));
    assert_eq!((code, err.as_str()), (0, ""));
    let head = format!("GET /health?deep=1 HTTP/1.1\r\nHost: localhost:{port}\r\n");
    let asked = asked.join().unwrap();
    assert!(asked.starts_with(&head), "{asked}");
}

#[test]
fn what_cannot_be_asked_by_plain_http_is_64() {
    for url in [
        "https://127.0.0.1/",
        "http://me@127.0.0.1/",
        "http://:secret@127.0.0.1/",
        "127.0.0.1:80",
        "",
        "http:",
    ] {
        let (code, out, err) = healthcheck_url(url);
        assert_eq!((code, out.as_str()), (64, ""), "{url}: {err}");
        assert!(err.contains("it must be an http URL without a user"), "{url}: {err}");
    }
    // The settings would have no say.
    let (code, _, err) =
        Program::new(&["healthcheck", "--url", "http://127.0.0.1/", "--config", "a.toml"]).run();
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("cannot be used with"), "{err}");
}
