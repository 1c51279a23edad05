//! Whose pages may open a WebSocket (RFC 6455 §10.2).
//!
//! Browsers let any page open one to any host, and send that host's cookies along; only `Origin` tells whose page it is.

use http::HeaderMap;
use http::header::ORIGIN;

use crate::types::Origin;

/// The origins of pages that may: `public_url` and those in `websocket.origins`.
#[derive(Clone, Debug)]
pub struct Origins(Vec<Origin>);

/// A page of another origin asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page of another origin asks for a WebSocket")]
pub struct ForeignOrigin;

impl Origins {
    #[must_use]
    pub fn new(public: &Origin, further: &[Origin]) -> Self {
        Self(std::iter::once(public).chain(further).cloned().collect())
    }

    /// Accepts a request whose `Origin` is listed, or that has none: then it is no browser's.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), ForeignOrigin> {
        let mut lines = headers.get_all(ORIGIN).iter();
        let Some(line) = lines.next() else { return Ok(()) };
        let origin = line.to_str().ok().and_then(|text| text.parse::<Origin>().ok());
        let listed = origin.is_some_and(|origin| self.0.contains(&origin)) && lines.next().is_none();
        if listed { Ok(()) } else { Err(ForeignOrigin) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_63_a_page_is_of_its_whole_origin_and_of_one() {
        let origins =
            Origins::new(&"https://app.test".parse().unwrap(), &["http://dev.test:3000".parse().unwrap()]);
        let admitted = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ORIGIN, line.parse().unwrap());
            }
            origins.admit(&headers).is_ok()
        };
        for lines in [&[][..], &["https://app.test"], &["https://APP.test:443"], &["http://dev.test:3000"]] {
            assert!(admitted(lines), "{lines:?}");
        }
        for lines in [
            &["http://app.test"][..],
            &["https://app.test.evil.test"],
            &["https://evil.test"],
            &["https://app.test:8443"],
            &["http://dev.test"],
            &["null"],
            &[""],
            &["https://app.test@evil.test"],
            &["https://app.test", "https://app.test"],
            &["https://app.test", "https://evil.test"],
            &["https://app.test https://evil.test"],
        ] {
            assert!(!admitted(lines), "{lines:?}");
        }
    }
}
