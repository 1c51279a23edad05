//! `websocket.*`.

use cognigate::config::OnSessionEnd;

use super::{Given, assert_says};

#[test]
fn a_session_that_ends_closes_or_keeps() {
    let given = |value: &str| Given::with("websocket.on_session_end", value);
    assert_eq!(given("'close'").config().websocket.on_session_end, OnSessionEnd::Close);
    assert_eq!(given("'keep'").config().websocket.on_session_end, OnSessionEnd::Keep);
    for value in ["'Close'", "'never'", "''"] {
        assert_says(&given(value).problem(), &["websocket.on_session_end (cognigate.toml:6)"]);
    }
    assert_says(&given("'never'").problem(), &["close or keep"]);
}

#[test]
fn origins_are_bare_and_named_by_their_number_where_they_are_not() {
    let given = |value: &str| Given::with("websocket.origins", value);
    let config = given("['https://Dev.Example.com:443/', 'http://localhost:3000']").config();
    let origins: Vec<_> = config.sites[0].origins.iter().map(ToString::to_string).collect();
    assert_eq!(origins, ["https://dev.example.com", "http://localhost:3000"]);
    for value in ["dev.example.com", "*", "https://*", "wss://dev.example.com", "https://a.test/path", "null"]
    {
        let message = given(&format!("['https://a.test', '{value}']")).problem();
        assert_says(&message, &["websocket.origins (cognigate.toml:6): its item 2: "]);
    }
}
