//! What the builder makes of the Dockerfiles: how large, what is inside, and what it does.

use std::process::Command;

use super::engine::{DEMO, GATE, builder, docker, images, inspect, output};

/// The files of an image; the engine itself adds empty ones of its own to each container.
fn files(image: &str) -> Vec<String> {
    let container = docker(&["create", image]);
    let list = format!("docker export {container} | tar -t");
    let listed = Command::new("sh").args(["-c", &list]).output().unwrap();
    docker(&["rm", &container]);
    let names = String::from_utf8(listed.stdout).unwrap();
    let of_the_engine =
        [".dockerenv", "dev/", "proc/", "sys/", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"];
    let ours = |name: &&str| !name.ends_with('/') && !of_the_engine.iter().any(|file| name.starts_with(file));
    names.lines().filter(ours).map(str::to_owned).collect()
}

#[test]
fn both_are_a_binary_and_the_roots_in_15_megabytes_at_most() {
    images();
    for image in [GATE, DEMO] {
        let size = inspect(image)["Size"].as_u64().unwrap();
        assert!(size <= 15_000_000, "{image} has {size} bytes");
        assert_eq!(files(image), ["etc/ssl/certs/ca-certificates.crt", "usr/local/bin/cognigate"], "{image}");
    }
}

#[test]
fn both_are_nobody_in_particular_and_the_gates_asks_it_how_it_is() {
    images();
    for image in [GATE, DEMO] {
        let config = &inspect(image)["Config"];
        assert_eq!(config["User"], "65532:65532", "{image}");
        assert_eq!(config["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    }
    let healthcheck = &inspect(GATE)["Config"]["Healthcheck"]["Test"];
    assert_eq!(*healthcheck, serde_json::json!(["CMD", "/usr/local/bin/cognigate", "healthcheck"]));
}

#[test]
fn what_the_gates_builder_made_is_not_made_again_for_the_demo() {
    images();
    let layers = docker(&["history", "--quiet", "--no-trunc", &builder(DEMO)]);
    let gate = inspect(&builder(GATE))["Id"].as_str().unwrap().to_owned();
    assert!(layers.lines().any(|layer| layer == gate), "{gate} is not among\n{layers}");
}

#[test]
fn the_gates_has_no_emulator_and_the_demos_has() {
    images();
    for (image, code) in [(GATE, 64), (DEMO, 0)] {
        for command in ["emulate", "demo", "sample-app"] {
            let ended = output(&["run", "--rm", image, command, "--help"]);
            assert_eq!(ended.status.code(), Some(code), "{image} {command}");
        }
    }
}

#[test]
fn the_binary_needs_nothing_of_the_container() {
    images();
    let confined =
        ["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    let words = [&["run", "--rm"], &confined[..], &[GATE, "keys", "new"]].concat();
    assert_eq!(docker(&words).len(), 44, "32 bytes in base64");
}

#[test]
fn the_linter_finds_nothing() {
    let linted = Command::new("hadolint")
        .args(["docker/Dockerfile", "docker/Dockerfile.demo"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("there is no hadolint here: run these tests by tests/docker/engine");
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
}
