//! `cognigate healthcheck`: is the gate of this configuration ready? For images, which have no shell and no curl.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::cli::ConfigArgs;
use super::{Exit, fail, load};

/// For the whole of it, since a gate that takes longer to say that it is well is not.
const LIMIT: Duration = Duration::from_secs(3);

/// More than the admin port ever says here; what lies beyond is left unread.
const MOST: u64 = 4096;

/// Asks `/readyz` on the admin address that `run` would have with the same arguments, files and variables.
///
/// Ready, not merely alive: whoever waits for a container to be healthy is about to send requests.
pub fn healthcheck(arguments: ConfigArgs) -> Exit {
    let config = match load(arguments) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match ask(config.admin.address) {
        Ok(()) => Exit::Success,
        Err(error @ Unwell::AnyPort) => fail(&error, Exit::Config),
        Err(error) => fail(&error, Exit::Failure),
    }
}

/// Why the gate does not count as healthy.
#[derive(Debug, thiserror::Error)]
enum Unwell {
    #[error("admin.address has port 0, which is another port each time; give it one of its own")]
    AnyPort,
    #[error("{0} cannot be asked: {1}")]
    Silent(SocketAddr, #[source] io::Error),
    #[error("{0} does not answer within {seconds} seconds", seconds = LIMIT.as_secs())]
    Slow(SocketAddr),
    #[error("{0} does not speak HTTP")]
    NoHttp(SocketAddr),
    #[error("{0} answers {1}: {2}")]
    Refused(SocketAddr, String, String),
}

fn ask(listening: SocketAddr) -> Result<(), Unwell> {
    if listening.port() == 0 {
        return Err(Unwell::AnyPort);
    }
    let address = SocketAddr::new(reached_at(listening.ip()), listening.port());
    let answer = exchange(address, Instant::now() + LIMIT).map_err(|error| match error.kind() {
        // Which of the two it is depends on the system.
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Unwell::Slow(address),
        _ => Unwell::Silent(address, error),
    })?;
    let answer = String::from_utf8_lossy(&answer);
    let mut status = answer.lines().next().unwrap_or_default().split(' ');
    let (Some("HTTP/1.1"), Some(status)) = (status.next(), status.next()) else {
        return Err(Unwell::NoHttp(address));
    };
    if status == "200" {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let reason = body.lines().next().unwrap_or_default();
    Err(Unwell::Refused(address, printable(status), printable(reason)))
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

/// One request, and what came back until the other side closed.
fn exchange(address: SocketAddr, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, left(deadline)?)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    // In one piece: what answers at the first would close before the last.
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
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
