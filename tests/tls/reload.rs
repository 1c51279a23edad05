//! Certificates that are replaced while the gate serves.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Door, HOST, shown};
use crate::support::Stage;
use crate::support::tls::{Authority, Folder, Pair, connect, credulous, send};
use crate::support::wire::{PATIENCE, eventually, probe};

const SUCCESS: &str = "cognigate_reloads_total{subject=\"certificate\",result=\"success\"}";
const FAILURE: &str = "cognigate_reloads_total{subject=\"certificate\",result=\"failure\"}";

impl Door {
    async fn serves(&self, pair: &Pair) {
        eventually("the new certificate is served", || async { self.shown().await == *pair.own }).await;
    }

    async fn shown(&self) -> Vec<u8> {
        let mut client = credulous(&[rustls::SignatureScheme::ECDSA_NISTP256_SHA256]);
        client.resumption = Resumption::disabled();
        shown(self.address(), HOST, client).await.to_vec()
    }
}

#[tokio::test]
async fn a_certificate_is_replaced_under_load_and_no_request_is_lost() {
    let (authority, folder) = (Authority::new(), Folder::new());
    // As the kubelet mounts a Secret: the files are links into a folder, which is a link that is swapped.
    let pairs = [authority.issue(&[HOST]), authority.issue(&[HOST])];
    for (version, pair) in ["..1", "..2"].iter().zip(&pairs) {
        fs::create_dir(folder.path(version)).unwrap();
        fs::write(folder.path(version).join("app.crt"), &pair.chain).unwrap();
        fs::write(folder.path(version).join("app.key"), &pair.key).unwrap();
    }
    symlink("..1", folder.path("..data")).unwrap();
    for file in ["app.crt", "app.key"] {
        symlink(format!("..data/{file}"), folder.path(file)).unwrap();
    }
    let client = authority.client(&["http/1.1"]);
    let stage = Stage::with(|setup| setup.over_tls(&folder, &["app"], client).set("public", "/public")).await;
    let door = Door { stage, authority, folder };
    assert_eq!(door.shown().await, *pairs[0].own);

    let (done, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut load = Vec::new();
    for protocol in ["h2", "http/1.1"] {
        let mut client = door.authority.client(&[protocol]);
        client.resumption = Resumption::disabled();
        let (client, address) = (Arc::new(client), door.address());
        let (done, answered) = (Arc::clone(&done), Arc::clone(&answered));
        load.push(tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let request = Request::get("/public").header("host", HOST).body(Full::<Bytes>::default());
                let answer = send(address, &client, request.unwrap()).await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.into_body().collect().await.unwrap();
                answered.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    // And one connection from before, which stays.
    let stream = connect(door.address(), HOST, &Arc::new(door.authority.client(&[]))).await.unwrap();
    let (mut kept, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);

    symlink("..2", folder_link(&door)).unwrap();
    fs::rename(folder_link(&door), door.folder.path("..data")).unwrap();
    door.serves(&pairs[1]).await;
    let request = Request::get("/public").header("host", HOST).body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(kept.send_request(request).await.unwrap().status(), 200);
    let before = answered.load(Ordering::SeqCst);
    eventually("the load goes on", || async { answered.load(Ordering::SeqCst) > before + 10 }).await;
    done.store(true, Ordering::SeqCst);
    for task in load {
        task.await.unwrap();
    }
    assert_eq!(door.metric(SUCCESS).await.as_deref(), Some("2"));
    assert_eq!(door.metric(FAILURE).await.as_deref(), Some("0"));
}

fn folder_link(door: &Door) -> std::path::PathBuf {
    door.folder.path("..data_tmp")
}

#[tokio::test]
async fn case_89_garbage_leaves_the_last_good_certificate_and_a_metric_rises() {
    let door = Door::new().await;
    let old = door.shown().await;
    let (new, stranger) = (door.authority.issue(&[HOST]), door.authority.issue(&[HOST]));
    assert_eq!(door.metric(FAILURE).await.as_deref(), Some("0"));
    // All of them at once: each is new to the watch, and each is told once.
    for (failures, certificate) in ["garbage", &stranger.chain].into_iter().enumerate() {
        door.folder.write("app.crt", certificate);
        let expected = (failures + 1).to_string();
        eventually("the failure is counted", || async {
            door.metric(FAILURE).await.as_deref() == Some(&expected)
        })
        .await;
        assert_eq!(door.shown().await, old);
        assert_eq!(door.stage.visitor().fetch("/").await.status(), 401);
    }
    door.folder.put("app", &new);
    door.serves(&new).await;
    assert_eq!(door.metric(SUCCESS).await.as_deref(), Some("2"));
    assert_eq!(door.metric(FAILURE).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn one_bad_certificate_does_not_hold_back_another_and_each_tells_its_end() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let ends = |year| {
        move |params: &mut rcgen::CertificateParams| {
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
    };
    let issue = |year| authority.issue_as(&[HOST], ends(year), &rcgen::PKCS_ECDSA_P256_SHA256);
    folder.put("other", &authority.issue(&["other.test"]));
    folder.put("app", &issue(2040));
    let client = authority.client(&["http/1.1"]);
    let stage = Stage::with(|setup| setup.over_tls(&folder, &["other", "app"], client)).await;
    let new = issue(2041);
    let door = Door { stage, authority, folder };
    let series = format!(
        "cognigate_certificate_expiry_timestamp_seconds{{file=\"{}\"}}",
        door.folder.path("app.crt").display()
    );
    assert_eq!(door.metric(&series).await.as_deref(), Some("2208988800"));
    let last = "cognigate_last_reload_timestamp_seconds{subject=\"certificate\"}";
    assert_eq!(door.metric(last).await.as_deref(), Some("1900000000"));
    door.stage.clock.advance(std::time::Duration::from_secs(5));
    fs::remove_file(door.folder.path("other.key")).unwrap();
    door.folder.put("app", &new);
    door.serves(&new).await;
    assert_eq!(door.metric(&series).await.as_deref(), Some("2240611200"));
    assert_eq!(door.metric(last).await.as_deref(), Some("1900000005"));
    eventually("the missing file is counted", || async {
        door.metric(FAILURE).await.as_deref() == Some("1")
    })
    .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_to_its_end_holds_up_neither_requests_nor_the_end() {
    let door = Door::new().await;
    // A pipe, in the place of a file on a server that went away.
    let path = door.folder.path("app.crt");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    // Opened once somebody reads it. Nothing is ever written.
    let opened = spawn_blocking(move || fs::File::options().write(true).open(path).unwrap());
    let _held = timeout(PATIENCE, opened).await.expect("nobody looks").unwrap();
    assert_eq!(door.stage.visitor().fetch("/").await.status(), 401);
    assert_eq!(probe(door.stage.gate.admin_address(), "/readyz").await, 200);
    let gate = door.stage.gate;
    timeout(PATIENCE, spawn_blocking(move || gate.stop())).await.expect("it waits for the file").unwrap();
}
