//! Secrets in files of their own.

use std::os::unix::fs::MetadataExt;

use super::{Given, KEY, OTHER_KEY, assert_says};

#[test]
fn a_secret_may_stand_in_a_file() {
    let given = Given::minimal();
    let path = given.beside("secret", "012345\n");
    let config = given.text("cognito.client_secret_file", &path).config();
    assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), "012345");

    let given = Given::minimal();
    let path = given.beside("secret", "hush");
    let config = given.variable("COGNIGATE_COGNITO__CLIENT_SECRET_FILE", path).config();
    assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), "hush");

    let given = Given::minimal();
    let path = given.beside("secret", "hush");
    let config = given.flag("cognito.client_secret_file", &path).config();
    assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), "hush");
    assert!(!config.warnings.join("\n").contains("command line"), "{:?}", config.warnings);
}

#[test]
fn exactly_one_newline_is_trimmed_from_a_secret() {
    for (content, secret) in
        [("hush", "hush"), ("hush\n", "hush"), ("hush\r\n", "hush"), ("hush\n\n", "hush\n")]
    {
        let given = Given::minimal();
        let path = given.beside("secret", content);
        let config = given.text("cognito.client_secret_file", &path).config();
        assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), secret);
    }
}

#[test]
fn white_space_that_is_left_in_a_secret_is_warned_of() {
    let given = Given::minimal();
    let path = given.beside("secret", "hush\n\n");
    let config = given.text("cognito.client_secret_file", &path).config();
    assert_says(&config.warnings.join("\n"), &["cognito.client_secret holds white space"]);
}

#[test]
fn a_keys_file_has_a_key_a_line() {
    for content in [
        format!("{KEY}\n{OTHER_KEY}\n"),
        format!("{KEY}\n{OTHER_KEY}"),
        format!("{KEY}\r\n{OTHER_KEY}\r\n"),
        format!("{KEY}\n\n{OTHER_KEY}\n\n"),
    ] {
        let given = Given::minimal();
        let path = given.beside("keys", content);
        let config = given.variable("COGNIGATE_SESSION__KEYS_FILE", path).config();
        let inline = Given::with("session.keys", &format!("['{KEY}', '{OTHER_KEY}']")).config();
        assert!(config.session.keys == inline.session.keys);
        assert!(!config.session.keys_generated);
    }
}

#[test]
fn a_path_in_the_file_is_relative_to_the_file() {
    let given = Given::minimal();
    given.beside("keys", KEY);
    assert_eq!(given.text("session.keys_file", "keys").config().session.keys.len(), 1);
}

#[test]
fn a_secret_and_its_file_are_a_contradiction_in_all_layers() {
    type Set = fn(Given, &str, &str) -> Given;
    let layers: [(Set, &str); 3] = [
        (|given, key, value| given.text(key, value), "cognigate.toml:"),
        (
            |given, key, value| {
                given.variable(&format!("COGNIGATE_{}", key.to_uppercase().replace('.', "__")), value)
            },
            "COGNIGATE_COGNITO__CLIENT_SECRET",
        ),
        (|given, key, value| given.flag(key, value), "command line"),
    ];
    for (set_value, value_place) in layers {
        for (set_file, file_place) in layers {
            let given = Given::minimal();
            let path = given.beside("secret", "hush");
            let given = set_value(given, "cognito.client_secret", "hush");
            let message = set_file(given, "cognito.client_secret_file", &path).problem();
            let parts = [
                format!("cognito.client_secret ({value_place}"),
                format!("so is cognito.client_secret_file ({file_place}"),
                "leave one of the two out".to_owned(),
            ];
            assert_says(&message, &parts.each_ref().map(String::as_str));
        }
    }
    let given = Given::with("session.keys", &format!("['{KEY}']"));
    let path = given.beside("keys", KEY);
    let message = given.variable("COGNIGATE_SESSION__KEYS_FILE", path).problem();
    assert_says(
        &message,
        &["session.keys (cognigate.toml:6)", "so is session.keys_file (COGNIGATE_SESSION__KEYS_FILE)"],
    );
}

#[test]
fn the_later_layer_wins_between_files() {
    let given = Given::minimal();
    let path = given.beside("secret", "hush");
    let given = given.text("cognito.client_secret_file", "/nowhere");
    let config = given.variable("COGNIGATE_COGNITO__CLIENT_SECRET_FILE", path).config();
    assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), "hush");
}

#[test]
fn an_unreadable_file_says_its_path_and_who_tried() {
    let own_uid = std::fs::metadata("/proc/self").unwrap().uid();
    let message = Given::minimal().variable("COGNIGATE_SESSION__KEYS_FILE", "/nowhere/keys").problem();
    let start = format!(
        "session.keys_file (COGNIGATE_SESSION__KEYS_FILE): the file /nowhere/keys cannot be read by user id {own_uid}: \
         No such file or directory"
    );
    assert_says(&message, &[&start]);
    let message = Given::with("cognito.client_secret_file", "'.'").problem();
    assert_says(
        &message,
        &[
            "cognito.client_secret_file (cognigate.toml:6): the file ",
            "cannot be read by user id ",
            "Is a directory",
        ],
    );
}

#[test]
fn an_empty_or_foreign_file_is_refused() {
    for (key, name, content, says) in [
        ("cognito.client_secret_file", "secret", &b""[..], "cognito.client_secret (secret, named by"),
        ("cognito.client_secret_file", "secret", b"\n", "cognito.client_secret (secret, named by"),
        ("session.keys_file", "keys", b"\n\n", "session.keys (keys, named by"),
        (
            "session.keys_file",
            "keys",
            b"\xff",
            "session.keys_file (cognigate.toml:6): the file keys is not UTF-8",
        ),
    ] {
        let given = Given::minimal();
        let path = given.beside(name, content);
        assert_says(&given.text(key, &path).problem(), &[says]);
    }
}

#[test]
fn a_wrong_key_in_a_file_names_the_file() {
    let given = Given::minimal();
    let path = given.beside("keys", format!("{KEY}\nshort\n"));
    let message = given.variable("COGNIGATE_SESSION__KEYS_FILE", path).problem();
    assert_says(
        &message,
        &["session.keys (keys, named by COGNIGATE_SESSION__KEYS_FILE): its key 2 ", "`cognigate keys new`"],
    );
}
