//! The program as a process: what ends it and how, what it prints, and what its surroundings do to it.

mod configured;
mod demo;
mod draining;
#[cfg(target_os = "linux")]
mod dumpable;
mod ending;
#[cfg(target_os = "linux")]
mod floods;
mod healthcheck;
#[cfg(target_os = "linux")]
mod idle_connections;
#[cfg(target_os = "linux")]
mod large;
mod logs;
#[cfg(feature = "memory-tests")]
mod memory;
mod ports;
mod sample_app;
#[cfg(target_os = "linux")]
mod unfinished_logins;

use std::net::SocketAddr;

use tokio::sync::Mutex;

use crate::program::{Program, Running};
use crate::support::visitor::Visitor;
use crate::support::{PUBLIC_URL, Setup, Stage, ready};

/// Held by tests that open thousands of connections: the test's own process may have only so many.
static MANY_CONNECTIONS: Mutex<()> = Mutex::const_new(());

/// A gate that is a process, before a stage's app and emulator.
struct GateProcess {
    process: Running,
    address: SocketAddr,
    admin: SocketAddr,
}

/// A stage that goes by the machine's clock, as a process must.
async fn stage() -> Stage {
    stage_with(|setup| setup).await
}

async fn stage_with(change: impl FnOnce(Setup) -> Setup) -> Stage {
    Stage::with(|setup| change(setup.real_time())).await
}

/// `cognigate run` with a stage's settings, those in `without` left out, ready for visitors.
async fn run(stage: &Stage, without: &[&str], change: impl FnOnce(Program) -> Program) -> GateProcess {
    let flags = stage.flags().iter().filter(|(key, _)| !without.contains(&key.as_str()));
    let mut program = Program::new(&["run"]);
    program.command.args(flags.map(|(key, value)| format!("--set={key}={value}")));
    let gate = GateProcess::of(change(program).start());
    ready(gate.admin).await;
    gate
}

/// `cognigate run` with a stage's settings but for `changes`.
async fn run_with(stage: &Stage, changes: &[(&str, &str)]) -> GateProcess {
    run(stage, &[], |mut program| {
        program.command.args(changes.iter().map(|(key, value)| format!("--set={key}={value}")));
        program
    })
    .await
}

/// A gate that needs no Cognito, since nobody signs in.
fn run_alone(change: impl FnOnce(Program) -> Program) -> GateProcess {
    GateProcess::of(change(Program::new(&["run", "--config=alone.toml"]).file("alone.toml", ALONE)).start())
}

/// The settings of [`run_alone`]: nothing listens where they point to.
pub(crate) const ALONE: &str = "\
public_url = 'https://app.test'
upstream = 'http://127.0.0.1:9'
[cognito]
user_pool_id = 'us-east-1_Emulated1'
client_id = 'demo-client'
client_secret = 'demo-secret'
domain = 'http://127.0.0.1:9'
[listen]
address = '127.0.0.1:0'
[admin]
address = '127.0.0.1:0'
[shutdown]
drain_delay = '0s'
";

impl GateProcess {
    /// Waits for the line that says where it listens.
    fn of(process: Running) -> Self {
        let line = process.prints(&["\"message\":\"serving\""]);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
        Self { process, address: address("address"), admin: address("admin") }
    }

    /// A browser that has not been here before.
    fn visitor(&self, stage: &Stage) -> Visitor {
        Visitor::new(PUBLIC_URL, self.address, stage.cognito_address)
    }

    /// Waits for the line of the access log that has this request id.
    fn access_line(&self, id: &str) -> serde_json::Value {
        let line = self.process.prints(&["\"target\":\"cognigate::access\"", &format!("\"{id}\"")]);
        serde_json::from_str(&line).unwrap()
    }
}
