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
