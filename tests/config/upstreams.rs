//! Several apps: `[[upstreams]]`, and its short form.

use std::time::Duration;

use cognigate::config::{AppAddress, Config, ForwardHost, Upstream};
use rcgen::{CertificateParams, KeyPair};

use super::{Given, KEY, assert_says, one};

fn upstreams(config: &Config) -> &[Upstream] {
    &config.sites[0].upstreams
}

fn several() -> Given {
    Given::minimal().without("upstream")
}

/// A certificate and its key, as PEM.
fn certificate() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["app.internal".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn each_table_is_an_app() {
    let config = several()
        .toml("listen.hosts", "['admin.example.com']")
        .table("upstreams", &[("url", "'http://127.0.0.1:3000'")])
        .table(
            "upstreams",
            &[
                ("url", "'h2c://127.0.0.1:50051'"),
                ("path", "'/api'"),
                ("strip_prefix", "true"),
                ("connect_timeout", "'2s'"),
                ("response_timeout", "'3s'"),
                ("idle_timeout", "'4s'"),
            ],
        )
        .table(
            "upstreams",
            &[("url", "'https://a'"), ("host", "'Admin.example.com'"), ("forward_host", "'b:1'")],
        )
        .config();
    let [first, second, third] = upstreams(&config) else { panic!("not three") };
    assert_eq!(first.address.to_string(), "http://127.0.0.1:3000");
    assert_eq!((&first.host, &first.path, first.strip_prefix), (&None, &None, false));
    assert_eq!(first.forward_host, ForwardHost::Preserve);
    assert!(first.tls.is_none());
    assert!(matches!(second.address, AppAddress::H2c(_)));
    assert_eq!(second.path.as_ref().map(|path| path.as_str()), Some("/api"));
    assert!(second.strip_prefix);
    let timeouts = (second.connect_timeout, second.response_timeout, second.idle_timeout);
    assert_eq!(timeouts, (Duration::from_secs(2), Duration::from_secs(3), Duration::from_secs(4)));
    assert_eq!(third.host.as_deref(), Some("admin.example.com"));
    assert_eq!(third.forward_host, ForwardHost::Name("b:1".to_owned()));
    let tls = third.tls.as_ref().unwrap();
    assert!(tls.roots.is_none() && tls.client.is_none() && !tls.insecure);
    assert_eq!(tls.server_name.to_str(), "a");
}

#[test]
fn the_short_form_is_one_table_with_its_url() {
    for url in ["http://app:3000", "https://10.0.0.7:8443", "h2c://app", "unix:///run/app.sock"] {
        let short = Given::with("upstream", &format!("'{url}'")).text("forward.host", "upstream").config();
        let table = several().text("forward.host", "upstream");
        let long = table.table("upstreams", &[("url", &format!("'{url}'"))]).config();
        assert_eq!(format!("{:?}", upstreams(&short)), format!("{:?}", upstreams(&long)));
    }
}

#[test]
fn a_mistake_in_a_table_is_named_with_its_place_and_its_line() {
    let given = several()
        .table("upstreams", &[("url", "'http://127.0.0.1:3000'")])
        .table("upstreams", &[("path", "'/api'"), ("url", "'gopher://app'")]);
    assert_says(
        &given.problem(),
        &["upstreams[1].url (cognigate.toml:9): its scheme must be http, https, h2c or unix"],
    );
    let given = several().table("upstreams", &[("path", "'/api'")]);
    assert_eq!(given.problem(), "upstreams[0].url (cognigate.toml:5): it is missing");
    let given = several().table("upstreams", &[("ulr", "'http://app'")]);
    assert_says(
        &given.load().unwrap_err().to_string(),
        &["upstreams[0].ulr (cognigate.toml:6): there is no such key; did you mean upstreams[].url?"],
    );
    let given = several().table("upstreams", &[("url", "'http://app'"), ("strip_prefix", "'yes'")]);
    assert_says(
        &given.problem(),
        &["upstreams[0].strip_prefix (cognigate.toml:7): it must be true or false"],
    );
}

#[test]
fn what_is_no_list_of_tables_is_told_so() {
    for (value, what) in [("'http://app'", "a string"), ("{ url = 'http://app' }", "a table")] {
        let message = several().toml("upstreams", value).problem();
        let expected = format!(
            "upstreams (cognigate.toml:5): it must be a list of tables, each [[upstreams]], but is {what}"
        );
        assert_eq!(message, expected);
    }
    let message = several().toml("upstreams", "['http://app']").problem();
    assert_says(
        &message,
        &["upstreams[0] (cognigate.toml:5): it must be a list of tables", "but is a string"],
    );
    // As one line, it is the same.
    assert_eq!(upstreams(&several().toml("upstreams", "[{ url = 'http://app' }]").config()).len(), 1);
    // No place in a list is reached by a name that looks like one.
    let message =
        several().toml("\"upstreams[99999999].url\"", "'http://app'").load().unwrap_err().to_string();
    assert_says(&message, &["there is no such key"]);
}

#[test]
fn only_the_file_holds_a_list_of_tables() {
    const ONLY: &str = "[[upstreams]] is a list of tables, which only the configuration file can hold";
    for name in ["COGNIGATE_UPSTREAMS", "COGNIGATE_UPSTREAMS__URL", "COGNIGATE_UPSTREAMS__0__URL"] {
        assert_eq!(Given::minimal().variable(name, "http://app").problem(), format!("{name}: {ONLY}"));
    }
    for name in ["upstreams", "upstreams[0].url", "upstreams[].url", "upstreams.url"] {
        let message = Given::minimal().flag(name, "http://app").problem();
        assert_eq!(message, format!("{name} (command line): {ONLY}"));
    }
}

#[test]
fn an_app_that_would_get_no_request_is_refused() {
    let app = [("url", "'http://app'"), ("path", "'/api'")];
    let message = several().table("upstreams", &app).table("upstreams", &app).problem();
    assert_says(
        &message,
        &["upstreams[1] (cognigate.toml:8): it has the host and the path of upstreams[0] (", ":5)"],
    );
    let message =
        several().table("upstreams", &[("url", "'http://app'"), ("host", "'other.example.com'")]).problem();
    assert_says(&message, &["upstreams[0].host (cognigate.toml:7)", "add it to listen.hosts"]);
    let message = several().table("upstreams", &[("url", "'http://app'"), ("path", "'/oauth2/x'")]).problem();
    assert_says(&message, &["upstreams[0].path (cognigate.toml:7): it is below prefix"]);
    let message =
        several().table("upstreams", &[("url", "'http://app'"), ("strip_prefix", "true")]).problem();
    assert_says(&message, &["upstreams[0].strip_prefix", "there is no path to be stripped"]);
    // The host of public_url, with its port, is answered for.
    several().table("upstreams", &[("url", "'http://app'"), ("host", "'app.example.com:443'")]).config();
}

#[test]
fn both_forms_are_a_contradiction() {
    let message = Given::minimal().table("upstreams", &[("url", "'http://app'")]).problem();
    assert_says(
        &message,
        &["upstream (cognigate.toml:2): it is the short form of one [[upstreams]] (", ":6)"],
    );
    let given = several()
        .text("gateway.dialect", "nginx")
        .toml("listen.trusted_proxies", "['127.0.0.1']")
        .table("upstreams", &[("url", "'http://app'")]);
    assert_says(&given.problem(), &["upstreams[0] (cognigate.toml:7)", "a gateway sends the requests on"]);
}

#[test]
fn a_loop_is_noticed_in_every_table() {
    let message = several()
        .text("listen.address", "127.0.0.1:8080")
        .table("upstreams", &[("url", "'http://app'"), ("path", "'/a'")])
        .table("upstreams", &[("url", "'h2c://localhost:8080'")])
        .problem();
    assert_says(&message, &["upstreams[1].url", "it is listen.address"]);
    let message = several().table("upstreams", &[("url", "'https://app.example.com'")]).problem();
    assert_says(&message, &["upstreams[0].url", "it is the same as public_url"]);
}

#[test]
fn what_is_for_https_has_no_effect_elsewhere_and_is_refused() {
    let values = [
        ("ca_file", "'ca.pem'"),
        ("client_certificate", "'gate.pem'"),
        ("client_key", "'gate.key'"),
        ("server_name", "'app'"),
        ("insecure", "true"),
    ];
    for (key, value) in values {
        let message = several().table("upstreams", &[("url", "'http://app'"), (key, value)]).problem();
        assert_eq!(
            message,
            format!(
                "upstreams[0].{key} (cognigate.toml:7): it is for an https url; leave it out, or make url https"
            )
        );
    }
}

#[test]
fn certificates_and_keys_are_read_beside_the_file_and_fit_each_other() {
    let ((certificate, key), (_, other)) = (certificate(), certificate());
    let given = |client_key: &str| {
        let given = several().table(
            "upstreams",
            &[
                ("url", "'https://10.0.0.7'"),
                ("ca_file", "'ca.pem'"),
                ("client_certificate", "'gate.pem'"),
                ("client_key", &format!("'{client_key}'")),
                ("server_name", "'app.internal'"),
            ],
        );
        given.beside("ca.pem", format!("{certificate}\n{certificate}"));
        given.beside("gate.pem", &certificate);
        given.beside("gate.key", &key);
        given.beside("other.key", &other);
        given.beside("empty", "");
        given
    };
    let config = given("gate.key").config();
    let tls = upstreams(&config)[0].tls.as_ref().unwrap();
    assert_eq!(tls.roots.as_ref().unwrap().len(), 2);
    assert!(tls.client.is_some());
    assert_eq!(tls.server_name.to_str(), "app.internal");
    assert!(!format!("{config:?}").contains("PRIVATE"));
    assert_says(
        &given("other.key").problem(),
        &[
            "upstreams[0].client_key (cognigate.toml:9): the file other.key holds a private key that is not that of",
        ],
    );
    assert_says(
        &given("empty").problem(),
        &["client_key (cognigate.toml:9): the file empty holds no private key"],
    );
    assert_says(&given("gate.pem").problem(), &["the file gate.pem holds a certificate and no private key"]);
    assert_says(
        &given("nowhere").problem(),
        &["the file nowhere cannot be read by user id ", "No such file or directory"],
    );
}

#[test]
fn a_bundle_that_is_none_is_refused() {
    let ca = |content: &str| {
        let given = several().table("upstreams", &[("url", "'https://app'"), ("ca_file", "'ca.pem'")]);
        given.beside("ca.pem", content);
        given.problem()
    };
    assert_says(&ca(""), &["upstreams[0].ca_file (cognigate.toml:7): the file ca.pem holds no certificate"]);
    assert_says(&ca(&certificate().1), &["holds a private key and no certificate"]);
    assert_says(
        &ca("\n-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"),
        &["at line 2: it is no base64"],
    );
    assert_says(
        &ca("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        &["is no X.509 certificate"],
    );
}

#[test]
fn a_pair_needs_both_halves() {
    for (key, other) in [("client_certificate", "client_key"), ("client_key", "client_certificate")] {
        let message = several().table("upstreams", &[("url", "'https://app'"), (key, "'x.pem'")]).problem();
        assert_says(&message, &[&format!("upstreams[0].{key}"), &format!("set {other} too")]);
    }
}

#[test]
fn no_verification_is_said_and_warned_of() {
    let insecure = [("url", "'https://app'"), ("insecure", "true")];
    let config = several().table("upstreams", &insecure).config();
    assert!(upstreams(&config)[0].tls.as_ref().unwrap().insecure);
    assert_says(&config.warnings.join("\n"), &["upstreams[0].insecure is true", "tokens"]);
    let contradiction = [&insecure[..], &[("ca_file", "'ca.pem'")]].concat();
    assert_says(
        &one(several().table("upstreams", &contradiction).load()),
        &["upstreams[0].ca_file", "no effect"],
    );
}

#[test]
fn a_time_out_is_longer_than_nothing() {
    for key in ["connect_timeout", "response_timeout", "idle_timeout"] {
        let message = several().table("upstreams", &[("url", "'http://app'"), (key, "'0s'")]).problem();
        assert_says(
            &message,
            &[&format!("upstreams[0].{key} (cognigate.toml:7): it must be longer than nothing")],
        );
    }
}

#[test]
fn the_printed_tables_load_again_to_the_same() {
    let given = several()
        .toml("session.keys", &format!("['{KEY}']"))
        .table("upstreams", &[("url", "'http://app'"), ("path", "'/a'"), ("strip_prefix", "true")])
        .table("upstreams", &[("url", "'unix:///run/app.sock'"), ("idle_timeout", "'4s'")]);
    let config = given.config();
    let printed = config.effective.to_string();
    assert_says(&printed, &["[[upstreams]]\nurl = \"http://app\" # ", "connect_timeout = \"5s\" # default"]);
    let again = Given::minimal().load_text(printed.replace("[redacted]", KEY)).unwrap();
    assert_eq!(format!("{:?}", upstreams(&again)), format!("{:?}", upstreams(&config)));
    let place = |key: &str| {
        config
            .effective
            .settings()
            .iter()
            .find(|setting| setting.key == key)
            .map(|setting| setting.place.clone())
    };
    assert!(place("upstreams[1].idle_timeout").unwrap().ends_with("cognigate.toml:12"));
}

#[test]
fn a_host_that_no_session_reaches_is_warned_of() {
    let warned = |domain: Option<&str>, host: &str| {
        let given = several()
            .toml("listen.hosts", "['admin.example.com', 'app.other.com']")
            .toml("session.keys", &format!("['{KEY}']"));
        let given = match domain {
            Some(domain) => given.toml("cookie.domain", &format!("'{domain}'")),
            None => given,
        };
        let entry = [("url", "'http://127.0.0.1:3000'"), ("host", &*format!("'{host}'"))];
        let warnings = given.table("upstreams", &entry).config().warnings;
        warnings
            .iter()
            .any(|warning| warning.contains("host of upstreams[0]") && warning.contains("cookie.domain"))
    };
    assert!(warned(None, "admin.example.com"));
    assert!(!warned(None, "app.example.com"));
    assert!(!warned(Some("example.com"), "admin.example.com"));
    assert!(warned(Some("example.com"), "app.other.com"));
}
