//! `Set-Cookie` lines.

use std::time::Duration;

use ::cookie::time::{Duration as CookieDuration, OffsetDateTime};
use ::cookie::{Cookie, CookieBuilder};
use http::HeaderValue;

/// The longest that browsers keep a cookie (RFC 6265bis §5.5), whatever a server says.
pub const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// How far a cookie of ours reaches. `HttpOnly` and `Path=/` are not among these: every one has them.
///
/// A browser finds the cookie to delete by name, domain and path, and minds `Secure` with a `__Host-` name,
/// so what set a cookie must clear it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Only over https.
    pub secure: bool,
    /// Whether other sites' requests carry it.
    pub same_site: SameSite,
    /// The parent domain whose hosts share it; without one, the host that set it alone.
    pub domain: Option<String>,
}

/// Whether requests that another site causes carry the cookie (RFC 6265bis §5.6.7). There is no `Strict`: the
/// callback comes from Cognito, and would find no session afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Top-level navigations by a safe method only.
    Lax,
    /// All of them; browsers ask for `Secure` with it.
    None,
}

/// The line that sets `name` to `value` for `max_age`, which is cut at [`MAX_AGE`].
///
/// # Panics
/// On a control character in an argument. Names and domains come from the configuration, which refuses
/// them, and values are base64url.
#[must_use]
pub fn set(attributes: &Attributes, name: &str, value: &str, max_age: Duration) -> HeaderValue {
    let seconds = max_age.min(MAX_AGE).as_secs();
    let max_age = CookieDuration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    line(base(attributes, name, value).max_age(max_age))
}

/// The line that deletes `name`, with the attributes that it was set with.
///
/// # Panics
/// As [`set`] does.
#[must_use]
pub fn clear(attributes: &Attributes, name: &str) -> HeaderValue {
    // Max-Age decides; Expires is for what does not know it.
    line(base(attributes, name, "").max_age(CookieDuration::ZERO).expires(OffsetDateTime::UNIX_EPOCH))
}

fn base<'c>(attributes: &'c Attributes, name: &'c str, value: &'c str) -> CookieBuilder<'c> {
    let same_site = match attributes.same_site {
        SameSite::Lax => ::cookie::SameSite::Lax,
        SameSite::None => ::cookie::SameSite::None,
    };
    let cookie =
        Cookie::build((name, value)).path("/").http_only(true).same_site(same_site).secure(attributes.secure);
    match &attributes.domain {
        Some(domain) => cookie.domain(domain.as_str()),
        None => cookie,
    }
}

fn line(cookie: CookieBuilder<'_>) -> HeaderValue {
    let mut line = HeaderValue::try_from(cookie.build().to_string())
        .expect("a cookie of ours has no control characters");
    // Keeps it out of Debug output, and out of HPACK's table.
    line.set_sensitive(true);
    line
}
