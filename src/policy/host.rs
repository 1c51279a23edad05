//! Which hosts this gate answers for.
//!
//! A name that is not listed is a 421 (RFC 9110 §15.5.20): it neither reaches the app nor starts a login, so
//! that a forged `Host` cannot end up in a link, a cache or a cookie.

use http::HeaderMap;
use http::Uri;
use http::header::HOST;

use crate::types::Origin;

/// The hosts that are answered for: `public_url`'s and the further names in `listen.hosts`.
#[derive(Clone, Debug)]
pub struct Hosts {
    names: Vec<Name>,
}

/// A host name, lower case, with the port that it must come with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    host: String,
    /// `None`: any port will do.
    port: Option<u16>,
}

/// The host of a request that is answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHost {
    /// Lower case, without a dot at its end.
    name: String,
    /// The scheme's own where the request names none.
    port: u16,
}

/// Why a request's host was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("the Host header is missing, is there twice, is no host, or is not the target's")]
    Malformed,
    #[error("this gate does not answer for that host")]
    Unknown,
}

impl Hosts {
    /// `further` are names with or without a port; without one, any port fits.
    #[must_use]
    pub fn new(public: &Origin, further: &[String]) -> Self {
        let own = Name { host: normal(public.host()), port: Some(public.port()) };
        let further = further.iter().filter_map(|text| split(text)).map(|(host, port)| Name { host, port });
        Self { names: std::iter::once(own).chain(further).collect() }
    }

    /// Accepts a request whose `Host` is listed, and is the authority too where the target has one: in
    /// absolute form, and in HTTP/2.
    ///
    /// The app would go by the authority (RFC 9112 §3.2.2) or by the `Host`, and must not have the choice.
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap, secure: bool) -> Result<RequestHost, HostError> {
        let mut lines = headers.get_all(HOST).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(HostError::Malformed);
        };
        let host = named(line.to_str().map_err(|_| HostError::Malformed)?, secure)?;
        // Some apps would go by it.
        if uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
            return Err(HostError::Malformed);
        }
        if let Some(authority) = uri.authority()
            && named(authority.as_str(), secure)? != host
        {
            return Err(HostError::Malformed);
        }
        self.listed(&host)?;
        let (name, port) = host;
        Ok(RequestHost { name, port })
    }

    /// Accepts a host, with or without a port, that is listed.
    pub fn admit_text(&self, text: &str, secure: bool) -> Result<(), HostError> {
        self.listed(&named(text, secure)?)
    }

    /// Host and port of https for a request that came by http, whatever port it came to: of the listed name that it asks
    /// for, which has the port of `public_url` where none was written.
    pub fn at_https(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, HostError> {
        let mut lines = headers.get_all(HOST).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(HostError::Malformed);
        };
        let (host, _) = named(line.to_str().map_err(|_| HostError::Malformed)?, false)?;
        if let Some(authority) = uri.authority()
            && named(authority.as_str(), false)?.0 != host
        {
            return Err(HostError::Malformed);
        }
        let name = self.names.iter().find(|name| name.host == host).ok_or(HostError::Unknown)?;
        let port = name.port.or_else(|| self.names.first()?.port).filter(|port| *port != 443);
        Ok(port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
    }

    fn listed(&self, (host, port): &(String, u16)) -> Result<(), HostError> {
        let listed = self
            .names
            .iter()
            .any(|name| name.host == *host && name.port.is_none_or(|wanted| wanted == *port));
        if listed { Ok(()) } else { Err(HostError::Unknown) }
    }
}

impl RequestHost {
    /// True where it is this one, with this port or, where there is none, with any.
    #[must_use]
    pub fn is(&self, name: &str, port: Option<u16>) -> bool {
        self.name == name && port.is_none_or(|port| self.port == port)
    }
}

fn named(text: &str, secure: bool) -> Result<(String, u16), HostError> {
    let (host, port) = split(text).ok_or(HostError::Malformed)?;
    Ok((host, port.unwrap_or(if secure { 443 } else { 80 })))
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`, the host as [`normal`] writes it.
fn split(text: &str) -> Option<(String, Option<u16>)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(end);
    let port = match rest.strip_prefix(':') {
        Some("") => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None if rest.is_empty() => None,
        None => return None,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let fits = match host.strip_prefix('[') {
        Some(inner) => {
            inner.strip_suffix(']')?.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        }
        None => host.bytes().all(plain),
    };
    (fits && !host.is_empty()).then(|| (normal(host), port))
}

/// Lower case, without the dot that makes a name absolute.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(host: &str) -> Result<(), HostError> {
        let public: Origin = "https://app.test".parse().unwrap();
        let hosts = Hosts::new(&public, &["other.test:8443".into(), "10.0.0.1".into(), "[::1]".into()]);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        hosts.admit(&Uri::from_static("/"), &headers, true).map(drop)
    }

    #[test]
    fn case_27_spellings_of_one_host_are_one_host() {
        for host in [
            "app.test",
            "APP.TEST",
            "app.test.",
            "app.test:443",
            "other.test:8443",
            "10.0.0.1:8080",
            "[::1]:9",
        ] {
            assert_eq!(admitted(host), Ok(()), "{host}");
        }
        for host in ["app.test:80", "evil.test", "app.test.evil.test", "other.test", "xapp.test"] {
            assert_eq!(admitted(host), Err(HostError::Unknown), "{host}");
        }
    }

    #[test]
    fn case_28_a_host_that_is_none_is_malformed() {
        for host in
            ["app.test/public?", "app.test@evil.test", "app.test:443x", "", "a b", "[::1", "app.test:99999"]
        {
            assert_eq!(admitted(host), Err(HostError::Malformed), "{host}");
        }
    }

    #[test]
    fn the_host_header_must_be_there_once() {
        let hosts = Hosts::new(&"https://app.test".parse().unwrap(), &[]);
        let mut headers = HeaderMap::new();
        assert_eq!(hosts.admit(&Uri::from_static("/"), &headers, true), Err(HostError::Malformed));
        headers.append(HOST, "app.test".parse().unwrap());
        headers.append(HOST, "app.test".parse().unwrap());
        assert_eq!(hosts.admit(&Uri::from_static("/"), &headers, true), Err(HostError::Malformed));
    }

    #[test]
    fn an_absolute_form_must_name_the_same_host() {
        let hosts = Hosts::new(&"https://app.test".parse().unwrap(), &["other.test".into()]);
        let mut headers = HeaderMap::new();
        headers.append(HOST, "app.test".parse().unwrap());
        let admitted = |uri| hosts.admit(&Uri::from_static(uri), &headers, true).map(drop);
        assert_eq!(admitted("http://evil.test/"), Err(HostError::Malformed));
        assert_eq!(admitted("http://other.test/"), Err(HostError::Malformed));
        assert_eq!(admitted("http://APP.test:443/"), Ok(()));
        assert_eq!(admitted("ftp://app.test:443/"), Err(HostError::Malformed));
    }
}
