//! Binding, serving, ending.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cognigate::clock::Clock;
use cognigate::emulator::{Emulator, Endpoint, Settings};

use super::support::{Fixture, loopback, soon};

#[tokio::test]
async fn it_ends_at_once_though_an_idle_connection_is_open() {
    let fixture = Fixture::start().await;
    // The client keeps the connection for the next request.
    fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await;
    let idle = tokio::net::TcpStream::connect(fixture.base.trim_start_matches("http://")).await.unwrap();
    let start = Instant::now();
    fixture.stop.send(()).unwrap();
    soon(fixture.served).await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    drop(idle);
}

#[tokio::test]
async fn it_ends_soon_though_a_request_is_held() {
    let fixture = Fixture::start().await;
    let _gate = fixture.switches.hold(Endpoint::Jwks);
    let url = format!("{}/us-east-1_Emulated1/.well-known/jwks.json", fixture.base);
    let held = tokio::spawn(fixture.client().get(url).send());
    soon(fixture.switches.reached(Endpoint::Jwks, 1)).await;
    fixture.stop.send(()).unwrap();
    soon(fixture.served).await.unwrap().unwrap();
    held.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let fixture = Fixture::start().await;
    let address = fixture.base.trim_start_matches("http://").to_owned();
    let text = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let path = "/us-east-1_Emulated1/.well-known/jwks.json";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(text.await.unwrap().matches("HTTP/1.1 200 OK").count(), 2);
}

#[test]
fn a_port_that_is_taken_is_an_error_without_a_runtime() {
    let first = Emulator::bind(Settings::default(), loopback(), Clock::system()).unwrap();
    let taken = Emulator::bind(Settings::default(), first.address(), Clock::system());
    assert_eq!(taken.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn it_says_where_it_is() {
    let emulator = Emulator::bind(Settings::default(), loopback(), Clock::system()).unwrap();
    assert_ne!(emulator.address().port(), 0);
    assert_eq!(emulator.base_url(), format!("http://{}", emulator.address()));
    let jwks = format!("{}/us-east-1_Emulated1/.well-known/jwks.json", emulator.base_url());
    assert_eq!(emulator.jwks_url(), jwks);
    assert_eq!(emulator.issuer(), Settings::default().issuer_url());
}
