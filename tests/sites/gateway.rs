//! A gateway that asks about the hosts of several sites.

use http::Method;

use super::{SITES, Scene};
use crate::support::ready;
use crate::support::visitor::{NAVIGATION, Visitor, header, location, parameter};

async fn asked() -> Scene {
    let without_apps = |text: String| {
        let kept: Vec<_> = text.lines().filter(|line| !line.starts_with("upstream = ")).collect();
        let asked = "[gateway]\ndialect = 'nginx'\n[listen]\ntrusted_proxies = ['127.0.0.1']\n";
        kept.join("\n").replace("[listen]\n", asked)
    };
    let scene = Scene::start("", ["", "public = ['/open']", ""], without_apps);
    ready(scene.gate.admin_address()).await;
    scene
}

async fn ask(visitor: &mut Visitor, url: &str) -> u16 {
    let headers = [("x-original-url", url), ("x-original-method", "GET")];
    visitor.send(Method::GET, "/oauth2/auth", &headers, "").await.status().as_u16()
}

#[tokio::test]
async fn it_is_told_by_the_site_of_the_host_that_it_asks_about() {
    let scene = asked().await;
    for (at, site) in SITES.into_iter().enumerate() {
        let mut alice = scene.visitor(at);
        let url = format!("{site}/page");
        let of_nginx = [("x-original-url", url.as_str()), ("x-original-method", "GET")];
        let headers = [&NAVIGATION[..], &of_nginx].concat();
        let target = location(&alice.send(Method::GET, "/oauth2/start", &headers, "").await);
        assert_eq!(parameter(&target, "redirect_uri"), Some(format!("{site}/oauth2/callback")));
        let callback = alice.through_login("alice", &target).await;
        assert_eq!(location(&alice.navigate(&callback).await), "/page");
        assert_eq!(ask(&mut alice, &url).await, 200);
        assert_eq!(ask(&mut scene.visitor(at), &url).await, 401);
        let open = ask(&mut scene.visitor(at), &format!("{site}/open")).await;
        assert_eq!(open, if at == 1 { 200 } else { 401 });
    }
}

#[tokio::test]
async fn a_question_that_comes_by_one_site_about_another_is_refused() {
    let scene = asked().await;
    let mut alice = scene.visitor(0);
    alice.sign_in("alice", "/oauth2/start?rd=/").await;
    assert_eq!(ask(&mut alice, "https://a.test/").await, 200);
    for url in ["https://b.test/", "https://c.test/", "https://b.test/open", "https://d.test/"] {
        let no = alice.send(Method::GET, "/oauth2/auth", &[("x-original-url", url)], "").await;
        assert_eq!(no.status(), 403, "{url}");
        assert!(header(&no, "authorization").is_none() && no.body().is_empty());
    }
}
