//! A browser's cookie jar, as strict as a browser's.

use std::collections::BTreeMap;

use cookie::Cookie;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// The cookies of one host. Takes what a browser takes and panics at what a browser would drop, since a line of
/// ours that is dropped is a defect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Keeps what an answer sets and forgets what it ends.
    pub(crate) fn take(&mut self, headers: &HeaderMap, secure: bool) {
        for line in headers.get_all(SET_COOKIE) {
            let line = line.to_str().expect("a Set-Cookie line of visible ASCII");
            let cookie = Cookie::parse(line.to_owned()).expect("a Set-Cookie line that parses");
            let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
            assert!(name.len() + value.len() <= 4096, "{name} is too large for a browser");
            assert!(!cookie.secure().unwrap_or(false) || secure, "{name} is Secure on http");
            if name.starts_with("__Host-") {
                let fits =
                    cookie.secure() == Some(true) && cookie.path() == Some("/") && cookie.domain().is_none();
                assert!(fits, "{name} breaks the rules of its prefix: {line}");
            }
            if cookie.max_age().is_some_and(|age| age.is_zero()) {
                self.0.remove(&name);
            } else {
                self.0.insert(name, value);
            }
        }
    }

    /// The `Cookie` line, where there are any.
    pub(crate) fn line(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| HeaderValue::try_from(pairs.join("; ")).unwrap())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The names of the login cookies.
    pub(crate) fn logins(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|name| name.contains("-login-")).collect()
    }
}
