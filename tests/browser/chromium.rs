//! Headless Chromium, driven over WebDriver by Debian's chromedriver.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::prelude::*;
use thirtyfour::{RequestData, SessionId};
use tokio::time::{Instant, sleep};

use crate::support::visitor::PASSWORD;
use crate::support::wire::PATIENCE;

/// A browser with a profile of its own. It ends when dropped, its driver too.
pub(super) struct Chromium {
    // Dropped in this order: the session ends, then the driver, and the profile goes last.
    driver: WebDriver,
    _chromedriver: Chromedriver,
    _profile: TempDir,
}

/// Chromedriver's own addition to WebDriver.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

/// The driver's process, ended by its id.
struct Chromedriver(Child);

/// No update, no crash report, no sync; and nothing outside of this machine resolves.
const FLAGS: [&str; 13] = [
    "--headless=new",
    // Root, as in a container, cannot have the sandbox; and its /dev/shm may be too small.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-crash-reporter",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

impl Chromium {
    pub(super) async fn start() -> Self {
        Self::with(json!({}), &[]).await
    }

    /// One that takes any certificate.
    pub(super) async fn credulous() -> Self {
        Self::with(json!({}), &["--ignore-certificate-errors"]).await
    }

    /// One that keeps no cookies, of whatever site.
    pub(super) async fn without_cookies() -> Self {
        Self::with(json!({ "profile.default_content_setting_values.cookies": 2 }), &[]).await
    }

    async fn with(preferences: Value, further: &[&str]) -> Self {
        // The driver's client asks for a TLS provider, though it speaks plain HTTP here. It is there already
        // where another test came first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (chromedriver, url) = Chromedriver::start();
        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&program("chromium")).unwrap();
        for flag in FLAGS.iter().chain(further) {
            capabilities.add_arg(flag).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        capabilities.add_experimental_option("prefs", preferences).unwrap();
        // A connection for each command: dropping the session must not wait for one of this test's runtime, which
        // waits for the drop.
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let driver = WebDriver::builder(&url, capabilities).client(client).await;
        let driver = driver.unwrap_or_else(|error| panic!("chromium does not start: {error}"));
        Self { driver, _chromedriver: chromedriver, _profile: profile }
    }

    /// Types an address, and waits until the page that it ends at is loaded.
    pub(super) async fn go(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// The address bar.
    pub(super) async fn url(&self) -> String {
        self.driver.current_url().await.unwrap().into()
    }

    /// Waits until the address bar has it.
    pub(super) async fn comes_to(&self, url: &str) {
        self.waits_for(&format!("the address {url}"), || async { self.url().await == url }).await;
    }

    /// Waits until the page says it.
    pub(super) async fn shows(&self, text: &str) {
        self.waits_for(&format!("{text:?}"), || async { self.text().await.contains(text) }).await;
    }

    /// What the page says, as far as it can be seen; nothing between two pages.
    pub(super) async fn text(&self) -> String {
        let body =
            self.driver.execute("return document.body ? document.body.innerText : ''", Vec::new()).await;
        body.ok().and_then(|text| text.convert().ok()).unwrap_or_default()
    }

    /// Clicks what the CSS selector finds, once it is there.
    pub(super) async fn click(&self, selector: &str) {
        self.waits_for(selector, || async { self.driver.find(By::Css(selector)).await.is_ok() }).await;
        self.driver.find(By::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Waits until all that the page asks for is there, which takes less than a hand to the mouse.
    pub(super) async fn settles(&self) {
        let complete = || async { self.script("return document.readyState").await == "complete" };
        self.waits_for("page that is loaded", complete).await;
    }

    pub(super) async fn reload(&self) {
        self.driver.refresh().await.unwrap();
    }

    /// The back button.
    pub(super) async fn back(&self) {
        self.driver.back().await.unwrap();
    }

    /// Runs the body of an async function in the page, and gives what it returns.
    pub(super) async fn script(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {body} }})().then(done, e => done(`${{e}}`))"
        );
        self.driver.execute_async(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Sends a command of the DevTools protocol.
    pub(super) async fn devtools(&self, command: &'static str, parameters: Value) {
        self.driver.cmd(DevTools { command, parameters }).await.unwrap();
    }

    /// Fills in the sign-in form, which must be there.
    pub(super) async fn sign_in(&self, username: &str) {
        self.sign_in_by(username, PASSWORD).await;
    }

    pub(super) async fn sign_in_by(&self, username: &str, password: &str) {
        self.asks_for_the_password().await;
        for (name, value) in [("username", username), ("password", password)] {
            let field = self.driver.find(By::Name(name)).await.unwrap();
            field.clear().await.unwrap();
            field.send_keys(value).await.unwrap();
        }
        self.click("button[type=submit]").await;
    }

    /// Waits for the sign-in form.
    pub(super) async fn asks_for_the_password(&self) {
        let form = || async { self.driver.find(By::Css("form input[name=password]")).await.is_ok() };
        self.waits_for("the sign-in form", form).await;
    }

    /// Waits until it is so; a failure tells what is there instead.
    async fn waits_for<R: Future<Output = bool>>(&self, what: &str, mut is_so: impl FnMut() -> R) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            if Instant::now() > deadline {
                panic!("no {what}, but at {}:\n{}", self.url().await, self.text().await);
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Another tab, in front from now on.
    pub(super) async fn new_tab(&self) -> WindowHandle {
        let tab = self.driver.new_tab().await.unwrap();
        self.to_tab(&tab).await;
        tab
    }

    pub(super) async fn tab(&self) -> WindowHandle {
        self.driver.window().await.unwrap()
    }

    pub(super) async fn to_tab(&self, tab: &WindowHandle) {
        self.driver.switch_to_window(tab.clone()).await.unwrap();
    }

    /// The cookies of the page's host, sorted by name.
    pub(super) async fn cookies(&self) -> Vec<Cookie> {
        let mut cookies = self.driver.get_all_cookies().await.unwrap();
        cookies.sort_by(|one, other| one.name.cmp(&other.name));
        cookies
    }

    /// Their names.
    pub(super) async fn cookie_names(&self) -> Vec<String> {
        self.cookies().await.into_iter().map(|cookie| cookie.name).collect()
    }

    /// Forgets one cookie of the page's host.
    pub(super) async fn forget_cookie(&self, name: &str) {
        self.driver.delete_cookie(name).await.unwrap();
    }

    /// Forgets the cookies of the page's host.
    pub(super) async fn forget_cookies(&self) {
        self.driver.delete_all_cookies().await.unwrap();
    }
}

impl FormatRequestData for DevTools {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let body = json!({ "cmd": self.command, "params": self.parameters });
        RequestData::new(Method::POST, format!("/session/{session}/goog/cdp/execute")).add_body(body)
    }
}

impl Chromedriver {
    /// On a port that the system chooses.
    fn start() -> (Self, String) {
        // It looks for a free port before it takes it; where another test was quicker, it ends, and looks again.
        let started = (0..5).find_map(|_| Self::try_start());
        started.expect("chromedriver does not start")
    }

    fn try_start() -> Option<(Self, String)> {
        let mut command = Command::new(program("chromedriver"));
        let child = command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut chromedriver = Self(child.spawn().unwrap());
        let out = BufReader::new(chromedriver.0.stdout.take().unwrap());
        let (found, port) = mpsc::channel();
        // Read to its end: where nobody reads what they print, the driver and the browser do not end.
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // "ChromeDriver was started successfully on port 42123."
                let port =
                    line.split_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.'));
                if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
                    let _ = found.send(port);
                }
            }
        });
        let port = port.recv_timeout(PATIENCE).ok()?;
        Some((chromedriver, format!("http://127.0.0.1:{port}")))
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program of that name on the PATH. These tests are asked for by a feature, so they fail without it.
fn program(name: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file());
    let found = found.unwrap_or_else(|| {
        panic!("{name} is not on the PATH: ./test installs it, or leave out --features browser-tests")
    });
    found.to_str().unwrap().to_owned()
}
