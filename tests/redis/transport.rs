//! How Redis is spoken to: TLS, users, databases, and what our keys are called.

use super::only_record;
use crate::support::redis::RedisServer;
use crate::support::tls::{Authority, Folder};
use crate::support::{Setup, Stage};

async fn signs_in(change: impl FnOnce(Setup) -> Setup) -> (Stage, u16) {
    let stage = Stage::with(|setup| change(setup.set("session.store", "redis"))).await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let status = visitor.navigate(&callback).await.status().as_u16();
    (stage, status)
}

/// A server that speaks TLS too, on the port after its own, with a certificate for its address or for this name.
fn with_tls(authority: &Authority, name: Option<&str>) -> RedisServer {
    RedisServer::start_with(|folder, ip| {
        let pair = authority.issue(&[name.unwrap_or(&ip.to_string())]);
        let path = |file: &str| folder.join(file).to_str().unwrap().to_owned();
        std::fs::write(path("crt"), &pair.chain).unwrap();
        std::fs::write(path("key"), &pair.key).unwrap();
        [("--tls-port", "6380"), ("--tls-cert-file", &path("crt")), ("--tls-key-file", &path("key"))]
            .into_iter()
            .chain([("--tls-auth-clients", "no")])
            .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
            .collect()
    })
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own_is_believed_for_the_name_in_the_url_alone() {
    let (authority, stranger, folder) = (Authority::new(), Authority::new(), Folder::new());
    for (file, authority) in [("ca.pem", &authority), ("stranger.pem", &stranger)] {
        folder.write(file, authority.pem());
    }
    let ca = |file: &str| folder.path(file).to_str().unwrap().to_owned();
    for (name, file, status) in
        [(None, "ca.pem", 303), (None, "stranger.pem", 503), (Some("redis.test"), "ca.pem", 503)]
    {
        let server = with_tls(&authority, name);
        let url = format!("rediss://{}:6380", server.address().ip());
        let (_stage, outcome) =
            signs_in(|setup| setup.set("redis.url", &url).set("redis.ca_file", &ca(file))).await;
        assert_eq!(outcome, status, "{name:?} {file}");
        // The system's authorities know none of it.
        assert_eq!(signs_in(|setup| setup.set("redis.url", &url)).await.1, 503);
    }
}

#[tokio::test]
async fn a_user_of_an_acl_with_its_password_and_no_more_rights_than_it_needs() {
    let server = RedisServer::start_with(|_, _| {
        let user = "cognigate on >s3cret ~gate:* -@all +hmget +hset +hget +hincrby +exists +eval +set +get +del \
                    +pexpire +pttl +zadd +zrem +zrange +zremrangebyscore +ping +select";
        std::iter::once("--user").chain(user.split_whitespace()).map(str::to_owned).collect()
    });
    let with = |username: &'static str, password: &'static str| {
        let url = server.url();
        move |setup: Setup| {
            setup
                .set("redis.url", &url)
                .set("redis.prefix", "gate:")
                .set("redis.username", username)
                .set("redis.password", password)
        }
    };
    let (stage, status) = signs_in(with("cognigate", "s3cret")).await;
    assert_eq!(status, 303);
    assert!(only_record(&server).starts_with("gate:session:{"));
    drop(stage);
    assert_eq!(signs_in(with("cognigate", "wrong")).await.1, 503);
}

#[tokio::test]
async fn a_password_and_a_database_in_the_url() {
    let server = RedisServer::start_with(|_, _| vec!["--requirepass".to_owned(), "s3-cr@t".to_owned()]);
    let url = format!("redis://:s3-cr%40t@{}/3", server.address());
    assert_eq!(signs_in(|setup| setup.set("redis.url", &url)).await.1, 303);
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_eq!(signs_in(|setup| setup.set("redis.url", &server.url())).await.1, 503);
}
