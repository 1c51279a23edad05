//! `cognigate healthcheck`: is the gate of this configuration ready? For images, which have no shell and no curl.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::{Duration, Instant};

use url::Url;

use super::cli::HealthcheckArgs;
use super::{Exit, fail, load};

/// For the whole of it, since a gate that takes longer to say that it is well is not. Only the lookup of a name, which a
/// URL may have, takes as long as the system's resolver does.
const LIMIT: Duration = Duration::from_secs(3);

/// More than the admin port ever says here; what lies beyond is left unread.
const MOST: u64 = 4096;

/// Asks `/readyz` on the admin address that `run` would have with the same arguments, files and variables, or the URL
/// that it is given.
///
/// Ready, not merely alive: whoever waits for a container to be healthy is about to send requests.
pub fn healthcheck(arguments: HealthcheckArgs) -> Exit {
    let asked = match arguments.url {
        Some(asked) => asked,
        None => match load(arguments.config) {
            Ok(config) if config.admin.address.port() == 0 => return fail(&Unwell::AnyPort, Exit::Config),
            Ok(config) => Asked::ready(config.admin.address),
            Err(exit) => return exit,
        },
    };
    match ask(&asked) {
        Ok(()) => Exit::Success,
        Err(error) => fail(&error, Exit::Failure),
    }
}

/// What is asked, by plain HTTP.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Host and port, as an address is looked up and as `Host` has it.
    authority: String,
    /// Path and query.
    target: String,
}

/// Why a URL cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be an http URL without a user, such as http://127.0.0.1:3000/health")]
pub struct AskedError;

impl Asked {
    fn ready(listening: SocketAddr) -> Self {
        let address = SocketAddr::new(reached_at(listening.ip()), listening.port());
        Self { authority: address.to_string(), target: "/readyz".to_owned() }
    }
}

impl FromStr for Asked {
    type Err = AskedError;

    fn from_str(text: &str) -> Result<Self, AskedError> {
        let url = Url::parse(text).map_err(|_| AskedError)?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(AskedError);
        };
        if url.scheme() != "http" || !url.username().is_empty() || url.password().is_some() {
            return Err(AskedError);
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self { authority: format!("{host}:{port}"), target: format!("{}{query}", url.path()) })
    }
}

/// Why what was asked does not count as healthy.
#[derive(Debug, thiserror::Error)]
enum Unwell {
    #[error("admin.address has port 0, which is another port each time; give it one of its own")]
    AnyPort,
    #[error("{0} cannot be asked: {1}")]
    Silent(String, #[source] io::Error),
    #[error("{0} does not answer within {seconds} seconds", seconds = LIMIT.as_secs())]
    Slow(String),
    #[error("{0} does not speak HTTP")]
    NoHttp(String),
    #[error("{0} answers {1}: {2}")]
    Refused(String, String, String),
}

fn ask(asked: &Asked) -> Result<(), Unwell> {
    let authority = asked.authority.clone();
    let answer = match exchange(asked, Instant::now() + LIMIT) {
        Ok(answer) => answer,
        Err(error) => {
            return Err(match error.kind() {
                // Which of the two it is depends on the system.
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Unwell::Slow(authority),
                _ => Unwell::Silent(authority, error),
            });
        }
    };
    let answer = String::from_utf8_lossy(&answer);
    let mut status = answer.lines().next().unwrap_or_default().split(' ');
    let (Some("HTTP/1.1"), Some(status)) = (status.next(), status.next()) else {
        return Err(Unwell::NoHttp(authority));
    };
    if status.len() == 3 && status.starts_with('2') {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let reason = body.lines().next().unwrap_or_default();
    Err(Unwell::Refused(authority, printable(status), printable(reason)))
}

/// Without what moves a terminal's cursor: whatever listens there may not be ours.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The address to ask where somebody listens on `ip`: the machine's own, where it is all of them.
fn reached_at(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// One request, and what came back until the other side closed or has said enough.
fn exchange(asked: &Asked, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut stream = connect(&asked.authority, deadline)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    // In one piece: what answers at the first would close before the last.
    let Asked { authority, target } = asked;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut part) = (Vec::new(), [0; 1024]);
    let mut stream = stream.take(MOST);
    loop {
        // Anew for each part: one byte a second must not go on for ever.
        stream.get_ref().set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut part) {
            Ok(0) => return Ok(answer),
            Ok(length) => answer.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The first address that takes a connection: a name such as localhost has several.
fn connect(authority: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The time that is left, never zero.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_the_machines_own() {
        let reached = |ip: &str| reached_at(ip.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0"), "127.0.0.1");
        assert_eq!(reached("::"), "::1");
        assert_eq!(reached("10.0.0.7"), "10.0.0.7");
        assert_eq!(reached("fd00::7"), "fd00::7");
    }
}
