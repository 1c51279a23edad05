//! The session cookie's part.

use std::str::FromStr;

use url::Host;

use crate::types::Origin;

use super::raw::RawCookie;
use super::report::Report;
use super::site::SiteKeys;
use super::{Cookie, SameSite};

/// The cookie's part, where `public_url` is well.
pub(super) fn cookie(
    raw: &RawCookie,
    keys: SiteKeys,
    public_url: Option<&Origin>,
    report: &mut Report,
) -> Option<Cookie> {
    let name = report.parse::<CookieName>(&keys.of("cookie.name"), &raw.name);
    let same_site = report.parse::<SameSite>(&keys.of("cookie.same_site"), &raw.same_site);
    let public_url = public_url?;
    let secure = secure(raw.secure, keys, public_url, report);
    let domain = match &raw.domain {
        Some(text) => Some(domain(text, keys, public_url, report)?),
        None => None,
    };
    let same_site = same_site?;
    if same_site == SameSite::None && !secure {
        let place = report.place(&keys.of("cookie.secure")).to_owned();
        report.problem(
            &keys.of("cookie.same_site"),
            format_args!(
                "none needs cookie.secure = true (it is false: {place}), or browsers drop the cookie"
            ),
        );
    }
    let name = match (secure, &domain, name?.0) {
        (true, None, name) => format!("__Host-{name}"),
        (true, Some(_), name) => format!("__Secure-{name}"),
        (false, _, name) => name,
    };
    let scope = domain.clone().unwrap_or_else(|| public_url.host().to_owned());
    Some(Cookie { name, secure, same_site, domain, scope })
}

/// Whether the cookie is `Secure`: said, or as the scheme of `public_url` has it. Off loopback, plain http must be said twice.
fn secure(said: Option<bool>, keys: SiteKeys, public_url: &Origin, report: &mut Report) -> bool {
    let off_loopback = !public_url.is_secure() && !public_url.is_loopback();
    let place = report.place(&keys.of("public_url")).to_owned();
    match said {
        None if off_loopback => report.problem(
            &keys.of("public_url"),
            "plain http shows every session to the network; use https, or say cookie.secure = false if that is meant",
        ),
        Some(true) if off_loopback => report.problem(
            &keys.of("cookie.secure"),
            format_args!("browsers drop a Secure cookie where public_url ({place}) is http; use https there, or say false"),
        ),
        Some(false) if off_loopback => {
            report.warn(format!("{} is plain http: sessions can be read on the way", keys.of("public_url")));
        }
        Some(false) if public_url.is_secure() => {
            report.warn(format!(
                "{} is off though {} is https: browsers send the session over http too",
                keys.of("cookie.secure"),
                keys.of("public_url")
            ));
        }
        _ => {}
    }
    said.unwrap_or(public_url.is_secure())
}

/// A parent of the public host, or that host. What is a public suffix, browsers know and refuse.
fn domain(text: &str, keys: SiteKeys, public_url: &Origin, report: &mut Report) -> Option<String> {
    let place = report.place(&keys.of("public_url")).to_owned();
    let problem = match Host::parse(text) {
        _ if text.starts_with('.') => "it must not begin with a dot; subdomains are meant anyway".to_owned(),
        _ if text.contains([':', '[']) => "it must be a name without a port, and no IP address".to_owned(),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => "it must be a name, not an IP address".to_owned(),
        Ok(Host::Domain(name)) if name.contains('*') || name.ends_with('.') => NOT_A_NAME.to_owned(),
        Ok(Host::Domain(name)) if !name.contains('.') && name != "localhost" => {
            "it must have at least two parts, such as example.com; browsers refuse whole top-level domains"
                .to_owned()
        }
        Ok(Host::Domain(name)) => {
            let host = public_url.host();
            let below =
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            if below {
                return Some(name);
            }
            format!(
                "it must be the host of public_url ({place}) or a parent of it, or browsers drop the cookie"
            )
        }
        Err(_) => NOT_A_NAME.to_owned(),
    };
    report.problem(&keys.of("cookie.domain"), problem);
    None
}

const NOT_A_NAME: &str = "it must be a domain name, such as example.com";

/// A cookie's name before its prefix: a token (RFC 6265 §4.1.1) of at most 64 characters.
struct CookieName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum CookieNameError {
    #[error("it must be letters, digits, or some of !#$%&'*+-.^_`|~")]
    NotAToken,
    #[error("it must be at most 64 characters long, since the cookie's size includes it")]
    TooLong,
    #[error("leave the prefix out; __Host- or __Secure- is put in front where it applies")]
    Prefixed,
}

impl FromStr for CookieName {
    type Err = CookieNameError;

    fn from_str(text: &str) -> Result<Self, CookieNameError> {
        if text.len() > 64 {
            return Err(CookieNameError::TooLong);
        }
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if text.is_empty() || !text.bytes().all(token) {
            return Err(CookieNameError::NotAToken);
        }
        // Browsers compare these without regard to case.
        let lower = text.to_ascii_lowercase();
        if ["__host-", "__secure-", "__http-"].iter().any(|prefix| lower.starts_with(prefix)) {
            return Err(CookieNameError::Prefixed);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Why a text is not a [`SameSite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SameSiteError {
    #[error(
        "strict would loop: the first request after the sign-in comes from Cognito's site, and would go without the \
         session; use lax"
    )]
    Strict,
    #[error("it must be lax or none")]
    Unknown,
}

impl FromStr for SameSite {
    type Err = SameSiteError;

    fn from_str(text: &str) -> Result<Self, SameSiteError> {
        match text {
            "lax" => Ok(Self::Lax),
            "none" => Ok(Self::None),
            text if text.eq_ignore_ascii_case("strict") => Err(SameSiteError::Strict),
            _ => Err(SameSiteError::Unknown),
        }
    }
}
