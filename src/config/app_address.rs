//! Where an app is, and what is spoken to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

/// Where an app is, and what is spoken to it. A host and a port, or a socket's path; nothing that a request would add to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppAddress {
    /// HTTP/1.1 on clear text.
    Http(Url),
    /// TLS, and HTTP/2 or HTTP/1.1 as the app chooses (ALPN).
    Https(Url),
    /// HTTP/2 on clear text, with prior knowledge. Inside is the same address with the scheme `http`.
    H2c(Url),
    /// HTTP/1.1 on a Unix socket, at an absolute path.
    Unix(PathBuf),
}

/// Why a text is no [`AppAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppAddressError {
    #[error("it must be an absolute URL, such as http://127.0.0.1:3000")]
    NotAUrl,
    #[error(
        "its scheme must be http, https, h2c or unix, such as http://127.0.0.1:3000 or unix:///run/app.sock"
    )]
    Scheme,
    #[error(
        "it must be a scheme, a host and perhaps a port, with no path, query, fragment, user or password: the path goes \
         on as the browser sent it"
    )]
    NotBare,
    #[error("a Unix socket is given by its absolute path, such as unix:///run/app.sock, and no more")]
    Socket,
}

impl AppAddress {
    /// The URL, with the scheme `http` for h2c; none for a socket.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        match self {
            Self::Http(url) | Self::Https(url) | Self::H2c(url) => Some(url),
            Self::Unix(_) => None,
        }
    }

    /// What a `Host` header for the app itself says: host, and port where it is not the scheme's own. `localhost` for a
    /// socket, which has no name.
    #[must_use]
    pub fn authority(&self) -> String {
        let Some((url, host)) = self.url().and_then(|url| Some((url, url.host_str()?))) else {
            return "localhost".to_owned();
        };
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl FromStr for AppAddress {
    type Err = AppAddressError;

    fn from_str(text: &str) -> Result<Self, AppAddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return socket(path).ok_or(AppAddressError::Socket);
        }
        // Not special to a URL parser, which would leave its host as it is.
        let (h2c, text) = match text.strip_prefix("h2c:") {
            Some(rest) => (true, &*format!("http:{rest}")),
            None => (false, text),
        };
        let url = Url::parse(text).map_err(|_| AppAddressError::NotAUrl)?;
        match url.scheme() {
            "http" | "https" if needs_mending(text) => return Err(AppAddressError::NotAUrl),
            "http" | "https" => {}
            // `localhost:3000` is a URL whose scheme is `localhost`.
            _ if url.has_host() || text.contains(":/") => return Err(AppAddressError::Scheme),
            _ => return Err(AppAddressError::NotAUrl),
        }
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match (bare, h2c, url.scheme()) {
            (false, ..) => Err(AppAddressError::NotBare),
            (true, true, _) => Ok(Self::H2c(url)),
            (true, false, "https") => Ok(Self::Https(url)),
            (true, false, _) => Ok(Self::Http(url)),
        }
    }
}

/// As it is written, without the slash at its end.
impl fmt::Display for AppAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(_) => write!(f, "http://{}", self.authority()),
            Self::Https(_) => write!(f, "https://{}", self.authority()),
            Self::H2c(_) => write!(f, "h2c://{}", self.authority()),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// True for what a URL parser would mend in silence, though the one who wrote it may have meant something else.
pub(super) fn needs_mending(text: &str) -> bool {
    text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
        || text.split_once("://").is_none_or(|(_, rest)| rest.starts_with('/'))
}

/// A path is bytes and no URL: nothing in it is escaped, and what a URL would end at is refused.
fn socket(path: &str) -> Option<AppAddress> {
    let path = path.strip_prefix("//")?;
    let plain = !path.contains(|c: char| c.is_control() || matches!(c, '?' | '#' | '%'));
    let is_file = path.starts_with('/') && !path.starts_with("//") && !path.ends_with('/');
    (plain && is_file).then(|| AppAddress::Unix(Path::new(path).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_what_to_connect_to() {
        for (text, shown, authority) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://App/", "http://app", "app"),
            ("http://app:80", "http://app", "app"),
            ("http://[::1]:3000", "http://[::1]:3000", "[::1]:3000"),
            ("https://app.internal", "https://app.internal", "app.internal"),
            ("https://app.internal:8443", "https://app.internal:8443", "app.internal:8443"),
            ("h2c://App:50051", "h2c://app:50051", "app:50051"),
            ("unix:///run/app.sock", "unix:///run/app.sock", "localhost"),
        ] {
            let address: AppAddress = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.authority().as_str()), (shown, authority));
        }
    }

    #[test]
    fn an_address_is_bare() {
        use AppAddressError::{NotAUrl, NotBare, Scheme, Socket};
        for (text, error) in [
            ("127.0.0.1:3000", NotAUrl),
            ("localhost:3000", NotAUrl),
            ("http://", NotAUrl),
            ("http:app", NotAUrl),
            ("http:///app", NotAUrl),
            ("http:\\\\app", NotAUrl),
            (" http://app", NotAUrl),
            ("h2c:app", NotAUrl),
            ("h2c:///app", NotAUrl),
            ("ftp://app", Scheme),
            ("h2://app", Scheme),
            ("http://app/path", NotBare),
            ("https://app/?q", NotBare),
            ("h2c://app/#f", NotBare),
            ("http://user@app/", NotBare),
            ("https://user:pass@app/", NotBare),
            ("unix:/run/app.sock", Socket),
            ("unix://run/app.sock", Socket),
            ("unix:////run/app.sock", Socket),
            ("unix:///run/", Socket),
            ("unix:///run/app.sock?x", Socket),
            ("unix:///run/%61pp.sock", Socket),
            ("unix:", Socket),
        ] {
            assert_eq!(text.parse::<AppAddress>().err(), Some(error), "{text}");
        }
    }
}
