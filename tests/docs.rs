//! What the documents say, held against the code. Every setting of docs/configuration.md has a file of its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use cognigate::config::{Config, KEYS, Sources};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = include_str!("../README.md");

/// A text of ours, with its path below the repository's root.
struct Document {
    path: PathBuf,
    text: String,
}

/// Everything that is written for people or for other tools, without the Rust.
fn documents() -> Vec<Document> {
    fn walk(folder: &Path, found: &mut Vec<Document>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let skipped = [".git", ".terraform", "target", "Cargo.lock", "proptest-regressions"];
            if skipped.contains(&name) {
                continue;
            }
            if path.is_dir() {
                walk(&path, found);
            } else if !name.ends_with(".rs")
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push(Document { path: path.strip_prefix(ROOT).unwrap().to_owned(), text });
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(ROOT), &mut found);
    assert!(found.iter().any(|document| document.path == Path::new("docs/architecture.md")));
    found
}

fn pages() -> impl Iterator<Item = Document> {
    documents().into_iter().filter(|document| document.path.extension().is_some_and(|kind| kind == "md"))
}

/// The fenced blocks of one language, in order.
fn blocks<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let fences = markdown.split("```").skip(1).step_by(2);
    fences.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// The commands of the shell blocks, continued lines joined.
fn commands(markdown: &str) -> Vec<String> {
    let joined = blocks(markdown, "sh").concat().replace("\\\n", " ");
    joined.lines().map(str::to_owned).collect()
}

/// The settings that a shell block exports before it runs `command`.
fn exported_before(markdown: &str, command: &str) -> Vec<(OsString, OsString)> {
    let block = blocks(markdown, "sh").into_iter().find(|block| block.lines().any(|line| line == command));
    let exports = block.unwrap().lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    exports.map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn the_readme_has_two_commands_to_begin_with() {
    let (_, section) = README.split_once("## Two commands").unwrap();
    let section = section.split("\n## ").next().unwrap();
    assert_eq!(commands(section), ["cargo run -- demo", "./test"]);
}

#[test]
fn ci_runs_the_readmes_test_command_and_nothing_else() {
    let script = fs::read_to_string(Path::new(ROOT).join(".ci/run")).unwrap();
    let lines: Vec<&str> = script.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, ["set -euo pipefail", r#"cd "$(dirname "${BASH_SOURCE[0]}")/..""#, "exec ./test"]);
}

#[cfg(feature = "emulator")]
#[test]
fn every_command_in_a_document_is_one_that_the_program_has() {
    use clap::Parser as _;
    use cognigate::commands::cli::Cli;

    let mut seen = 0;
    for page in pages() {
        for command in commands(&page.text) {
            let ours = command.strip_prefix("cargo run -- ").or_else(|| command.strip_prefix("cognigate "));
            let Some(arguments) = ours else { continue };
            let arguments =
                arguments.split_whitespace().take_while(|word| !word.starts_with(['>', '|', '#']));
            let parsed = Cli::try_parse_from(std::iter::once("cognigate").chain(arguments));
            assert!(parsed.is_ok(), "{}: {command}: {}", page.path.display(), parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen > 4, "the documents were not read: {seen} commands");
}

#[test]
fn the_five_settings_of_the_readme_are_enough_and_each_is_needed() {
    let text = blocks(README, "toml")[0];
    let load = |text: &str| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cognigate.toml");
        fs::write(&path, text).unwrap();
        Config::load(&Sources { file: Some(path), ..Sources::default() })
    };
    load(text).unwrap();
    let settings: Vec<&str> = text.lines().filter(|line| line.contains(" = ")).collect();
    assert_eq!(settings.len(), 5, "{settings:?}");
    for setting in settings {
        assert!(load(&text.replace(setting, "")).is_err(), "it starts without {setting}");
    }
}

#[cfg(feature = "emulator")]
#[test]
fn the_readmes_gate_in_front_of_the_emulator_fits_the_emulators_own_pool() {
    use cognigate::emulator::Settings;

    let environment = exported_before(README, "cognigate run --log-format text");
    let config = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
    let pool = Settings::default();
    let client = pool.client(&config.sites[0].cognito.client_id).unwrap();
    assert_eq!(config.sites[0].cognito.pool.as_str(), pool.pool_id);
    assert!(client.secrets.contains(config.sites[0].cognito.client_secret.as_ref().unwrap()));
    assert_eq!(client.callback_urls, [format!("{}/oauth2/callback", config.sites[0].public_url)]);
    assert_eq!(client.logout_urls, [format!("{}/oauth2/signed_out", config.sites[0].public_url)]);
    let domain = config.sites[0].cognito.domain.clone().unwrap();
    let jwks = domain.join(&format!("{}/.well-known/jwks.json", pool.pool_id)).unwrap();
    assert_eq!(config.sites[0].cognito.overrides.jwks_url, Some(jwks));
    for user in &pool.users {
        assert!(README.contains(&format!("`{}`", user.username)), "{}", user.username);
        assert!(README.contains(&format!("`{}`", user.password.expose())));
    }
}

#[test]
fn every_variable_that_is_named_is_a_setting() {
    let variables: Vec<String> = KEYS
        .iter()
        .map(|key| format!("COGNIGATE_{}", key.name.to_uppercase().replace('.', "__")))
        .chain([Sources::FILE_VARIABLE.to_owned()])
        .collect();
    // Docs of the configuration name what is not a setting too, such as what Kubernetes makes of a Service.
    let others =
        documents().into_iter().filter(|document| document.path != Path::new("docs/configuration.md"));
    let mut seen = 0;
    for document in others {
        for (at, _) in document.text.match_indices("COGNIGATE_") {
            let name = document.text[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            // The bare prefix is talked about, too.
            let Some(name) = name.filter(|name| *name != "COGNIGATE_") else { continue };
            assert!(variables.iter().any(|known| known == name), "{}: {name}", document.path.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "the documents were not read: {seen} variables");
}

#[test]
fn terraform_gives_every_setting_that_it_knows() {
    let outputs = fs::read_to_string(Path::new(ROOT).join("deploy/terraform/outputs.tf")).unwrap();
    for name in [
        "PUBLIC_URL",
        "COGNITO__USER_POOL_ID",
        "COGNITO__CLIENT_ID",
        "COGNITO__CLIENT_SECRET",
        "COGNITO__DOMAIN",
    ] {
        assert!(outputs.contains(&format!("COGNIGATE_{name} ")), "{name}");
    }
    let client = fs::read_to_string(Path::new(ROOT).join("deploy/terraform/main.tf")).unwrap();
    for registered in ["${var.public_url}/oauth2/callback", "${var.public_url}/oauth2/signed_out"] {
        assert!(client.contains(registered), "{registered}");
    }
    for variable in commands(README).iter().flat_map(|command| command.split(" -var ").skip(1)) {
        let name = variable.split('=').next().unwrap();
        let variables = fs::read_to_string(Path::new(ROOT).join("deploy/terraform/variables.tf")).unwrap();
        assert!(variables.contains(&format!("variable \"{name}\"")), "{name}");
    }
}

#[cfg(feature = "emulator")]
#[tokio::test]
async fn every_endpoint_of_the_readme_answers_and_every_header_arrives() {
    use crate::support::Stage;

    let cells = |heading: &str| -> Vec<String> {
        let (_, section) = README.split_once(heading).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
        let names = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2));
        names.map(str::to_owned).collect()
    };
    let stage = Stage::new().await;
    let endpoints = cells("## Endpoints");
    assert_eq!(endpoints.len(), 6, "{endpoints:?}");
    for endpoint in endpoints {
        let answer = stage.visitor().navigate(&endpoint).await;
        assert_ne!(answer.status(), 404, "{endpoint}");
    }
    let headers = cells("## What your app receives");
    assert_eq!(headers.len(), 12, "{headers:?}");
    let mut alice = stage.signed_in().await;
    alice.navigate("/").await;
    let received = stage.app.last();
    for header in headers {
        assert!(received.headers.contains_key(header.as_str()), "{header}");
    }
}

/// Headings as the anchors that a reader's browser jumps to.
fn anchors(markdown: &str) -> Vec<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_inside_the_repository_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        for (at, _) in page.text.match_indices("](") {
            let target = page.text[at + 2..].split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = page.path.parent().unwrap();
            let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
            let place = format!("{}: {target}", page.path.display());
            let text = fs::read_to_string(Path::new(ROOT).join(path));
            assert!(text.is_ok(), "{place}");
            assert!(
                anchor.is_empty() || anchors(&text.unwrap()).iter().any(|known| known == anchor),
                "{place}"
            );
            seen += 1;
        }
    }
    assert!(seen > 10, "the documents were not read: {seen} links");
}

#[test]
fn no_document_knows_the_machine_it_was_written_on() {
    for document in documents() {
        for place in ["/work/", "/root/", "/home/", "/Users/", "/tmp/"] {
            assert!(!document.text.contains(place), "{}: {place}", document.path.display());
        }
    }
}

#[test]
fn both_licenses_are_here_in_full() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    assert!(manifest.contains(r#"license = "MIT OR Apache-2.0""#));
    for (file, first, last) in [
        ("LICENSE-MIT", "MIT License", "DEALINGS IN THE\nSOFTWARE."),
        ("LICENSE-APACHE", "Version 2.0, January 2004", "limitations under the License."),
    ] {
        let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        assert!(text.contains(first) && text.trim_end().ends_with(last), "{file}");
        assert!(README.contains(&format!("({file})")), "the README does not link {file}");
    }
}

#[test]
fn case_114_a_command_that_makes_a_file_with_a_secret_makes_it_for_its_owner_alone() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let mut seen = 0;
    for page in pages() {
        for command in commands(&page.text) {
            // What Docker Compose mounts must be read by another user; its folder is for the owner alone.
            let makes_a_secret = ["keys new >", "> client-secret"].iter().any(|part| command.contains(part));
            if !makes_a_secret || command.starts_with("docker ") {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            symlink(assert_cmd::cargo::cargo_bin!("cognigate"), folder.path().join("cognigate")).unwrap();
            let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
            let mut shell = std::process::Command::new("sh");
            shell.args(["-euc", &format!("umask 022; {command}")]).env("PATH", path);
            assert!(shell.current_dir(folder.path()).status().unwrap().success(), "{command}");
            let (_, file) = command.trim_end_matches(')').rsplit_once("> ").unwrap();
            let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}: {command}", page.path.display());
            seen += 1;
        }
    }
    assert!(seen >= 4, "the documents were not read: {seen} commands");
}
