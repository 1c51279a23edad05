//! A host that the gate answers for.

use std::str::FromStr;

use url::Host;

/// A host to answer for, lower case, with a port only where one was written.
pub(super) struct HostName(pub(super) String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it must be a host name, perhaps with a port, such as app.internal or 10.0.0.7:8080; no scheme, path or *"
)]
pub(super) struct HostNameError;

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let (host, port) = match text.rsplit_once(':') {
            // Not the colons of an IPv6 address.
            Some((host, port)) if !port.contains(']') => {
                (host, Some(port.parse::<u16>().map_err(|_| HostNameError)?))
            }
            _ => (text, None),
        };
        let host = Host::parse(host).map_err(|_| HostNameError)?.to_string();
        if host.contains('*') || host.ends_with('.') || port == Some(0) {
            return Err(HostNameError);
        }
        Ok(Self(port.map(|port| format!("{host}:{port}")).unwrap_or(host)))
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`, as the configuration holds them.
#[must_use]
pub fn split_host(text: &str) -> (String, Option<u16>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host.to_owned(), port.parse().ok()),
        _ => (text.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_lower_case_and_plain() {
        for (text, host) in [
            ("App.Internal", "app.internal"),
            ("app.internal:8080", "app.internal:8080"),
            ("10.0.0.7", "10.0.0.7"),
            ("[::1]:8080", "[::1]:8080"),
            ("[::1]", "[::1]"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<HostName>().map(|host| host.0), Ok(host.to_owned()), "{text}");
        }
        for text in [
            "",
            "https://app.internal",
            "app.internal/",
            "*.internal",
            "app.internal.",
            "app internal",
            "app.internal:",
            "app.internal:0",
            "app.internal:http",
            "user@app.internal",
            "::1",
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text:?}");
        }
    }
}
