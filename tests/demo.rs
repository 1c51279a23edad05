//! `cognigate demo` as a child, on ports of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::program::{Program, Running};
use crate::support::visitor::Visitor;

/// Killed when dropped.
pub(crate) struct Demo {
    pub(crate) process: Running,
    pub(crate) port: u16,
    pub(crate) emulator_port: u16,
}

impl Demo {
    pub(crate) fn start() -> Self {
        let (port, emulator_port) = (free_port(), free_port());
        let arguments = ["demo", "--port", &port.to_string(), "--emulator-port", &emulator_port.to_string()];
        let process = Program::new(&arguments).start();
        process.prints(&["Ctrl-C ends it all"]);
        Self { process, port, emulator_port }
    }

    /// The gate's origin.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The emulator's, which is another site.
    #[cfg(feature = "browser-tests")]
    pub(crate) fn emulator_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.emulator_port)
    }

    pub(crate) fn visitor(&self) -> Visitor {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Visitor::new(&self.url(), address(self.port), address(self.emulator_port))
    }
}

/// A port of the loopback interface that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
