//! A Redis of our own: a child, on an address that nobody else has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use redis::{Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo as _};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::wire::PATIENCE;

/// A running server. Ended when dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    child: Option<Child>,
    address: SocketAddr,
    folder: TempDir,
    arguments: Vec<String>,
}

impl RedisServer {
    /// One that keeps what it has over a restart.
    pub(crate) fn start() -> Self {
        Self::start_with(|_, _| Vec::new())
    }

    /// One with further arguments, which may name files in its folder, and its address.
    pub(crate) fn start_with(arguments: impl FnOnce(&Path, IpAddr) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from((own_loopback(), 6379));
        let arguments = arguments(folder.path(), address.ip());
        let mut server = Self { child: None, address, folder, arguments };
        server.start_again();
        server
    }

    /// Starts it again, on the same address and with what it had.
    pub(crate) fn start_again(&mut self) {
        let program = ["/usr/bin/redis-server", "/usr/bin/valkey-server"].map(PathBuf::from);
        let program = program.iter().find(|path| path.exists());
        let mut command = Command::new(program.expect("no redis-server: ./test installs it"));
        command.args(["--bind", &self.address.ip().to_string(), "--dir"]).arg(self.folder.path());
        command.args([
            "--port",
            "6379",
            "--save",
            "3600 1",
            "--protected-mode",
            "no",
            "--loglevel",
            "warning",
        ]);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(began.elapsed() < PATIENCE, "redis-server does not listen");
            sleep(Duration::from_millis(5));
        }
    }

    /// Ends it; what it has is written to its file.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let _ = self.child.take().unwrap().wait();
    }

    /// Lets it neither answer nor close anything.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Asks it something, past every gate.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        command.query(&mut Client::open(self.info()).unwrap().get_connection().unwrap()).unwrap()
    }

    fn info(&self) -> ConnectionInfo {
        let address = ConnectionAddr::Tcp(self.address.ip().to_string(), self.address.port());
        address.into_connection_info().unwrap()
    }

    /// The names of all keys, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.ask(redis::cmd("KEYS").arg("*"));
        keys.sort();
        keys
    }

    /// All that it has, as its own file of it.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let () = self.ask(&redis::cmd("SAVE"));
        std::fs::read(self.folder.path().join("dump.rdb")).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A loopback address for each, so that the port is free.
fn own_loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | process[2] & 0x7f, process[3], NEXT.fetch_add(1, Ordering::Relaxed))
}
