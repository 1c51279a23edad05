//! Which hosts this gate answers for.
//!
//! A name that is not listed is a 421 (RFC 9110 §15.5.20): it neither reaches the app nor starts a login, so
//! that a forged `Host` cannot end up in a link, a cache or a cookie.

use std::collections::HashMap;

use http::HeaderMap;
use http::Uri;
use http::header::HOST;

use crate::types::Origin;

/// The hosts that are answered for, of all sites: each one's public URL and the further names beside it.
#[derive(Clone, Debug)]
pub struct Hosts {
    by_name: HashMap<String, Listed>,
}

/// A host name, lower case, as one site lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    site: usize,
    /// Of the site's public URL.
    secure: bool,
    public_port: u16,
    /// Those that it may come with; `None` is any.
    ports: Vec<Option<u16>>,
}

/// The host of a request that is answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHost {
    /// Lower case, without a dot at its end.
    name: String,
    /// The scheme's own where the request names none.
    port: u16,
    site: usize,
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
    /// The public URLs of the sites with their further names, which have a port or, for any, have none. No host is in
    /// two of them; were one, the first would have it.
    #[must_use]
    pub fn new<'a>(sites: impl IntoIterator<Item = (&'a Origin, &'a [String])>) -> Self {
        let mut by_name: HashMap<String, Listed> = HashMap::new();
        for (site, (public, further)) in sites.into_iter().enumerate() {
            let own = (normal(public.host()), Some(public.port()));
            let further = further.iter().filter_map(|text| split(text));
            for (host, port) in std::iter::once(own).chain(further) {
                let listed = by_name.entry(host).or_insert_with(|| Listed {
                    site,
                    secure: public.is_secure(),
                    public_port: public.port(),
                    ports: Vec::new(),
                });
                if listed.site == site {
                    listed.ports.push(port);
                }
            }
        }
        Self { by_name }
    }

    /// Accepts a request whose `Host` is listed, and is the authority too where the target has one: in
    /// absolute form, and in HTTP/2.
    ///
    /// The app would go by the authority (RFC 9112 §3.2.2) or by the `Host`, and must not have the choice.
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<RequestHost, HostError> {
        let (host, port) = the_host(headers)?;
        let listed = self.by_name.get(&host);
        let secure = listed.is_some_and(|listed| listed.secure);
        let named = (host, port.unwrap_or(default_port(secure)));
        // Some apps would go by it.
        if uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
            return Err(HostError::Malformed);
        }
        if let Some(authority) = uri.authority() {
            let (host, port) = split(authority.as_str()).ok_or(HostError::Malformed)?;
            if (host, port.unwrap_or(default_port(secure))) != named {
                return Err(HostError::Malformed);
            }
        }
        let (name, port) = named;
        let site = listed.filter(|listed| listed.takes(port)).ok_or(HostError::Unknown)?.site;
        Ok(RequestHost { name, port, site })
    }

    /// The host of a text, with or without a port, where it is listed.
    pub fn admit_text(&self, text: &str) -> Result<RequestHost, HostError> {
        let (name, port) = split(text).ok_or(HostError::Malformed)?;
        let listed = self.by_name.get(&name).ok_or(HostError::Unknown)?;
        let port = port.unwrap_or(default_port(listed.secure));
        if listed.takes(port) {
            Ok(RequestHost { name, port, site: listed.site })
        } else {
            Err(HostError::Unknown)
        }
    }

    /// Host and port of https for a request that came by http, whatever port it came to: of the listed name that it asks
    /// for, which has the port of its site's public URL where none was written.
    pub fn at_https(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, HostError> {
        let (host, _) = the_host(headers)?;
        if let Some(authority) = uri.authority()
            && split(authority.as_str()).ok_or(HostError::Malformed)?.0 != host
        {
            return Err(HostError::Malformed);
        }
        let listed = self.by_name.get(&host).ok_or(HostError::Unknown)?;
        let port = listed.ports.first().copied().flatten().unwrap_or(listed.public_port);
        Ok(if port == 443 { host } else { format!("{host}:{port}") })
    }
}

impl Listed {
    fn takes(&self, port: u16) -> bool {
        self.ports.iter().any(|wanted| wanted.is_none_or(|wanted| wanted == port))
    }
}

impl RequestHost {
    /// The place of its site among the sites.
    #[must_use]
    pub fn site(&self) -> usize {
        self.site
    }

    /// True where it is this one, with this port or, where there is none, with any.
    #[must_use]
    pub fn is(&self, name: &str, port: Option<u16>) -> bool {
        self.name == name && port.is_none_or(|port| self.port == port)
    }
}

/// Host and port of the one `Host` that a request must have.
fn the_host(headers: &HeaderMap) -> Result<(String, Option<u16>), HostError> {
    let mut lines = headers.get_all(HOST).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(HostError::Malformed);
    };
    line.to_str().ok().and_then(split).ok_or(HostError::Malformed)
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
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
        let further = ["other.test:8443".into(), "10.0.0.1".into(), "[::1]".into()];
        let hosts = Hosts::new([(&public, &further[..])]);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        hosts.admit(&Uri::from_static("/"), &headers).map(drop)
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
        let hosts = Hosts::new([(&"https://app.test".parse().unwrap(), &[][..])]);
        let mut headers = HeaderMap::new();
        assert_eq!(hosts.admit(&Uri::from_static("/"), &headers), Err(HostError::Malformed));
        headers.append(HOST, "app.test".parse().unwrap());
        headers.append(HOST, "app.test".parse().unwrap());
        assert_eq!(hosts.admit(&Uri::from_static("/"), &headers), Err(HostError::Malformed));
    }

    #[test]
    fn an_absolute_form_must_name_the_same_host() {
        let hosts = Hosts::new([(&"https://app.test".parse().unwrap(), &["other.test".into()][..])]);
        let mut headers = HeaderMap::new();
        headers.append(HOST, "app.test".parse().unwrap());
        let admitted = |uri| hosts.admit(&Uri::from_static(uri), &headers).map(drop);
        assert_eq!(admitted("http://evil.test/"), Err(HostError::Malformed));
        assert_eq!(admitted("http://other.test/"), Err(HostError::Malformed));
        assert_eq!(admitted("http://APP.test:443/"), Ok(()));
        assert_eq!(admitted("ftp://app.test:443/"), Err(HostError::Malformed));
    }
}
