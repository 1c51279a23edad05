//! Secrets of Redis and of the admin port that change while the gate runs.

use super::everywhere::{ask, sub};
use super::stage_with;
use crate::reloading::{Followed, reloads};
use crate::support::Stage;
use crate::support::redis::RedisServer;
use crate::support::wire::eventually;

fn path(file: &Followed) -> String {
    file.path().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_password_of_redis_is_replaced_by_replacing_its_file() {
    let server = RedisServer::start_with(|_, _| vec!["--requirepass".to_owned(), "old".to_owned()]);
    let file = Followed::new("old\n");
    let stage = Stage::with(|setup| setup.in_redis(&server).set("redis.password_file", &path(&file))).await;
    let mut visitor = stage.signed_in().await;
    let mut admin =
        redis::Client::open(format!("redis://:old@{}", server.address())).unwrap().get_connection().unwrap();
    let mut tell = |command: &[&str]| {
        let mut it = redis::cmd(command[0]);
        it.arg(&command[1..]).query::<redis::Value>(&mut admin).unwrap();
    };
    // The file comes late: whoever connects meanwhile is refused, and comes back.
    tell(&["CONFIG", "SET", "requirepass", "new"]);
    tell(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    eventually("the old one is refused", || {
        let mut visitor = visitor.clone();
        async move { visitor.fetch("/").await.status() == 503 }
    })
    .await;
    file.put("new");
    eventually("the new one is read", || {
        let mut visitor = visitor.clone();
        async move { visitor.fetch("/").await.status() == 200 }
    })
    .await;
    // An empty file is no password; what was read before stays in use.
    file.put("");
    let told = || async { reloads(&stage.gate, "redis_password", "failure").await == 1.0 };
    eventually("the garbage is noticed", told).await;
    tell(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn the_admin_token_is_replaced_by_replacing_its_file() {
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let (old, new) = (bearer("the-token-of-yesterday"), bearer("the-token-of-today"));
    let file = Followed::new("the-token-of-yesterday\n");
    let (_server, stage) = stage_with(|setup| setup.set("admin.token_file", &path(&file))).await;
    stage.signed_in().await;
    let (alice, admin) = (sub(&stage), stage.gate.admin_address());
    assert_eq!(ask(admin, "GET", &alice, &old).await.0, 200);
    assert_eq!(ask(admin, "GET", &alice, &new).await.0, 404);
    file.put("the-token-of-today\n");
    eventually("the new one is read", || async { ask(admin, "GET", &alice, &new).await.0 == 200 }).await;
    assert_eq!(ask(admin, "GET", &alice, &old).await.0, 404);
    // What is too short to be one changes nothing.
    for (times, garbage) in [(1.0, "short"), (2.0, "")] {
        file.put(garbage);
        let told = || async { reloads(&stage.gate, "admin_token", "failure").await == times };
        eventually("the garbage is noticed", told).await;
        assert_eq!(ask(admin, "GET", &alice, &bearer(garbage)).await.0, 404, "{garbage}");
        assert_eq!(ask(admin, "GET", &alice, &new).await.0, 200, "{garbage}");
    }
}
