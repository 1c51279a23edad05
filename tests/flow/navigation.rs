//! Navigations go to the login page; everything else gets a 401; nothing of either reaches the app.

use http::Method;

use super::{Said, assert_ours, settle};
use crate::support::visitor::{Answer, FETCH, NAVIGATION, header, json, set_cookies, text};
use crate::support::{Stage, wire};

const HTML: Said = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const DOCUMENT: Said = ("sec-fetch-dest", "document");

fn mode(mode: &'static str) -> Said {
    ("sec-fetch-mode", mode)
}

fn assert_unauthorized(answer: &Answer, why: &str) {
    assert_eq!(answer.status(), 401, "{why}");
    assert_ours(answer);
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"));
    assert_eq!(header(answer, "www-authenticate"), Some("Bearer realm=\"https://app.test\""));
    assert!(set_cookies(answer).is_empty(), "{why}");
    assert_eq!(header(answer, "location"), None);
}

#[tokio::test]
async fn a_navigation_is_redirected_and_everything_else_gets_a_401() {
    let stage = Stage::new().await;
    let post = Method::POST;
    let redirected: [(Method, &[Said]); 7] = [
        (Method::GET, &[mode("navigate"), DOCUMENT]),
        (Method::GET, &[mode("navigate"), DOCUMENT, ("accept", "*/*")]),
        (Method::GET, &[mode("navigate"), DOCUMENT, ("x-requested-with", "com.android.browser")]),
        (post.clone(), &[mode("navigate"), DOCUMENT]),
        (Method::GET, &[HTML]),
        (Method::GET, &[("accept", "TEXT/HTML;q=0.5")]),
        (Method::GET, &[("accept", "*/*"), ("accept", "text/html")]),
    ];
    for (method, headers) in redirected {
        let answer = stage.visitor().send(method.clone(), "/page", headers, "").await;
        assert_eq!(answer.status(), 303, "{method} {headers:?}");
        assert_ours(&answer);
    }
    let unauthorized: [(Method, &[Said]); 15] = [
        (Method::GET, &[]),
        (Method::GET, &[("accept", "*/*")]),
        (Method::GET, &[("accept", "application/json")]),
        (Method::GET, &[("accept", "text/htmlx, x/text/html")]),
        (Method::GET, &[HTML, ("x-requested-with", "XMLHttpRequest")]),
        (post, &[HTML]),
        (Method::HEAD, &[HTML]),
        (Method::GET, &[HTML, mode("cors")]),
        (Method::GET, &[HTML, mode("no-cors"), ("sec-fetch-dest", "image")]),
        (Method::GET, &[HTML, mode("same-origin")]),
        (Method::GET, &[HTML, mode("websocket")]),
        (Method::GET, &[HTML, mode("navigate")]),
        (Method::GET, &[HTML, mode("navigate"), ("sec-fetch-dest", "iframe")]),
        (Method::GET, &[HTML, mode("navigate"), ("sec-fetch-dest", "empty")]),
        (Method::GET, &[HTML, mode(""), DOCUMENT]),
    ];
    for (method, headers) in unauthorized {
        let answer = stage.visitor().send(method.clone(), "/page", headers, "").await;
        assert_unauthorized(&answer, &format!("{method} {headers:?}"));
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn a_401_says_where_to_sign_in_and_comes_back_to_the_page() {
    let stage = Stage::new().await;
    for (referer, rd) in [
        (Some("https://app.test/page?tab=2&x=%2F"), "%2Fpage%3Ftab%3D2%26x%3D%252F"),
        (Some("https://app.test/"), "%2F"),
        (Some("https://app.test"), "%2F"),
        (Some("https://app.test/page#part"), "%2Fpage"),
        (Some("https://evil.test/page"), "%2F"),
        (Some("http://app.test/page"), "%2F"),
        (Some("https://app.test:8443/page"), "%2F"),
        (Some("https://app.test@evil.test/page"), "%2F"),
        (Some("https://app.test/oauth2/sign_out"), "%2F"),
        (Some("about:blank"), "%2F"),
        (None, "%2F"),
    ] {
        let mut headers = FETCH.to_vec();
        headers.extend(referer.map(|referer| ("referer", referer)));
        let answer = stage.visitor().send(Method::GET, "/api/things?x=1", &headers, "").await;
        assert_unauthorized(&answer, "");
        let login_url = format!("https://app.test/oauth2/start?rd={rd}");
        assert_eq!(json(&answer)["login_url"], login_url.as_str(), "{referer:?}");
        assert_eq!(json(&answer)["status"], 401);
    }
}

#[tokio::test]
async fn a_post_navigation_comes_back_to_its_same_origin_referer_or_the_root() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for (referer, lands) in [
        (Some("https://app.test/form?step=2"), "/form?step=2"),
        (Some("https://evil.test/form"), "/"),
        (Some("https://app.test/oauth2/signed_out"), "/"),
        (None, "/"),
    ] {
        visitor.jar.clear();
        let mut headers = NAVIGATION.to_vec();
        headers.extend(referer.map(|referer| ("referer", referer)));
        let answer = visitor.send(Method::POST, "/submit?once", &headers, "a=b").await;
        assert_eq!(answer.status(), 303);
        let before = stage.app.count();
        settle(&mut visitor, answer).await;
        let arrived = stage.app.last();
        assert_eq!((arrived.method.as_str(), arrived.target.as_str()), ("GET", lands), "{referer:?}");
        assert_eq!(stage.app.count(), before + 1, "the POST itself is never repeated");
    }
}

#[tokio::test]
async fn case_72_the_apps_body_never_goes_out_beside_a_login_page() {
    let stage = Stage::new().await;
    for cookie in ["", "junk", "QUFB"] {
        let mut visitor = stage.visitor();
        visitor.jar.set(super::NAME, cookie);
        for answer in [visitor.clone().navigate("/secret").await, visitor.fetch("/secret").await] {
            assert!(matches!(answer.status().as_u16(), 303 | 401));
            assert!(!text(&answer).contains("the app"));
        }
        // Nor behind it on the same connection: one answer to one request.
        let request =
            "GET /secret HTTP/1.1\r\nHost: app.test\r\nAccept: text/html\r\nConnection: close\r\n\r\n";
        let bytes = wire::exchange(visitor.gate(), request.into()).await;
        assert_eq!(bytes.windows(9).filter(|part| part == b"HTTP/1.1 ").count(), 1);
        assert!(bytes.ends_with(b"\r\n\r\n"), "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn case_73_a_body_without_a_session_is_answered_unread() {
    let stage = Stage::new().await;
    let gate = stage.visitor().gate();
    let navigation = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    let upload = "Content-Type: multipart/form-data; boundary=x\r\n";
    let some = "x".repeat(64 * 1024);
    for (headers, body, status) in [
        ("Content-Length: 0\r\n".to_owned(), "", 401),
        (format!("Content-Length: 0\r\n{navigation}"), "", 303),
        // The rest of the gigabyte never comes, so an answer means that nobody waits for it.
        ("Content-Length: 1073741824\r\n".to_owned(), some.as_str(), 401),
        (format!("Content-Length: 1073741824\r\n{navigation}"), &some, 303),
        (format!("Content-Length: 1073741824\r\n{upload}"), "--x\r\n", 401),
        ("Transfer-Encoding: chunked\r\n".to_owned(), "10000\r\nxxxx", 401),
        (format!("Transfer-Encoding: chunked\r\n{navigation}"), "10000\r\nxxxx", 303),
        ("Content-Length: 1073741824\r\nExpect: 100-continue\r\n".to_owned(), "", 401),
    ] {
        let request = format!("POST /upload HTTP/1.1\r\nHost: app.test\r\n{headers}\r\n{body}");
        let bytes = wire::first_answer(gate, request.into_bytes()).await;
        assert_eq!(wire::status(&bytes), status, "{headers}");
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn case_78_no_probe_and_no_path_is_a_way_round() {
    let stage = Stage::new().await;
    for agent in ["kube-probe/1", "kube-probe/1.32", "ELB-HealthChecker/2.0", "GoogleHC/1.0"] {
        for (target, status) in [
            ("/", 401),
            ("/ping", 401),
            ("/healthz", 401),
            ("/livez", 401),
            ("/readyz", 401),
            ("/metrics", 401),
            ("/robots.txt", 401),
            ("/ping/../admin", 400),
            ("/ping/..%2fadmin", 400),
            ("/oauth2/../admin", 400),
            ("/oauth2/signed_out/../../admin", 400),
            ("/oauth2/ping", 404),
        ] {
            let answer = stage.visitor().send(Method::GET, target, &[("user-agent", agent)], "").await;
            assert_eq!(answer.status().as_u16(), status, "{agent} {target}");
        }
    }
    assert_eq!(stage.app.count(), 0);
}
