//! `cognigate sample-app`: where it says that it is, that it is there, and how it ends.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::program::Program;
use crate::support::wire;

#[tokio::test]
async fn it_says_where_it_is_is_there_and_ends_with_0_by_either_signal() {
    for signal in ["INT", "TERM"] {
        let process = Program::new(&["sample-app", "--listen", "127.0.0.1:0"]).start();
        let line = process.prints(&["A sample app at http://127.0.0.1:"]);
        let (_, rest) = line.split_once("http://").unwrap();
        let address: SocketAddr = rest.split(',').next().unwrap().parse().unwrap();
        assert_eq!(wire::probe(address, "/").await, 200);
        process.signal(signal);
        let ended = process.ends();
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "SIG{signal}");
    }
}

#[tokio::test]
async fn it_listens_on_all_addresses_where_it_is_told_to() {
    let process = Program::new(&["sample-app", "--listen", "0.0.0.0:0"]).start();
    let line = process.prints(&["http://0.0.0.0:"]);
    let port: u16 = line.split("0.0.0.0:").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    // Another address of the machine than the one that everybody tries.
    assert_eq!(wire::probe((Ipv4Addr::new(127, 9, 9, 9), port).into(), "/").await, 200);
}

#[test]
fn a_busy_port_is_69_and_a_wrong_address_64() {
    let busy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let (code, out, err) = Program::new(&["sample-app", "--listen", &address]).run();
    assert_eq!((code, out.as_str()), (69, ""), "{err}");
    assert!(err.starts_with(&format!("error: --listen {address}: ")), "{err}");
    let (code, _, err) = Program::new(&["sample-app", "--listen", "everywhere"]).run();
    assert_eq!(code, 64);
    assert!(err.contains("--listen"), "{err}");
}
