//! The images' files as text: what is in them, what they start, and who they are.

use std::fs;
use std::path::Path;

use clap::Parser as _;
use cognigate::commands::cli::{Cli, Command};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const GATE: &str = include_str!("../../docker/Dockerfile");
const DEMO: &str = include_str!("../../docker/Dockerfile.demo");

/// The instructions of a Dockerfile, continued lines joined.
fn instructions(dockerfile: &str) -> Vec<String> {
    let kept = dockerfile.lines().filter(|line| !line.starts_with('#'));
    let joined = kept.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.lines().map(words).filter(|line| !line.is_empty()).collect()
}

/// What stands behind the one instruction that begins with `name`.
fn only(dockerfile: &str, name: &str) -> String {
    let all = instructions(dockerfile);
    let mut found = all.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let text = found.next().unwrap_or_else(|| panic!("there is no {name}"));
    assert_eq!(found.next(), None, "a second {name}");
    text.to_owned()
}

/// The stages, each from its `FROM` on.
fn stages(dockerfile: &str) -> Vec<Vec<String>> {
    let mut stages: Vec<Vec<String>> = Vec::new();
    for line in instructions(dockerfile) {
        if line.starts_with("FROM ") {
            stages.push(Vec::new());
        }
        if let Some(stage) = stages.last_mut() {
            stage.push(line);
        }
    }
    stages
}

fn exec_form(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap()
}

/// What `ENTRYPOINT` and then `arguments` start.
fn started(dockerfile: &str, arguments: Vec<String>) -> Command {
    let entrypoint = exec_form(&only(dockerfile, "ENTRYPOINT"));
    assert_eq!(entrypoint, ["/usr/local/bin/cognigate"]);
    Cli::try_parse_from(entrypoint.into_iter().chain(arguments)).unwrap().command
}

#[test]
fn the_image_runs_the_gate_and_asks_it_without_a_shell() {
    assert!(matches!(started(GATE, exec_form(&only(GATE, "CMD"))), Command::Run(_)));
    let healthcheck = only(GATE, "HEALTHCHECK");
    let (_, command) = healthcheck.split_once("CMD ").unwrap();
    let mut command = exec_form(command);
    assert_eq!(command.remove(0), "/usr/local/bin/cognigate");
    assert!(matches!(started(GATE, command), Command::Healthcheck(_)));
}

#[cfg(feature = "emulator")]
#[test]
fn the_demos_image_runs_the_demo() {
    assert!(matches!(started(DEMO, exec_form(&only(DEMO, "CMD"))), Command::Demo(_)));
}

#[test]
fn both_images_are_the_binary_and_the_roots_for_nobody_in_particular() {
    for dockerfile in [GATE, DEMO] {
        let stages = stages(dockerfile);
        let [_, image] = stages.as_slice() else { panic!("{stages:?}") };
        assert_eq!(image[0], "FROM scratch");
        let copied: Vec<&str> = image.iter().filter_map(|line| line.strip_prefix("COPY ")).collect();
        let certificates = "/etc/ssl/certs/ca-certificates.crt";
        assert_eq!(
            copied,
            [
                format!("--from=builder {certificates} {certificates}"),
                "--from=builder /cognigate /usr/local/bin/cognigate".to_owned(),
            ]
        );
        assert!(!image.iter().any(|line| line.starts_with("ADD ") || line.starts_with("RUN ")));
        assert!(image.contains(&"USER 65532:65532".to_owned()));
    }
}

#[test]
fn the_demos_builder_begins_as_the_gates_so_that_it_is_built_once() {
    let (gate, demo) = (stages(GATE).remove(0), stages(DEMO).remove(0));
    assert_eq!(demo[..gate.len()], gate);
    assert_eq!(instructions(GATE)[0], instructions(DEMO)[0], "the base image");
}

#[test]
fn the_emulator_is_in_the_demos_image_only() {
    let builds = |dockerfile| -> Vec<String> {
        let builder = stages(dockerfile).remove(0);
        builder.into_iter().filter(|line| line.starts_with("RUN cargo build ")).collect()
    };
    let gate = builds(GATE);
    assert_eq!(gate.len(), 1);
    assert!(gate[0].contains(" --no-default-features ") && !gate[0].contains("--features "), "{gate:?}");
    assert!(builds(DEMO).last().unwrap().contains(" --features emulator "));
    for build in gate.into_iter().chain(builds(DEMO)) {
        assert!(build.contains(" --locked ") && build.contains(" --profile dist "), "{build}");
    }
}

#[test]
fn every_builder_can_build_them() {
    for dockerfile in [GATE, DEMO] {
        assert!(!dockerfile.to_lowercase().contains("# syntax"));
        for line in instructions(dockerfile) {
            for of_buildkit in ["--mount", "--link", "--chmod", "<<"] {
                assert!(!line.contains(of_buildkit), "{line}");
            }
        }
    }
}

#[test]
fn the_labels_are_those_of_the_package() {
    let label = |dockerfile, name: &str| {
        let labels = only(dockerfile, "LABEL");
        let (_, rest) = labels.split_once(&format!("org.opencontainers.image.{name}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let licenses = "MIT OR Apache-2.0";
    for dockerfile in [GATE, DEMO] {
        assert_eq!(label(dockerfile, "version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(label(dockerfile, "licenses"), licenses);
    }
    assert_eq!(env!("CARGO_PKG_LICENSE"), licenses);
    assert_eq!(label(GATE, "title"), env!("CARGO_PKG_NAME"));
    assert_eq!(label(GATE, "description"), env!("CARGO_PKG_DESCRIPTION"));
}

#[test]
fn the_builder_sees_the_source_and_nothing_that_could_be_a_secret() {
    let ignored = fs::read_to_string(Path::new(ROOT).join(".dockerignore")).unwrap();
    let rules: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rules, ["*", "!Cargo.lock", "!Cargo.toml", "!askama.toml", "!src"]);
}

#[test]
fn the_compose_files_run_the_images_of_this_version() {
    for file in ["compose.yaml", "compose.demo.yaml"] {
        let text = fs::read_to_string(Path::new(ROOT).join("deploy/compose").join(file)).unwrap();
        let mut seen = 0;
        for line in text.lines() {
            let Some(image) = line.trim().strip_prefix("image: ") else { continue };
            let (_, version) = image.split_once(':').unwrap();
            assert_eq!(version, env!("CARGO_PKG_VERSION"), "{file}: {image}");
            seen += 1;
        }
        assert_eq!(seen, text.matches("dockerfile: ").count(), "{file}: an image that nothing builds");
    }
}
