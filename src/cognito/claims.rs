//! The claims that are believed once a token has been verified.

use serde_json::{Map, Value};

use crate::clock::UnixTime;

/// What an id token says of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaims {
    pub sub: String,
    /// `cognito:username`.
    pub username: Option<String>,
    pub email: Option<String>,
    pub preferred_username: Option<String>,
    /// `cognito:groups`; empty where the claim is absent.
    pub groups: Vec<String>,
    pub auth_time: Option<UnixTime>,
    pub expires: UnixTime,
    /// Every claim as it stands.
    pub all: Map<String, Value>,
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    pub sub: String,
    pub client_id: String,
    pub username: Option<String>,
    pub groups: Vec<String>,
    pub auth_time: Option<UnixTime>,
    pub expires: UnixTime,
    /// Every claim as it stands.
    pub all: Map<String, Value>,
}

pub(super) fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn list(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    let items = claims.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A `NumericDate` (RFC 7519 §2): a number, whole or with a fraction, that lies within the calendar.
pub(super) fn time(claims: &Map<String, Value>, name: &str) -> Option<UnixTime> {
    /// The last second of the year 9999.
    const END: f64 = 253_402_300_799.0;
    let number = claims.get(name)?.as_f64().filter(|number| (0.0..=END).contains(number))?;
    // In range by the filter above, so that the cast only drops the fraction.
    #[allow(clippy::cast_possible_truncation)]
    Some(UnixTime(number as i64))
}
