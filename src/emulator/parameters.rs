//! The parameters of a query or of a form, as OAuth counts them (RFC 6749 §3.1).

use url::form_urlencoded;

use super::switches::Received;

/// Decoded names and values in their order. An empty value counts as absent.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

/// A parameter is there more than once.
#[derive(Debug)]
pub(super) struct Repeated;

impl Parameters {
    pub(super) fn of_query(request: &Received) -> Self {
        Self::parse(request.uri.query().unwrap_or_default().as_bytes())
    }

    pub(super) fn of_form(request: &Received) -> Self {
        Self::parse(&request.body)
    }

    fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// A parameter that may be there once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Repeated),
            None => Ok(first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())),
        }
    }

    /// The first of a parameter, where a second does no harm.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(n, _)| n == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}
