//! Files that hold secrets and that others can read: a warning, not an error, since there may be a reason.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use cognigate::config::KEYS;
use rcgen::{CertificateParams, KeyPair};

use super::{Given, KEY};

/// Every key that names a file with a secret, and the file that [`text`] has for it.
const FILES: [(&str, &str); 9] = [
    ("upstreams[].client_key", "client.key"),
    ("sites[].upstreams[].client_key", "client.key"),
    ("cognito.client_secret_file", "client-secret"),
    ("sites[].cognito.client_secret_file", "client-secret-of-site"),
    ("session.keys_file", "keys"),
    ("redis.url_file", "redis-url"),
    ("redis.password_file", "redis-password"),
    ("listen.tls.key", "tls.key"),
    ("admin.token_file", "admin-token"),
];

/// A configuration with all of them, at the top level or in a site.
fn text(in_site: bool) -> String {
    let upstream = |table: &str| {
        format!(
            "[[{table}]]\nurl = 'https://app'\nclient_certificate = 'gate.pem'\nclient_key = 'client.key'\n"
        )
    };
    let site = match in_site {
        false => upstream("upstreams"),
        true => format!(
            "[[sites]]\npublic_url = 'https://app.example.com'\n[sites.cognito]\nclient_id = 'of-site'\n\
             client_secret_file = 'client-secret-of-site'\n{}",
            upstream("sites.upstreams")
        ),
    };
    let public_url = if in_site { "" } else { "public_url = 'https://app.example.com'\n" };
    format!(
        "{public_url}[cognito]\nuser_pool_id = 'eu-west-1_AbCdEfGhI'\nclient_id = 'client'\ndomain = 'auth.example.com'\n\
         client_secret_file = 'client-secret'\n[session]\nkeys_file = 'keys'\nstore = 'redis'\n\
         [redis]\nurl_file = 'redis-url'\npassword_file = 'redis-password'\n[admin]\ntoken_file = 'admin-token'\n\
         [listen.tls]\ncertificate = 'gate.pem'\nkey = 'tls.key'\n{site}"
    )
}

/// The warnings about modes, where the file of this name has this mode and all others are for their owner alone.
fn warnings(in_site: bool, file: &str, mode: u32) -> Vec<String> {
    let given = Given::minimal();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["app.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    given.beside("gate.pem", certificate.pem());
    fs::set_permissions(given.directory.path().join("gate.pem"), Permissions::from_mode(0o644)).unwrap();
    for (name, content) in [
        ("client.key", key.serialize_pem()),
        ("tls.key", key.serialize_pem()),
        ("client-secret", "hush".to_owned()),
        ("client-secret-of-site", "hush".to_owned()),
        ("keys", KEY.to_owned()),
        ("redis-url", "redis://redis".to_owned()),
        ("redis-password", "hush".to_owned()),
        ("admin-token", "0123456789abcdef".to_owned()),
    ] {
        let path = given.beside(name, content);
        if name == file {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
    }
    of_modes(given.load_text(text(in_site)).unwrap().warnings)
}

fn of_modes(warnings: Vec<String>) -> Vec<String> {
    warnings.into_iter().filter(|warning| warning.contains(" has mode ")).collect()
}

#[test]
fn case_114_every_file_with_a_secret_that_others_may_read_is_warned_of() {
    for key in KEYS.iter().filter(|key| key.kind.is_secret_file()) {
        let (_, file) = FILES.iter().find(|(name, _)| *name == key.name).unwrap_or_else(|| {
            panic!("{} is new: give it a file here", key.name);
        });
        let in_site = key.name.starts_with("sites[]");
        let [warning] = &warnings(in_site, file, 0o644)[..] else {
            panic!("{}: not one warning", key.name);
        };
        let name = key.name.replace("[]", "[0]");
        assert!(warning.starts_with(&format!("{name}: the file ")), "{warning}");
        let told = format!("/{file} has mode 0644, so that other users can read it; run `chmod 600 ");
        assert!(warning.contains(&told), "{warning}");
        assert!(warning.ends_with(&format!("/{file}`")), "{warning}");
    }
}

#[test]
fn case_114_what_others_may_do_is_said_and_a_group_that_reads_is_fine() {
    for mode in [0o600, 0o400, 0o440, 0o640, 0o700] {
        assert_eq!(warnings(false, "keys", mode), Vec::<String>::new(), "{mode:o}");
    }
    for (mode, told) in [
        (0o604, "mode 0604, so that other users can read it"),
        (0o444, "mode 0444, so that other users can read it"),
        (0o660, "mode 0660, so that other users can change it"),
        (0o602, "mode 0602, so that other users can change it"),
        (0o666, "mode 0666, so that other users can read and change it"),
    ] {
        let warnings = warnings(false, "keys", mode);
        assert!(warnings.len() == 1 && warnings[0].contains(told), "{mode:o}: {warnings:?}");
    }
}

#[test]
fn case_114_of_a_link_what_it_leads_to_counts() {
    for (mode, count) in [(0o600, 0), (0o644, 1)] {
        let given = Given::minimal();
        let path = given.beside("data", KEY);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let link = Path::new(&path).with_file_name("keys");
        symlink(&path, &link).unwrap();
        let config = given.text("session.keys_file", link.to_str().unwrap()).config();
        assert_eq!(of_modes(config.warnings).len(), count, "{mode:o}");
    }
}

#[test]
fn case_114_a_configuration_file_with_a_secret_in_it_is_one_of_these_files() {
    let warnings = |line: &str| {
        let given = Given::minimal();
        let path = given.beside("other.toml", "");
        let text = format!(
            "public_url = 'https://app.example.com'\nupstream = 'http://127.0.0.1:3000'\n{line}\n[cognito]\n\
             user_pool_id = 'eu-west-1_AbCdEfGhI'\nclient_id = 'client'\ndomain = 'auth.example.com'\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let sources = cognigate::config::Sources { file: Some(path.into()), ..Default::default() };
        of_modes(cognigate::config::Config::load(&sources).unwrap().warnings)
    };
    assert_eq!(warnings(""), Vec::<String>::new());
    assert_eq!(warnings("redis.url = 'redis://redis'"), Vec::<String>::new());
    for (line, key) in [
        (format!("session.keys = ['{KEY}']"), "session.keys"),
        ("redis.url = 'redis://user:hush@redis'".to_owned(), "redis.url"),
    ] {
        let warnings = warnings(&line);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(&format!("{key}: the file ")), "{warnings:?}");
        assert!(!warnings[0].contains("hush") && !warnings[0].contains(KEY), "{warnings:?}");
    }
}
