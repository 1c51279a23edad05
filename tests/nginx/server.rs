//! An nginx of our own: a child, on an address that nobody else has.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::wire;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What nginx.conf includes.
pub(super) const CLEARED: &str = "clear_headers.conf";

/// Which nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The system's: Debian's is 1.22, which shows the first of several `Set-Cookie` lines.
    Debian,
    /// 1.31, which `./test` takes out of a Python wheel.
    Newest,
}

impl Which {
    /// The program; there is no test without it.
    pub(crate) fn program(self) -> PathBuf {
        let candidates = match self {
            Self::Debian => ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].map(PathBuf::from).to_vec(),
            Self::Newest => vec![Path::new(ROOT).join("target/peers/nginx-1.31.3/nginx")],
        };
        let found = candidates.iter().find(|path| path.exists());
        found.unwrap_or_else(|| panic!("{self:?} nginx is not in {candidates:?}: ./test installs it")).clone()
    }
}

/// A running nginx. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    /// Starts it with the shipped configuration, but for the two addresses, where it listens and where its files are, and
    /// with `lines` for the app's location.
    pub(super) async fn start(which: Which, gate: SocketAddr, app: SocketAddr, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from((own_loopback(), 8080));
        let conf = shipped("nginx.conf", folder.path());
        fs::write(folder.path().join(CLEARED), shipped_text(CLEARED)).unwrap();
        let conf = replaced(&conf, "listen 8080;", &format!("listen {address};"));
        let conf = replaced(&conf, "127.0.0.1:4180", &gate.to_string());
        let conf = replaced(&conf, "127.0.0.1:3000", &app.to_string());
        let conf = replaced(&conf, "proxy_pass http://app;", &format!("{lines}\nproxy_pass http://app;"));
        Self::run(which, folder, address, &conf).await
    }

    /// Starts it with another configuration, one of whose addresses is `address`.
    pub(crate) async fn run(which: Which, folder: TempDir, address: SocketAddr, conf: &str) -> Self {
        let path = folder.path().join("nginx.conf");
        fs::write(&path, conf).unwrap();
        // One process, so that nothing outlives it.
        let globals = format!(
            "daemon off; master_process off; error_log stderr info; pid {};",
            folder.path().join("pid").display()
        );
        let mut command = Command::new(which.program());
        command.arg("-p").arg(folder.path()).arg("-c").arg(&path).args(["-g", &globals]).stdin(Stdio::null());
        let log = File::create(folder.path().join("log")).unwrap();
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut nginx = Self { child, address, folder };
        wire::eventually("nginx listens", || {
            let ended = nginx.child.try_wait().unwrap();
            assert!(ended.is_none(), "nginx ended: {}", nginx.log());
            async move { TcpStream::connect(address).await.is_ok() }
        })
        .await;
        nginx
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has to say.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration as it is shipped, its temporary files and its access log in `folder`.
pub(super) fn shipped(name: &str, folder: &Path) -> String {
    let text = shipped_text(name);
    let mut http = format!("\nhttp {{\n  access_log {};\n", folder.join("access.log").display());
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        http += &format!("  {kind}_temp_path {};\n", folder.join(kind).display());
    }
    replaced(&text, "\nhttp {\n", &http)
}

/// A file of deploy/nginx.
pub(super) fn shipped_text(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("deploy/nginx").join(name)).unwrap()
}

/// `text` with what stands in it once replaced.
pub(super) fn replaced(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} is not there once");
    text.replace(old, new)
}

/// An address of the loopback network that no other test and no other process of tests has.
pub(crate) fn own_loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    // 127.0.x.y is where everybody else is.
    Ipv4Addr::new(127, high | 0x80, low, NEXT.fetch_add(1, Ordering::Relaxed))
}
