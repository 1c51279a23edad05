//! Staying signed in: the refresh of a session's access token, as seen from outside.

mod beside;
mod faults;
mod refused;
mod shared;
mod sign_out;
mod timing;

use std::time::Duration;

use crate::support::visitor::Visitor;
use crate::support::{SESSION, Stage};

/// How long the emulator's access tokens live.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Within the default margin of 60 s, and still valid.
const DUE: Duration = Duration::from_secs(60 * 60 - 30);
const SECOND: Duration = Duration::from_secs(1);

/// A browser whose access token is valid and due for a refresh.
async fn due(stage: &Stage) -> Visitor {
    let visitor = stage.signed_in().await;
    stage.clock.advance(DUE);
    visitor
}

/// A browser whose access token ends this second.
async fn expired(stage: &Stage) -> Visitor {
    let visitor = stage.signed_in().await;
    stage.clock.advance(LIFETIME);
    visitor
}

/// The access token of the last request that reached the app.
fn last_bearer(stage: &Stage) -> String {
    stage.app.last().header("authorization").expect("a request without Authorization").to_owned()
}

/// The sealed session that a browser holds.
fn session(visitor: &Visitor) -> Option<String> {
    visitor.jar.get(SESSION).map(str::to_owned)
}
