//! The environment: names, types, and what Kubernetes puts there.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::{Given, KEY, OTHER_KEY, assert_says};

#[test]
fn two_underscores_nest() {
    let config = Given::minimal().variable("COGNIGATE_COGNITO__USER_POOL_ID", "us-east-1_X").config();
    assert_eq!(config.sites[0].cognito.pool.as_str(), "us-east-1_X");
}

#[test]
fn an_unknown_variable_is_refused_by_name() {
    for (name, meant) in [
        ("COGNIGATE_COGNITO_CLIENT_ID", "COGNIGATE_COGNITO__CLIENT_ID"),
        ("COGNIGATE_COGNITO__CLIENTID", "COGNIGATE_COGNITO__CLIENT_ID"),
        ("COGNIGATE_CLIENT_ID", "COGNIGATE_COGNITO__CLIENT_ID"),
        ("COGNIGATE_public_url", "COGNIGATE_PUBLIC_URL"),
        ("COGNIGATE__UPSTREAM", "COGNIGATE_UPSTREAM"),
        ("COGNIGATE_LOG_LEVEL", "COGNIGATE_LOG__LEVEL"),
    ] {
        let message = Given::minimal().variable(name, "x").problem();
        assert_eq!(message, format!("{name}: there is no such setting; did you mean {meant}?"));
    }
    for name in ["COGNIGATE_", "COGNIGATE_TEAPOT", "COGNIGATE_COGNITO", "COGNIGATE_LISTEN__PORT_8080_TCP"] {
        let message = Given::minimal().variable(name, "x").problem();
        assert_says(&message, &[&format!("{name}: there is no such setting; ")]);
    }
}

#[test]
fn variables_of_others_are_passed_over() {
    let given = Given::minimal().variable("COGNIGATEX", "x").variable("cognigate_upstream", "x");
    let undecodable = (OsString::from_vec(vec![0xff]), OsString::from_vec(vec![0xff]));
    let mut given = given.variable("PATH", OsString::from_vec(vec![0xff]));
    given.sources.environment.push(undecodable);
    given.config();
}

#[test]
fn what_is_not_utf8_is_refused_where_it_is_ours() {
    let bytes = || OsString::from_vec(b"\xffx".to_vec());
    let message = Given::minimal().variable("COGNIGATE_LOG__LEVEL", bytes()).problem();
    assert_eq!(message, "log.level (COGNIGATE_LOG__LEVEL): its value is not UTF-8 text");
    let mut given = Given::minimal();
    given.sources.environment.push((OsString::from_vec(b"COGNIGATE_\xff".to_vec()), "x".into()));
    assert_says(&given.problem(), &["COGNIGATE_", "its name is not UTF-8"]);
}

#[test]
fn lists_are_split_at_commas() {
    let config = Given::minimal()
        .variable("COGNIGATE_COGNITO__SCOPES", "openid, email,profile")
        .variable("COGNIGATE_SESSION__KEYS", format!("{KEY},{OTHER_KEY}"))
        .variable("COGNIGATE_COGNITO__ISSUER", "https://a.example.com,https://b.example.com")
        .variable("COGNIGATE_LISTEN__HOSTS", "")
        .config();
    assert_eq!(config.sites[0].cognito.scopes, ["openid", "email", "profile"]);
    assert_eq!(config.session.keys.len(), 2);
    assert_eq!(
        config.sites[0].cognito.overrides.issuer.clone().unwrap(),
        ["https://a.example.com", "https://b.example.com"]
    );
    assert!(config.sites[0].hosts.is_empty());
    let message = Given::minimal().variable("COGNIGATE_COGNITO__SCOPES", "openid,,email").problem();
    assert_eq!(message, "cognito.scopes (COGNIGATE_COGNITO__SCOPES): its item 2 is empty");
}

#[test]
fn numeric_looking_secrets_stay_text() {
    for secret in ["012345", "12345678", "1e3", "0x10", "true", "-1", "1_000", "a,b"] {
        let config = Given::minimal().variable("COGNIGATE_COGNITO__CLIENT_SECRET", secret).config();
        assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), secret);
        let config = Given::minimal().flag("cognito.client_secret", secret).config();
        assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), secret);
    }
    let config = Given::minimal().variable("COGNIGATE_COGNITO__CLIENT_ID", "007").config();
    assert_eq!(config.sites[0].cognito.client_id, "007");
}

#[test]
fn a_switch_is_true_or_false() {
    for (text, on) in [("true", true), ("false", false)] {
        let config = Given::minimal().variable("COGNIGATE_COOKIE__SECURE", text).config();
        assert_eq!(config.sites[0].cookie.secure, on);
    }
    for text in ["1", "yes", "TRUE", "on", "", " true"] {
        let message = Given::minimal().variable("COGNIGATE_COOKIE__SECURE", text).problem();
        assert_eq!(message, "cookie.secure (COGNIGATE_COOKIE__SECURE): it must be true or false");
    }
}

#[test]
fn an_empty_variable_is_refused() {
    for name in
        ["COGNIGATE_COGNITO__CLIENT_SECRET", "COGNIGATE_SESSION__KEYS", "COGNIGATE_SESSION__KEYS_FILE"]
    {
        assert_says(&Given::minimal().variable(name, "").problem(), &[name, "it is empty"]);
    }
}

#[test]
fn variables_of_a_kubernetes_service_are_passed_over() {
    let config = Given::minimal()
        .variable("COGNIGATE_SERVICE_HOST", "10.0.0.1")
        .variable("COGNIGATE_SERVICE_PORT", "80")
        .variable("COGNIGATE_SERVICE_PORT_HTTP", "80")
        .variable("COGNIGATE_PORT", "tcp://10.0.0.1:80")
        .variable("COGNIGATE_PORT_80_TCP", "tcp://10.0.0.1:80")
        .variable("COGNIGATE_PORT_80_TCP_PROTO", "tcp")
        .variable("COGNIGATE_PORT_80_TCP_PORT", "80")
        .variable("COGNIGATE_PORT_80_TCP_ADDR", "10.0.0.1")
        .variable("COGNIGATE_ADMIN_SERVICE_HOST", "10.0.0.2")
        .variable("COGNIGATE_ADMIN_SERVICE_PORT_METRICS", "9090")
        .variable("COGNIGATE_ADMIN_PORT_9090_TCP_ADDR", "10.0.0.2")
        .toml("session.keys", &format!("['{KEY}']"))
        .config();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn a_port_variable_that_a_person_set_is_warned_of() {
    let config = Given::minimal().variable("COGNIGATE_PORT", "8081").config();
    assert_says(&config.warnings.join("\n"), &["COGNIGATE_PORT is passed over", "COGNIGATE_LISTEN__ADDRESS"]);
}
