//! docs/nginx.md: its commands, from nothing to a signed-in request, and its table against the configuration.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::server::{CLEARED, own_loopback, shipped, shipped_text};
use super::*;
use crate::support::{ready, wire};

const PAGE: &str = include_str!("../../docs/nginx.md");

with_both!(the_pages_commands_lead_to_a_signed_in_request);

/// The folder of the repository, as far as the commands look at it, on an address of its own.
struct Terminals {
    folder: TempDir,
    ip: Ipv4Addr,
    nginx: PathBuf,
}

/// A command that runs until it is dropped.
struct Running(Child);

impl Terminals {
    fn new(which: Which) -> Self {
        let terminals =
            Self { folder: tempfile::tempdir().unwrap(), ip: own_loopback(), nginx: which.program() };
        let deploy = terminals.folder.path().join("deploy/nginx");
        fs::create_dir_all(&deploy).unwrap();
        fs::write(deploy.join(CLEARED), shipped_text(CLEARED)).unwrap();
        for (name, files) in [("nginx.conf", "front"), ("sample-app.conf", "app")] {
            let files = terminals.folder.path().join(files);
            fs::create_dir(&files).unwrap();
            let text = shipped(name, &files).replace("127.0.0.1", &terminals.ip.to_string());
            let text = text.replace("listen 8080;", &format!("listen {}:8080;", terminals.ip));
            fs::write(deploy.join(name), text).unwrap();
        }
        terminals
    }

    fn at(&self, port: u16) -> SocketAddr {
        (self.ip, port).into()
    }

    /// A block of the page as a shell command: the program that is built stands for `cargo run --`, and addresses and
    /// files are the test's own.
    fn command(&self, block: &str) -> Command {
        let cognigate = assert_cmd::cargo::cargo_bin!("cognigate");
        let program = format!("exec {}", Path::new(cognigate).display());
        let text = block
            .replace("cargo run -- emulate", &format!("{program} emulate --listen 127.0.0.1:9400"))
            .replace("cargo run --", &program)
            .replace("nginx -c", &format!("exec {} -c", self.nginx.display()))
            .replace("daemon off;", "daemon off; master_process off; error_log stderr;")
            .replace("pid /run", &format!("pid {}", self.folder.path().display()))
            .replace("curl ", "curl --silent --show-error --resolve localhost:8080:127.0.0.1 ")
            .replace("127.0.0.1", &self.ip.to_string());
        let mut command = Command::new("sh");
        command.args(["-euc", &text]).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COGNIGATE_")) {
            command.env_remove(name);
        }
        command.env("COGNIGATE_ADMIN__ADDRESS", self.at(9090).to_string());
        command
    }

    /// Leaves it running, once it listens on this port.
    async fn run(&self, block: &str, port: u16) -> Running {
        let mut command = self.command(block);
        let mut running = Running(command.stdout(Stdio::null()).spawn().unwrap());
        wire::eventually("it listens", || {
            assert!(running.0.try_wait().unwrap().is_none(), "it ended: {block}");
            async { TcpStream::connect(self.at(port)).await.is_ok() }
        })
        .await;
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn the_pages_commands_lead_to_a_signed_in_request(which: Which) {
    let blocks: Vec<&str> =
        PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [emulate, app, gate, front, curl] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    let terminals = Terminals::new(which);
    let _emulator = terminals.run(emulate, 9400).await;
    let _app = terminals.run(app, 3000).await;
    // The last of its ports to be there.
    let _gate = terminals.run(gate, 9090).await;
    ready(terminals.at(9090)).await;
    let _front = terminals.run(front, 8080).await;

    let output = terminals.command(curl).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("HTTP/1.1 401"), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("\"login_url\":\"http://localhost:8080/oauth2/start?rd=%2F\""), "{told}");

    let mut browser = Visitor::new("http://localhost:8080", terminals.at(8080), terminals.at(9400));
    let page = browser.sign_in("alice", "/deep/link?with=query").await;
    let says = text(&page);
    assert_eq!(says, "/deep/link?with=query, and you are alice@example.com\n");
    assert!(PAGE.contains(&format!("`{}`", says.trim_end())), "the page promises something else");
}

#[test]
fn the_page_explains_every_line_and_fits_on_two_screens() {
    let conf = include_str!("../../deploy/nginx/nginx.conf");
    let table: String = PAGE.lines().filter(|line| line.starts_with("| ")).collect();
    let lines = conf.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    // What a map says is explained with the map.
    for line in lines.filter(|line| !line.starts_with("default ")) {
        let words = line.split(|c: char| c.is_whitespace() || c == ';').take(2);
        let mut words = words.filter(|word| word.len() > 1);
        // By the directive, or by what it sets.
        let Some(directive) = words.next().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        else {
            continue;
        };
        let subject = words.next().unwrap_or_default();
        let named = |word: &str| !word.is_empty() && table.contains(word);
        assert!(named(directive) || named(subject), "{line}");
    }
    assert!(PAGE.lines().count() <= 100, "{} lines", PAGE.lines().count());
}
