//! The file: its types, its lines, and what is not in the table of keys.

use cognigate::config::{Config, Sources};

use super::{Given, assert_says, one};

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    for (key, meant) in [
        ("publc_url", "public_url"),
        ("client_id", "cognito.client_id"),
        ("cognito.cliend_id", "cognito.client_id"),
        ("cookie.samesite", "cookie.same_site"),
        ("log.levels", "log.level"),
    ] {
        let message = Given::with(key, "'x'").problem();
        let start = format!("{key} (cognigate.toml:6): there is no such key; did you mean {meant}?");
        assert_says(&message, &[&start]);
    }
    let message = Given::with("teapot", "1").problem();
    assert_says(&message, &["teapot (cognigate.toml:6): there is no such key", "docs/configuration.md"]);
}

#[test]
fn an_unknown_section_is_refused_with_its_line() {
    let text = "public_url = 'https://app.example.com'\n\n[sessions]\nkeys = []\n";
    let error = Given::minimal().load_text(text).unwrap_err();
    assert_says(&error.to_string(), &["sessions (cognigate.toml:3): there is no such key"]);
}

#[test]
fn lines_are_counted_in_every_way_of_writing_a_table() {
    for text in [
        "\n\n[cognito]\nclient = 1\n",
        "# one\n# two\n# three\ncognito.client = 1\n",
        "\n\n\ncognito = { client = 1 }\n",
        "\n\n\ncognito = { client_id = 'x', client = 1 }\n",
        "a = 1\r\n[cognito]\r\n\r\nclient = 1\r\n",
    ] {
        let error = Given::minimal().load_text(text).unwrap_err().to_string();
        assert_says(&error, &["cognito.client (cognigate.toml:4): there is no such key"]);
    }
}

#[test]
fn a_wrong_type_is_refused_with_its_line() {
    for (key, value, problem) in [
        ("public_url", "5", "it must be a string in quotes, but is an integer"),
        ("cognito.client_id", "true", "it must be a string in quotes, but is a boolean"),
        ("cognito.client_id", "1e3", "it must be a string in quotes, but is a float"),
        ("cognito.client_id", "2026-11-23", "it must be a string in quotes, but is a date or time"),
        ("cognito.client_secret", "12345678", "it must be a string in quotes, but is an integer"),
        (
            "cognito.scopes",
            "'openid'",
            "it must be a list of strings, such as [\"a\", \"b\"], but is a string",
        ),
        ("cognito.scopes", "['openid', 5]", "its item 2 must be a string in quotes, but is an integer"),
        ("cognito.issuer", "5", "it must be a string in quotes or a list of them, but is an integer"),
        ("cognito.issuer", "[{}]", "its item 1 must be a string in quotes, but is a table"),
        (
            "cognito.allow_insecure_http",
            "'true'",
            "it must be true or false, without quotes, but is a string",
        ),
        ("cookie.secure", "1", "it must be true or false, without quotes, but is an integer"),
        ("session.keys", "'abc'", "it must be a list of strings, such as [\"a\", \"b\"], but is a string"),
        ("session.keys", "[1234]", "its item 1 must be a string in quotes, but is an integer"),
        ("session.keys_file", "[]", "it must be a path in quotes, but is a list"),
        (
            "session.refresh_margin",
            "60",
            "it must be a duration in quotes, such as \"60s\", but is an integer",
        ),
        ("log", "'debug'", "it must be a table, [log], but is a string"),
        ("listen", "[{ address = '127.0.0.1:1' }]", "it must be a table, [listen], but is a list"),
        ("prefix.path", "'/x'", "it must be a string in quotes, but is a table"),
    ] {
        let given = Given::with(key, value);
        let line = if key == "public_url" {
            1
        } else if key == "cognito.client_id" {
            4
        } else {
            6
        };
        let subject = if key == "prefix.path" { "prefix" } else { key };
        assert_eq!(given.problem(), format!("{subject} (cognigate.toml:{line}): {problem}"));
    }
}

#[test]
fn empty_values_are_refused() {
    for (key, value) in [
        ("cognito.client_id", "''"),
        ("cognito.client_secret", "''"),
        ("cognito.client_secret_file", "''"),
        ("session.keys", "[]"),
        ("session.refresh_margin", "''"),
    ] {
        assert_says(&Given::with(key, value).problem(), &[key, "(cognigate.toml:", "it is empty"]);
    }
    assert_says(&Given::with("session.keys", "['']").problem(), &["session.keys", "its item 1 is empty"]);
}

#[test]
fn several_mistakes_are_told_at_once() {
    let error = Given::minimal()
        .toml("teapot", "1")
        .toml("cookie.secure", "'no'")
        .variable("COGNIGATE_TEAPOT", "1")
        .flag("teapot.lid", "1")
        .load()
        .unwrap_err();
    assert_eq!(error.problems.len(), 4, "{error}");
    let error = Given::minimal()
        .without("upstream")
        .text("public_url", "app.example.com")
        .text("cookie.same_site", "strict")
        .text("listen.address", "8080")
        .text("log.format", "yaml")
        .text("cognito.user_pool_id", "pool")
        .text("session.refresh_margin", "5")
        .load()
        .unwrap_err();
    let subjects: Vec<_> = error.problems.iter().map(|problem| problem.subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "public_url",
            "upstream",
            "cookie.same_site",
            "cognito.user_pool_id",
            "session.refresh_margin",
            "listen.address",
            "log.format",
        ]
    );
}

#[test]
fn mistakes_are_told_in_the_order_of_their_lines() {
    let error = Given::minimal().load_text("z = 1\n[y]\n[cognito]\nb = 1\na = 1\n").unwrap_err();
    let subjects: Vec<_> = error.problems.iter().map(|problem| problem.subject.as_str()).collect();
    assert_eq!(subjects, ["z", "y", "cognito.b", "cognito.a"]);
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let message = one(Given::minimal().load_text("public_url = 'https://app.example.com'\nupstream\n"));
    assert_says(&message, &["syntax (cognigate.toml:2): this is not TOML"]);
    let message = one(Given::minimal().load_text("prefix = '/a'\nprefix = '/b'\n"));
    assert_says(&message, &["syntax (cognigate.toml:2): this is not TOML: duplicate key"]);
    let message = one(Given::minimal().load_text(b"prefix = '/a\xff'\n"));
    assert_says(&message, &["cognigate.toml (--config): the configuration file is not UTF-8 text"]);
}

#[test]
fn a_named_file_must_be_there() {
    let sources = Sources { file: Some("/nowhere/gate.toml".into()), ..Sources::default() };
    let message = one(Config::load(&sources));
    assert_says(
        &message,
        &[
            "/nowhere/gate.toml (--config): the configuration file cannot be read by user id ",
            "No such file or directory",
        ],
    );
    let environment = vec![("COGNIGATE_CONFIG".into(), "/nowhere/gate.toml".into())];
    let message = one(Config::load(&Sources { environment, ..Sources::default() }));
    assert_says(&message, &["/nowhere/gate.toml (COGNIGATE_CONFIG): the configuration file cannot be read"]);
    let environment = vec![("COGNIGATE_CONFIG".into(), "".into())];
    let message = one(Config::load(&Sources { environment, ..Sources::default() }));
    assert_says(&message, &["COGNIGATE_CONFIG: it is empty"]);
}

#[test]
fn a_key_cannot_paint_the_terminal() {
    let message = one(Given::minimal().load_text("\"\\u001b[31mred\\n\" = 1\n"));
    assert!(!message.contains(['\u{1b}', '\n']), "{message:?}");
    let message = one(Given::minimal().load_text(format!("{} = 1\n", "a".repeat(100_000))));
    assert!(message.len() < 500, "{}", message.len());
}
