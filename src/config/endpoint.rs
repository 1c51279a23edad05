//! URLs of Cognito's endpoints: https, and where http may stand for it.

use url::Url;

use crate::types::is_loopback;

/// Where plain http is let through. It carries the client secret, codes and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainHttp {
    OnLoopback,
    /// `cognito.allow_insecure_http`
    Anywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EndpointError {
    #[error("it must be an absolute URL, such as https://auth.example.com/oauth2/token")]
    NotAUrl,
    #[error("its scheme must be https, or http where the host is loopback")]
    Scheme,
    #[error(
        "plain http would show the client secret and tokens to the network; use https, a loopback host, or say \
         cognito.allow_insecure_http = true"
    )]
    PlainHttp,
    #[error("it must hold no user and no password")]
    Credentials,
    #[error("it must hold no fragment (#)")]
    Fragment,
    #[error("it must hold no white space and no backslash")]
    Characters,
    #[error(
        "it must be a host such as my-app.auth.eu-west-1.amazoncognito.com, or a URL, with no path and no query"
    )]
    NotBare,
    #[error(
        "it is one word; give the whole host, such as my-app.auth.eu-west-1.amazoncognito.com, or a URL with its scheme"
    )]
    OneWord,
}

/// An endpoint's whole URL.
pub(super) fn endpoint(text: &str, http: PlainHttp) -> Result<Url, EndpointError> {
    // The URL parser would mend these in silence.
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(EndpointError::Characters);
    }
    let url = Url::parse(text).map_err(|_| EndpointError::NotAUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) || http == PlainHttp::Anywhere => {}
        "http" => return Err(EndpointError::PlainHttp),
        _ => return Err(EndpointError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(EndpointError::Fragment);
    }
    Ok(url)
}

/// The domain of the managed login pages: a host, which means https, or a URL that is an origin and no more.
pub(super) fn domain(text: &str, http: PlainHttp) -> Result<Url, EndpointError> {
    let url = if text.contains("://") {
        endpoint(text, http)?
    } else {
        let url = endpoint(&format!("https://{text}"), http).map_err(|error| match error {
            EndpointError::NotAUrl | EndpointError::Scheme => EndpointError::NotBare,
            other => other,
        })?;
        if url.domain().is_some_and(|host| !host.contains('.') && host != "localhost") {
            return Err(EndpointError::OneWord);
        }
        url
    };
    if url.path() != "/" || url.query().is_some() {
        return Err(EndpointError::NotBare);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_or_for_those_who_say_so() {
        use PlainHttp::{Anywhere, OnLoopback};
        let url = "http://127.0.0.1:9400/oauth2/token";
        assert_eq!(endpoint(url, OnLoopback).unwrap().as_str(), url);
        assert!(endpoint("http://[::1]:9400/x", OnLoopback).is_ok());
        assert!(endpoint("http://localhost:9400/x?a=b", OnLoopback).is_ok());
        assert_eq!(endpoint("http://emulator:9400/x", OnLoopback), Err(EndpointError::PlainHttp));
        assert!(endpoint("http://emulator:9400/x", Anywhere).is_ok());
        assert_eq!(endpoint("ftp://emulator/x", Anywhere), Err(EndpointError::Scheme));
    }

    #[test]
    fn an_endpoint_is_an_absolute_url_without_credentials_or_fragment() {
        for (text, error) in [
            ("/oauth2/token", EndpointError::NotAUrl),
            ("auth.example.com/token", EndpointError::NotAUrl),
            ("https://", EndpointError::NotAUrl),
            ("https://a:b@auth.example.com/", EndpointError::Credentials),
            ("https://a@auth.example.com/", EndpointError::Credentials),
            ("https://auth.example.com/#x", EndpointError::Fragment),
            ("https://auth.example.com/ ", EndpointError::Characters),
            ("https:\\\\auth.example.com/", EndpointError::Characters),
            ("https://auth.example.com/\ttoken", EndpointError::Characters),
        ] {
            assert_eq!(endpoint(text, PlainHttp::Anywhere), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_domain_is_a_host_or_an_origin() {
        for (text, url) in [
            ("my-app.auth.eu-west-1.amazoncognito.com", "https://my-app.auth.eu-west-1.amazoncognito.com/"),
            ("auth.example.com:8443", "https://auth.example.com:8443/"),
            ("https://auth.example.com", "https://auth.example.com/"),
            ("https://auth.example.com/", "https://auth.example.com/"),
            ("http://127.0.0.1:9400", "http://127.0.0.1:9400/"),
            ("localhost:9400", "https://localhost:9400/"),
        ] {
            assert_eq!(domain(text, PlainHttp::OnLoopback).unwrap().as_str(), url);
        }
        for (text, error) in [
            ("my-app", EndpointError::OneWord),
            ("auth.example.com/login", EndpointError::NotBare),
            ("https://auth.example.com/login", EndpointError::NotBare),
            ("auth.example.com?x", EndpointError::NotBare),
            ("auth.example.com#x", EndpointError::Fragment),
            ("a@auth.example.com", EndpointError::Credentials),
            ("auth.example.com:port", EndpointError::NotBare),
            ("auth .example.com", EndpointError::Characters),
            ("http://auth.example.com", EndpointError::PlainHttp),
        ] {
            assert_eq!(domain(text, PlainHttp::OnLoopback), Err(error), "{text:?}");
        }
        assert!(domain("http://emulator:9400", PlainHttp::Anywhere).is_ok());
    }
}
