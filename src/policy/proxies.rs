//! Whose word counts about a request that somebody else sent.

use std::net::IpAddr;

use ipnet::IpNet;

/// The proxies and gateways that may say what the original request was. Empty by default.
#[derive(Clone, Debug)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    /// True for the other end of a connection that is on the list; IPv4 within IPv6 counts as IPv4.
    #[must_use]
    pub fn include(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}
