//! Whatever is asked for, a browser that follows it stays on our origin, and off our own endpoints.

use cognigate::auth::return_to::ReturnTo;
use cognigate::types::Origin;
use http::HeaderValue;
use url::Url;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let origin: Origin = "https://app.test".parse().unwrap();
    let target = ReturnTo::parse(text, &origin, "/oauth2");
    assert!(HeaderValue::from_str(target.as_str()).is_ok(), "{}", target.as_str());
    // Relative to any page of ours.
    for page in ["https://app.test/", "https://app.test/oauth2/callback?code=1", "https://app.test/a//b/"] {
        let led_to = Url::parse(page).unwrap().join(target.as_str()).unwrap();
        assert!(origin.contains(&led_to), "{text:?} leads to {led_to}");
        assert!(led_to.username().is_empty() && led_to.password().is_none(), "{text:?} leads to {led_to}");
        let below = led_to.path().strip_prefix("/oauth2");
        assert!(below.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')), "{led_to}");
    }
    assert_eq!(ReturnTo::parse(target.as_str(), &origin, "/oauth2"), target);
}
