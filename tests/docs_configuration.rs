//! docs/configuration.md against the table of keys, both ways.

use cognigate::config::{Config, KEYS, Key, Sources};

const DOCS: &str = include_str!("../docs/configuration.md");

/// One documented setting: its heading and the line below.
struct Documented {
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    variable: &'static str,
    example: &'static str,
}

fn documented() -> Vec<Documented> {
    let (_, settings) = DOCS.split_once("\n# Every setting\n").unwrap();
    let parse = |part: &'static str| {
        let mut lines = part.lines();
        let name = lines.next().unwrap();
        let line = lines.next().unwrap();
        let field = |label: &str, end: &str| {
            let (_, rest) = line.split_once(label).unwrap_or_else(|| panic!("{name} has no {label:?}"));
            rest.split_once(end).map_or(rest, |(field, _)| field)
        };
        let meaning = lines.find(|line| !line.is_empty());
        assert!(meaning.is_some_and(|line| !line.starts_with('#')), "{name} has no meaning");
        Documented {
            name,
            kind: field("Type: ", ". Default: "),
            default: field(" Default: ", ". Variable: "),
            variable: field(" Variable: ", ". Example: ").trim_matches('`'),
            example: field(" Example: ", "\n").trim_matches('`'),
        }
    };
    settings.split("\n### ").skip(1).map(parse).collect()
}

const MINIMAL: [(&str, &str); 5] = [
    ("public_url", "'https://app.example.com'"),
    ("upstream", "'http://127.0.0.1:3000'"),
    ("cognito.user_pool_id", "'eu-west-1_AbCdEfGhI'"),
    ("cognito.client_id", "'client'"),
    ("cognito.domain", "'auth.example.com'"),
];

fn load(text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cognigate.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(&Sources { file: Some(path), ..Sources::default() }).map_err(|error| error.to_string())
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    let documented: Vec<_> = documented().iter().map(|setting| setting.name).collect();
    let keys: Vec<_> = KEYS.iter().map(|key| key.name).filter(|name| !is_another_s(name)).collect();
    assert_eq!(documented, keys);
}

/// True for what a site has of what the top level documents.
fn is_another_s(name: &str) -> bool {
    let own = ["sites[].public_url", "sites[].hosts", "sites[].upstream"];
    !own.contains(&name) && name.strip_prefix("sites[].").is_some_and(|name| Key::named(name).is_some())
}

#[test]
fn what_sites_have_of_the_top_level_is_named_once() {
    let (_, text) = DOCS.split_once("A site may say for itself").unwrap();
    let (text, _) = text.split_once("###").unwrap();
    for name in KEYS.iter().map(|key| key.name).filter(|name| is_another_s(name)) {
        let section = match name.strip_prefix("sites[].").unwrap().rsplit_once('.') {
            None => format!("`{}`", name.trim_start_matches("sites[].")),
            Some((section, _)) if section.ends_with("[]") => {
                format!("`[[sites.{}]]`", section.trim_end_matches("[]"))
            }
            Some((section, _)) => format!("`[sites.{section}]`"),
        };
        assert!(text.contains(&section), "{name}: there is no {section}");
    }
}

#[test]
fn documented_types_defaults_and_variables_are_the_codes() {
    const REQUIRED: [&str; 7] = [
        "public_url",
        "sites[].public_url",
        "upstream",
        "upstreams[].url",
        "cognito.user_pool_id",
        "cognito.client_id",
        "cognito.domain",
    ];
    for setting in documented() {
        let key = Key::named(setting.name).unwrap();
        assert_eq!(setting.kind, key.kind.name(), "{}", setting.name);
        assert_eq!(setting.variable, key.variable().as_deref().unwrap_or("none"), "{}", setting.name);
        match key.default {
            Some(default) => assert_eq!(setting.default, format!("`{default}`"), "{}", setting.name),
            None if REQUIRED.contains(&setting.name) => {
                assert!(setting.default.starts_with("required"), "{}", setting.name);
            }
            None if setting.name == "session.keys" => assert_eq!(setting.default, "a random one"),
            None if setting.name == "cookie.secure" => {
                assert_eq!(setting.default, "`true` under https, `false` under http on loopback");
            }
            None => assert_eq!(setting.default, "none", "{}", setting.name),
        }
    }
}

#[test]
fn every_example_loads() {
    for setting in documented() {
        let (name, value) = setting.example.split_once(" = ").unwrap();
        let (section, last) = setting.name.rsplit_once('.').unwrap_or(("", setting.name));
        assert_eq!(name, last, "the example of {section}.{last}");
        // A gateway that asks stands in the place of an upstream, and must be believed.
        let asked = setting.name == "gateway.dialect";
        // A certificate and its key belong together.
        let url = ("redis.url", "'rediss://redis.internal'");
        let paired = match setting.name {
            "listen.tls.certificate" => vec![("listen.tls.key", "'there'")],
            "listen.tls.key" => vec![("listen.tls.certificate", "'there'")],
            "bearer.accept" => vec![("bearer.clients", "['there']")],
            "redis.username" => vec![url, ("redis.password", "'there'")],
            "redis.password" | "redis.password_file" | "redis.ca_file" => vec![url],
            "admin.token" | "admin.token_file" => vec![url, ("session.store", "'redis'")],
            _ => Vec::new(),
        };
        let list = setting.name.split_once("[].").map(|(list, _)| list);
        let upstream = list == Some("upstreams");
        let site = list == Some("sites");
        let text: String = MINIMAL
            .into_iter()
            .filter(|(key, _)| *key != setting.name && !((asked || upstream || site) && *key == "upstream"))
            .filter(|(key, _)| !(site && *key == "public_url"))
            .chain(asked.then_some(("listen.trusted_proxies", "['127.0.0.1']")))
            .chain(paired)
            .chain(list.is_none().then_some((setting.name, value)))
            .map(|(key, value)| format!("{key} = {value}\n"))
            .chain(list.map(|list| {
                let companions = match last {
                    _ if upstream => companions(last),
                    "public_url" => "upstream = 'http://app'\n",
                    "upstream" => "public_url = 'https://app.example.com'\n",
                    _ if site => "public_url = 'https://app.example.com'\nupstream = 'http://app'\n",
                    _ => "",
                };
                format!("{}[[{list}]]\n{companions}{}\n", hosts(last), setting.example)
            }))
            .collect();
        match load(&text) {
            Ok(_) => {}
            // The file of an example is not there, and to look for it shows that its key was understood.
            Err(error) if Key::named(setting.name).unwrap().kind.is_path() => {
                assert!(error.lines().all(|line| line.contains("cannot be read")), "{error}");
            }
            Err(error) => panic!("{}: {error}", setting.name),
        }
    }
}

/// What the example of a key of `[[upstreams]]` needs beside it.
fn companions(last: &str) -> &'static str {
    match last {
        "url" => "",
        "strip_prefix" => "url = 'http://app'\npath = '/api'\n",
        "client_certificate" => "url = 'https://app'\nclient_key = '/nowhere'\n",
        "client_key" => "url = 'https://app'\nclient_certificate = '/nowhere'\n",
        _ => "url = 'https://app'\n",
    }
}

/// A host must be one that is answered for.
fn hosts(last: &str) -> &'static str {
    if last == "host" { "listen.hosts = ['admin.example.com']\n" } else { "" }
}

#[test]
fn every_whole_configuration_loads() {
    let blocks: Vec<_> =
        DOCS.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert_eq!(blocks.len(), 6 + 10);
    for block in blocks {
        if let Err(error) = load(block) {
            panic!("{error}\n{block}");
        }
    }
}

#[test]
fn keys_and_variables_in_the_text_exist() {
    let variables = DOCS.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    for variable in variables.filter(|word| word.starts_with("COGNIGATE_") && word.contains("__")) {
        assert!(Key::of_variable(variable).is_some(), "{variable}");
    }
    for quoted in DOCS.split('`').skip(1).step_by(2) {
        let section = quoted.split_once('.').map(|(section, _)| section);
        let is_key = section.is_some_and(|section| {
            KEYS.iter().any(|key| key.name.starts_with(&format!("{section}."))) && !quoted.contains(' ')
        });
        assert!(!is_key || Key::named(quoted).is_some(), "{quoted}");
    }
}
