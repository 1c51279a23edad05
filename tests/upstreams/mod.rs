//! The apps behind the gate: which of them gets a request, and how it is spoken to.

mod choice;
mod connections;
mod health;
mod hosts;
mod http2;
#[cfg(feature = "nginx-tests")]
mod nginx;
mod peer;
mod retry;
mod tls;

use std::time::Duration;

use cognigate::commands::run::Gate;
use cognigate::config::{Config, Sources, Upstream};

use crate::support::Stage;
use crate::support::app::App;
use crate::support::ready;
use crate::support::visitor::Visitor;

/// A gate in front of the apps of a file, and somebody who is signed in.
pub(crate) struct Scene {
    gate: Gate,
    pub(crate) alice: Visitor,
    stage: Stage,
}

impl Scene {
    /// `tables` are `[[upstreams]]`, and whatever else the file shall hold.
    pub(crate) async fn before(tables: &str) -> Self {
        Self::with(tables, |_| {}).await
    }

    /// One whose settings are changed in a way that a file cannot say: shorter than a second.
    async fn with(tables: &str, change: impl FnOnce(&mut Vec<Upstream>)) -> Self {
        let stage = Stage::new().await;
        let mut alice = stage.signed_in().await;
        let mut config = config(&stage, tables);
        change(&mut config.sites[0].upstreams);
        let gate = Gate::start(&config, &[], 1, stage.clock.clone()).unwrap();
        ready(gate.admin_address()).await;
        alice.go_to(gate.address());
        Self { gate, alice, stage }
    }
}

/// The stage's configuration with the apps of `tables` in the place of its own.
fn config(stage: &Stage, tables: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cognigate.toml");
    std::fs::write(&file, tables).unwrap();
    let flags = stage.flags().iter().filter(|(key, _)| key != "upstream").cloned().collect();
    Config::load(&Sources { file: Some(file), flags, ..Sources::default() }).unwrap()
}

/// An app that answers with `name`.
pub(crate) fn app(name: &'static str) -> App {
    let app = App::bind();
    app.answer(move |_| http::Response::new(cognigate::types::full(name)));
    tokio::spawn(app.serving());
    app
}

const SHORT: Duration = Duration::from_millis(50);
