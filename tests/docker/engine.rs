//! The engine that `tests/docker/engine` gives, by its command line; and compose projects in it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::TEST_KEY;
use crate::support::visitor::Visitor;

/// The image for users, and the one with the emulator.
pub(super) const GATE: &str = concat!("cognigate:", env!("CARGO_PKG_VERSION"));
pub(super) const DEMO: &str = concat!("cognigate-demo:", env!("CARGO_PKG_VERSION"));

/// `docker` with these words, in the folder of the repository.
pub(super) fn command(words: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(words).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

/// Runs it to its end, however it ends.
pub(super) fn output(words: &[&str]) -> Output {
    command(words).output().expect("there is no docker here: run these tests by tests/docker/engine")
}

/// What it printed; it must end well.
pub(super) fn docker(words: &[&str]) -> String {
    let output = output(words);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {err}", words.join(" "));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// What the engine knows of an image or a container.
pub(super) fn inspect(name: &str) -> Value {
    let mut found: Value = serde_json::from_str(&docker(&["inspect", name])).unwrap();
    found[0].take()
}

/// Builds both images by their Dockerfiles as they stand, once; all that takes long is in here.
pub(super) fn images() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        for (image, file) in [(GATE, "docker/Dockerfile"), (DEMO, "docker/Dockerfile.demo")] {
            docker(&["build", "--quiet", "--tag", image, "--file", file, "."]);
            // A name for what the builder made, or the next clean-up takes it for rubbish.
            docker(&[
                "build",
                "--quiet",
                "--tag",
                builder(image).as_str(),
                "--target",
                "builder",
                "--file",
                file,
                ".",
            ]);
        }
    });
}

/// What an image's builder is kept as.
pub(super) fn builder(image: &str) -> String {
    image.replace(':', "-builder:")
}

/// One project at a time: all publish the same ports.
pub(super) fn ports() -> MutexGuard<'static, ()> {
    static PORTS: Mutex<()> = Mutex::new(());
    // A test that failed has taken its containers down.
    PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A copy of deploy/compose, with the secrets and perhaps an emulator, and what runs of it.
pub(super) struct Project {
    pub(super) folder: TempDir,
    file: &'static str,
    _ports: MutexGuard<'static, ()>,
}

/// What compose.yaml lacks to do without AWS: an emulated Cognito, as another file that Compose merges.
const WITH_EMULATOR: &str = "\
services:
  emulator:
    image: cognigate-demo:VERSION
    command: [emulate, --listen, '0.0.0.0:9400', --i-know-this-is-not-cognito]
    ports: ['127.0.0.1:9400:9400']
    networks: [outside]
";

/// The settings of the emulator's pool, in place of those of AWS.
const EMULATED: &str = "\
[cognito]
user_pool_id = 'us-east-1_Emulated1'
client_id = 'demo-client'
client_secret_file = '/run/secrets/client-secret'
domain = 'http://127.0.0.1:9400'
token_url = 'http://emulator:9400/oauth2/token'
revoke_url = 'http://emulator:9400/oauth2/revoke'
userinfo_url = 'http://emulator:9400/oauth2/userInfo'
jwks_url = 'http://emulator:9400/us-east-1_Emulated1/.well-known/jwks.json'
allow_insecure_http = true

[session]
";

impl Project {
    /// Nothing runs yet.
    fn new(file: &'static str) -> Self {
        images();
        let ports = ports();
        let folder = tempfile::tempdir().unwrap();
        copy(Path::new("deploy/compose"), folder.path());
        Self { folder, file, _ports: ports }
    }

    /// compose.demo.yaml as it stands, up and healthy.
    pub(super) fn demo() -> Self {
        let project = Self::new("compose.demo.yaml");
        project.compose(&["up", "--detach", "--wait"]);
        project
    }

    /// compose.yaml as it stands, but for an emulator beside the gate and its pool in cognigate.toml; up and healthy.
    pub(super) fn front_door() -> Self {
        let project = Self::new("compose.yaml");
        emulate(project.folder.path());
        fs::create_dir(project.folder.path().join("secrets")).unwrap();
        for (name, secret) in [("session-keys", TEST_KEY), ("client-secret", "demo-secret")] {
            fs::write(project.folder.path().join("secrets").join(name), secret).unwrap();
        }
        project.compose(&["up", "--detach", "--wait"]);
        project
    }

    /// `docker compose` with these words; it must end well.
    pub(super) fn compose(&self, words: &[&str]) -> String {
        let ended = self.compose_output(words);
        let err = String::from_utf8_lossy(&ended.stderr);
        if !ended.status.success() {
            let logs = self.compose_output(&["logs"]);
            panic!("compose {}: {err}\n{}", words.join(" "), String::from_utf8_lossy(&logs.stdout));
        }
        String::from_utf8(ended.stdout).unwrap().trim_end().to_owned()
    }

    /// The same, however it ends.
    pub(super) fn compose_output(&self, words: &[&str]) -> Output {
        let mut files = vec!["compose", "--file", self.file];
        if self.folder.path().join("compose.override.yaml").exists() {
            files.extend(["--file", "compose.override.yaml"]);
        }
        command(&files).args(words).current_dir(self.folder.path()).output().unwrap()
    }

    /// What the engine knows of a service's container.
    pub(super) fn container(&self, service: &str) -> Value {
        inspect(&self.compose(&["ps", "--all", "--quiet", service]))
    }

    /// A browser on this machine.
    pub(super) fn visitor(&self) -> Visitor {
        visitor()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.compose_output(&["down", "--volumes", "--timeout", "1"]);
    }
}

/// A browser on this machine, before what the compose files publish.
pub(super) fn visitor() -> Visitor {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Visitor::new("http://localhost:8080", address(8080), address(9400))
}

/// Puts an emulator into a copy of deploy/compose, and its pool into the copy's cognigate.toml.
pub(super) fn emulate(compose: &Path) {
    let with_emulator = WITH_EMULATOR.replace("VERSION", env!("CARGO_PKG_VERSION"));
    fs::write(compose.join("compose.override.yaml"), with_emulator).unwrap();
    let settings = compose.join("cognigate.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let (site, rest) = text.split_once("[cognito]\n").unwrap();
    let (_, session) = rest.split_once("[session]\n").unwrap();
    fs::write(settings, format!("{site}{EMULATED}{session}")).unwrap();
}

/// Copies a folder or file of the repository, without the secrets that somebody may have there.
pub(super) fn copy(from: &Path, to: &Path) {
    let from: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(from);
    if from.is_file() {
        fs::copy(&from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(&from).unwrap() {
        let name = entry.unwrap().file_name();
        if name != "secrets" && name != "compose.override.yaml" {
            copy(&from.join(&name), &to.join(&name));
        }
    }
}
