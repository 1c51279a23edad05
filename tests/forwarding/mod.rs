//! What reaches the app, byte for byte, and what comes back.

mod application;
mod bodies;
mod endings;
mod framing;
mod hop_by_hop;
mod hosts;
mod identity;
mod methods;
mod one_reading;
mod paths;
mod refusals;
pub(crate) mod reserved;
mod told;
mod trailers;
mod way;
mod websocket;

use cognigate::commands::run::Gate;

use crate::support::Stage;
use crate::support::peer::{AppByHand, Peer};
use crate::support::visitor::Visitor;
use crate::support::wire;

/// A gate in front of an app that the test plays by hand, and somebody who is signed in.
struct Scene {
    app: AppByHand,
    gate: Gate,
    visitor: Visitor,
    /// The emulator that signed the visitor in, and the clock.
    stage: Stage,
}

impl Scene {
    async fn set() -> Self {
        Self::with(&[]).await
    }

    /// A gate with some keys set otherwise.
    async fn with(changes: &[(&str, &str)]) -> Self {
        let (stage, app) = (Stage::new().await, AppByHand::bind().await);
        let mut visitor = stage.signed_in().await;
        let url = app.url();
        let gate = stage.replica(&[&[("upstream", url.as_str())], changes].concat()).await;
        visitor.go_to(gate.address());
        Self { app, gate, visitor, stage }
    }

    /// The visitor's connection to the gate.
    async fn client(&self) -> Peer {
        Peer::to(self.gate.address()).await
    }

    /// The head of a request by the visitor: `start` without the version, and further header lines.
    fn head(&self, start: &str, headers: &[&str]) -> String {
        head(&self.visitor, start, headers)
    }
}

/// The head of a request with a visitor's cookies: `start` without the version, and further header lines.
pub(crate) fn head(visitor: &Visitor, start: &str, headers: &[&str]) -> String {
    let cookies = visitor.jar.line();
    let cookies = cookies.map(|line| format!("Cookie: {}\r\n", line.to_str().unwrap())).unwrap_or_default();
    let further: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{start} HTTP/1.1\r\nHost: app.test\r\n{cookies}{further}\r\n")
}

/// Sends a request whose connection ends with the answer, and reads that.
async fn say(visitor: &Visitor, start: &str, headers: &[&str]) -> Vec<u8> {
    let headers = [&["Connection: close"], headers].concat();
    wire::exchange(visitor.gate(), head(visitor, start, &headers).into_bytes()).await
}
