//! docs/kubernetes.md: its commands are run, those that need a cluster or a registry excepted.

use std::env;
use std::fs;
use std::process::Command;

use super::{Deploy, find, tools};

const PAGE: &str = include_str!("../../docs/kubernetes.md");

/// What cannot be run here. Each is looked at in the tests below instead.
const NOT_HERE: [&str; 9] = [
    "docker build -t registry.example.com/cognigate:0.1.0 -f docker/Dockerfile .",
    "docker push registry.example.com/cognigate:0.1.0",
    "kubectl apply -k .",
    "kubectl -n my-app rollout status deployment/app",
    "kubectl -n my-app port-forward service/cognigate 8080:80",
    "kubectl -n my-app port-forward deployment/app 9090",
    "curl http://127.0.0.1:9090/readyz",
    "curl http://127.0.0.1:9090/upstream/healthz",
    "kubectl apply -k ../eks",
];

/// The lines of its shell blocks, in order.
fn commands() -> Vec<&'static str> {
    let blocks = PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).collect()
}

#[test]
fn every_command_that_needs_no_cluster_works_as_it_stands() {
    let deploy = Deploy::without_secrets();
    let programs = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("cognigate"), programs.path().join("cognigate"))
        .unwrap();
    std::os::unix::fs::symlink(tools().join("kubectl"), programs.path().join("kubectl")).unwrap();
    let (here, not_here): (Vec<&str>, Vec<&str>) =
        commands().into_iter().partition(|command| !NOT_HERE.contains(command));
    assert_eq!(not_here, NOT_HERE);
    assert_eq!(here.len(), 7, "{here:?}");
    let path = env::join_paths(
        [programs.path().to_owned()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("sh");
    let output = shell
        .args(["-eu", "-c", &here.join("\n")])
        .env_clear()
        .env("PATH", path.unwrap())
        .current_dir(deploy.0.path())
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{out}\n{err}");
    // Both checks and both renderings said something.
    assert_eq!(out.matches("[redacted]").count(), 4, "{out}");
    assert_eq!(out.matches("\nkind: Deployment\n").count(), 2, "{out}");
}

#[test]
fn what_the_other_commands_name_is_in_the_manifests() {
    let resources = Deploy::new("secret").render("example");
    for kind_and_name in [("Deployment", "app"), ("Service", "cognigate")] {
        let resource = find(&resources, kind_and_name.0, kind_and_name.1);
        assert_eq!(resource["metadata"]["namespace"], "my-app");
    }
    find(&resources, "Namespace", "my-app");
    let service = &find(&resources, "Service", "cognigate")["spec"]["ports"];
    assert_eq!(service[0]["port"], 80);
    let settings = find(&resources, "ConfigMap", "cognigate")["data"]["cognigate.toml"].as_str().unwrap();
    assert!(settings.contains("public_url = \"http://localhost:8080\""), "{settings}");
    let image = &super::container(super::pod(&resources), "cognigate")["image"];
    assert_eq!(image, "registry.example.com/cognigate:0.1.0");
}

#[test]
fn the_page_is_two_screens_at_most_and_shows_every_folder() {
    assert!(PAGE.lines().count() <= 100, "{} lines", PAGE.lines().count());
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kubernetes")).unwrap();
    for folder in folders {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(name == "common" || PAGE.contains(&format!("| `{name}` | ")), "{name}");
    }
}
