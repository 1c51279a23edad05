//! Defaults, then the file, then the environment, then flags.

use std::net::SocketAddr;
use std::time::Duration;

use cognigate::config::{Config, LogFormat, SameSite, Sources};

use super::{Given, KEY, assert_says, one};

fn place(config: &Config, key: &str) -> String {
    let setting = config.effective.settings().iter().find(|setting| setting.key == key).unwrap();
    setting.place.clone()
}

#[test]
fn the_five_settings_are_enough() {
    let config = Given::minimal().config();
    assert_eq!(config.sites[0].public_url.to_string(), "https://app.example.com");
    assert!(
        config.gateway.is_none()
            && config.sites[0].upstreams[0].address.to_string() == "http://127.0.0.1:3000"
    );
    assert_eq!(config.prefix.as_str(), "/oauth2");
    assert_eq!(config.sites[0].cognito.pool.as_str(), "eu-west-1_AbCdEfGhI");
    assert_eq!(config.sites[0].cognito.pool.region(), "eu-west-1");
    assert_eq!(config.sites[0].cognito.client_id, "1h57kf5cpq17m0eml12example");
    assert!(config.sites[0].cognito.client_secret.is_none());
    let domain = config.sites[0].cognito.domain.clone().unwrap();
    assert_eq!(domain.as_str(), "https://my-app.auth.eu-west-1.amazoncognito.com/");
    assert_eq!(config.sites[0].cognito.scopes, ["openid", "email", "profile"]);
    assert!(!config.sites[0].cognito.allow_insecure_http);
    assert_eq!(config.session.refresh_margin, Duration::from_secs(60));
    assert_eq!(config.sites[0].cookie.name, "__Host-cognigate");
    assert!(config.sites[0].cookie.secure);
    assert_eq!(config.sites[0].cookie.same_site, SameSite::Lax);
    assert_eq!(config.sites[0].cookie.domain, None);
    assert_eq!(config.sites[0].cookie.scope, "app.example.com");
    assert_eq!(config.listen.address, "0.0.0.0:8080".parse::<SocketAddr>().unwrap());
    assert!(config.sites[0].hosts.is_empty());
    assert_eq!(config.admin.address, "127.0.0.1:9090".parse::<SocketAddr>().unwrap());
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Json, "info"));
}

#[test]
fn the_later_layer_wins() {
    let config = Given::with("log.level", "'warn'").config();
    assert_eq!(config.log.level, "warn");
    let config = Given::with("log.level", "'warn'").variable("COGNIGATE_LOG__LEVEL", "debug").config();
    assert_eq!(config.log.level, "debug");
    let given = Given::with("log.level", "'warn'").variable("COGNIGATE_LOG__LEVEL", "debug");
    assert_eq!(given.flag("log.level", "trace").config().log.level, "trace");
    let config = Given::minimal().flag("log.level", "trace").flag("log.level", "error").config();
    assert_eq!(config.log.level, "error");
}

#[test]
fn a_list_is_replaced_and_not_joined() {
    let config = Given::with("cognito.scopes", "['openid', 'phone']").config();
    assert_eq!(config.sites[0].cognito.scopes, ["openid", "phone"]);
    let given = Given::with("cognito.scopes", "['openid', 'phone']");
    assert_eq!(
        given.variable("COGNIGATE_COGNITO__SCOPES", "openid").config().sites[0].cognito.scopes,
        ["openid"]
    );
}

#[test]
fn every_value_knows_where_it_came_from() {
    let config = Given::with("listen.address", "'127.0.0.1:8080'")
        .variable("COGNIGATE_ADMIN__ADDRESS", "127.0.0.1:9999")
        .flag("log.level", "debug")
        .config();
    assert!(place(&config, "upstream").ends_with("/cognigate.toml:2"));
    assert!(place(&config, "listen.address").ends_with("/cognigate.toml:6"));
    assert_eq!(place(&config, "admin.address"), "COGNIGATE_ADMIN__ADDRESS");
    assert_eq!(place(&config, "log.level"), "command line");
    assert_eq!(place(&config, "log.format"), "default");
    assert_eq!(place(&config, "cookie.secure"), "default");
    assert_eq!(place(&config, "session.keys"), "generated");
}

#[test]
fn a_mistake_is_named_where_it_was_made() {
    let given = || Given::with("log.format", "'yaml'");
    assert_says(&given().problem(), &["log.format (cognigate.toml:6): it must be json or text"]);
    let message = given().variable("COGNIGATE_LOG__FORMAT", "yaml").problem();
    assert_says(&message, &["log.format (COGNIGATE_LOG__FORMAT): it must be json or text"]);
    let message = given().flag("log.format", "yaml").problem();
    assert_says(&message, &["log.format (command line): it must be json or text"]);
}

#[test]
fn an_unknown_flag_key_is_refused() {
    let message = Given::minimal().flag("cognito.clientid", "x").problem();
    assert_eq!(
        message,
        "cognito.clientid (command line): there is no such key; did you mean cognito.client_id?"
    );
    assert_says(
        &Given::minimal().flag("teapot", "x").problem(),
        &["teapot (command line): there is no such key"],
    );
}

#[test]
fn a_secret_on_the_command_line_is_warned_of() {
    let config = Given::minimal().flag("cognito.client_secret", "hush").config();
    assert_eq!(config.sites[0].cognito.client_secret.clone().unwrap().expose(), "hush");
    assert_says(&config.warnings.join("\n"), &["cognito.client_secret is on the command line"]);
}

#[test]
fn flags_and_variables_are_enough_without_a_file() {
    let environment = [
        ("COGNIGATE_PUBLIC_URL", "https://app.example.com"),
        ("COGNIGATE_UPSTREAM", "http://127.0.0.1:3000"),
        ("COGNIGATE_COGNITO__USER_POOL_ID", "eu-west-1_AbCdEfGhI"),
        ("COGNIGATE_COGNITO__CLIENT_ID", "client"),
        ("HOME", "/root"),
    ];
    let environment = environment.map(|(name, value)| (name.into(), value.into())).to_vec();
    let flags = vec![("cognito.domain".to_owned(), "auth.example.com".to_owned())];
    let sources = Sources { file: None, environment, flags };
    assert_eq!(Config::load(&sources).unwrap().sites[0].cognito.client_id, "client");
}

#[test]
fn the_flag_wins_over_the_variable_that_names_the_file() {
    let given = Given::minimal().variable("COGNIGATE_CONFIG", "/nowhere");
    assert!(given.load().is_ok());
}

#[test]
fn what_is_required_is_missed_by_name() {
    for key in ["public_url", "upstream", "cognito.user_pool_id", "cognito.client_id", "cognito.domain"] {
        let message = Given::minimal().without(key).problem();
        let variable = format!("COGNIGATE_{}", key.to_uppercase().replace('.', "__"));
        assert_says(&message, &[&format!("{key}: it is missing"), &variable, &format!("--set {key}=")]);
    }
    let error = Config::load(&Sources::default()).unwrap_err();
    assert_eq!(error.problems.len(), 5, "{error}");
}

#[test]
fn the_printed_configuration_loads_again_to_the_same() {
    let given = Given::minimal()
        .toml("session.keys", &format!("['{KEY}']"))
        .text("cognito.client_secret", "hush")
        .toml("cognito.issuer", "['https://a.example.com/\"x\"']")
        .toml("listen.hosts", "['app.internal']")
        .text("cookie.domain", "example.com")
        .text("log.level", "info,hyper=debug");
    let config = given.config();
    let printed = config.effective.to_string();
    assert_says(&printed, &["client_secret = \"[redacted]\" # ", "keys = [\"[redacted]\"] # "]);
    assert!(!printed.contains(KEY) && !printed.contains("hush"), "{printed}");
    let again =
        Given::minimal().load_text(printed.replace("[\"[redacted]\"]", &format!("[\"{KEY}\"]"))).unwrap();
    let values = |config: &Config| {
        let settings = config.effective.settings().iter();
        settings.map(|setting| (setting.key.clone(), setting.value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&config));
    assert_eq!(format!("{:?}", again.sites[0].cognito), format!("{:?}", config.sites[0].cognito));
    assert_eq!(format!("{:?}", again.sites[0].cookie), format!("{:?}", config.sites[0].cookie));
}

#[test]
fn printing_shows_no_unset_key() {
    let printed = Given::minimal().config().effective.to_string();
    assert!(!printed.contains("jwks_url") && !printed.contains("client_secret"), "{printed}");
}

#[test]
fn debug_output_has_no_values_of_the_sources() {
    let given =
        Given::minimal().variable("COGNIGATE_COGNITO__CLIENT_SECRET", "hush").flag("session.keys", "hush");
    let debug = format!("{:?}", given.sources);
    assert!(!debug.contains("hush") && debug.contains("COGNIGATE_COGNITO__CLIENT_SECRET"), "{debug}");
    let config = given.flag("session.keys", KEY).config();
    let debug = format!("{config:?}");
    assert!(!debug.contains("hush") && !debug.contains(KEY), "{debug}");
}

#[test]
fn a_missing_key_is_told_once() {
    let message = one(Given::minimal().without("public_url").text("cookie.domain", "example.com").load());
    assert_says(&message, &["public_url: it is missing"]);
}
