//! How large a request may be: its target, its header fields, and what it says of its body.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Uri};

use crate::config::Limits;

/// The limits of a request's head, the same for HTTP/1 and HTTP/2.
///
/// The listener bounds what is read at all, somewhat above these.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    header_bytes: usize,
    header_fields: usize,
    uri_bytes: usize,
    body_bytes: Option<u64>,
}

/// What is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    #[error("the request's target is too long")]
    Target,
    #[error("the request's header fields are too many, or too large")]
    Header,
    #[error("the request's body is too large")]
    Body,
}

impl Sizes {
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let Limits { header_bytes, header_fields, uri_bytes, body_bytes, .. } = *limits;
        Self { header_bytes, header_fields, uri_bytes, body_bytes }
    }

    /// Accepts a request whose cookie is in one field. A body that does not say how large it is is counted on its way.
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), SizeError> {
        if uri.path_and_query().is_some_and(|target| target.as_str().len() > self.uri_bytes) {
            return Err(SizeError::Target);
        }
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if headers.len() > self.header_fields || bytes > self.header_bytes {
            return Err(SizeError::Header);
        }
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.zip(self.body_bytes).is_some_and(|(length, most)| length > most) {
            return Err(SizeError::Body);
        }
        Ok(())
    }
}
