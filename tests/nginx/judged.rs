//! Whose page asks, and when its user has signed in, behind nginx.

use std::time::Duration;

use super::*;
use crate::support::visitor::{location, parameter};

with_both!(
    a_change_that_a_page_of_another_site_asks_for_does_not_reach_the_app,
    an_earlier_sign_in_gives_the_password_once_more_and_comes_back,
);

async fn a_change_that_a_page_of_another_site_asks_for_does_not_reach_the_app(which: Which) {
    let front = Front::new(which).await;
    let mut alice = front.signed_in().await;
    let reached = front.stage.app.count();
    let foreign = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")];
    for method in [Method::POST, Method::DELETE] {
        let no = alice.send(method.clone(), "/orders", &foreign, "").await;
        assert_eq!(no.status(), 403, "{method}: {}", front.nginx.log());
    }
    assert_eq!(front.stage.app.count(), reached);
    let own = [("sec-fetch-site", "same-origin"), ("origin", PUBLIC_URL)];
    assert_eq!(alice.send(Method::POST, "/orders", &own, "x").await.status(), 200);
    assert_eq!(alice.send(Method::GET, "/orders", &foreign, "").await.status(), 200);
}

async fn an_earlier_sign_in_gives_the_password_once_more_and_comes_back(which: Which) {
    let rule = "[[rules]]\npath = '/pay/*'\nmax_auth_age = '5m'";
    let front = Front::with(which, |setup| setup.tables(rule)).await;
    let mut alice = front.signed_in().await;
    front.stage.clock.advance(Duration::from_secs(6 * 60));
    let told = alice.fetch("/pay/now").await;
    assert_eq!(told.status(), 401, "{}", front.nginx.log());
    // nginx hands on that of the question, beside that of the answer.
    let mut challenges = told.headers().get_all("www-authenticate").iter();
    assert!(challenges.all(|line| line.to_str().unwrap().contains("insufficient_user_authentication")));
    assert_eq!(json(&told)["login_url"], "https://app.test/oauth2/start?rd=%2F&max_age=300");
    let begun = alice.navigate("/pay/now?x").await;
    assert_eq!(begun.status(), 303, "{}", front.nginx.log());
    assert_eq!(parameter(&location(&begun), "prompt").as_deref(), Some("login"));
    let callback = alice.through_login("alice", &location(&begun)).await;
    let back = alice.navigate(&callback).await;
    assert_eq!(location(&back), "/pay/now?x");
    assert_eq!(text(&alice.follow(&back).await), "the app");
}
