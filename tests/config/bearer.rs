//! `bearer.*`: whose tokens are accepted from clients.

use super::{Given, assert_says};

#[test]
fn nobodys_tokens_are_accepted_unless_it_is_said_of_whom() {
    assert!(Given::minimal().config().bearer.clients.is_empty());
    let config = Given::with("bearer.accept", "true")
        .toml("bearer.clients", "['a', 'b']")
        .toml("bearer.scopes", "['api/read']")
        .config();
    assert_eq!(
        (config.bearer.clients, config.bearer.scopes),
        (vec!["a".to_owned(), "b".to_owned()], vec!["api/read".to_owned()])
    );
    let given = Given::with("bearer.clients", "['a']").toml("bearer.scopes", "['api/read']");
    let config = given.config();
    assert!(config.bearer.clients.is_empty() && config.bearer.scopes.is_empty());
    let warnings = config.warnings.join("\n");
    assert_says(
        &warnings,
        &["bearer.clients is set and does nothing", "bearer.scopes is set and does nothing"],
    );
}

#[test]
fn to_accept_tokens_of_nobody_is_refused() {
    for given in [
        Given::with("bearer.accept", "true"),
        Given::with("bearer.accept", "true").toml("bearer.clients", "[]"),
    ] {
        let message = given.problem();
        assert_says(
            &message,
            &["bearer.clients", "it is empty, and bearer.accept (cognigate.toml:6) is true"],
        );
    }
}

#[test]
fn an_item_that_is_none_or_is_there_twice_is_refused_by_its_number() {
    let given = || Given::with("bearer.accept", "true").toml("bearer.clients", "['a']");
    for (key, value, says) in [
        ("bearer.clients", "['a', 'b c']", "its item 2 is not an app client's id"),
        ("bearer.clients", "['a', 'b:c']", "its item 2 is not an app client's id"),
        ("bearer.clients", "['a', 'a']", "its item 2 is there twice"),
        ("bearer.scopes", "['api/read api/write']", "its item 1 has a character that no scope has"),
        ("bearer.scopes", "['a', 'b\"']", "its item 2 has a character that no scope has"),
        ("bearer.scopes", "['a', 'a']", "its item 2 is there twice"),
    ] {
        assert_says(&given().toml(key, value).problem(), &[key, says]);
    }
}
