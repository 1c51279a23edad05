//! The addresses to listen on.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::uri::PathAndQuery;
use ipnet::IpNet;
use url::{Host, Url};

use crate::types::Origin;

use super::raw::{RawAdmin, RawListen};
use super::report::Report;
use super::site::{Said, url_key};
use super::{Admin, Listen, Upstream, tls};

/// Both listeners, where they do not meet each other. `public_urls` are the sites' by their keys, those that are well.
pub(super) fn listeners(
    listen: &RawListen,
    admin: &RawAdmin,
    public_urls: &[(String, &Origin)],
    report: &mut Report,
) -> Option<(Listen, Admin)> {
    let (token, token_file) = (admin.token.clone(), admin.token_file.as_ref().map(Into::into));
    let address = report.parse::<Address>("listen.address", &listen.address);
    let health_path = report.parse::<HealthPath>("admin.upstream_health_path", &admin.upstream_health_path);
    let admin = report.parse::<Address>("admin.address", &admin.address);
    let mut trusted_proxies = Vec::with_capacity(listen.trusted_proxies.len());
    for (at, text) in listen.trusted_proxies.iter().enumerate() {
        match text.parse::<Network>() {
            Ok(Network(network)) => trusted_proxies.push(network),
            Err(error) => {
                report.problem("listen.trusted_proxies", format_args!("its item {}: {error}", at + 1))
            }
        }
    }
    let certificates = tls::certificates(&listen.tls, public_urls, report);
    let hsts = tls::hsts(listen.hsts.as_deref(), public_urls, report);
    let (Address(address), Address(admin), HealthPath(upstream_health_path)) =
        (address?, admin?, health_path?);
    if meet(address, admin) {
        let place = report.place("listen.address").to_owned();
        report.problem(
            "admin.address",
            format_args!("it takes the port of listen.address ({place}); give it a port of its own"),
        );
    }
    let redirect_http = match listen.redirect_http.as_deref() {
        Some(text) => tls::redirect_http(text, address, public_urls, report),
        None => None,
    };
    for (key, other) in [("listen.address", address), ("admin.address", admin)] {
        if redirect_http.is_some_and(|redirect| meet(redirect, other)) {
            let place = report.place(key).to_owned();
            report.problem(
                "listen.redirect_http",
                format_args!("it takes the port of {key} ({place}); give it a port of its own"),
            );
        }
    }
    let listen = Listen { address, trusted_proxies, certificates, redirect_http, hsts };
    Some((listen, Admin { address: admin, token, token_file, upstream_health_path }))
}

/// Refuses an app that is the gate itself, as far as its URL shows.
pub(super) fn must_not_be_reached(
    listen: SocketAddr,
    said: &Said<'_>,
    upstreams: &[Upstream],
    report: &mut Report,
) {
    for (at, upstream) in upstreams.iter().enumerate() {
        if upstream.address.url().is_some_and(|url| reaches(url, listen)) {
            let place = report.place("listen.address").to_owned();
            report.problem(
                &url_key(said, at),
                format_args!("it is listen.address ({place}), so that requests would come back for ever"),
            );
        }
    }
}

/// True where both cannot be bound at once. Port 0 is a new port each time.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    // `[::]` takes IPv4 as well.
    let takes =
        |one: SocketAddr, other: SocketAddr| one.ip().is_unspecified() && (one.is_ipv6() || other.is_ipv4());
    one.port() == other.port()
        && one.port() != 0
        && (one.ip() == other.ip() || takes(one, other) || takes(other, one))
}

/// True where the upstream's URL leads to our own listener, as far as its text shows.
fn reaches(upstream: &Url, listen: SocketAddr) -> bool {
    let all = listen.ip().is_unspecified();
    let local = all || listen.ip().is_loopback();
    upstream.port_or_known_default() == Some(listen.port())
        && match upstream.host() {
            Some(Host::Domain(name)) => name == "localhost" && local,
            Some(Host::Ipv4(ip)) => listen.ip() == ip || (all && (ip.is_loopback() || ip.is_unspecified())),
            Some(Host::Ipv6(ip)) => {
                listen.ip() == ip || (all && listen.is_ipv6() && (ip.is_loopback() || ip.is_unspecified()))
            }
            None => false,
        }
}

struct Address(SocketAddr);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080")]
struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self).map_err(|_| AddressError)
    }
}

/// A network in CIDR form, or one address.
struct Network(IpNet);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NetworkError {
    #[error("it must be an address or a network, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8")]
    NotANetwork,
    #[error("it has bits set beyond its prefix; write the network's first address")]
    HostBits,
    #[error("it would trust everybody, and so nobody")]
    Everybody,
    #[error("it is IPv4 written as IPv6; write it as IPv4")]
    Mapped,
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| NetworkError::NotANetwork)?,
        };
        if network.prefix_len() == 0 {
            return Err(NetworkError::Everybody);
        }
        if network.addr() != network.network() {
            return Err(NetworkError::HostBits);
        }
        // Peers are compared as IPv4 where they are, so that it could never match.
        if network.addr().to_canonical() != network.addr() {
            return Err(NetworkError::Mapped);
        }
        Ok(Self(network))
    }
}

/// The target of a request: a path, and perhaps a query.
struct HealthPath(PathAndQuery);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be a path of the app, such as /healthz or /status?deep=1, with no # and no space")]
struct HealthPathError;

impl FromStr for HealthPath {
    type Err = HealthPathError;

    fn from_str(text: &str) -> Result<Self, HealthPathError> {
        // What lies behind a # would be dropped in silence.
        if !text.starts_with('/') || text.contains('#') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(HealthPathError);
        }
        text.parse().map(Self).map_err(|_| HealthPathError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_path_is_what_a_request_may_ask_for() {
        let path = |text: &str| text.parse::<HealthPath>().map(|path| path.0.to_string());
        for text in ["/healthz", "/", "/status?deep=1", "/a%20b"] {
            assert_eq!(path(text).as_deref(), Ok(text));
        }
        for text in ["healthz", "http://app/healthz", "", "/a b", "/a#b", "/é", "/a\nb", "*"] {
            assert_eq!(path(text), Err(HealthPathError), "{text:?}");
        }
    }

    #[test]
    fn two_listeners_on_one_port_meet() {
        let meets = |one: &str, other: &str| meet(one.parse().unwrap(), other.parse().unwrap());
        assert!(meets("127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(meets("0.0.0.0:8080", "127.0.0.1:8080"));
        assert!(meets("127.0.0.1:8080", "[::]:8080"));
        assert!(!meets("127.0.0.1:8080", "127.0.0.1:9090"));
        assert!(!meets("127.0.0.1:8080", "127.0.0.2:8080"));
        assert!(!meets("0.0.0.0:8080", "[::1]:8080"));
        assert!(!meets("127.0.0.1:0", "127.0.0.1:0"));
    }

    #[test]
    fn an_upstream_that_is_the_gate_itself_is_noticed() {
        let reaches = |url: &str, listen: &str| reaches(&Url::parse(url).unwrap(), listen.parse().unwrap());
        assert!(reaches("http://127.0.0.1:8080", "0.0.0.0:8080"));
        assert!(reaches("http://localhost:8080", "127.0.0.1:8080"));
        assert!(reaches("http://[::1]:8080", "[::]:8080"));
        assert!(reaches("http://10.0.0.7:80", "10.0.0.7:80"));
        assert!(!reaches("http://127.0.0.1:3000", "0.0.0.0:8080"));
        assert!(!reaches("http://127.0.0.2:8080", "127.0.0.1:8080"));
        assert!(!reaches("http://app:8080", "0.0.0.0:8080"));
    }

    #[test]
    fn a_trusted_proxy_is_an_address_or_a_network_and_never_everybody() {
        let network = |text: &str| text.parse::<Network>().map(|network| network.0.to_string());
        assert_eq!(network("10.0.0.7").as_deref(), Ok("10.0.0.7/32"));
        assert_eq!(network("10.0.0.0/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(network("::1").as_deref(), Ok("::1/128"));
        assert_eq!(network("fd00::/8").as_deref(), Ok("fd00::/8"));
        assert_eq!(network("10.0.0.7/8"), Err(NetworkError::HostBits));
        assert_eq!(network("0.0.0.0/0"), Err(NetworkError::Everybody));
        assert_eq!(network("::/0"), Err(NetworkError::Everybody));
        assert_eq!(network("::ffff:10.0.0.7"), Err(NetworkError::Mapped));
        assert_eq!(network("::ffff:10.0.0.0/104"), Err(NetworkError::Mapped));
        assert_eq!(network("nginx"), Err(NetworkError::NotANetwork));
        assert_eq!(network("10.0.0.0/33"), Err(NetworkError::NotANetwork));
    }
}
