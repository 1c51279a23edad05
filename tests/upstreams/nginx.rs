//! Debian's nginx in the place of the app: another parser of everything that the gate sends.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Scene;
use super::tls::Authority;
use crate::forwarding::head;
use crate::nginx::server::{Nginx, Which, own_loopback};
use crate::support::visitor::{Visitor, text};
use crate::support::wire::{eventually, exchange, status};

/// An nginx that listens in every way, and a gate with an app for each.
struct Parser {
    scene: Scene,
    log: PathBuf,
    _nginx: Nginx,
    _authority: Authority,
}

impl Parser {
    async fn new() -> Self {
        let (folder, authority, ip) = (tempfile::tempdir().unwrap(), Authority::new(), own_loopback());
        let [http, h2c, https] = [8080, 8081, 8443].map(|port| SocketAddr::from((ip, port)));
        let (socket, log) = (folder.path().join("app.sock"), folder.path().join("requests"));
        let (certificate, key) = authority.pair("app.internal");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", folder.path().join(kind).display()))
            .concat();
        let conf = format!(
            "events {{}}
            http {{
              {temporary}
              log_format plain '$request_method $request_uri';
              access_log {log} plain;
              server {{
                listen {http};
                listen {h2c} http2;
                listen {https} ssl http2;
                listen unix:{socket};
                ssl_certificate {certificate};
                ssl_certificate_key {key};
                location / {{ return 200 '$http_host $request_uri $server_protocol'; }}
              }}
            }}",
            log = log.display(),
            socket = socket.display(),
        );
        let nginx = Nginx::run(Which::Debian, folder, http, &conf).await;
        let tables = format!(
            "[[upstreams]]\nurl = 'http://{http}'
            [[upstreams]]\nurl = 'h2c://{h2c}'\npath = '/h2c'
            [[upstreams]]\nurl = 'https://{https}'\npath = '/https'
            ca_file = '{}'\nserver_name = 'app.internal'
            [[upstreams]]\nurl = 'unix://{}'\npath = '/unix'\n",
            authority.file(),
            socket.display(),
        );
        let scene = Scene::before(&tables).await;
        Self { scene, log, _nginx: nginx, _authority: authority }
    }

    /// The requests that nginx has read, once `last` is among them.
    async fn requests(&self, last: &str) -> Vec<String> {
        let read = || fs::read_to_string(&self.log).unwrap_or_default();
        eventually("nginx logs the last request", || {
            let is_there = read().lines().any(|line| line == last);
            async move { is_there }
        })
        .await;
        read().lines().map(str::to_owned).collect()
    }
}

async fn send(alice: &Visitor, start: &str, lines: &[&str], rest: &str) -> Vec<u8> {
    exchange(alice.gate(), (head(alice, start, lines) + rest).into_bytes()).await
}

#[tokio::test]
async fn every_way_leads_to_nginx_with_the_path_as_it_was_sent() {
    let mut parser = Parser::new().await;
    for (base, protocol) in
        [("/http", "HTTP/1.1"), ("/h2c", "HTTP/2.0"), ("/https", "HTTP/2.0"), ("/unix", "HTTP/1.1")]
    {
        for rest in ["", "/", "//a/b%20c?d=%zz&e=/../", "/a%2Fb;x=1?", "/%61|{}?[]'", "?x"] {
            let target = format!("{base}{rest}");
            let answer =
                send(&parser.scene.alice, &format!("GET {target}"), &["Connection: close"], "").await;
            let answer = String::from_utf8(answer).unwrap();
            let body = format!("app.test {target} {protocol}");
            assert_eq!(answer.rsplit("\r\n").next(), Some(body.as_str()), "{answer}");
        }
        let posted = parser.scene.alice.send(http::Method::POST, base, &[], "x".repeat(1000)).await;
        assert_eq!(text(&posted), format!("app.test {base} {protocol}"));
    }
}

#[tokio::test]
async fn case_60_and_61_no_request_becomes_two_for_nginx_either() {
    const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
    let parser = Parser::new().await;
    let alice = &parser.scene.alice;
    let length = format!("Content-Length: {}", SMUGGLED.len());
    let mut sent = Vec::new();
    for base in ["/http", "/h2c", "/https", "/unix"] {
        for (at, (lines, rest)) in [
            // Refused, each with what might be read as a request behind it.
            (&["Content-Length: 5", "Content-Length: 6"][..], "0\r\n\r\n"),
            (&["Content-Length: +5"], "0\r\n\r\n"),
            (&["Transfer-Encoding: xchunked"], "0\r\n\r\n"),
            (&["Transfer-Encoding: chunked, identity"], "0\r\n\r\n"),
            (&["Transfer-Encoding: identity, chunked", "Connection: close"], "0\r\n\r\n"),
            (&["Transfer-Encoding : chunked"], "0\r\n\r\n"),
            (&["X: a", " Transfer-Encoding: chunked"], "0\r\n\r\n"),
            (&["Transfer-Encoding: chunked"], "ffffffffffffffff1\r\n"),
            (&["Transfer-Encoding: chunked"], "0x0\r\n\r\n"),
            (&["Transfer-Encoding: chunked"], "1\r\nab\r\n0\r\n\r\n"),
            // One request, whose body it is; the connection ends behind it.
            (&["Content-Length: 4", "Transfer-Encoding: chunked"], "2\r\nab\r\n0\r\n\r\n"),
            (&[length.as_str(), "Connection: close"], ""),
            (&["Content-Length: 0", "Connection: close"], ""),
            (&["Transfer-Encoding: chunked", "Connection: close"], "0\r\n\r\n"),
        ]
        .into_iter()
        .enumerate()
        {
            for method in ["GET", "POST"] {
                let target = format!("{base}/{method}/{at}");
                let answer =
                    send(alice, &format!("{method} {target}"), lines, &format!("{rest}{SMUGGLED}")).await;
                let answers = String::from_utf8_lossy(&answer).matches("HTTP/1.1 ").count();
                assert_eq!(answers, 1, "{target}: {lines:?}");
                if status(&answer) == 200 {
                    sent.push(format!("{method} {target}"));
                }
            }
        }
    }
    assert_eq!(status(&send(alice, "GET /last", &["Connection: close"], "").await), 200);
    let requests = parser.requests("GET /last").await;
    // What was answered was read once, and nothing was read that was not sent.
    for request in &sent {
        assert_eq!(requests.iter().filter(|read| *read == request).count(), 1, "{request}");
    }
    assert!(!requests.iter().any(|read| read.contains("smuggled")), "{requests:?}");
    assert!(sent.len() >= 4 * 2 * 4, "{sent:?}");
}
