//! What a client can ask for, and how long the end may take.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration::HumanDuration;
use super::raw::{RawLimits, RawShutdown};
use super::report::Report;
use super::size::HumanSize;

/// How much a client can ask of the gate. Nothing here is 0.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Names and values of all a request's fields, in bytes.
    pub header_bytes: usize,
    /// Fields of a request, a cookie that came in crumbs being one.
    pub header_fields: usize,
    /// A request's target, in bytes.
    pub uri_bytes: usize,
    /// A request's body, in bytes.
    pub body_bytes: Option<u64>,
    /// From the first byte of a request's head to its last, and from the connection to the first.
    pub header_timeout: Duration,
    pub tls_handshake_timeout: Duration,
    /// How long a connection is kept without a request.
    pub idle_timeout: Duration,
    /// How long a client may neither send what it has announced nor take what it has asked for.
    pub stall_timeout: Duration,
    /// Of the whole process; by the memory where nothing is set.
    pub connections: Option<usize>,
    /// At once, on one HTTP/2 connection.
    pub streams: u32,
    /// What the process may have allocated, in bytes; by what the system has for it where nothing is set.
    pub memory: Option<usize>,
}

/// How serving ends.
#[derive(Clone, Copy, Debug)]
pub struct Shutdown {
    /// How long new connections are still accepted after SIGTERM.
    pub drain_delay: Duration,
    /// How long what is under way may take after that.
    pub timeout: Duration,
}

/// The longest of any time here. More would be no limit.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
const KIB: u64 = 1 << 10;

pub(super) fn limits(raw: &RawLimits, report: &mut Report) -> Option<Limits> {
    // Below the least no browser is served; above the most one connection would cost too much.
    let header_bytes = bytes("limits.header_bytes", &raw.header_bytes, 1..=1024, report);
    let header_fields = count("limits.header_fields", raw.header_fields, 10..=1000, report);
    // No URI type of ours takes a longer one.
    let uri_bytes = bytes("limits.uri_bytes", &raw.uri_bytes, 1..=63, report);
    let body_bytes = match &raw.body_bytes {
        Some(text) => report.parse::<HumanSize>("limits.body_bytes", text).map(|size| Some(size.0)),
        None => Some(None),
    };
    let header_timeout = time("limits.header_timeout", &raw.header_timeout, report);
    let tls_handshake_timeout = time("limits.tls_handshake_timeout", &raw.tls_handshake_timeout, report);
    let idle_timeout = time("limits.idle_timeout", &raw.idle_timeout, report);
    let stall_timeout = time("limits.stall_timeout", &raw.stall_timeout, report);
    let connections = match raw.connections {
        Some(number) => count("limits.connections", number, 1..=1_000_000, report).map(Some),
        None => Some(None),
    };
    let streams = count("limits.streams", raw.streams, 1..=10_000, report);
    let memory = match &raw.memory {
        // Below the least there is no room for what is served at the moment; 1 TiB is more than there is.
        Some(text) => bytes("limits.memory", text, 16 * KIB..=KIB * KIB * KIB, report).map(Some),
        None => Some(None),
    };
    Some(Limits {
        header_bytes: header_bytes?,
        header_fields: header_fields?,
        uri_bytes: uri_bytes?,
        body_bytes: body_bytes?,
        header_timeout: header_timeout?,
        tls_handshake_timeout: tls_handshake_timeout?,
        idle_timeout: idle_timeout?,
        stall_timeout: stall_timeout?,
        connections: connections?,
        streams: u32::try_from(streams?).ok()?,
        memory: memory?,
    })
}

pub(super) fn shutdown(raw: &RawShutdown, report: &mut Report) -> Option<Shutdown> {
    const DELAY: &str = "shutdown.drain_delay";
    let drain_delay = report.parse::<HumanDuration>(DELAY, &raw.drain_delay).map(|delay| delay.0);
    let drain_delay = drain_delay.and_then(|delay| at_most_a_day(DELAY, delay, report));
    let timeout = time("shutdown.timeout", &raw.timeout, report);
    Some(Shutdown { drain_delay: drain_delay?, timeout: timeout? })
}

fn bytes(key: &str, text: &str, kib: RangeInclusive<u64>, report: &mut Report) -> Option<usize> {
    let size = report.parse::<HumanSize>(key, text)?.0;
    if (kib.start() * KIB..=kib.end() * KIB).contains(&size) {
        return usize::try_from(size).ok();
    }
    let [least, most] = [kib.start(), kib.end()].map(|kib| match kib {
        kib if kib % (KIB * KIB) == 0 => format!("{}GiB", kib / (KIB * KIB)),
        kib if kib % KIB == 0 => format!("{}MiB", kib / KIB),
        kib => format!("{kib}KiB"),
    });
    report.problem(key, format_args!("it must be from {least} to {most}"));
    None
}

fn count(key: &str, number: u64, range: RangeInclusive<u64>, report: &mut Report) -> Option<usize> {
    if range.contains(&number) {
        return usize::try_from(number).ok();
    }
    report.problem(key, format_args!("it must be from {} to {}", range.start(), range.end()));
    None
}

fn time(key: &str, text: &str, report: &mut Report) -> Option<Duration> {
    let time = report.parse::<HumanDuration>(key, text)?.0;
    if time.is_zero() {
        report.problem(key, "it must be at least 1s");
        return None;
    }
    at_most_a_day(key, time, report)
}

fn at_most_a_day(key: &str, time: Duration, report: &mut Report) -> Option<Duration> {
    if time <= A_DAY {
        return Some(time);
    }
    report.problem(key, "it must be at most 24h");
    None
}
