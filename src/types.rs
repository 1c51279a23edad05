//! Plain values that rooms hand to each other.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use url::{Host, Url};

/// Any error that a body may end with.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The body of an answer: one of our own pages, or the upstream's stream.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body at all.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Counts the requests of one connection that wait for their client: to send more of a body, or to take more of an
/// answer.
#[derive(Clone, Debug, Default)]
pub struct ClientWaits(Arc<AtomicUsize>);

/// One such request. It is counted until this is dropped.
#[derive(Debug)]
pub struct ClientWait(ClientWaits);

impl ClientWaits {
    #[must_use]
    pub fn begin(&self) -> ClientWait {
        self.0.fetch_add(1, Relaxed);
        ClientWait(self.clone())
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Drop for ClientWait {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// A web origin (RFC 6454): scheme, host and port, without user, path, query or fragment.
///
/// The host is as a WHATWG parser writes it: lower case, IDNA applied, IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
    loopback: bool,
}

/// Why a text is not an [`Origin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    #[error("it is not an absolute URL such as https://app.example.com")]
    NotAUrl,
    #[error("its scheme must be https or http")]
    Scheme,
    #[error(
        "it must be a scheme, a host and perhaps a port, with no path, query, fragment, user or password"
    )]
    NotBare,
}

impl Origin {
    /// True for https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host alone, IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Host and port as a `Host` header carries them: without the port where it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.secure { 443 } else { 80 };
        if self.port == default { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// True for `localhost`, names below it, 127.0.0.0/8 and `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// True where `url` has this origin.
    #[must_use]
    pub fn contains(&self, url: &Url) -> bool {
        url.scheme() == self.scheme()
            && url.host_str() == Some(self.host.as_str())
            && url.port_or_known_default() == Some(self.port)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError::NotAUrl)?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(OriginError::Scheme),
        };
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(OriginError::NotBare);
        }
        let host = url.host_str().ok_or(OriginError::NotAUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(OriginError::NotAUrl)?;
        Ok(Self { secure, host, port, loopback: is_loopback(&url) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

/// True where the URL's host is this machine: `localhost`, a name below it, 127.0.0.0/8 or `[::1]`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

/// Names one request in the access log and on our pages.
///
/// A client's own `X-Request-Id` is kept where it is 1 to 64 characters of `[A-Za-z0-9._-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The text, safe to print anywhere.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From 16 random bytes, as lower-case hex.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(32);
        for byte in bytes {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// A client's own id, where it has the shape of one.
    #[must_use]
    pub fn from_client(text: &[u8]) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !fits {
            return None;
        }
        String::from_utf8(text.to_vec()).ok().map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
