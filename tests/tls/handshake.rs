//! Which certificate, which protocol, which version; resumption; and those who do not come through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Version;
use rustls::{HandshakeKind, SignatureScheme, version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Door, HOST, shown};
use crate::support::tls::{Authority, Folder, connect, credulous};
use crate::support::wire::{self, PATIENCE, eventually};
use crate::support::{SESSION, Stage};

#[tokio::test]
async fn somebody_signs_in_by_http1_and_by_http2_with_a_host_cookie() {
    let door = Door::new().await;
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        // Who says nothing speaks HTTP/1.1.
        (&[], Version::HTTP_11),
    ] {
        let mut alice = door.stage.visitor();
        alice.client = Some(Arc::new(door.authority.client(protocols)));
        let page = alice.sign_in("alice", "/deep?x=1").await;
        assert_eq!((page.status().as_u16(), page.version()), (200, version), "{protocols:?}");
        assert!(alice.jar.names().contains(&SESSION), "{:?}", alice.jar.names());
        let arrived = door.stage.app.last();
        assert_eq!(arrived.target, "/deep?x=1");
        assert!(arrived.header("authorization").unwrap().starts_with("Bearer "));
        assert_eq!(arrived.header("x-forwarded-proto"), Some("https"));
    }
}

#[tokio::test]
async fn reqwest_is_served_by_http2_over_one_connection() {
    let door = Door::new().await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(door.authority.client(&["h2", "http/1.1"]))
        .resolve(HOST, door.address())
        .build()
        .unwrap();
    for _ in 0..3 {
        // The port of the URL is the resolver's here, so the host is the public URL's.
        let answer = client.get(format!("https://{HOST}/")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (401, Version::HTTP_2));
    }
    assert_eq!(door.metric("cognigate_tls_handshakes_total{result=\"full\"}").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn the_certificate_is_that_of_the_name_asked_for() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let pairs = [
        ("first", authority.issue(&["first.test", "app.test"])),
        ("wild", authority.issue(&["*.example.com"])),
        ("exact", authority.issue(&["one.example.com", "Other.Example.org"])),
        ("apex", authority.issue(&["example.com", "127.0.0.1"])),
    ];
    for (name, pair) in &pairs {
        folder.put(name, pair);
    }
    let names = pairs.each_ref().map(|(name, _)| *name);
    let client = authority.client(&[]);
    let stage = Stage::with(|setup| setup.over_tls(&folder, &names, client)).await;
    let all = || {
        let mut client = credulous(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
        client.resumption = rustls::client::Resumption::disabled();
        client
    };
    for (asked, expected) in [
        ("first.test", "first"),
        ("one.example.com", "exact"),
        ("two.example.com", "wild"),
        ("TWO.EXAMPLE.COM", "wild"),
        ("example.com", "apex"),
        ("other.example.org", "exact"),
        // A star is one label, and not none.
        ("a.two.example.com", "first"),
        ("stranger.test", "first"),
        // No name is sent for an address.
        ("127.0.0.1", "first"),
    ] {
        let certificate = shown(stage.gate.address(), asked, all()).await;
        let found = pairs.iter().find(|(_, pair)| pair.own == certificate).map(|(name, _)| *name);
        assert_eq!(found, Some(expected), "{asked}");
    }
}

#[tokio::test]
async fn of_two_certificates_for_a_name_each_client_gets_one_that_it_can_verify() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let ecdsa = authority.issue(&[HOST]);
    let ed25519 = authority.issue_as(&[HOST], |_| {}, &rcgen::PKCS_ED25519);
    folder.put("ecdsa", &ecdsa);
    folder.put("ed25519", &ed25519);
    let client = authority.client(&[]);
    let stage = Stage::with(|setup| setup.over_tls(&folder, &["ecdsa", "ed25519"], client)).await;
    let address = stage.gate.address();
    let ecdsa_only = credulous(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
    assert_eq!(shown(address, HOST, ecdsa_only).await, ecdsa.own);
    assert_eq!(shown(address, HOST, credulous(&[SignatureScheme::ED25519])).await, ed25519.own);
}

#[tokio::test]
async fn a_session_is_resumed_on_whichever_thread_it_comes_to() {
    let door = Door::with(|setup| setup.threads(2)).await;
    for version in [&version::TLS13, &version::TLS12] {
        let client = Arc::new(door.authority.client_of(&[version], &["http/1.1"]));
        for round in 0..8 {
            let mut stream = connect(door.address(), HOST, &client).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind().unwrap();
            let expected = if round == 0 { HandshakeKind::Full } else { HandshakeKind::Resumed };
            assert_eq!(kind, expected, "{version:?}, round {round}");
            // The tickets of TLS 1.3 come behind the handshake.
            stream.write_all(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
            assert_eq!(wire::status(&answer), 401);
        }
    }
    assert_eq!(
        door.metric("cognigate_tls_handshakes_total{result=\"resumed\"}").await.as_deref(),
        Some("14")
    );
}

/// A record that alerts: its level and its description (RFC 8446 §6).
async fn alert(door: &Door, hello: &[u8]) -> [u8; 2] {
    let answer = wire::exchange(door.address(), hello.to_vec()).await;
    let [21, 3, _, 0, 2, level, description, ..] = answer[..] else { panic!("no alert: {answer:?}") };
    [level, description]
}

/// The hello of a client whose newest version is this one, and that would do with ours in all else.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    // ECDHE-ECDSA with AES-128-GCM; P-256, plain points, and ECDSA with SHA-256.
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3];
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test]
async fn tls_1_1_is_refused_and_1_2_is_not() {
    let door = Door::new().await;
    // Fatal: protocol_version.
    assert_eq!(alert(&door, &hello([3, 2])).await, [2, 70]);
    assert_eq!(door.metric("cognigate_tls_handshakes_total{result=\"failed\"}").await.as_deref(), Some("1"));
    let mut stream = TcpStream::connect(door.address()).await.unwrap();
    stream.write_all(&hello([3, 3])).await.unwrap();
    let mut answer = [0; 6];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    // A handshake record with the server's hello.
    assert_eq!((answer[0], answer[5]), (22, 2));
}

#[tokio::test]
async fn a_client_that_speaks_neither_protocol_is_refused() {
    let door = Door::new().await;
    let client = Arc::new(door.authority.client(&["spdy/3"]));
    let error = connect(door.address(), HOST, &client).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn plain_http_at_the_tls_port_is_an_alert_and_nothing_more() {
    let door = Door::new().await;
    let plain = b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n";
    assert_eq!(alert(&door, plain).await[0], 2);
    assert_eq!(door.stage.visitor().fetch("/").await.status(), 401);
    assert_eq!(door.stage.app.count(), 0);
}

#[tokio::test]
async fn case_68_a_handshake_that_takes_too_long_is_cut_and_holds_up_nobody() {
    let door = Door::with(|setup| setup.set("limits.tls_handshake_timeout", "1s")).await;
    let began = Instant::now();
    let silent = TcpStream::connect(door.address()).await.unwrap();
    let mut slow = TcpStream::connect(door.address()).await.unwrap();
    // The beginning of a hello.
    slow.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    // One thread serves, and it is not theirs.
    assert_eq!(door.stage.visitor().fetch("/").await.status(), 401);
    assert!(began.elapsed() < Duration::from_secs(1), "somebody waited for them");
    for mut stream in [silent, slow] {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is still open");
        assert!(began.elapsed() >= Duration::from_millis(900), "cut after {:?}", began.elapsed());
    }
    let timeouts = "cognigate_tls_handshakes_total{result=\"timeout\"}";
    eventually("both are counted", || async { door.metric(timeouts).await.as_deref() == Some("2") }).await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_half_a_handshake() {
    let door = Door::with(|setup| setup.set("limits.tls_handshake_timeout", "10m")).await;
    let mut half = TcpStream::connect(door.address()).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    // It is in the gate's hands once somebody behind it has been served.
    assert_eq!(door.stage.visitor().fetch("/").await.status(), 401);
    let gate = door.stage.gate;
    let stopped = tokio::task::spawn_blocking(move || gate.stop());
    timeout(Duration::from_secs(10), stopped).await.expect("it waits").unwrap();
    let _ = timeout(PATIENCE, half.read_to_end(&mut Vec::new())).await.expect("it is still open");
}
