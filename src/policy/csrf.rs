//! Whose pages may change something in a user's name.
//!
//! A browser sends a site's cookies along with what pages of other sites ask of it, and says whose page asked: in
//! `Sec-Fetch-Site` (W3C Fetch Metadata Request Headers), which no page can write, and in `Origin` (RFC 6454 §7),
//! which it sends with every method that is not safe.

use http::header::{ORIGIN, REFERER};
use http::{HeaderMap, HeaderName, Method};
use url::Url;

use crate::config;
use crate::config::CsrfMode;
use crate::policy::host::RequestHost;
use crate::types::Origin;

/// Tells requests of the site's own pages from those of others.
#[derive(Clone, Debug)]
pub struct Csrf {
    /// Where no rule says otherwise.
    pub mode: CsrfMode,
    /// Whether the site is https.
    secure: bool,
    /// `public_url` and those in `csrf_origins`.
    origins: Vec<Origin>,
}

/// A page of another site asks for a change, with the session of whoever looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page of another site asks for a change")]
pub struct CrossSite;

impl Csrf {
    #[must_use]
    pub fn new(config: &config::Csrf, public: &Origin) -> Self {
        let origins = std::iter::once(public).chain(&config.origins).cloned().collect();
        Self { mode: config.mode, secure: public.is_secure(), origins }
    }

    /// Accepts, by this mode, a request that changes nothing, and any other that a page of the site itself made, a page of a listed
    /// origin, or no page at all.
    ///
    /// For requests that a session cookie carries: what brings a token of its own is nobody else's idea. What has
    /// neither `Sec-Fetch-Site` nor `Origin` nor `Referer` is not from a browser, or from one that is years older
    /// than its certificates. Without `Sec-Fetch-Site` a sibling host is not told from a stranger.
    ///
    /// A `method` that is not known counts as safe where there is no `Origin`: with any that is not, browsers send one.
    pub fn admit(
        &self,
        mode: CsrfMode,
        method: Option<&Method>,
        host: &RequestHost,
        headers: &HeaderMap,
    ) -> Result<(), CrossSite> {
        let is_safe = match method {
            Some(method) => [Method::GET, Method::HEAD, Method::OPTIONS].contains(method),
            None => !headers.contains_key(ORIGIN),
        };
        if mode == CsrfMode::Off || is_safe {
            return Ok(());
        }
        let is_ours = match one(headers, &HeaderName::from_static("sec-fetch-site")) {
            Line::One("same-origin" | "none") => true,
            Line::One("same-site") if mode == CsrfMode::Lax => true,
            Line::One(_) | Line::Odd => self.is_from_listed(headers, &ORIGIN, host).unwrap_or(false),
            Line::Absent => self
                .is_from_listed(headers, &ORIGIN, host)
                .or_else(|| self.is_from_listed(headers, &REFERER, host))
                .unwrap_or(true),
        };
        if is_ours { Ok(()) } else { Err(CrossSite) }
    }

    /// Whether the page that a header names is one of ours; `None` where the header is absent.
    fn is_from_listed(&self, headers: &HeaderMap, name: &HeaderName, host: &RequestHost) -> Option<bool> {
        let text = match one(headers, name) {
            Line::Absent => return None,
            Line::Odd => return Some(false),
            Line::One(text) => text,
        };
        // `Origin: null` is no URL.
        let url = Url::parse(text).ok();
        let origin = url.and_then(|url| url.origin().ascii_serialization().parse::<Origin>().ok());
        Some(origin.is_some_and(|origin| {
            let is_asked = origin.is_secure() == self.secure && host.is(origin.host(), Some(origin.port()));
            is_asked || self.origins.contains(&origin)
        }))
    }
}

/// A header that browsers send once at the most.
enum Line<'a> {
    Absent,
    One(&'a str),
    Odd,
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Line<'a> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Line::Absent,
        (Some(line), None) => line.to_str().map_or(Line::Odd, Line::One),
        (Some(_), Some(_)) => Line::Odd,
    }
}
