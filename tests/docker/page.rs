//! docs/compose.md: its commands, as they stand, from nothing to a signed-in request.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::MutexGuard;

use tempfile::TempDir;

use super::engine::{copy, emulate, images, ports, visitor};
use crate::support::tls::Authority;
use crate::support::visitor::{Visitor, text};
use crate::support::wire;

const PAGE: &str = include_str!("../../docs/compose.md");

/// The shell blocks, in order.
fn blocks() -> Vec<&'static str> {
    PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The repository as far as the commands look at it, and a shell in it; what they leave running ends with it.
struct Terminal {
    folder: TempDir,
    _ports: MutexGuard<'static, ()>,
}

impl Terminal {
    fn new() -> Self {
        images();
        let ports = ports();
        let folder = tempfile::tempdir().unwrap();
        for name in
            [".dockerignore", "Cargo.lock", "Cargo.toml", "askama.toml", "src", "docker", "deploy/compose"]
        {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            copy(Path::new(name), &folder.path().join(name));
        }
        Self { folder, _ports: ports }
    }

    /// What the commands print, each of which must end well.
    fn run(&self, commands: &str) -> String {
        let output = Command::new("sh")
            .args(["-euc", commands])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{commands}\n{out}\n{err}");
        out.into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        for file in ["compose.demo.yaml", "compose.yaml"] {
            let _ = Command::new("docker")
                .args(["compose", "-f", file, "down", "--remove-orphans", "--timeout", "1"])
                .current_dir(self.folder.path().join("deploy/compose"))
                .output();
        }
    }
}

async fn alice_gets_in() -> Visitor {
    let mut browser = visitor();
    let page = browser.sign_in("alice", "/deep/link").await;
    assert!(text(&page).contains("alice@example.com"), "{}", text(&page));
    browser
}

#[tokio::test]
async fn the_pages_commands_lead_to_a_signed_in_request_both_ways() {
    let [demo, curl, end, begin, up, logs, tls] = blocks()[..] else { panic!("{} blocks", blocks().len()) };
    let terminal = Terminal::new();

    terminal.run(demo);
    let told = terminal.run(curl);
    assert!(told.starts_with("HTTP/1.1 401"), "{told}");
    assert!(told.contains("\"login_url\":\"http://localhost:8080/oauth2/start"), "{told}");
    alice_gets_in().await;
    terminal.run(end);
    assert_eq!(terminal.run("docker compose -f deploy/compose/compose.demo.yaml ps --all --quiet"), "");

    // Pool, client and domain, as the page tells, and their secret.
    emulate(&terminal.folder.path().join("deploy/compose"));
    let secret = "the secret of the app client";
    assert_eq!(begin.matches(secret).count(), 1);
    let checked = terminal.run(&begin.replace(secret, "demo-secret"));
    assert!(checked.contains("http://app:3000"), "{checked}");
    assert_eq!(checked.matches("[redacted]").count(), 2, "{checked}");
    let told = terminal.run(&format!("cd deploy/compose\n{up}"));
    assert!(told.starts_with("HTTP/1.1 401"), "{told}");
    let mut browser = alice_gets_in().await;
    let logs = terminal.run(&format!("cd deploy/compose\n{logs}"));
    assert!(logs.contains("\"message\":\"serving\""), "{logs}");

    let (restart, new_key) = ("docker compose restart gate", "docker run --rm cognigate:0.1.0 keys new");
    assert!(PAGE.contains(restart) && PAGE.contains(new_key));
    // Replaced, as editors do, which the mount of a single file does not see before the restart.
    terminal
        .run(&format!("cd deploy/compose/secrets; ({new_key}; cat session-keys) > new; mv new session-keys"));
    let sealed = browser.jar.get("cognigate").unwrap().to_owned();
    terminal.run(&format!("cd deploy/compose; {restart}"));
    wire::eventually("it serves again", || async { wire::probe(visitor().gate(), "/").await == 421 }).await;
    assert_eq!(browser.navigate("/").await.status(), 200, "the old key opens no session");
    assert_ne!(browser.jar.get("cognigate").unwrap(), sealed, "the new key seals none");

    // The gate's own TLS, under another public URL.
    let compose = terminal.folder.path().join("deploy/compose");
    let (authority, folder) = (Authority::new(), compose.join("secrets/tls"));
    let pair = authority.issue(&["localhost"]);
    std::fs::create_dir(&folder).unwrap();
    for (name, pem) in [("tls.crt", pair.chain), ("tls.key", pair.key), ("authority.crt", authority.pem())] {
        std::fs::write(folder.join(name), pem).unwrap();
    }
    let settings = compose.join("cognigate.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let (before, after) = ("\"http://localhost:8080\"", "\"https://localhost\"");
    assert_eq!(text.matches(before).count(), 1, "{text}");
    std::fs::write(&settings, text.replace(before, after)).unwrap();
    // The file that stands for Cognito here is one more.
    let with_emulator = tls.replace("-f compose.tls.yaml", "-f compose.override.yaml -f compose.tls.yaml");
    assert_ne!(with_emulator, tls);
    terminal.run(&format!("cd deploy/compose\ndocker compose down\n{with_emulator}"));
    let authority = folder.join("authority.crt");
    let trusting = format!("curl --silent --show-error --include --cacert {}", authority.display());
    let told = terminal.run(&format!("{trusting} https://localhost/api/time"));
    assert!(told.starts_with("HTTP/2 401"), "{told}");
    assert!(told.contains("\"login_url\":\"https://localhost/oauth2/start"), "{told}");
    let told = terminal.run(&format!("{trusting} http://localhost/a?b=c"));
    assert!(told.starts_with("HTTP/1.1 308") && told.contains("location: https://localhost/a?b=c"), "{told}");
}

#[test]
fn the_page_is_two_screens_at_most_and_shows_every_file() {
    assert!(PAGE.lines().count() <= 90, "{} lines", PAGE.lines().count());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/compose");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(name == "secrets" || PAGE.contains(&format!("(../deploy/compose/{name})")), "{name}");
    }
}
