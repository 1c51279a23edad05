//! Sessions in a real Redis, as seen from outside.

mod cases;
mod contract;
mod everywhere;
mod in_cookies;
mod keys;
mod outage;
mod records;
mod replicas;
mod secrets;
mod sign_outs;
mod transport;

use crate::support::redis::RedisServer;
use crate::support::{SESSION, Setup, Stage};

/// A stage whose sessions are in a Redis of its own.
async fn stage() -> (RedisServer, Stage) {
    stage_with(|setup| setup).await
}

async fn stage_with(change: impl FnOnce(Setup) -> Setup) -> (RedisServer, Stage) {
    let server = RedisServer::start();
    let stage = Stage::with(|setup| change(setup.in_redis(&server))).await;
    (server, stage)
}

/// The one session's record.
fn only_record(server: &RedisServer) -> String {
    let mut records: Vec<_> = server.keys().into_iter().filter(|key| key.contains("session:")).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

/// The access token of the last request that reached the app.
fn last_bearer(stage: &Stage) -> String {
    stage.app.last().header("authorization").expect("a request without Authorization").to_owned()
}
