//! What apps are told of who sends a request.

use std::str::FromStr;

use http::HeaderName;

use super::allowed_headers::allowed;
use super::raw::RawForward;
use super::report::Report;

/// What apps are told of who sends a request.
#[derive(Clone, Debug)]
pub struct Forward {
    pub bearer: ForwardBearer,
    pub preset: Preset,
    /// No two of them under one name. Each wins over one of the preset's.
    pub headers: Vec<MappedHeader>,
    /// Headers that clients may send though they are reserved; none that the gate sets, none of the connection's.
    pub allowed: Vec<HeaderName>,
}

/// The token in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardBearer {
    Access,
    Id,
    None,
}

/// A set of headers that apps know from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    Oauth2Proxy,
    /// Those of AWS's Application Load Balancer, but for the one that it signs.
    Alb,
    None,
}

/// A claim, and the header that tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedHeader {
    /// Letters, digits and hyphens; nothing that frames or routes a message.
    pub name: HeaderName,
    /// As Cognito names it.
    pub claim: String,
}

/// `has_gateway`: another server sends the requests on.
pub(super) fn forward(raw: &RawForward, has_gateway: bool, report: &mut Report) -> Option<Forward> {
    let bearer = report.parse("forward.bearer", &raw.bearer);
    let preset = report.parse("forward.preset", &raw.preset);
    let headers = headers(&raw.headers, report);
    let allowed = allowed(&raw.allow_request_headers, &headers, has_gateway, report);
    Some(Forward { bearer: bearer?, preset: preset?, headers, allowed })
}

/// Each is `X-Tenant=custom:tenant`, as the layers write an entry of a table.
fn headers(entries: &[String], report: &mut Report) -> Vec<MappedHeader> {
    let mut headers: Vec<MappedHeader> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let (name, claim) = entry.split_once('=').unwrap_or((entry, ""));
        let problem = match header(name) {
            Err(error) => error.to_string(),
            Ok(name) if headers.iter().any(|known| known.name == name) => {
                "its header is there twice, and case does not count".to_owned()
            }
            Ok(_) if claim.is_empty() || claim.chars().any(|c| c.is_whitespace() || c.is_control()) => {
                "it must be a header and a claim, as in X-Tenant=custom:tenant".to_owned()
            }
            Ok(name) => {
                headers.push(MappedHeader { name, claim: claim.to_owned() });
                continue;
            }
        };
        report.entry("forward.headers", name, at, problem);
    }
    headers
}

/// Why a claim cannot be told under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappedHeaderError {
    #[error(
        "a header's name is letters, digits and hyphens here, since apps take any other character for a hyphen"
    )]
    Name,
    #[error("forward.bearer says what is in it")]
    Authorization,
    #[error("it has a meaning of its own on the way of a request; choose another name, such as X-User-…")]
    Taken,
}

fn header(name: &str) -> Result<HeaderName, MappedHeaderError> {
    /// What frames, routes or describes a message, or is the gate's own word on something else than the user.
    const TAKEN: [&str; 39] = [
        "accept",
        "age",
        "allow",
        "cache-control",
        "connection",
        "cookie",
        "date",
        "dnt",
        "etag",
        "expect",
        "expires",
        "forwarded",
        "from",
        "host",
        "keep-alive",
        "location",
        "origin",
        "pragma",
        "range",
        "referer",
        "server",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "via",
        "warning",
        "www-authenticate",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-id",
        "x-requested-with",
    ];
    const BEGINNINGS: [&str; 8] = [
        "accept-",
        "access-control-",
        "content-",
        "if-",
        "proxy-",
        "sec-",
        "x-auth-set-cookie",
        "x-original-",
    ];
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.ends_with('-') {
        return Err(MappedHeaderError::Name);
    }
    let name = HeaderName::try_from(name).map_err(|_| MappedHeaderError::Name)?;
    if name == http::header::AUTHORIZATION {
        return Err(MappedHeaderError::Authorization);
    }
    let taken = TAKEN.contains(&name.as_str())
        || BEGINNINGS.iter().any(|beginning| name.as_str().starts_with(beginning));
    if taken { Err(MappedHeaderError::Taken) } else { Ok(name) }
}

impl Forward {
    /// The claims that some header is made of.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|header| header.claim.as_str())
    }
}

impl FromStr for ForwardBearer {
    type Err = ForwardBearerError;

    fn from_str(text: &str) -> Result<Self, ForwardBearerError> {
        match text {
            "access" => Ok(Self::Access),
            "id" => Ok(Self::Id),
            "none" => Ok(Self::None),
            _ => Err(ForwardBearerError),
        }
    }
}

/// None of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be access, id or none")]
pub struct ForwardBearerError;

impl FromStr for Preset {
    type Err = PresetError;

    fn from_str(text: &str) -> Result<Self, PresetError> {
        match text {
            "oauth2-proxy" => Ok(Self::Oauth2Proxy),
            "alb" => Ok(Self::Alb),
            "none" => Ok(Self::None),
            _ => Err(PresetError),
        }
    }
}

/// None of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be oauth2-proxy, alb or none")]
pub struct PresetError;
