//! `session.store` and `redis.*`.

use std::time::Duration;

use cognigate::config::SessionStore;

use super::{Given, assert_says};

fn url(url: &str) -> Given {
    Given::with("redis.url", &format!("'{url}'"))
}

#[test]
fn sessions_are_in_cookies_and_there_is_no_redis_unless_said() {
    let config = Given::minimal().config();
    assert_eq!(config.session.store, SessionStore::Cookie);
    assert!(config.redis.is_none());
    assert_says(&Given::with("session.store", "'memory'").problem(), &["session.store", "cookie or redis"]);
    assert_says(&Given::with("session.store", "'redis'").problem(), &["redis.url", "required"]);
}

#[test]
fn a_url_is_taken_apart() {
    let redis = url("redis://redis.internal").config().redis.unwrap();
    assert_eq!((redis.host.as_str(), redis.port, redis.database), ("redis.internal", 6379, 0));
    assert!(redis.tls.is_none() && redis.username.is_none() && redis.password.is_none());
    assert_eq!((redis.prefix.as_str(), redis.timeout), ("cognigate:", Duration::from_secs(1)));

    let redis = url("rediss://gate:p%40ss@[2001:db8::7]:6380/2").text("session.store", "redis").config();
    let redis = redis.redis.unwrap();
    assert_eq!((redis.host.as_str(), redis.port, redis.database), ("2001:db8::7", 6380, 2));
    assert_eq!(redis.username.as_deref(), Some("gate"));
    assert_eq!(redis.password.unwrap().expose(), "p@ss");
    assert!(redis.tls.unwrap().roots.is_none());
}

#[test]
fn what_is_no_url_of_one_server_is_refused_and_not_shown() {
    for (text, says) in [
        ("redis.internal:6379", "must be a URL"),
        ("redis:redis.internal", "must be a URL"),
        ("redis://", "must be a URL"),
        ("redis:// redis.internal", "must be a URL"),
        ("http://hunter2", "its scheme"),
        ("redis+cluster://hunter2", "Cluster is not supported yet"),
        ("rediss-cluster://hunter2", "Cluster is not supported yet"),
        ("redis://hunter2,other", "Cluster is not supported yet"),
        ("redis+sentinel://hunter2", "Sentinel is not supported yet"),
        ("redis://hunter2/first", "number of a database"),
        ("redis://hunter2/1/2", "number of a database"),
        ("redis://hunter2/-1", "number of a database"),
        ("redis://hunter2?protocol=3", "no query"),
        ("redis://hunter2#x", "no query"),
    ] {
        let message = url(text).problem();
        assert_says(&message, &["redis.url (cognigate.toml:6)", says]);
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn what_contradicts_or_does_nothing_is_refused() {
    for (given, says) in [
        (url("redis://a:b@redis").text("redis.password", "c"), "redis.password"),
        (url("redis://a:b@redis").text("redis.username", "c"), "redis.username"),
        (url("redis://redis").text("redis.username", "c"), "it has no password"),
        (url("redis://redis").text("redis.ca_file", "ca.pem"), "does not say TLS"),
        (url("rediss://redis").text("redis.ca_file", "nowhere.pem"), "cannot be read"),
        (Given::with("redis.password", "'c'"), "there is no redis.url"),
        (Given::with("redis.username", "'c'"), "there is no redis.url"),
        (url("redis://redis").text("redis.timeout", "0s"), "from 1s to 10s"),
        (url("redis://redis").text("redis.timeout", "11s"), "from 1s to 10s"),
        (url("redis://redis").text("redis.prefix", ""), "redis.prefix"),
        (url("redis://redis").text("redis.prefix", "{a}"), "redis.prefix"),
        (url("redis://redis").text("redis.prefix", "a b"), "redis.prefix"),
    ] {
        assert_says(&given.problem(), &[says]);
    }
}

#[test]
fn the_url_and_the_password_may_stand_in_files() {
    let given = Given::minimal();
    let (address, password) = (given.beside("url", "redis://redis\n"), given.beside("password", "hush\n"));
    let config = given
        .text("redis.url_file", &address)
        .text("redis.password_file", &password)
        .text("redis.username", "a");
    let redis = config.config().redis.unwrap();
    assert_eq!((redis.host.as_str(), redis.username.as_deref()), ("redis", Some("a")));
    assert_eq!(redis.password.unwrap().expose(), "hush");
}

#[test]
fn an_admin_token_is_long_and_for_sessions_in_redis() {
    let given = |token: &str| url("redis://redis").text("session.store", "redis").text("admin.token", token);
    assert_eq!(given("0123456789abcdef").config().admin.token.unwrap().expose(), "0123456789abcdef");
    for token in ["0123456789abcde", "0123456789 abcdef"] {
        assert_says(&given(token).problem(), &["admin.token", "16 or more"]);
    }
    let message = url("redis://redis").text("admin.token", "0123456789abcdef").problem();
    assert_says(&message, &["admin.token", "session.store is cookie"]);
}
