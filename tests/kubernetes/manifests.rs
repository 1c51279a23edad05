//! What the manifests say, without anything running.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Deploy, OVERLAYS, container, containers, find, pod, run, tools};
use crate::config::Given;
use crate::program::Program;

#[test]
fn every_overlay_keeps_the_schema_of_every_version_from_1_29_on() {
    let schemas = tools().join("venv/bin/python");
    let list = "import kubernetes_validate as k; print(*k.utils.all_versions())";
    let versions = run(Command::new(schemas).args(["-c", list]));
    let minor = |version: &str| version.split('.').nth(1).unwrap().parse::<u32>().unwrap();
    let versions: BTreeSet<u32> =
        versions.split_whitespace().map(minor).filter(|minor| *minor >= 29).collect();
    assert!(versions.first() == Some(&29) && versions.last() >= Some(&37), "{versions:?}");
    let deploy = Deploy::new("secret");
    let mut validate = Command::new(tools().join("venv/bin/kubernetes-validate"));
    validate.arg("--strict");
    for version in &versions {
        validate.args(["-k", &format!("1.{version}")]);
    }
    let mut resources = 0;
    for overlay in OVERLAYS {
        resources += deploy.render(overlay).len();
        validate.arg(deploy.path(overlay).join("rendered.yaml"));
    }
    let report = run(&mut validate);
    // A kind without a schema is a warning there, and no failure.
    let passed = report.lines().filter(|line| line.starts_with("INFO ") && line.contains(" passed for "));
    assert_eq!(passed.count(), resources * versions.len(), "{report}");
    assert!(resources > 20, "{resources} resources");
}

#[test]
fn the_validator_finds_what_no_version_knows() {
    let deploy = Deploy::new("secret");
    let wrong = deploy.yaml("example").replace("startupProbe:", "startUpProbe:");
    let file = deploy.path("wrong.yaml");
    fs::write(&file, wrong).unwrap();
    let mut validate = Command::new(tools().join("venv/bin/kubernetes-validate"));
    let output = validate.args(["--strict", "-k", "1.30"]).arg(file).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("'startUpProbe' was unexpected"));
}

#[test]
fn nothing_is_rendered_before_the_secrets_are_made() {
    let deploy = Deploy::without_secrets();
    let mut kubectl = Command::new(tools().join("kubectl"));
    let output = kubectl.arg("kustomize").arg(deploy.path("example")).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("client-secret"));
}

#[test]
fn a_deployment_without_the_label_is_left_alone() {
    let deploy = Deploy::new("secret");
    let app = deploy.path("example/app.yaml");
    let text = fs::read_to_string(&app).unwrap();
    let unlabelled = text.replace("  labels:\n    cognigate: inject\n", "");
    assert_ne!(unlabelled, text);
    fs::write(app, unlabelled).unwrap();
    let resources = deploy.render("example");
    let pod = pod(&resources);
    assert_eq!(containers(pod).len(), 1);
    // And then the Service has no pods, rather than pods without a gate.
    assert_ne!(pod["metadata"]["labels"]["cognigate"], "injected");
}

#[test]
fn the_sidecar_is_a_native_one_and_the_plain_container_is_not() {
    let deploy = Deploy::new("secret");
    let sidecar = deploy.render("example");
    let gate = &pod(&sidecar)["spec"]["initContainers"][0];
    assert_eq!((gate["name"].as_str(), gate["restartPolicy"].as_str()), (Some("cognigate"), Some("Always")));
    assert_eq!(gate["startupProbe"]["httpGet"]["path"], "/livez");
    let plain = deploy.render("plain");
    assert_eq!(pod(&plain)["spec"]["initContainers"], Value::Null);
    let mut gate = gate.clone();
    gate.as_object_mut().unwrap().remove("restartPolicy");
    assert_eq!(container(pod(&plain), "cognigate"), &gate, "the variants differ");
    assert_eq!(container(pod(&plain), "app"), container(pod(&sidecar), "app"));
}

#[test]
fn every_pod_fits_the_restricted_standard_and_has_no_token_of_the_cluster() {
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let pod = pod(&resources);
        let spec = &pod["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false, "{overlay}");
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{overlay}");
        assert_eq!(spec["securityContext"]["fsGroup"], 65532, "{overlay}");
        for container in containers(pod) {
            let context = &container["securityContext"];
            assert_eq!(context["runAsNonRoot"], true, "{overlay}: {container}");
            assert_eq!(context["allowPrivilegeEscalation"], false, "{overlay}: {container}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{overlay}: {container}");
            assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }), "{overlay}: {container}");
        }
        let gate = &container(pod, "cognigate")["securityContext"];
        assert_eq!((&gate["runAsUser"], &gate["runAsGroup"]), (&json!(65532), &json!(65532)), "{overlay}");
        for volume in spec["volumes"].as_array().unwrap() {
            assert_eq!(volume["projected"]["defaultMode"], 0o440, "{overlay}: {volume}");
        }
    }
}

#[test]
fn secrets_are_files_and_never_variables() {
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let gate = container(pod(&resources), "cognigate");
        assert_eq!((&gate["env"], &gate["envFrom"]), (&Value::Null, &Value::Null), "{overlay}");
        // A subPath would never be updated.
        let mounts = gate["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().all(|mount| mount["readOnly"] == true && mount["subPath"].is_null()));
        let settings = &find(&resources, "ConfigMap", "cognigate")["data"]["cognigate.toml"];
        let settings = settings.as_str().unwrap();
        assert!(!settings.contains("client_secret ") && !settings.contains("keys ="), "{settings}");
    }
}

#[test]
fn the_image_has_this_version() {
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let image = container(pod(&resources), "cognigate")["image"].as_str().unwrap();
        let expected = format!("registry.example.com/cognigate:{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(image, expected, "{overlay}");
    }
    for patch in ["sidecar/sidecar.yaml", "container/container.yaml", "standalone/deployment.yaml"] {
        let text = fs::read_to_string(deploy.path(patch)).unwrap();
        let image = format!("image: cognigate:{}\n", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&image), "{patch}");
    }
}

#[test]
fn the_end_leaves_time_for_the_load_balancer_and_the_drain() {
    let end = Given::minimal().config().shutdown;
    let drain = (end.drain_delay + end.timeout).as_secs();
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let spec = &pod(&resources)["spec"];
        for container in containers(pod(&resources)) {
            let sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
            assert!(sleep >= 5 && sleep + drain < spec["terminationGracePeriodSeconds"].as_u64().unwrap());
        }
    }
}

#[test]
fn only_the_stand_alone_gate_is_told_where_it_may_go() {
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let policy = &find(&resources, "NetworkPolicy", "cognigate")["spec"];
        let kinds = if overlay == "standalone" { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
        assert_eq!(policy["policyTypes"], kinds, "{overlay}");
        // Everybody who may come has a name, and a port.
        for rule in policy["ingress"].as_array().unwrap() {
            assert!(!rule["from"].as_array().unwrap().is_empty(), "{overlay}: {rule}");
            let ports = rule["ports"].as_array().unwrap().iter().map(|port| port["port"].as_u64().unwrap());
            assert!(ports.into_iter().all(|port| [8080, 9090].contains(&port)), "{overlay}: {rule}");
        }
    }
    let standalone = deploy.render("standalone");
    let app = &find(&standalone, "NetworkPolicy", "app-behind-cognigate")["spec"];
    let gate = &pod(&standalone)["metadata"]["labels"];
    assert_eq!(app["ingress"].as_array().unwrap().len(), 1);
    assert_eq!(&app["ingress"][0]["from"], &json!([{ "podSelector": { "matchLabels": gate } }]));
}

#[test]
fn selectors_find_the_pod_with_the_gate() {
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let labels = pod(&resources)["metadata"]["labels"].as_object().unwrap();
        for (kind, selector) in [
            ("Service", "/spec/selector"),
            ("PodDisruptionBudget", "/spec/selector/matchLabels"),
            ("NetworkPolicy", "/spec/podSelector/matchLabels"),
        ] {
            let selector = find(&resources, kind, "cognigate").pointer(selector).unwrap();
            let selector = selector.as_object().unwrap();
            assert!(!selector.is_empty(), "{overlay}: {kind}");
            assert!(selector.iter().all(|(key, value)| labels.get(key) == Some(value)), "{overlay}: {kind}");
        }
    }
}

#[test]
fn every_configuration_is_one_that_the_gate_starts_with() {
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let folder = tempfile::tempdir().unwrap();
        super::mount(&resources, pod(&resources), "cognigate", folder.path());
        let file = folder.path().join("cognigate.toml");
        let (code, out, err) = Program::new(&["check", "--config", file.to_str().unwrap()]).run();
        assert_eq!((code, err.as_str()), (0, ""), "{overlay}");
        assert!(out.contains("client_secret = \"[redacted]\""), "{overlay}: {out}");
        assert!(out.contains("keys = [\"[redacted]\"]"), "{overlay}: {out}");
    }
}
