//! A real server with one of the apps: a child on an address that nothing else has.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::nginx::server::own_loopback;
use crate::support::wire;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A running server. Killed with all its workers when dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    place: Place,
    _folder: TempDir,
}

/// What a server is started with.
#[derive(Debug)]
pub(super) struct Place {
    /// Where it is to listen.
    pub(super) address: SocketAddr,
    /// Where it may write.
    pub(super) folder: PathBuf,
    /// Where `tests/servers/tools` put what it installed.
    pub(super) tools: &'static Path,
    /// The apps' sources.
    pub(super) apps: PathBuf,
}

impl Server {
    /// Starts the program that `command` names.
    pub(super) async fn start(command: impl FnOnce(&Place) -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            address: SocketAddr::from((own_loopback(), 8080)),
            folder: folder.path().to_owned(),
            tools: tools(),
            apps: Path::new(ROOT).join("tests/servers/apps"),
        };
        let wanted = command(&place);
        // However the tests end, the child ends with them.
        let mut child = Command::new("setpriv");
        child.args(["--pdeathsig", "KILL", "--"]).arg(wanted.get_program()).args(wanted.get_args());
        child.envs(wanted.get_envs().filter_map(|(name, value)| Some((name, value?))));
        child.current_dir(wanted.get_current_dir().unwrap_or(&place.folder));
        let log = File::create(place.folder.join("log")).unwrap();
        child.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = child.process_group(0).spawn().unwrap();
        let mut server = Self { child, place, _folder: folder };
        let address = server.address();
        wire::eventually("the server listens", || {
            server.assert_runs();
            async move { TcpStream::connect(address).await.is_ok() }
        })
        .await;
        server
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.place.address
    }

    /// Fails where it has ended.
    pub(super) fn assert_runs(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "the server ended: {ended:?}: {}", self.log());
    }

    /// The end of what it wrote on its outputs.
    pub(super) fn log(&self) -> String {
        let log = fs::read(self.place.folder.join("log")).unwrap();
        String::from_utf8_lossy(&log[log.len().saturating_sub(3000)..]).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Place {
    /// A program of the virtual environment.
    pub(super) fn python(&self, program: &str) -> Command {
        let mut command = Command::new(self.tools.join("venv/bin").join(program));
        command.current_dir(self.apps.join("python"));
        // Nothing is written into the tree.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Node with one of the apps, which gets the address and `more`.
    pub(super) fn node(&self, app: &str, more: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.arg(self.apps.join("node").join(app)).arg(self.address.to_string()).args(more);
        // The apps are not below the packages.
        command.env("NODE_PATH", self.tools.join("node_modules"));
        command
    }

    /// A folder that a server may hand out.
    pub(super) fn htdocs(&self) -> PathBuf {
        self.folder.join("htdocs")
    }

    /// That folder, with files that are named as the apps' routes are and that say what they are.
    pub(super) fn files(&self) -> PathBuf {
        let folder = self.htdocs();
        for (file, served) in [
            ("admin/secret", "/admin/secret"),
            ("rest/users", "/rest/users"),
            ("internal/keys", "/internal/keys"),
            ("public/x", "/public"),
            ("public/admin/secret", "/public"),
            ("x", "/"),
        ] {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, format!("{{\"served\":\"{served}\"}}")).unwrap();
        }
        folder
    }

    /// A configuration file with this text.
    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.join(name);
        fs::write(&file, text).unwrap();
        file
    }
}

/// What the tests of servers need, installed on the first use.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let script = Path::new(ROOT).join("tests/servers/tools");
        // What goes wrong is said on standard error, which is the test's.
        let made = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(made.status.success(), "the servers could not be installed: {}", made.status);
        PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
    })
}
