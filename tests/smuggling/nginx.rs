//! nginx as the app, or in front of it: a parser that nobody here wrote.

use std::net::SocketAddr;

use crate::nginx::server::{Nginx, Which, own_loopback};
use crate::support::wire;

/// An nginx that sends on to `app` what it has read whole, and writes down each request that it saw.
pub(super) async fn before(app: SocketAddr) -> Nginx {
    let (folder, address) = (tempfile::tempdir().unwrap(), SocketAddr::from((own_loopback(), 8080)));
    let path = folder.path().display();
    let conf = format!(
        "worker_processes 1;
            events {{}}
            http {{
              log_format seen '$status $request';
              access_log {path}/seen.log seen;
              client_body_temp_path {path}/body;
              proxy_temp_path {path}/proxy;
              fastcgi_temp_path {path}/fastcgi;
              uwsgi_temp_path {path}/uwsgi;
              scgi_temp_path {path}/scgi;
              large_client_header_buffers 4 64k;
              upstream app {{ server {app}; keepalive 8; }}
              server {{
                listen {address};
                location / {{
                  proxy_pass http://app;
                  proxy_http_version 1.1;
                  proxy_set_header Host $http_host;
                  proxy_set_header Connection '';
                }}
              }}
            }}\n"
    );
    Nginx::run(Which::Debian, folder, address, &conf).await
}

/// Says that nginx saw of `attacks` attacks no more than their first requests, and understood each that was whole.
pub(super) async fn has_seen_no_more(nginx: &Nginx, attacks: usize, allowed: impl Fn(&str) -> bool) {
    let log = || std::fs::read_to_string(nginx.folder().join("seen.log")).unwrap_or_default();
    // It writes when a request is over, which is after its answer.
    let last = format!(" /after-{} ", attacks - 1);
    wire::eventually("nginx has written all down", || async { log().contains(&last) }).await;
    let log = log();
    for line in log.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [status, _method, target, "HTTP/1.1"] = words[..] else { panic!("nginx saw no request: {line}") };
        assert!(allowed(target), "{line}");
        // A body that was torn off is a 400 or, where the gate hung up, a 499; but its head was understood.
        assert!(matches!(status, "200" | "400" | "499"), "{line}");
        assert!(status == "200" || target.starts_with("/first-"), "{line}");
    }
    let mut targets: Vec<&str> = log.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let all = targets.len();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), all, "nginx saw a request twice: {log}");
}
