//! The Kubernetes manifests, rendered by the real kustomize, against the schemas of every version and the running gate.

mod manifests;
mod page;
mod running;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::TEST_KEY;

/// What can be applied as it is; the others are its parts.
const OVERLAYS: [&str; 4] = ["example", "eks", "standalone", "plain"];

/// Where `kubectl`, `kubernetes-validate` and a Python with YAML are.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubernetes/tools");
        // What goes wrong is told on standard error, which is the test's.
        let made = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(made.status.success(), "the tools could not be made: {}", made.status);
        PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
    })
}

/// A copy of deploy/kubernetes, with the secrets that the pages tell to make.
struct Deploy(TempDir);

impl Deploy {
    fn new(client_secret: &str) -> Self {
        let deploy = Self::without_secrets();
        for overlay in ["example", "standalone", "plain"] {
            fs::write(deploy.path(overlay).join("client-secret"), client_secret).unwrap();
            fs::write(deploy.path(overlay).join("session-keys"), format!("{TEST_KEY}\n")).unwrap();
        }
        deploy
    }

    /// With an overlay `plain` that has the plain container, as a comment of the example says.
    fn without_secrets() -> Self {
        let deploy = Self(tempfile::tempdir().unwrap());
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes");
        copy(&from, &deploy.path(""));
        fs::create_dir(deploy.path("plain")).unwrap();
        let example = fs::read_to_string(deploy.path("example/kustomization.yaml")).unwrap();
        let plain = example.replace("../sidecar # or ../container", "../container");
        assert_ne!(plain, example);
        fs::write(deploy.path("plain/kustomization.yaml"), plain).unwrap();
        for file in ["app.yaml", "namespace.yaml", "cognigate.toml"] {
            fs::copy(deploy.path("example").join(file), deploy.path("plain").join(file)).unwrap();
        }
        deploy
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join("deploy/kubernetes").join(below)
    }

    /// What `kubectl kustomize` makes of an overlay, as YAML.
    fn yaml(&self, overlay: &str) -> String {
        let mut kubectl = Command::new(tools().join("kubectl"));
        run(kubectl.arg("kustomize").arg(self.path(overlay)))
    }

    /// The same as values, one a resource.
    fn render(&self, overlay: &str) -> Vec<Value> {
        let file = self.path(overlay).join("rendered.yaml");
        fs::write(&file, self.yaml(overlay)).unwrap();
        const TO_JSON: &str =
            "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
        let json = run(Command::new(tools().join("venv/bin/python")).args(["-c", TO_JSON]).arg(file));
        serde_json::from_str(&json).unwrap()
    }
}

/// Standard output of a command that must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if !["client-secret", "session-keys"].contains(&entry.file_name().to_str().unwrap()) {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The one resource of this kind, and of this name without kustomize's hash.
fn find<'a>(resources: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_named = |resource: &&Value| {
        let found = resource["metadata"]["name"].as_str().unwrap();
        let hashed = found.strip_prefix(name).is_some_and(|rest| rest.len() == 11 && rest.starts_with('-'));
        resource["kind"] == kind && (found == name || hashed)
    };
    let mut found = resources.iter().filter(is_named);
    let first = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "two {kind} {name}");
    first
}

/// The pod with the gate in it.
fn pod(resources: &[Value]) -> &Value {
    let mut deployments = resources.iter().filter(|resource| resource["kind"] == "Deployment");
    let deployment = deployments.next().unwrap();
    assert!(deployments.next().is_none());
    &deployment["spec"]["template"]
}

/// Every container of a pod, native sidecars too.
fn containers(pod: &Value) -> Vec<&Value> {
    let lists = ["initContainers", "containers"].map(|list| pod["spec"][list].as_array());
    lists.into_iter().flatten().flatten().collect()
}

fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    containers(pod).into_iter().find(|container| container["name"] == name).unwrap()
}

/// Lays out a pod's volume as the kubelet does: each file a link to `..data`, which is a link to what holds it.
fn mount(resources: &[Value], pod: &Value, volume: &str, folder: &Path) {
    let data = folder.join("..2026_11_23");
    fs::create_dir(&data).unwrap();
    symlink("..2026_11_23", folder.join("..data")).unwrap();
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let volume = volumes.iter().find(|candidate| candidate["name"] == volume).unwrap();
    let put = |name: &str, bytes: &[u8]| {
        fs::write(data.join(name), bytes).unwrap();
        // The manifests' `defaultMode`.
        fs::set_permissions(data.join(name), Permissions::from_mode(0o440)).unwrap();
        symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
    };
    for source in volume["projected"]["sources"].as_array().unwrap() {
        let named = |kind: &str| source[kind]["name"].as_str();
        if let Some(name) = named("configMap") {
            for (file, text) in find(resources, "ConfigMap", name)["data"].as_object().unwrap() {
                put(file, text.as_str().unwrap().as_bytes());
            }
        } else {
            let secret = find(resources, "Secret", named("secret").unwrap());
            for (file, text) in secret["data"].as_object().unwrap() {
                put(file, &STANDARD.decode(text.as_str().unwrap()).unwrap());
            }
        }
    }
}
