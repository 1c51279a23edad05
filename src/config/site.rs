//! The two ends of the gate: what browsers see, and where requests go or who asks instead.

use std::str::FromStr;

use url::Url;

use crate::types::{Origin, OriginError};

use super::prefix::EndpointPrefix;
use super::public_path::PublicPath;
use super::raw::Raw;
use super::report::Report;
use super::{Dialect, Mode};

/// Public URL, mode, prefix and public paths, those that are well.
pub(super) struct Site {
    pub(super) public_url: Option<Origin>,
    pub(super) mode: Option<Mode>,
    pub(super) prefix: Option<EndpointPrefix>,
    pub(super) public: Vec<PublicPath>,
}

pub(super) fn site(raw: &Raw, report: &mut Report) -> Site {
    let public_url = report.require::<PublicUrl>("public_url", raw.public_url.as_deref()).map(|url| url.0);
    let mode = mode(raw, report);
    if let (Some(origin), Some(Mode::Proxy { upstream })) = (&public_url, &mode)
        && origin.contains(upstream)
    {
        let place = report.place("public_url").to_owned();
        report.problem(
            "upstream",
            format_args!("it is the same as public_url ({place}), so that requests would come back for ever"),
        );
    }
    let prefix = report.parse("prefix", &raw.prefix);
    let public = public(raw, prefix.as_ref(), report);
    Site { public_url, mode, prefix, public }
}

/// An upstream, or a gateway that asks: one of them, since each request is answered in one way.
fn mode(raw: &Raw, report: &mut Report) -> Option<Mode> {
    let Some(dialect) = raw.gateway.dialect.as_deref() else {
        let upstream = report.require::<Upstream>("upstream", raw.upstream.as_deref())?;
        return Some(Mode::Proxy { upstream: upstream.0 });
    };
    let dialect = report.parse::<Dialect>("gateway.dialect", dialect);
    if raw.upstream.is_some() {
        let place = report.place("gateway.dialect").to_owned();
        report.problem(
            "upstream",
            format_args!(
                "gateway.dialect ({place}) says that a gateway sends the requests on; leave one of them out"
            ),
        );
    }
    if raw.listen.trusted_proxies.is_empty() {
        report.problem(
            "listen.trusted_proxies",
            "it is empty, so that no gateway could be believed what it asks about; list the gateway's addresses, \
             such as 127.0.0.1/32, where gateway.dialect is set",
        );
    }
    Some(Mode::Gateway { dialect: dialect? })
}

fn public(raw: &Raw, prefix: Option<&EndpointPrefix>, report: &mut Report) -> Vec<PublicPath> {
    let mut public = Vec::with_capacity(raw.public.len());
    for (at, text) in raw.public.iter().enumerate() {
        match text.parse::<PublicPath>() {
            Ok(path) if prefix.is_some_and(|prefix| prefix.strip(path.path()).is_some()) => report.problem(
                "public",
                format_args!("its item {}: it is below prefix, where our own endpoints are", at + 1),
            ),
            Ok(path) if public.contains(&path) => {
                report.problem("public", format_args!("its item {} is there twice", at + 1));
            }
            Ok(path) => public.push(path),
            Err(error) => report.problem("public", format_args!("its item {}: {error}", at + 1)),
        }
    }
    public
}

impl FromStr for Dialect {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        match text {
            "nginx" => Ok(Self::Nginx),
            _ => Err(DialectError),
        }
    }
}

/// Not a gateway whose contract we keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be nginx")]
pub struct DialectError;

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
