//! Making an endpoint fail: an answer of any shape, a delay, a hang, a lost connection.

use std::time::Duration;

use serde::Deserialize;

use super::once;

/// How an endpoint fails, and how often. Faults of one endpoint queue up: the next begins when the one before
/// it is spent.
///
/// ```
/// use cognigate::emulator::Fault;
/// let throttled = Fault::status(429).header("retry-after", "1").times(2);
/// let answer_lost = Fault::close().after_work();
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// How many requests it meets; `None` (JSON null) is all of them until a reset.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Waits so long first. Alone, without status, hang or close, the request is then served as usual.
    #[serde(default)]
    pub delay_ms: u64,
    /// The answer's status; without headers or a body of its own it is empty.
    #[serde(default)]
    pub status: Option<u16>,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub body: String,
    /// Spaces are added to the body up to so many bytes.
    #[serde(default)]
    pub fill: usize,
    /// Sends the head and the body, but never the end of the body.
    #[serde(default)]
    pub stall: bool,
    /// Never answers.
    #[serde(default)]
    pub hang: bool,
    /// Closes the connection without an answer.
    #[serde(default)]
    pub close: bool,
    /// Does what was asked before it fails: the code is used up, the refresh token rotated, the answer lost.
    #[serde(default)]
    pub after_work: bool,
}

impl Fault {
    /// Answers with a status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { times: once(), status: Some(status), ..Self::default() }
    }

    /// Serves as usual, but late.
    #[must_use]
    pub fn delay(by: Duration) -> Self {
        let delay_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self { times: once(), delay_ms, ..Self::default() }
    }

    /// Takes the request and never answers.
    #[must_use]
    pub fn hang() -> Self {
        Self { times: once(), hang: true, ..Self::default() }
    }

    /// Takes the request and drops the connection.
    #[must_use]
    pub fn close() -> Self {
        Self { times: once(), close: true, ..Self::default() }
    }

    /// A redirect, as to an address that must not be followed.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("location", location)
    }

    /// Meets so many requests instead of one.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Meets every request until a reset.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Pads the body with spaces up to so many bytes.
    #[must_use]
    pub fn fill(mut self, bytes: usize) -> Self {
        self.fill = bytes;
        self
    }

    /// Never ends the body.
    #[must_use]
    pub fn stall(mut self) -> Self {
        self.stall = true;
        self
    }

    /// Does what was asked first.
    #[must_use]
    pub fn after_work(mut self) -> Self {
        self.after_work = true;
        self
    }

    /// True where it only delays.
    pub(in crate::emulator) fn serves(&self) -> bool {
        self.status.is_none() && !self.hang && !self.close
    }
}
