//! What the values must be, and what contradicts what.

use std::time::Duration;

use cognigate::config::{Config, LogFormat, SameSite};

use super::{Given, KEY, OTHER_KEY, assert_says};

/// Every value is refused with one problem, at its line, that says this.
#[track_caller]
fn refused(key: &str, values: &[&str], says: &str) {
    for value in values {
        let message = Given::with(key, &format!("{value:?}")).problem();
        assert_says(&message, &[&format!("{key} (cognigate.toml:"), says]);
    }
}

fn accepted(key: &str, value: &str) -> Config {
    Given::with(key, &format!("{value:?}")).config()
}

#[test]
fn public_url_is_a_bare_origin() {
    for (text, origin) in [
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com/", "https://app.example.com"),
        ("https://App.Example.com:443", "https://app.example.com"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
    ] {
        assert_eq!(accepted("public_url", text).sites[0].public_url.to_string(), origin);
    }
    refused(
        "public_url",
        &["app.example.com", "/", "https://"],
        "absolute URL such as https://app.example.com",
    );
    refused("public_url", &["ftp://app.example.com"], "scheme must be https or http");
    refused(
        "public_url",
        &[
            "https://app.example.com/app",
            "https://app.example.com?a",
            "https://app.example.com#a",
            "https://u:p@app.test",
        ],
        "no path, query, fragment, user or password",
    );
    refused("public_url", &["https://app.example.com."], "must not end with a dot");
}

#[test]
fn http_off_loopback_must_be_said_twice() {
    let given = || Given::with("public_url", "'http://app.example.com'");
    assert_says(&given().problem(), &["public_url (cognigate.toml:1)", "say cookie.secure = false"]);
    let message = given().toml("cookie.secure", "true").problem();
    assert_says(
        &message,
        &["cookie.secure (cognigate.toml:6)", "public_url (cognigate.toml:1) is http", "say false"],
    );
    let config = given().toml("cookie.secure", "false").config();
    assert!(!config.sites[0].cookie.secure);
    assert_eq!(config.sites[0].cookie.name, "cognigate");
    assert_says(&config.warnings.join("\n"), &["public_url is plain http"]);
}

#[test]
fn http_on_loopback_needs_no_secure_cookie() {
    for url in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "http://app.localhost"]
    {
        let config = accepted("public_url", url);
        assert!(!config.sites[0].cookie.secure, "{url}");
        assert_eq!(config.sites[0].cookie.name, "cognigate");
        assert!(!config.warnings.join("\n").contains("plain http"));
    }
    // Browsers keep Secure cookies of localhost.
    let config = Given::with("public_url", "'http://localhost:8080'").toml("cookie.secure", "true").config();
    assert_eq!(config.sites[0].cookie.name, "__Host-cognigate");
}

#[test]
fn an_insecure_cookie_under_https_is_warned_of() {
    let config = Given::with("cookie.secure", "false").config();
    assert_says(&config.warnings.join("\n"), &["cookie.secure is off though public_url is https"]);
}

#[test]
fn upstream_is_bare_and_its_scheme_one_that_is_spoken() {
    assert!(
        accepted("upstream", "http://app:3000/").sites[0].upstreams[0].address.to_string()
            == "http://app:3000"
    );
    for url in ["https://app", "h2c://app:50051", "unix:///run/app.sock"] {
        accepted("upstream", url);
    }
    refused("upstream", &["ftp://app", "h2://app"], "its scheme must be http, https, h2c or unix");
    refused("upstream", &["unix:/run/app.sock"], "its absolute path, such as unix:///run/app.sock");
    refused(
        "upstream",
        &["localhost:3000", "127.0.0.1:3000", "app"],
        "absolute URL, such as http://127.0.0.1:3000",
    );
    refused(
        "upstream",
        &["http://app/x", "http://app?x", "http://u@app"],
        "no path, query, fragment, user or password",
    );
}

#[test]
fn upstream_is_not_the_gate_itself() {
    let given =
        Given::with("public_url", "'http://localhost:3000'").text("upstream", "http://localhost:3000");
    assert_says(
        &given.problem(),
        &["upstream (cognigate.toml:2)", "the same as public_url (cognigate.toml:1)"],
    );
    let given = Given::with("listen.address", "'0.0.0.0:3000'");
    assert_says(
        &given.problem(),
        &["upstream (cognigate.toml:2)", "it is listen.address (cognigate.toml:6)"],
    );
}

#[test]
fn prefix_is_a_plain_path() {
    assert_eq!(accepted("prefix", "/auth/v1").prefix.as_str(), "/auth/v1");
    refused("prefix", &["oauth2"], "begin with a slash");
    refused("prefix", &["/oauth2/"], "must not end with a slash");
    refused("prefix", &["/"], "below the root");
    refused("prefix", &["/a//b", "/a/../b", "/a%2fb", "/a;b"], "segments");
}

#[test]
fn user_pool_id_is_a_region_and_an_id() {
    assert_eq!(
        accepted("cognito.user_pool_id", "us-east-1_Emulated1").sites[0].cognito.pool.region(),
        "us-east-1"
    );
    refused(
        "cognito.user_pool_id",
        &["us-east-1", "_X", "us-east-1_", "eu west 1_X"],
        "such as eu-west-1_AbCdEfGhI",
    );
}

#[test]
fn client_id_is_visible_ascii() {
    assert_eq!(accepted("cognito.client_id", "demo-client").sites[0].cognito.client_id, "demo-client");
    refused("cognito.client_id", &["…", "a b", "a:b", " a"], "app client's id");
}

#[test]
fn domain_is_a_host_or_a_url_without_a_path() {
    for (text, url) in [
        ("auth.example.com", "https://auth.example.com/"),
        ("https://auth.example.com", "https://auth.example.com/"),
        ("http://127.0.0.1:9400", "http://127.0.0.1:9400/"),
        ("http://localhost:9400/", "http://localhost:9400/"),
    ] {
        assert_eq!(accepted("cognito.domain", text).sites[0].cognito.domain.clone().unwrap().as_str(), url);
    }
    refused("cognito.domain", &["auth.example.com/login", "https://auth.example.com/login"], "no path");
    refused("cognito.domain", &["my-app"], "it is one word");
    refused("cognito.domain", &["http://auth.example.com"], "allow_insecure_http");
}

#[test]
fn plain_http_endpoints_can_be_let_through_with_a_warning() {
    let given = || {
        Given::with("cognito.domain", "'http://emulator:9400'")
            .text("cognito.jwks_url", "http://emulator:9400/jwks.json")
            .text("cognito.issuer", "http://emulator:9400/pool")
    };
    let error = given().load().unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
    let config = given().toml("cognito.allow_insecure_http", "true").config();
    assert!(config.sites[0].cognito.allow_insecure_http);
    assert_says(&config.warnings.join("\n"), &["cognito.allow_insecure_http is on"]);
}

const ENDPOINTS: [&str; 5] = ["authorize_url", "token_url", "revoke_url", "logout_url", "userinfo_url"];

#[test]
fn domain_may_be_left_out_where_every_endpoint_is_given() {
    let given = |skipped: Option<&str>| {
        let endpoints = ENDPOINTS.into_iter().filter(|name| Some(*name) != skipped);
        endpoints.fold(Given::minimal().without("cognito.domain"), |given, name| {
            given.text(&format!("cognito.{name}"), &format!("https://auth.example.com/{name}"))
        })
    };
    let config = given(None).config();
    assert!(config.sites[0].cognito.domain.is_none());
    assert_eq!(
        config.sites[0].cognito.overrides.token_url.clone().unwrap().as_str(),
        "https://auth.example.com/token_url"
    );
    for name in ENDPOINTS {
        let message = given(Some(name)).problem();
        assert_says(&message, &["cognito.domain: it is missing", &format!("these are not: cognito.{name}")]);
        assert!(!ENDPOINTS.iter().any(|other| *other != name && message.contains(other)), "{message}");
    }
}

#[test]
fn each_endpoint_is_https_or_on_loopback() {
    for name in ENDPOINTS.into_iter().chain(["jwks_url"]) {
        let key = format!("cognito.{name}");
        accepted(&key, "https://auth.example.com/x?y=z");
        accepted(&key, "http://127.0.0.1:9400/x");
        refused(&key, &["http://auth.example.com/x"], "plain http");
        refused(&key, &["/x", "auth.example.com/x"], "absolute URL");
        refused(&key, &["https://u:p@auth.example.com/x"], "no user and no password");
        refused(&key, &["https://auth.example.com/#x"], "no fragment");
    }
}

#[test]
fn issuer_is_one_or_several_and_kept_as_written() {
    let issuers = |value: &str| {
        Given::with("cognito.issuer", value).config().sites[0].cognito.overrides.issuer.clone().unwrap()
    };
    assert_eq!(issuers("'https://Issuer.example.com/POOL'"), ["https://Issuer.example.com/POOL"]);
    assert_eq!(issuers("['https://a.example.com', 'https://b.example.com']").len(), 2);
    assert_says(&Given::with("cognito.issuer", "[]").problem(), &["cognito.issuer", "it is empty"]);
    let message =
        Given::with("cognito.issuer", "['https://a.example.com', 'https://a.example.com']").problem();
    assert_says(&message, &["its item 2 is there twice"]);
    let message = Given::with("cognito.issuer", "['https://a.example.com', 'pool']").problem();
    assert_says(&message, &["its item 2: it must be an absolute URL"]);
}

#[test]
fn scopes_hold_openid_once() {
    let scopes = |value: &str| Given::with("cognito.scopes", value);
    assert_eq!(
        scopes("['openid', 'https://api.example.com/read']").config().sites[0].cognito.scopes.len(),
        2
    );
    for value in ["['email']", "[]"] {
        assert_says(&scopes(value).problem(), &["cognito.scopes (cognigate.toml:6): it must hold openid"]);
    }
    assert_says(&scopes("['openid', 'email', 'email']").problem(), &["its item 3 is there twice"]);
    for value in ["['openid email']", "['openid', 'é']", "['openid', 'a\"b']", "['openid', 'a\\b']"] {
        assert_says(&scopes(value).problem(), &["has a character that no scope has"]);
    }
}

#[test]
fn authorization_parameters_do_not_contradict_each_other() {
    let config = Given::with("cognito.identity_provider", "'Google'")
        .text("cognito.lang", "pt-BR")
        .text("cognito.prompt", "select_account")
        .text("cognito.resource", "https://api.example.com/")
        .config();
    let authorize = &config.sites[0].cognito.authorize;
    assert_eq!(authorize.identity_provider.as_deref(), Some("Google"));
    assert_eq!(authorize.idp_identifier, None);
    assert_eq!(authorize.lang.as_deref(), Some("pt-BR"));
    assert_eq!(authorize.prompt.as_deref(), Some("select_account"));
    assert_eq!(authorize.resource.as_deref(), Some("https://api.example.com/"));
    let message =
        Given::with("cognito.identity_provider", "'Google'").text("cognito.idp_identifier", "corp").problem();
    assert_says(
        &message,
        &[
            "cognito.idp_identifier (cognigate.toml:7)",
            "cognito.identity_provider (cognigate.toml:6)",
            "leave one",
        ],
    );
    for prompt in ["login", "consent", "select_account"] {
        accepted("cognito.prompt", prompt);
    }
    refused("cognito.prompt", &["none"], "nobody could ever sign in");
    refused("cognito.prompt", &["create", "Login"], "login, consent or select_account");
    refused("cognito.lang", &["de_DE", "-", "english!"], "language tag");
    refused("cognito.resource", &["api", "https://api.example.com/#x"], "absolute URI without a fragment");
}

#[test]
fn keys_are_32_bytes_and_none_is_twice() {
    let keys = |value: &str| Given::with("session.keys", value);
    let config = keys(&format!("['{KEY}', '{OTHER_KEY}']")).config();
    assert_eq!(config.session.keys.len(), 2);
    assert_eq!(config.session.keys[0].expose()[..3], [0, 1, 2]);
    assert!(!config.session.keys_generated);
    let message = keys(&format!("['{KEY}', 'c2hvcnQ=']")).problem();
    assert_eq!(
        message,
        "session.keys (cognigate.toml:6): its key 2 must be 32 bytes in base64, but is 5; `cognigate keys new` prints one"
    );
    assert_says(&keys("['base64 of 32 bytes']").problem(), &["its key 1 is not base64"]);
    // The same bytes in another dress.
    let unpadded = KEY.trim_end_matches('=').replace('/', "_");
    let message = keys(&format!("['{KEY}', '{OTHER_KEY}', '{unpadded}']")).problem();
    assert_says(&message, &["its keys 1 and 3 are the same"]);
}

#[test]
fn without_keys_a_random_one_is_made_with_a_warning() {
    let (one, other) = (Given::minimal().config(), Given::minimal().config());
    assert!(one.session.keys_generated);
    assert_eq!(one.session.keys.len(), 1);
    assert!(one.session.keys != other.session.keys);
    assert_says(
        &one.warnings.join("\n"),
        &["session.keys is not set", "sessions end with this process", "replicas cannot read them"],
    );
    assert!(Given::with("session.keys", &format!("['{KEY}']")).config().warnings.is_empty());
}

#[test]
fn refresh_margin_is_shorter_than_any_token() {
    for (text, seconds) in [("0s", 0), ("90s", 90), ("4m", 240), ("299s", 299)] {
        assert_eq!(
            accepted("session.refresh_margin", text).session.refresh_margin,
            Duration::from_secs(seconds)
        );
    }
    refused("session.refresh_margin", &["300s", "5m", "1h"], "below 5m");
    refused("session.refresh_margin", &["90"], "it has no unit");
    refused("session.refresh_margin", &["soon", "1.5m", "-1s"], "a whole number and a unit");
}

#[test]
fn lifetimes_are_within_those_of_tokens_and_the_idle_one_within_the_other() {
    let day = 24 * 60 * 60;
    let accepted = |key, text| accepted(key, text).session;
    assert_eq!(accepted("session.max_lifetime", "5m").max_lifetime, Duration::from_secs(300));
    let most = Duration::from_secs(3650 * day);
    assert_eq!(accepted("session.max_lifetime", "3650d").max_lifetime, most);
    let session = accepted("session.idle_timeout", "1m");
    let (lifetime, idle) = (Duration::from_secs(30 * day), Duration::from_secs(60));
    assert_eq!((session.max_lifetime, session.idle_timeout), (lifetime, Some(idle)));
    assert_eq!(accepted("session.max_lifetime", "1h").idle_timeout, None);
    refused("session.max_lifetime", &["299s", "0s", "3651d"], "from 5m to 3650d");
    refused("session.idle_timeout", &["59s", "0s"], "1m or more");
    refused("session.idle_timeout", &["30d", "31d"], "below session.max_lifetime (default)");
    refused("session.idle_timeout", &["off", "never"], "a whole number and a unit");
}

#[test]
fn kept_claims_are_names_that_are_there_once() {
    let given = Given::with("session.claims", "['custom:tenant', 'zoneinfo']");
    assert_eq!(given.config().session.claims, ["custom:tenant", "zoneinfo"]);
    for (list, told) in
        [("['a', 'b', 'a']", "its item 3 is there twice"), ("['a b']", "its item 1 has white space")]
    {
        assert_says(
            &Given::with("session.claims", list).problem(),
            &["session.claims (cognigate.toml:6)", told],
        );
    }
}

#[test]
fn same_site_is_lax_or_none() {
    assert_eq!(accepted("cookie.same_site", "none").sites[0].cookie.same_site, SameSite::None);
    refused("cookie.same_site", &["strict", "Strict"], "strict would loop");
    refused("cookie.same_site", &["Lax", "off"], "lax or none");
    let given = Given::with("cookie.same_site", "'none'").toml("cookie.secure", "false");
    assert_says(
        &given.problem(),
        &["cookie.same_site (cognigate.toml:6)", "cookie.secure = true", "cognigate.toml:7"],
    );
    let given = Given::with("cookie.same_site", "'none'").text("public_url", "http://localhost:8080");
    assert_says(&given.problem(), &["cookie.same_site", "needs cookie.secure = true"]);
}

#[test]
fn cookie_domain_is_the_public_host_or_a_parent() {
    for domain in ["example.com", "app.example.com", "Example.COM"] {
        let cookie = accepted("cookie.domain", domain).sites[0].cookie.clone();
        assert_eq!(cookie.name, "__Secure-cognigate");
        assert_eq!(cookie.domain, Some(domain.to_lowercase()));
        assert_eq!(cookie.scope, domain.to_lowercase());
    }
    refused("cookie.domain", &[".example.com"], "not begin with a dot");
    refused("cookie.domain", &["example.com:443", "[::1]"], "without a port");
    refused("cookie.domain", &["127.0.0.1"], "not an IP address");
    refused("cookie.domain", &["com"], "at least two parts");
    refused("cookie.domain", &["*.example.com", "example.com.", "https//example.com"], "a domain name");
    refused(
        "cookie.domain",
        &["other.com", "x.app.example.com", "ample.com", "sub.example.com"],
        "the host of public_url (cognigate.toml:1) or a parent of it",
    );
    let config = Given::with("cookie.domain", "'example.com'").toml("cookie.secure", "false").config();
    assert_eq!(config.sites[0].cookie.name, "cognigate");
}

#[test]
fn cookie_name_is_a_token_that_gets_its_prefix_from_us() {
    assert_eq!(accepted("cookie.name", "gate.app").sites[0].cookie.name, "__Host-gate.app");
    refused("cookie.name", &["a b", "a=b", "a;b", "é", "a,b"], "must be letters, digits");
    refused("cookie.name", &["__Host-a", "__secure-a", "__Http-a"], "leave the prefix out");
    refused("cookie.name", &["a".repeat(65).as_str()], "at most 64");
}

#[test]
fn hosts_are_names_in_lower_case() {
    let hosts = |value: &str| Given::with("listen.hosts", value);
    let config = hosts("['App.Internal', '10.0.0.7:8080']").config();
    assert_eq!(config.sites[0].hosts, ["app.internal", "10.0.0.7:8080"]);
    for value in ["['https://a.internal']", "['*.internal']", "['a b']", "['a.internal/x']", "['a:b']"] {
        assert_says(
            &hosts(value).problem(),
            &["listen.hosts (cognigate.toml:6): its item 1: it must be a host name"],
        );
    }
}

#[test]
fn addresses_are_an_ip_and_a_port_each_of_its_own() {
    let config = Given::with("listen.address", "'[::]:8080'").text("admin.address", "0.0.0.0:9000").config();
    assert_eq!(config.listen.address.port(), 8080);
    for key in ["listen.address", "admin.address"] {
        refused(
            key,
            &["8080", ":8080", "localhost:8080", "127.0.0.1", "127.0.0.1:99999"],
            "an IP address and a port",
        );
    }
    let given = Given::with("listen.address", "'127.0.0.1:8080'").text("admin.address", "127.0.0.1:8080");
    assert_says(
        &given.problem(),
        &["admin.address (cognigate.toml:7)", "the port of listen.address (cognigate.toml:6)"],
    );
    let message = Given::with("listen.address", "'0.0.0.0:9090'").problem();
    assert_says(&message, &["admin.address (default)", "listen.address (cognigate.toml:6)"]);
    Given::with("listen.address", "'127.0.0.1:0'").text("admin.address", "127.0.0.1:0").config();
}

#[test]
fn log_has_two_formats_and_levels_that_exist() {
    assert_eq!(accepted("log.format", "text").log.format, LogFormat::Text);
    refused("log.format", &["yaml", "JSON"], "json or text");
    assert_eq!(accepted("log.level", "warn,cognigate::auth=debug").log.level, "warn,cognigate::auth=debug");
    refused("log.level", &["inof", "verbose", "info,hyper=loud"], "error, warn, info, debug, trace or off");
}
