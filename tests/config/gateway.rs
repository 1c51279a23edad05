//! A gateway that asks, the proxies that are believed, and public paths.

use cognigate::config::Dialect;

use super::{Given, assert_says, one};

fn asked() -> Given {
    Given::minimal()
        .without("upstream")
        .text("gateway.dialect", "nginx")
        .toml("listen.trusted_proxies", "['127.0.0.1', '10.0.0.0/8']")
}

#[test]
fn a_gateway_that_asks_stands_in_the_place_of_an_upstream() {
    let config = asked().config();
    assert!(config.gateway == Some(Dialect::Nginx));
    let networks: Vec<_> = config.listen.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["127.0.0.1/32", "10.0.0.0/8"]);
    assert!(Given::minimal().config().gateway.is_none());
    assert!(Given::minimal().config().listen.trusted_proxies.is_empty(), "nobody is believed by default");
}

#[test]
fn nobody_could_be_believed_while_the_trusted_list_is_empty() {
    for given in [asked().without("listen.trusted_proxies"), asked().toml("listen.trusted_proxies", "[]")] {
        assert_says(&given.problem(), &["listen.trusted_proxies", "it is empty"]);
    }
}

#[test]
fn an_upstream_and_a_gateway_that_asks_contradict_each_other() {
    let message = asked().text("upstream", "http://127.0.0.1:3000").problem();
    assert_says(&message, &["upstream (cognigate.toml:", "gateway.dialect (cognigate.toml:", "leave one"]);
    assert_says(&asked().without("gateway.dialect").problem(), &["upstream: it is missing"]);
}

#[test]
fn a_dialect_is_one_that_is_known() {
    for text in ["", "NGINX", "traefik", "nginx "] {
        let message = one(asked().text("gateway.dialect", text).load());
        assert_says(&message, &["gateway.dialect (cognigate.toml:"]);
    }
}

#[test]
fn a_trusted_proxy_is_told_by_its_place_in_the_list() {
    for (item, says) in [
        ("nginx", "an address or a network"),
        ("10.0.0.7/8", "bits set beyond its prefix"),
        ("0.0.0.0/0", "trust everybody"),
        ("::ffff:10.0.0.7", "write it as IPv4"),
    ] {
        let given = asked().toml("listen.trusted_proxies", &format!("['127.0.0.1', '{item}']"));
        assert_says(&given.problem(), &["listen.trusted_proxies (cognigate.toml:", "its item 2", says]);
    }
}

#[test]
fn public_paths_are_read_from_everywhere_and_told_by_their_place() {
    let config = Given::minimal().variable("COGNIGATE_PUBLIC", "/health,/static/*").config();
    assert_eq!(config.sites[0].rules.len(), 2);
    assert!(Given::minimal().config().sites[0].rules.is_empty(), "nothing is public by default");
    for (item, says) in [
        ("static", "begin with a slash"),
        ("/*", "it is every path"),
        ("/static*", "only at the end"),
        ("/a/../b", "empty segments, . or .."),
        ("/a%2fb", "without escapes"),
        ("/oauth2", "below prefix"),
        ("/oauth2/*", "below prefix"),
        ("/oauth2/auth", "below prefix"),
    ] {
        let message = Given::with("public", &format!("['/health', '{item}']")).problem();
        assert_says(&message, &["public (cognigate.toml:", "its item 2", says]);
    }
}
