//! Ports that somebody has: 69, with the key or the flag that names the port.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use super::{ALONE, run_alone};
use crate::demo::free_port;
use crate::program::Program;

fn taken() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn run_ends_with_69_where_somebody_listens_and_names_the_key() {
    let (_taken, address) = taken();
    for (flag, key) in [("--listen", "listen.address"), ("--admin", "admin.address")] {
        let program = Program::new(&["run", "--config=a.toml", flag, &address.to_string()]);
        let (code, _, err) = program.file("a.toml", ALONE).run();
        assert_eq!(code, 69, "{err}");
        assert!(err.starts_with(&format!("error: {key} = \"{address}\" cannot be listened on: ")), "{err}");
    }
}

#[test]
fn run_ends_with_69_where_another_cognigate_listens_though_that_one_shares_its_port() {
    let other = run_alone(|program| program);
    for (flag, address) in [("--listen", other.address), ("--admin", other.admin)] {
        let program = Program::new(&["run", "--config=a.toml", flag, &address.to_string()]);
        let (code, _, err) = program.file("a.toml", ALONE).run();
        assert_eq!(code, 69, "{err}");
        assert!(err.contains(&address.to_string()), "{err}");
    }
}

#[test]
fn demo_ends_with_69_where_somebody_listens_and_names_the_flag_that_helps() {
    let (_taken, address) = taken();
    let (port, free) = (address.port().to_string(), free_port().to_string());
    for (arguments, flag) in [
        (["demo", "--port", &port, "--emulator-port", &free], "--port"),
        (["demo", "--port", &free, "--emulator-port", &port], "--emulator-port"),
    ] {
        let (code, out, err) = Program::new(&arguments).run();
        assert_eq!((code, out.as_str()), (69, ""), "{arguments:?}: {err}");
        assert!(err.starts_with(&format!("error: port {port} cannot be listened on (")), "{err}");
        assert!(err.ends_with(&format!("; choose another with {flag}\n")), "{err}");
    }
}

#[test]
fn demo_ends_with_69_where_somebody_has_localhosts_other_address() {
    // A machine without IPv6 has only the one, and then there is nothing to pin.
    let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    let port = other.local_addr().unwrap().port().to_string();
    let (code, _, err) =
        Program::new(&["demo", "--port", &port, "--emulator-port", &free_port().to_string()]).run();
    assert_eq!(code, 69, "{err}");
    assert!(err.contains("choose another with --port"), "{err}");
}
