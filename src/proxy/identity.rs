//! What a client itself says of who it is, which never goes on.

use http::header::HeaderName;

/// True for every header that an app might take for a statement about the user, in every spelling.
///
/// Servers in front of apps fold names: `X_Forwarded_User` and `X.Forwarded.User` are one with
/// `X-Forwarded-User` to a WSGI or CGI app.
pub(super) fn speaks_of_the_user(name: &HeaderName) -> bool {
    const EXACT: [&str; 6] = [
        "authorization",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-forwarded-access-token",
    ];
    const BEGINNINGS: [&str; 2] = ["x-auth-request-", "x-amzn-oidc-"];
    EXACT.iter().any(|exact| name.as_str().len() == exact.len() && begins(name, exact))
        || BEGINNINGS.iter().any(|beginning| begins(name, beginning))
}

/// True where `name` begins with `beginning`, `_` and `.` being as good as `-`.
pub(super) fn begins(name: &HeaderName, beginning: &str) -> bool {
    let folded = name.as_str().bytes().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { b });
    name.as_str().len() >= beginning.len() && folded.zip(beginning.bytes()).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_13_every_spelling_of_an_identity_header_is_one() {
        for name in [
            "x_forwarded_user",
            "x.forwarded.user",
            "x-forwarded_user",
            "x_auth.request-anything",
            "authorization",
        ] {
            assert!(speaks_of_the_user(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["x-forwarded-users", "x-user", "accept", "x-auth-request"] {
            assert!(!speaks_of_the_user(&HeaderName::from_static(name)), "{name}");
        }
    }
}
