//! Request headers that pass to the app though they are reserved: `forward.allow_request_headers`.

use http::HeaderName;

use super::forward::MappedHeader;
use super::report::Report;

const KEY: &str = "forward.allow_request_headers";

/// Why a header cannot be let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowedHeaderError {
    #[error(
        "a header's name is letters, digits and hyphens here, begins with a letter and does not end with a hyphen"
    )]
    Name,
    #[error(
        "the gate tells the app itself who sends a request and how it came, so no client may say it; remove it"
    )]
    SetByTheGate,
    #[error("it is in forward.headers, so the gate sets it and no client may send it; leave one of them out")]
    Mapped,
    #[error(
        "the gate decides about it by itself, since it frames the message or belongs to the connection; remove it"
    )]
    Connection,
    #[error("it is there twice, and case does not count; remove one of them")]
    Twice,
}

/// The listed names. `mapped` are those of `forward.headers`.
pub(super) fn allowed(
    names: &[String],
    mapped: &[MappedHeader],
    has_gateway: bool,
    report: &mut Report,
) -> Vec<HeaderName> {
    if has_gateway && !names.is_empty() {
        let place = report.place("gateway.dialect").to_owned();
        report.problem(
            KEY,
            format_args!(
                "gateway.dialect ({place}) says that a gateway sends the requests on, so this would do nothing; leave it \
                 out, and let the header through in the gateway's own configuration"
            ),
        );
    }
    let mut allowed: Vec<HeaderName> = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let checked = check(name).and_then(|name| {
            if mapped.iter().any(|mapped| folded(mapped.name.as_str()) == folded(name.as_str())) {
                return Err(AllowedHeaderError::Mapped);
            }
            if allowed.contains(&name) { Err(AllowedHeaderError::Twice) } else { Ok(name) }
        });
        match checked {
            Ok(name) => allowed.push(name),
            Err(error) => report.problem(KEY, format_args!("its item {}: {error}", at + 1)),
        }
    }
    allowed
}

fn check(name: &str) -> Result<HeaderName, AllowedHeaderError> {
    const SET_BY_THE_GATE: [&str; 13] = [
        "authorization",
        "forwarded",
        "via",
        "x-forwarded-access-token",
        "x-forwarded-email",
        "x-forwarded-for",
        "x-forwarded-groups",
        "x-forwarded-host",
        "x-forwarded-preferred-username",
        "x-forwarded-proto",
        "x-forwarded-user",
        "x-real-ip",
        "x-request-id",
    ];
    const BEGINNINGS: [&str; 2] = ["x-auth-request-", "x-amzn-oidc-"];
    const CONNECTION: [&str; 15] = [
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_plain || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.ends_with('-') {
        return Err(AllowedHeaderError::Name);
    }
    let name = HeaderName::try_from(name).map_err(|_| AllowedHeaderError::Name)?;
    // A server may take another spelling for the same name.
    let text = folded(name.as_str());
    let is_set = SET_BY_THE_GATE.iter().any(|known| text == folded(known))
        || BEGINNINGS.iter().any(|beginning| text.starts_with(&folded(beginning)));
    if is_set {
        return Err(AllowedHeaderError::SetByTheGate);
    }
    if CONNECTION.iter().any(|known| text == folded(known)) {
        return Err(AllowedHeaderError::Connection);
    }
    Ok(name)
}

/// Without its hyphens, which are all that these names have beside letters and digits.
fn folded(name: &str) -> String {
    name.replace('-', "")
}
