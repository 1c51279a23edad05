//! The other end of a connection, as those who answer its requests see it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::activity::Activity;
use crate::types::ClientWaits;

/// Who sends a request: the address of the connection's other end, which may be a proxy's.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    activity: Arc<Activity>,
}

impl Client {
    pub(super) fn new(address: SocketAddr, activity: Arc<Activity>) -> Self {
        Self { address, activity }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts the connection's requests that wait for this client.
    #[must_use]
    pub fn waits(&self) -> &ClientWaits {
        self.activity.waits()
    }

    /// A session or a token allowed a request of this connection. From now on it goes after all that have shown neither,
    /// where connections have to go.
    pub fn set_signed_in(&self) {
        self.activity.set_signed_in();
    }
}
