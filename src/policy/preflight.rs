//! Whether a request is a CORS preflight.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, Method};

/// True for `OPTIONS` with an `Origin` and an `Access-Control-Request-Method`, once each (WHATWG Fetch, "CORS-preflight
/// fetch"). Anybody can send one, so it says nothing of who asks.
#[must_use]
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    let once = |name| headers.get_all(name).iter().count() == 1;
    method == Method::OPTIONS && once(ORIGIN) && once(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_says_whose_page_asks_and_for_what() {
        let is = |method: Method, names: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append(*name, "x".parse().unwrap());
            }
            is_preflight(&method, &headers)
        };
        let both = ["origin", "access-control-request-method"];
        assert!(is(Method::OPTIONS, &both));
        assert!(
            !is(Method::GET, &both) && !is(Method::OPTIONS, &both[..1]) && !is(Method::OPTIONS, &both[1..])
        );
        assert!(!is(Method::OPTIONS, &["origin", "origin", "access-control-request-method"]));
    }
}
