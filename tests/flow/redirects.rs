//! No redirect of ours leaves our origin but for Cognito, whatever anybody writes anywhere.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::{cognito_url, state_of};
use crate::support::visitor::{Answer, FETCH, NAVIGATION, Visitor, json, location, parameter};
use crate::support::{PUBLIC_URL, Stage, wire};

/// The strings of the attack cases, one a line; `<TAB>` is a raw tab.
fn strings() -> Vec<String> {
    let strings: Vec<String> =
        include_str!("open_redirects.txt").lines().map(|line| line.replace("<TAB>", "\t")).collect();
    assert_eq!(strings.len(), 48);
    strings
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Fails where a browser that is at our site would leave it by that `Location`.
fn assert_stays(location: &str, why: &str) {
    let base = Url::parse(PUBLIC_URL).unwrap();
    let resolved = base.join(location).unwrap_or_else(|error| panic!("{why:?}: {location:?}: {error}"));
    assert_eq!(resolved.origin(), base.origin(), "{why:?} leads to {location:?}");
    assert!(resolved.username().is_empty() && resolved.password().is_none(), "{location:?}");
    assert!(!resolved.path().starts_with("/oauth2"), "{why:?} leads to {location:?}");
}

const SECOND: Duration = Duration::from_secs(1);

/// From a redirect to the login page through the callback; what the callback then redirects to.
async fn through(visitor: &mut Visitor, answer: &Answer) -> String {
    let callback = visitor.through_login("alice", &visitor.target(answer)).await;
    location(&visitor.navigate(&callback).await)
}

#[tokio::test]
async fn case_01_rd_never_leads_away() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for string in strings() {
        // So many sign-ins at once would be too many for one address.
        stage.clock.advance(SECOND);
        let raw = format!("/oauth2/start?rd={string}");
        let targets =
            [Some(format!("/oauth2/start?rd={}", encoded(&string))), is_target(&raw).then_some(raw)];
        for target in targets.into_iter().flatten() {
            let answer = visitor.navigate(&target).await;
            assert_stays(&through(&mut visitor, &answer).await, &target);
        }
    }
}

#[tokio::test]
async fn case_01_the_original_uri_never_leads_away() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let mut led_to_login = 0;
    for string in strings() {
        stage.clock.advance(SECOND);
        visitor.jar.clear();
        for target in [string.clone(), format!("/x?{string}"), format!("/x?rd={}", encoded(&string))] {
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: app.test\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
            );
            let bytes = wire::exchange(visitor.gate(), request.into_bytes()).await;
            match wire::status(&bytes) {
                303 => {
                    let headers = headers(&bytes);
                    visitor.jar.take(&headers, true);
                    let authorize = headers["location"].to_str().unwrap().to_owned();
                    assert!(authorize.starts_with(&cognito_url(&stage)), "{target:?}: {authorize}");
                    let callback = visitor.through_login("alice", &authorize).await;
                    let mut callback_visitor = visitor.clone();
                    assert_stays(&location(&callback_visitor.navigate(&callback).await), &target);
                    led_to_login += 1;
                }
                status => assert!(matches!(status, 400 | 421), "{target:?}: {status}"),
            }
        }
    }
    assert!(led_to_login > strings().len(), "{led_to_login}");
}

#[tokio::test]
async fn case_01_the_referer_never_leads_away() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for string in strings() {
        visitor.jar.clear();
        let referer = [("referer", string.as_str())];
        let posted = [NAVIGATION.as_slice(), &referer].concat();
        let answer = visitor.send(Method::POST, "/form", &posted, "a=b").await;
        assert_stays(&through(&mut visitor, &answer).await, &string);
        visitor.jar.clear();
        let fetched = [FETCH.as_slice(), &referer].concat();
        let unauthorized = visitor.send(Method::GET, "/api", &fetched, "").await;
        let login_url = json(&unauthorized)["login_url"].as_str().unwrap().to_owned();
        assert!(login_url.starts_with("https://app.test/oauth2/start?rd="), "{login_url}");
        assert_stays(&parameter(&login_url, "rd").unwrap(), &string);
    }
}

#[tokio::test]
async fn case_01_a_sign_out_goes_to_cognito_alone() {
    let stage = Stage::new().await;
    let expected = format!(
        "{}/logout?client_id=demo-client&logout_uri=https%3A%2F%2Fapp.test%2Foauth2%2Fsigned_out",
        cognito_url(&stage)
    );
    let mut visitor = stage.visitor();
    for string in strings() {
        let string = encoded(&string);
        let query = format!(
            "rd={string}&logout_uri={string}&redirect_uri={string}&post_logout_redirect_uri={string}"
        );
        let answer = visitor.navigate(&format!("/oauth2/sign_out?{query}")).await;
        assert_eq!(location(&answer), expected);
        let told = visitor.fetch(&format!("/oauth2/sign_out?{query}")).await;
        assert_eq!(json(&told)["logout_url"], expected.as_str());
        let page = visitor.navigate(&format!("/oauth2/signed_out?{query}")).await;
        assert_eq!(page.status(), 200);
        assert!(!page.body().windows(4).any(|part| part == b"evil"));
    }
}

#[tokio::test]
async fn case_05_a_return_to_our_own_endpoints_is_the_root() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for rd in [
        "/oauth2/callback?state=a&code=b",
        "https://app.test/oauth2/callback?error=access_denied&state=x",
        "/oauth2/sign_out",
        "/oauth2",
        "/oauth2/start?rd=/oauth2/start",
        "/%6Fauth2/sign_out",
        "/oauth2/%2e%2e/oauth2/sign_out",
        "/x/../oauth2/sign_out",
    ] {
        let answer = visitor.navigate(&format!("/oauth2/start?rd={}", encoded(rd))).await;
        assert_eq!(through(&mut visitor, &answer).await, "/", "{rd}");
    }
    // A state that is unknown leads to the root as well, not back to the callback.
    visitor.jar.clear();
    let answer = visitor.navigate("/oauth2/callback?state=unknown&code=c").await;
    assert!(state_of(&answer).ends_with("-r"));
    assert_eq!(through(&mut visitor, &answer).await, "/");
}

/// True where a client library would send it as it is.
fn is_target(text: &str) -> bool {
    text.is_ascii() && !text.contains('#') && text.parse::<http::Uri>().is_ok()
}

/// The header lines of an answer as it came over the wire.
fn headers(bytes: &[u8]) -> HeaderMap {
    let text = str::from_utf8(bytes).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap();
    let line = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in head.split("\r\n").skip(1).map(line) {
        headers.append(name, value);
    }
    headers
}
