//! The two ends of the gate: what browsers see, and where requests go.

use std::str::FromStr;

use url::Url;

use crate::types::{Origin, OriginError};

use super::prefix::EndpointPrefix;
use super::raw::Raw;
use super::report::Report;

/// Public URL, upstream and prefix, those that are well.
pub(super) struct Site {
    pub(super) public_url: Option<Origin>,
    pub(super) upstream: Option<Url>,
    pub(super) prefix: Option<EndpointPrefix>,
}

pub(super) fn site(raw: &Raw, report: &mut Report) -> Site {
    let public_url = report.require::<PublicUrl>("public_url", raw.public_url.as_deref()).map(|url| url.0);
    let upstream = report.require::<Upstream>("upstream", raw.upstream.as_deref()).map(|upstream| upstream.0);
    if let (Some(origin), Some(url)) = (&public_url, &upstream)
        && origin.contains(url)
    {
        let place = report.place("public_url").to_owned();
        report.problem(
            "upstream",
            format_args!("it is the same as public_url ({place}), so that requests would come back for ever"),
        );
    }
    let prefix = report.parse("prefix", &raw.prefix);
    Site { public_url, upstream, prefix }
}

struct PublicUrl(Origin);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum PublicUrlError {
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("its host must not end with a dot")]
    DotAtEnd,
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        if needs_mending(text) {
            return Err(OriginError::NotAUrl.into());
        }
        let origin: Origin = text.parse()?;
        if origin.host().ends_with('.') { Err(PublicUrlError::DotAtEnd) } else { Ok(Self(origin)) }
    }
}

/// True for what a URL parser would mend in silence, though the one who wrote it may have meant something else.
fn needs_mending(text: &str) -> bool {
    text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
        || text.split_once("://").is_none_or(|(_, rest)| rest.starts_with('/'))
}

/// An upstream's URL: `http`, a host and perhaps a port.
struct Upstream(Url);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum UpstreamError {
    #[error("it must be an absolute URL, such as http://127.0.0.1:3000")]
    NotAUrl,
    #[error("https to the upstream is not yet supported; use http, such as http://127.0.0.1:3000")]
    Https,
    #[error("its scheme is not yet supported; use http, such as http://127.0.0.1:3000")]
    Scheme,
    #[error(
        "it must be http, a host and perhaps a port, with no path, query, fragment, user or password: the path goes on \
         as the browser sent it"
    )]
    NotBare,
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let url = Url::parse(text).map_err(|_| UpstreamError::NotAUrl)?;
        match url.scheme() {
            "http" if !needs_mending(text) => {}
            "http" => return Err(UpstreamError::NotAUrl),
            "https" => return Err(UpstreamError::Https),
            // `localhost:3000` is a URL whose scheme is `localhost`.
            _ if url.has_host() || text.contains(":/") => return Err(UpstreamError::Scheme),
            _ => return Err(UpstreamError::NotAUrl),
        }
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if bare { Ok(Self(url)) } else { Err(UpstreamError::NotBare) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_http_and_bare() {
        for text in ["http://127.0.0.1:3000", "http://app/", "http://[::1]:3000", "http://app.internal"] {
            assert!(text.parse::<Upstream>().is_ok(), "{text}");
        }
        for (text, error) in [
            ("127.0.0.1:3000", UpstreamError::NotAUrl),
            ("localhost:3000", UpstreamError::NotAUrl),
            ("http://", UpstreamError::NotAUrl),
            ("http:app", UpstreamError::NotAUrl),
            ("http:///app", UpstreamError::NotAUrl),
            ("http:\\\\app", UpstreamError::NotAUrl),
            (" http://app", UpstreamError::NotAUrl),
            ("https://app", UpstreamError::Https),
            ("h2c://app", UpstreamError::Scheme),
            ("unix:/run/app.sock", UpstreamError::Scheme),
            ("http://app/path", UpstreamError::NotBare),
            ("http://app/?q", UpstreamError::NotBare),
            ("http://app/#f", UpstreamError::NotBare),
            ("http://user@app/", UpstreamError::NotBare),
            ("http://user:pass@app/", UpstreamError::NotBare),
        ] {
            assert_eq!(text.parse::<Upstream>().err(), Some(error), "{text}");
        }
    }
}
