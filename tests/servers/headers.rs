//! Spellings of header names by which a server or a framework might take what only the gate may say.

use super::random::Random;

/// How many spellings there are at least.
const COUNT: usize = 2000;

/// What a header would move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who the user is.
    Identity,
    /// Which path is asked for, or what of it the app is below.
    Path,
    Method,
    /// The host, the scheme, the client's address.
    Origin,
    /// Where the message ends. In its own spelling it is the client's to send.
    Framing,
}

use Kind::{Framing, Identity, Method, Origin, Path};

/// What must not arrive from a client, in lower case with hyphens.
pub(super) const NAMES: &[(&str, Kind)] = &[
    ("authorization", Identity),
    ("auth-type", Identity),
    ("client-cert", Identity),
    ("client-cert-chain", Identity),
    ("remote-user", Identity),
    ("remote-ident", Identity),
    ("ssl-client-cert", Identity),
    ("ssl-client-s-dn", Identity),
    ("ssl-client-subject-dn", Identity),
    ("ssl-client-verify", Identity),
    ("x-amzn-oidc-accesstoken", Identity),
    ("x-amzn-oidc-data", Identity),
    ("x-amzn-oidc-identity", Identity),
    ("x-auth-request-access-token", Identity),
    ("x-auth-request-email", Identity),
    ("x-auth-request-groups", Identity),
    ("x-auth-request-user", Identity),
    ("x-client-cert", Identity),
    ("x-client-dn", Identity),
    ("x-client-verify", Identity),
    ("x-forwarded-access-token", Identity),
    ("x-forwarded-client-cert", Identity),
    ("x-forwarded-email", Identity),
    ("x-forwarded-groups", Identity),
    ("x-forwarded-preferred-username", Identity),
    ("x-forwarded-tls-client-cert", Identity),
    ("x-forwarded-user", Identity),
    ("x-ms-client-principal-name", Identity),
    ("x-remote-user", Identity),
    ("x-ssl-client-cert", Identity),
    ("x-ssl-client-dn", Identity),
    ("x-ssl-client-s-dn", Identity),
    ("x-ssl-client-verify", Identity),
    ("x-webauth-user", Identity),
    ("daphne-root-path", Path),
    ("document-root", Path),
    ("document-uri", Path),
    ("orig-path-info", Path),
    ("path-info", Path),
    ("path-translated", Path),
    ("query-string", Path),
    ("redirect-url", Path),
    ("request-uri", Path),
    ("root-path", Path),
    ("script-filename", Path),
    ("script-name", Path),
    ("script-url", Path),
    ("unencoded-url", Path),
    ("x-accel-mapping", Path),
    ("x-envoy-original-path", Path),
    ("x-forwarded-path", Path),
    ("x-forwarded-prefix", Path),
    ("x-forwarded-uri", Path),
    ("x-forwarded-url", Path),
    ("x-original-uri", Path),
    ("x-original-url", Path),
    ("x-rewrite-uri", Path),
    ("x-rewrite-url", Path),
    ("x-script-name", Path),
    ("x-waws-unencoded-url", Path),
    ("request-method", Method),
    ("x-forwarded-method", Method),
    ("x-http-method", Method),
    ("x-http-method-override", Method),
    ("x-method-override", Method),
    ("x-original-method", Method),
    ("client-ip", Origin),
    ("forwarded", Origin),
    ("forwarded-for", Origin),
    ("front-end-https", Origin),
    ("https", Origin),
    ("proxy", Origin),
    ("remote-addr", Origin),
    ("remote-host", Origin),
    ("remote-port", Origin),
    ("request-scheme", Origin),
    ("server-name", Origin),
    ("server-port", Origin),
    ("server-protocol", Origin),
    ("true-client-ip", Origin),
    ("x-client-ip", Origin),
    ("x-forwarded", Origin),
    ("x-forwarded-for", Origin),
    ("x-forwarded-host", Origin),
    ("x-forwarded-port", Origin),
    ("x-forwarded-proto", Origin),
    ("x-forwarded-protocol", Origin),
    ("x-forwarded-scheme", Origin),
    ("x-forwarded-server", Origin),
    ("x-forwarded-ssl", Origin),
    ("x-host", Origin),
    ("x-http-host-override", Origin),
    ("x-original-host", Origin),
    ("x-real-ip", Origin),
    ("x-scheme", Origin),
    ("x-url-scheme", Origin),
    ("content-length", Framing),
    ("transfer-encoding", Framing),
];

/// Every character of a header's name that is neither a letter nor a digit (RFC 9110 §5.6.2).
const SEPARATORS: &str = "!#$%&'*+-.^_`|~";

/// A spelling of a name.
#[derive(Clone, Debug)]
pub(super) struct Spelling {
    pub(super) name: String,
    /// The name that it is one of.
    pub(super) of: &'static str,
    pub(super) kind: Kind,
}

/// The spellings of every name, those with one separator beside each other.
pub(super) fn spellings(random: &mut Random) -> Vec<Spelling> {
    let mut made = Vec::new();
    let mut add = |spell: &mut dyn FnMut(&str) -> String| {
        for (of, kind) in NAMES {
            let name = spell(of);
            if *kind == Framing && name.eq_ignore_ascii_case(of) {
                continue;
            }
            if made.iter().all(|known: &Spelling| known.name != name) {
                made.push(Spelling { name, of, kind: *kind });
            }
        }
    };
    for separator in SEPARATORS.chars() {
        let separator = separator.to_string();
        add(&mut |name| in_some_case(&name.replace('-', &separator), random.below(3)));
    }
    for separator in ["--", "__", "_-", ".-"] {
        add(&mut |name| name.replace('-', separator));
    }
    // One separator that is another than the rest, and one that is not among words.
    add(&mut |name| one_other(name, random));
    add(&mut |name| one_other(name, random));
    add(&mut |name| format!("{}{name}", random.of(&['-', '_', '.', '+', '!'])));
    add(&mut |name| format!("{name}{}", random.of(&['-', '_', '.', '+', '!'])));
    assert!(made.len() >= COUNT, "{}", made.len());
    made
}

fn in_some_case(name: &str, case: usize) -> String {
    match case {
        0 => name.to_owned(),
        1 => name.to_uppercase(),
        _ => {
            let mut begins = true;
            let mut letter = |c: char| {
                let cased = if begins { c.to_ascii_uppercase() } else { c };
                begins = !c.is_ascii_alphanumeric();
                cased
            };
            name.chars().map(&mut letter).collect()
        }
    }
}

fn one_other(name: &str, random: &mut Random) -> String {
    let places: Vec<usize> = name.match_indices('-').map(|(at, _)| at).collect();
    if places.is_empty() {
        return name.to_owned();
    }
    let (at, separators) = (random.of(&places), SEPARATORS.as_bytes());
    let other = char::from(separators[random.below(separators.len())]);
    format!("{}{other}{}", &name[..at], &name[at + 1..])
}
