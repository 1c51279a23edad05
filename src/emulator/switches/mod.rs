//! The test switches: what a test, or a developer with curl, can do to the emulator while it runs.

pub(super) mod board;
mod endpoint;
mod fault;
pub(super) mod remote;
mod reply_edit;
mod token_edit;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::pool::Pool;
use super::settings::Siblings;
use crate::secret::Secret;

pub use endpoint::{Endpoint, Received};
pub use fault::Fault;
pub use reply_edit::{CallbackEdit, JwksShape, ReplyEdit};
pub use token_edit::{Signing, TokenEdit, TokenUse};

/// A handle on a running emulator. Cheap to clone; all clones turn the same switches.
#[derive(Clone, Debug)]
pub struct Switches {
    pool: Arc<Pool>,
}

/// The default of every limited switch: the next one, and no more.
// Not `u32`: serde's default has the type of the field.
fn once() -> Option<u32> {
    Some(1)
}

impl Switches {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }

    /// How many requests an endpoint has got, those that met a fault included.
    #[must_use]
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.pool.board.count(endpoint)
    }

    /// All counters.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Endpoint, u64> {
        Endpoint::ALL.into_iter().map(|endpoint| (endpoint, self.count(endpoint))).collect()
    }

    /// The last request that an endpoint has got.
    #[must_use]
    pub fn last(&self, endpoint: Endpoint) -> Option<Received> {
        self.pool.board.last(endpoint)
    }

    /// Waits until an endpoint has got so many requests in all.
    pub async fn reached(&self, endpoint: Endpoint, count: u64) {
        self.pool.board.reached(endpoint, count).await;
    }

    /// Makes an endpoint fail, after the faults that it has already.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.pool.board.add_fault(endpoint, fault);
    }

    /// Holds an endpoint's requests, counted but unserved, until the gate is released or dropped.
    #[must_use = "dropping the gate releases it"]
    pub fn hold(&self, endpoint: Endpoint) -> Gate {
        self.pool.board.hold(endpoint, true);
        Gate { switches: self.clone(), endpoint }
    }

    /// Changes tokens that are minted from now on.
    pub fn edit_token(&self, edit: TokenEdit) {
        self.pool.board.add_token_edit(edit);
    }

    /// Changes JSON answers of an endpoint from now on.
    pub fn edit_reply(&self, endpoint: Endpoint, edit: ReplyEdit) {
        self.pool.board.add_reply_edit(endpoint, edit);
    }

    /// Changes redirects to callbacks from now on.
    pub fn edit_callback(&self, edit: CallbackEdit) {
        self.pool.board.add_callback_edit(edit);
    }

    /// Shapes the JWKS from now on; the default shape is the plain one.
    pub fn shape_jwks(&self, shape: JwksShape) {
        self.pool.board.shape_jwks(shape);
    }

    /// Signs by new keys from now on; with `keep_old` the old ones stay in the JWKS. Makes two keys where the
    /// process has none to spare, which takes a while.
    pub fn rotate_keys(&self, keep_old: bool) {
        self.pool.rotate_keys(keep_old);
    }

    /// The key ids of the id token's and the access token's keys.
    #[must_use]
    pub fn key_ids(&self) -> [String; 2] {
        let keys = self.pool.keys();
        [keys.id.kid().to_owned(), keys.access.kid().to_owned()]
    }

    /// Lets refresh tokens expire now: a user's, or everyone's.
    pub fn expire_refresh_tokens(&self, username: Option<&str>) {
        self.pool.expire_refresh_tokens(username);
    }

    /// Revokes refresh tokens, and with them the access tokens at userInfo: a user's, or everyone's.
    pub fn revoke_refresh_tokens(&self, username: Option<&str>) {
        self.pool.revoke_refresh_tokens(username);
    }

    /// Ends managed login's own sessions: everybody has to give a password again.
    pub fn end_sessions(&self) {
        self.pool.end_sessions();
    }

    /// Changes a user's groups; tokens show it after the next sign-in or refresh. False: no such user.
    pub fn set_groups(&self, username: &str, groups: &[&str]) -> bool {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self.pool.change_user(username, |user| user.groups = groups)
    }

    /// Sets or removes an attribute, `email` too. False: no such user.
    pub fn set_attribute(&self, username: &str, name: &str, value: Option<&str>) -> bool {
        let value = value.map(str::to_owned);
        self.pool.change_user(username, |user| user.set_attribute(name, value))
    }

    /// Registers other callback and sign-out URLs, unchecked. False: no such app client.
    pub fn set_urls(&self, client_id: &str, callback_urls: &[&str], logout_urls: &[&str]) -> bool {
        let owned = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
        let (callbacks, logouts) = (owned(callback_urls), owned(logout_urls));
        self.pool.change_client(client_id, |client| {
            client.callback_urls = callbacks;
            client.logout_urls = logouts;
        })
    }

    /// Changes an app client's active secrets. False: no such app client.
    pub fn set_secrets(&self, client_id: &str, secrets: &[&str]) -> bool {
        let secrets = secrets.iter().map(|secret| Secret::from(*secret)).collect();
        self.pool.change_client(client_id, |client| client.secrets = secrets)
    }

    /// Turns refresh token rotation on or off. False: no such app client.
    pub fn set_rotation(&self, client_id: &str, grace: Option<Duration>) -> bool {
        self.pool.change_client(client_id, |client| client.rotation_grace = grace)
    }

    /// Lets what a rotated refresh token gave end, or stay, when it is used once more. False: no such app client.
    pub fn set_siblings(&self, client_id: &str, siblings: Siblings) -> bool {
        self.pool.change_client(client_id, |client| client.rotation_siblings = siblings)
    }

    /// Takes back every fault, hold, edit and shape, and sets the counters to zero. Keys, users, app clients,
    /// sessions and tokens stay as they are.
    pub fn reset(&self) {
        self.pool.board.reset();
    }
}

/// Requests of one endpoint wait at it. Released when dropped.
#[derive(Debug)]
pub struct Gate {
    switches: Switches,
    endpoint: Endpoint,
}

impl Gate {
    /// Waits until so many requests stand at the gate at once.
    pub async fn holding(&self, requests: usize) {
        self.switches.pool.board.holding(self.endpoint, requests).await;
    }

    /// Lets the requests go on.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.switches.pool.board.hold(self.endpoint, false);
    }
}
