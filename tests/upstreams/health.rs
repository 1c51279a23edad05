//! `/upstream/healthz`, by the ways that requests go.

use tokio::net::TcpListener;

use super::peer::Peer;
use super::tls::Authority;
use super::{Scene, app};
use crate::support::wire::exchange;

async fn ask(scene: &Scene) -> (u16, String) {
    let request = b"GET /upstream/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(scene.gate.admin_address(), request.to_vec()).await;
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn every_app_is_asked_and_each_that_is_unwell_is_named() {
    let (authority, directory) = (Authority::new(), tempfile::tempdir().unwrap());
    let (h2c, https, unix, well) = (Peer::default(), Peer::default(), Peer::default(), app("well"));
    let socket = directory.path().join("app.sock");
    unix.on_socket(&socket);
    let h2c_address = h2c.on_clear_text(true).await;
    let port = https.on_tls(authority.server("127.0.0.1", &["h2"])).await;
    let gone = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let tables = format!(
        "[[upstreams]]\nurl = 'h2c://{h2c_address}'
        [[upstreams]]\nurl = 'https://127.0.0.1:{port}'\npath = '/b'\nca_file = '{}'
        [[upstreams]]\nurl = 'unix://{}'\npath = '/c'
        [[upstreams]]\nurl = 'http://{}'\npath = '/d'
        [[upstreams]]\nurl = 'http://{}'\npath = '/d/e'\n",
        authority.file(),
        socket.display(),
        well.address(),
        well.address(),
    );
    let scene = Scene::before(&tables).await;
    assert_eq!(ask(&scene).await, (200, "ok\n".to_owned()));
    for peer in [&h2c, &https, &unix] {
        assert_eq!((peer.count(), peer.last().uri.path()), (1, "/healthz"));
    }
    assert_eq!(h2c.last().uri.authority().unwrap(), "app.test");
    // Two paths of one app are one app.
    assert_eq!(well.count(), 1);

    let tables = format!("{tables}[[upstreams]]\nurl = 'http://{gone}'\npath = '/gone'\n");
    well.answer(|_| {
        let mut response = http::Response::new(cognigate::types::full("no"));
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    let scene = Scene::before(&tables).await;
    let unwell = format!(
        "http://{}: the app answered 500\nhttp://{gone}: there is no connection to the app\n",
        well.address()
    );
    assert_eq!(ask(&scene).await, (503, unwell));
}
