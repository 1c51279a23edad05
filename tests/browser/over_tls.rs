//! With TLS at the door: what browsers and curl make of it.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::json;

use super::chromium::Chromium;
use super::page;
use crate::demo::free_port;
use crate::support::tls::{Authority, Folder};
use crate::support::{Setup, Stage};

/// A gate at `https://localhost:…`, with certificates in the folder.
async fn stage(
    authority: &Authority,
    folder: &Folder,
    change: impl FnOnce(Setup) -> Setup,
) -> (Stage, String) {
    let port = free_port();
    let origin = format!("https://localhost:{port}");
    let address = SocketAddr::from(([127, 0, 0, 1], port)).to_string();
    folder.put("app", &authority.issue(&["localhost"]));
    folder.write("root.pem", authority.pem());
    let client = authority.client(&["http/1.1"]);
    let stage = Stage::with(|setup| {
        let setup = setup.public_url(&origin).set("listen.address", &address);
        change(setup.over_tls(folder, &["app"], client))
    })
    .await;
    stage.app.answer(|arrived| page(arrived, None));
    (stage, origin)
}

#[tokio::test]
async fn a_browser_signs_in_by_http2_and_out_again_with_host_cookies() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let (stage, origin) = stage(&authority, &folder, |setup| setup.set("listen.redirect_http", ":0")).await;
    let browser = Chromium::credulous().await;
    // From plain http, as somebody types it.
    let plain = stage.gate.redirect_address().unwrap().port();
    browser.go(&format!("http://localhost:{plain}/deep?x=1")).await;
    browser.sign_in("alice").await;
    browser.comes_to(&format!("{origin}/deep?x=1")).await;
    browser.shows("Confidential").await;
    let protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.script(protocol).await, json!("h2"));
    let cookies = browser.cookies().await;
    let names: Vec<_> = cookies.iter().map(|cookie| cookie.name.as_str()).collect();
    assert_eq!(names, ["__Host-cognigate", "__Host-cognigate-check"]);
    assert!(cookies.iter().all(|cookie| cookie.secure == Some(true)), "{cookies:?}");
    assert_eq!(browser.script("return document.cookie").await, json!(""));
    let arrived = stage.app.last();
    assert!(arrived.header("authorization").unwrap().starts_with("Bearer "));
    browser.reload().await;
    browser.shows("Confidential").await;
    browser.click("#out").await;
    browser.shows("Sign in again").await;
    assert_eq!(browser.cookie_names().await, Vec::<String>::new());
}

#[tokio::test]
async fn curl_verifies_the_chain_and_speaks_either_protocol() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let (_stage, origin) = stage(&authority, &folder, |setup| setup).await;
    for (flag, version) in
        [("--http1.1", "1.1"), ("--http2", "2"), ("--tlsv1.3", "2"), ("--tls-max=1.2", "2")]
    {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--noproxy", "*", "--output", "/dev/null"]);
        command.args(["--write-out", "%{http_code} %{http_version} %{ssl_verify_result}", "--cacert"]);
        command.arg(folder.path("root.pem"));
        // `--tls-max` has its value apart.
        command.args(flag.split('=')).arg(format!("{origin}/")).stdin(Stdio::null());
        let out = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out, format!("401 {version} 0"), "{flag}: {err}");
    }
}
