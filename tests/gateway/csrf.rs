//! What nginx is told of changes that pages of other sites ask for.

use super::{DEEP_LINK, METHOD, URL, ask_with, assert_refused, signed_in, stage, stage_with};

const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");
const FOREIGN: (&str, &str) = ("origin", "https://evil.test");

#[tokio::test]
async fn a_page_of_another_site_gets_no_yes_for_a_change() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    for (method, said, status) in [
        ("POST", &[CROSS_SITE, FOREIGN][..], 403),
        ("DELETE", &[FOREIGN], 403),
        ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://other.test")], 403),
        ("POST", &[("sec-fetch-site", "same-origin")], 200),
        ("POST", &[("origin", "https://app.test")], 200),
        ("POST", &[], 200),
        ("GET", &[CROSS_SITE, FOREIGN], 200),
    ] {
        let answer = ask_with(&mut alice, &[&[(URL, DEEP_LINK), (METHOD, method)], said].concat()).await;
        assert_eq!(answer.status(), status, "{method} {said:?}");
        if status == 403 {
            assert_refused(&answer, 403);
        }
    }
    let asked = [(URL, DEEP_LINK), (METHOD, "POST"), CROSS_SITE, FOREIGN];
    assert_refused(&ask_with(&mut stage.visitor(), &asked).await, 401);
}

#[tokio::test]
async fn where_nginx_does_not_say_the_method_a_foreign_origin_is_enough() {
    let stage = stage().await;
    let mut alice = signed_in(&stage, "alice").await;
    assert_refused(&ask_with(&mut alice, &[(URL, DEEP_LINK), CROSS_SITE, FOREIGN]).await, 403);
    // A link on a page of another site has none.
    assert_eq!(ask_with(&mut alice, &[(URL, DEEP_LINK), CROSS_SITE]).await.status(), 200);
}

#[tokio::test]
async fn what_it_takes_is_what_the_settings_say() {
    let stage = stage_with(|setup| setup.set("csrf_origins", "https://front.test")).await;
    let mut alice = signed_in(&stage, "alice").await;
    let asked = [(URL, DEEP_LINK), (METHOD, "POST"), CROSS_SITE, ("origin", "https://front.test")];
    assert_eq!(ask_with(&mut alice, &asked).await.status(), 200);
    let stage = stage_with(|setup| setup.set("csrf", "off")).await;
    let mut alice = signed_in(&stage, "alice").await;
    let asked = [(URL, DEEP_LINK), (METHOD, "POST"), CROSS_SITE, FOREIGN];
    assert_eq!(ask_with(&mut alice, &asked).await.status(), 200);
}
