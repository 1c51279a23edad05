//! What an app is told as `Host`.

use http::Method;

use super::peer::Peer;
use super::{Scene, app};
use crate::support::visitor::FETCH;

#[tokio::test]
async fn the_client_s_host_is_kept_unless_something_else_is_said() {
    let (kept, own, named) = (app("kept"), app("own"), app("named"));
    let tables = format!(
        "listen.hosts = ['other.test']
        forward.host = 'upstream'
        [[upstreams]]\nurl = 'http://{}'\nforward_host = 'preserve'
        [[upstreams]]\nurl = 'http://{}'\npath = '/own'
        [[upstreams]]\nurl = 'http://{}'\npath = '/named'\nforward_host = 'App.internal:8080'\n",
        kept.address(),
        own.address(),
        named.address(),
    );
    let mut scene = Scene::before(&tables).await;
    let headers = [&FETCH[..], &[("host", "Other.test:81")]].concat();
    for path in ["/", "/own", "/named"] {
        assert_eq!(scene.alice.send(Method::GET, path, &headers, "").await.status(), 200);
    }
    assert_eq!(kept.last().header("host"), Some("Other.test:81"));
    assert_eq!(own.last().header("host"), Some(own.address().to_string().as_str()));
    assert_eq!(named.last().header("host"), Some("app.internal:8080"));
    for app in [kept, own, named] {
        assert_eq!(app.last().header("x-forwarded-host"), Some("app.test"));
    }
}

#[tokio::test]
async fn in_http2_the_host_is_the_authority_and_there_is_no_other() {
    let peer = Peer::default();
    let address = peer.on_clear_text(true).await;
    for (setting, authority) in
        [("preserve", "app.test:443"), ("upstream", address.as_str()), ("app.internal", "app.internal")]
    {
        let tables = format!("[[upstreams]]\nurl = 'h2c://{address}'\nforward_host = '{setting}'\n");
        let mut scene = Scene::before(&tables).await;
        let headers = [&FETCH[..], &[("host", "app.test:443")]].concat();
        assert_eq!(scene.alice.send(Method::GET, "/x?y", &headers, "").await.status(), 200);
        let seen = peer.last();
        assert_eq!(seen.uri.to_string(), format!("http://{authority}/x?y"));
        assert!(!seen.headers.contains_key("host"), "{:?}", seen.headers);
    }
}
