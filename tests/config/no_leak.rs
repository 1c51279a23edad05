//! No value is ever quoted: it may be a secret in the wrong line.

use cognigate::config::{KEYS, Kind};

use super::{Given, KEY};

const SENTINEL: &str = "SENTINEL-x9!";

#[track_caller]
fn keeps_silent(given: Given) {
    match given.load() {
        Ok(config) => {
            let shown = config.warnings.join("\n");
            assert!(!shown.contains("SENTINEL"), "{shown}");
        }
        Err(error) => {
            let shown = format!("{error}\n{error:?}");
            assert!(!shown.contains("SENTINEL"), "{shown}");
        }
    }
}

#[test]
fn a_secret_in_the_wrong_key_is_not_quoted() {
    for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::SecretFile | Kind::Path | Kind::PrivateKey))
    {
        for value in [
            format!("'{SENTINEL}'"),
            format!("['{SENTINEL}']"),
            format!("['openid', '{SENTINEL}', 'SENTINEL x']"),
            format!("{{ '{SENTINEL}' = 1 }}").replace(SENTINEL, "teapot"),
            format!("'https://user:{SENTINEL}@example.com/{SENTINEL}'"),
        ] {
            keeps_silent(Given::with(key.name, &value));
        }
        for value in [SENTINEL.to_owned(), format!("https://user:{SENTINEL}@example.com/")] {
            let variable = key.variable().unwrap_or_else(|| "COGNIGATE_UPSTREAMS__0__URL".to_owned());
            keeps_silent(Given::minimal().variable(&variable, &value));
            keeps_silent(Given::minimal().flag(key.name, &value));
        }
    }
}

#[test]
fn a_secret_of_a_wrong_type_is_not_quoted() {
    for value in ["5345", "[5345]", "[['SENTINEL']]", "{ a = 'SENTINEL' }", "5345.5", "[{ a = 'SENTINEL' }]"]
    {
        for key in ["cognito.client_secret", "session.keys", "session.keys_file"] {
            let error = Given::with(key, value).load().unwrap_err().to_string();
            assert!(!error.contains("SENTINEL") && !error.contains("5345"), "{error}");
        }
    }
}

#[test]
fn a_secret_under_an_unknown_name_is_not_quoted() {
    keeps_silent(Given::with("cognito.secret", "'SENTINEL'"));
    keeps_silent(Given::minimal().variable("COGNIGATE_CLIENT_SECRET", "SENTINEL"));
    keeps_silent(Given::minimal().variable("COGNIGATE_PORT", "SENTINEL"));
    keeps_silent(Given::minimal().flag("client_secret", "SENTINEL"));
}

#[test]
fn a_line_that_is_not_toml_is_not_quoted() {
    for line in [
        "client_secret = SENTINEL",
        "client_secret = 'SENTINEL",
        "client_secret = \"SENTINEL\\q\"",
        "client_secret 'SENTINEL'",
        "client_secret = 'SENTINEL' 'SENTINEL'",
        "client_secret = ['SENTINEL'",
        "client_secret: SENTINEL",
        "'SENTINEL'",
        "client_secret = '''SENTINEL",
        "client_secret = 'a'\nclient_secret = 'SENTINEL'",
        "client_secret = 2026-SENTINEL",
        "client_secret = 0xSENTINEL",
    ] {
        let error = Given::minimal().load_text(format!("[cognito]\n{line}\n")).unwrap_err();
        let shown = format!("{error}\n{error:?}");
        assert!(!shown.contains("SENTINEL"), "{shown}");
        assert!(shown.contains("(cognigate.toml:"), "{shown}");
    }
}

#[test]
fn a_secret_in_a_file_is_not_quoted() {
    for content in ["SENTINEL\n", "SENTINEL\nSENTINEL\n", "SENTINEL \u{7}\n"] {
        for key in ["session.keys_file", "cognito.client_secret_file"] {
            let given = Given::minimal();
            let path = given.beside("file", content);
            keeps_silent(given.text(key, &path));
        }
    }
    // A file of secrets where the configuration was meant.
    let error = Given::minimal().load_text("SENTINEL\nSENTINEL\n").unwrap_err();
    assert!(!format!("{error}\n{error:?}").contains("SENTINEL"), "{error}");
}

#[test]
fn a_printed_configuration_has_no_secret() {
    let config = Given::minimal()
        .text("cognito.client_secret", "SENTINEL")
        .toml("session.keys", &format!("['{KEY}']"))
        .config();
    let shown = format!("{}\n{config:?}", config.effective);
    assert!(!shown.contains("SENTINEL") && !shown.contains(KEY), "{shown}");
}
