//! What is wrong with files, and what is odd about settings, when the gate starts.

use crate::config::{Given, assert_says};
use crate::process;
use crate::program::Program;
use crate::support::tls::{Authority, Folder, Pair};

const CERTIFICATE: &str = "listen.tls.certificate";
const KEY: &str = "listen.tls.key";

/// A configuration with these two files beside it, named by their own names.
fn with(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Given {
    let given = Given::minimal().text(CERTIFICATE, "a.crt").text(KEY, "a.key");
    given.beside("a.crt", chain);
    given.beside("a.key", key);
    given
}

fn pair(names: &[&str]) -> Pair {
    Authority::new().issue(names)
}

#[test]
fn one_pair_or_several_are_read_from_beside_the_file() {
    let (one, other) = (pair(&["app.example.com", "*.example.org"]), pair(&["other.test"]));
    let config = with(&one.chain, &one.key).config();
    assert_eq!(config.listen.certificates[0].names(), ["app.example.com", "*.example.org"]);
    assert!(config.warnings.iter().all(|warning| !warning.contains("listen.tls")), "{:?}", config.warnings);
    let given =
        with(&one.chain, &one.key).toml(CERTIFICATE, "['b.crt', 'a.crt']").toml(KEY, "['b.key', 'a.key']");
    given.beside("b.crt", &other.chain);
    given.beside("b.key", &other.key);
    let config = given.config();
    assert_eq!(config.listen.certificates[0].names(), ["other.test"]);
    assert_eq!(config.listen.certificates.len(), 2);
    // Both in one file, in either order.
    for text in [one.key.clone() + one.chain.as_str(), one.chain.clone() + one.key.as_str()] {
        let given = with(text, "").text(KEY, "a.crt");
        assert_eq!(given.config().listen.certificates.len(), 1);
    }
}

#[test]
fn every_kind_of_key_is_taken() {
    let authority = Authority::new();
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let pair = authority.issue_as(&["app.example.com"], |_| {}, algorithm);
        assert_eq!(with(&pair.chain, &pair.key).config().listen.certificates.len(), 1);
    }
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_told_with_its_name_and_its_line() {
    let (good, stranger) = (pair(&["app.example.com"]), pair(&["app.example.com"]));
    let lines = good.chain.lines().count();
    let own_lines = good.chain.find("-----END").map(|end| good.chain[..end].lines().count() + 1).unwrap();
    let second = own_lines + 1;
    let broken = good.chain.clone() + "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let cut = good.chain.lines().take(lines - 2).map(|line| format!("{line}\n")).collect::<String>();
    let not_x509 = good.chain.clone() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let reversed = {
        let (own, root) = good.chain.split_at(good.chain.rfind("-----BEGIN").unwrap());
        format!("{root}{own}")
    };
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (chain, key, of, says) in [
        ("", &*good.key, CERTIFICATE, "a.crt holds no certificate in PEM".to_owned()),
        (&good.key, &good.key, CERTIFICATE, "a.crt holds a private key and no certificate".to_owned()),
        (&broken, &good.key, CERTIFICATE, format!("begins at line {}: it is no base64", lines + 1)),
        (&cut, &good.key, CERTIFICATE, format!("begins at line {second}: it has no line that ends it")),
        (&not_x509, &good.key, CERTIFICATE, format!("a block at line {} that is no X.509", lines + 1)),
        (
            &reversed,
            &good.key,
            KEY,
            "a.key holds a private key that is not that of the first certificate of a.crt".to_owned(),
        ),
        (&good.chain, &stranger.key, KEY, "not that of the first certificate of a.crt".to_owned()),
        (&good.chain, "", KEY, "a.key holds no private key in PEM".to_owned()),
        (&good.chain, &good.chain, KEY, "a.key holds a certificate and no private key".to_owned()),
        (&good.chain, &encrypted, KEY, "that is encrypted; decrypt it".to_owned()),
    ] {
        let message = with(chain, key).problem();
        assert_says(&message, &[&format!("{of} (cognigate.toml:"), &says]);
        assert!(!message.contains(good.key.lines().nth(1).unwrap()), "the key is quoted: {message}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_who_tried() {
    let good = pair(&["app.example.com"]);
    let gone = with(&good.chain, &good.key).text(KEY, "gone.key").problem();
    assert_says(
        &gone,
        &["listen.tls.key (cognigate.toml:", "gone.key cannot be read by user id ", "No such file"],
    );
    let several = with(&good.chain, &good.key)
        .toml(CERTIFICATE, "['a.crt', 'gone.crt']")
        .toml(KEY, "['a.key', 'a.key']")
        .problem();
    assert_says(&several, &["its item 2: ", "gone.crt cannot be read"]);
}

#[test]
fn certificates_and_keys_come_in_pairs() {
    let good = pair(&["app.example.com"]);
    let one = |key: &str| Given::minimal().text(key, "a").problem();
    assert_says(
        &one(CERTIFICATE),
        &["listen.tls.key: it is missing", "listen.tls.certificate (cognigate.toml:6)"],
    );
    assert_says(&one(KEY), &["listen.tls.certificate: it is missing", "listen.tls.key (cognigate.toml:6)"]);
    let uneven = with(&good.chain, &good.key).toml(KEY, "['a.key', 'a.key']").problem();
    assert_says(&uneven, &["it names 2 files", "(cognigate.toml:6) one file", "a key for each"]);
    let none = with(&good.chain, &good.key).toml(KEY, "[]").toml(CERTIFICATE, "[]").problem();
    assert_says(&none, &["listen.tls.key", "no file"]);
}

#[test]
fn a_key_in_the_place_of_its_path_is_not_shown() {
    let good = pair(&["app.example.com"]);
    for key in [CERTIFICATE, KEY] {
        let given = with(&good.chain, &good.key).toml(key, &format!("'''{}'''", good.key));
        let message = given.problem();
        assert_says(&message, &[key, "it must be the path of a file, and not what is in it"]);
        assert!(!message.contains("BEGIN"), "{message}");
    }
}

#[test]
fn what_is_seldom_meant_is_warned_of() {
    let stranger = pair(&["other.test", "*.example.com.test"]);
    let config = with(&stranger.chain, &stranger.key).config();
    assert_says(
        &config.warnings.join("\n"),
        &["no certificate of listen.tls.certificate is for the host of public_url"],
    );
    let address = pair(&["127.0.0.1", "::1"]);
    for host in ["127.0.0.1", "[::1]"] {
        let given = with(&address.chain, &address.key).text("public_url", &format!("https://{host}:8443"));
        let warnings = given.config().warnings.join("\n");
        assert!(!warnings.contains("listen.tls"), "{warnings}");
    }
    let config = with(&stranger.chain, &stranger.key).text("public_url", "http://localhost:8080").config();
    assert_says(&config.warnings.join("\n"), &["listen.tls is set though public_url is http"]);
}

#[test]
fn plain_http_is_sent_to_https_only_where_there_is_https_and_a_port() {
    let given = |value: &str| Given::with("listen.redirect_http", &format!("'{value}'"));
    let redirects = |value: &str, to: &str| {
        let config = given(value).text("listen.address", "127.0.0.1:8443").config();
        assert_eq!(config.listen.redirect_http, Some(to.parse().unwrap()), "{value}");
    };
    redirects(":80", "127.0.0.1:80");
    redirects("0.0.0.0:80", "0.0.0.0:80");
    redirects("[::]:80", "[::]:80");
    for value in ["80", ":", ":http", "localhost:80", ":70000"] {
        assert_says(&given(value).problem(), &["listen.redirect_http (cognigate.toml:6)", "such as :80"]);
    }
    for (value, key) in [(":8080", "listen.address (default)"), ("127.0.0.1:9090", "admin.address (default)")]
    {
        assert_says(&given(value).problem(), &["it takes the port of", key]);
    }
    for (key, value) in [("listen.redirect_http", ":80"), ("listen.hsts", "1h")] {
        let message =
            Given::with(key, &format!("'{value}'")).text("public_url", "http://localhost:8080").problem();
        assert_says(&message, &[key, "it needs https, and public_url (cognigate.toml:1) is http"]);
    }
}

#[test]
fn check_and_run_end_with_64_where_the_files_are_no_good() {
    for command in ["check", "run"] {
        let text = format!("{}[listen.tls]\ncertificate = 'a.crt'\nkey = 'a.key'\n", process::ALONE);
        let program = Program::new(&[command, "--config=a.toml"]).file("a.toml", &text);
        let (code, out, err) = program.file("a.crt", "garbage").file("a.key", "garbage").run();
        assert_eq!((code, out.as_str()), (64, ""), "{err}");
        assert_says(&err, &["listen.tls.certificate (a.toml:", "a.crt holds no certificate in PEM"]);
    }
}

#[test]
fn an_expired_certificate_is_served_with_a_warning_and_a_reload_that_fails_is_an_error_in_the_log() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let expire = |params: &mut rcgen::CertificateParams| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    };
    folder.put("app", &authority.issue_as(&["app.test"], expire, &rcgen::PKCS_ECDSA_P256_SHA256));
    let mut program = Program::new(&["run", "--config=a.toml"]).file("a.toml", process::ALONE);
    program.command.args(folder.settings(&["app"]).map(|(key, path)| format!("--set={key}={path}")));
    program.command.arg("--set=listen.redirect_http=:0");
    let process = program.start();
    let warned = process.prints(&["\"WARN\"", "the certificate is served, but it has expired"]);
    assert!(warned.contains("app.crt"), "{warned}");
    assert!(process.prints(&["\"serving\""]).contains("\"redirect\":\"127.0.0.1:"));
    folder.write("app.key", "garbage");
    process.prints(&["\"ERROR\"", "cannot be used; the last good one stays", "app.key holds no private key"]);
    folder.put("app", &authority.issue(&["app.test"]));
    process.prints(&["\"INFO\"", "the certificate was read anew, and is in use"]);
    process.signal("TERM");
    assert_eq!(process.ends().code, Some(0));
}

#[test]
fn the_readmes_settings_are_understood() {
    let readme = include_str!("../../README.md");
    let blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    let [least, rules, tls, ..] = blocks[..] else { panic!("the README has other settings") };
    let (top, tables) = least.split_once("[cognito]").unwrap();
    let text = format!("{top}{rules}[cognito]{tables}{tls}");
    let pair = pair(&["app.example.com"]);
    let given = Given::minimal();
    given.beside("tls.crt", &pair.chain);
    given.beside("tls.key", &pair.key);
    let config = given.load_text(text).unwrap();
    assert_eq!(config.warnings.iter().filter(|warning| !warning.contains("session.keys")).count(), 0);
    assert_eq!(config.listen.redirect_http, Some("0.0.0.0:8080".parse().unwrap()));
    assert_eq!(config.listen.certificates.len(), 1);
    assert!(config.sites[0].rules.len() > 2);
}
