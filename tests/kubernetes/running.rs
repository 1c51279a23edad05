//! The rendered pods, run here: the gate and the app as processes, the volumes as the kubelet lays them out.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cognigate::config::Key;
use serde_json::Value;
use tempfile::TempDir;

use super::{Deploy, OVERLAYS, container, containers, find, mount, pod, tools};
use crate::program::{Program, Running};
use crate::support::visitor::{Visitor, text};
use crate::support::wire::{eventually, exchange, status};
use crate::support::{Stage, ready};

const PUBLIC_URL: &str = "http://localhost:8080";
/// What the example's settings say, so that the emulator is what has to fit.
const POOL: &str = "eu-west-1_AbCdEfGhI";
const CLIENT: &str = "1h57kf5cpq17m0eml12example";

/// A pod's two containers as processes, and an emulator where the manifests have Cognito.
struct RunningPod {
    resources: Vec<Value>,
    stage: Stage,
    _gate: Running,
    address: SocketAddr,
    admin: SocketAddr,
    _app: App,
    _volume: TempDir,
}

/// Killed when dropped.
struct App(Child);

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl RunningPod {
    async fn start(overlay: &str) -> Self {
        let stage = Stage::with(|setup| {
            setup.real_time().public_url(PUBLIC_URL).pool(|pool| {
                pool.pool_id = POOL.to_owned();
                pool.clients[0].id = CLIENT.to_owned();
            })
        })
        .await;
        let setting = |key: &str| stage.flags().iter().find(|(name, _)| name == key).unwrap().1.as_str();
        let resources = Deploy::new(setting("cognito.client_secret")).render(overlay);
        let port = free_port();
        let app = App::start(container(pod(&resources), "app"), port);
        let volume = tempfile::tempdir().unwrap();
        mount(&resources, pod(&resources), "cognigate", volume.path());
        let gate = container(pod(&resources), "cognigate");
        // What differs from the cluster: where things are.
        let mut program = Program::new(&arguments(gate, volume.path()).each_ref().map(String::as_str));
        for (key, value) in [
            ("cognito.domain", setting("cognito.domain")),
            ("cognito.jwks_url", setting("cognito.jwks_url")),
            ("upstream", &format!("http://127.0.0.1:{port}")),
            ("listen.address", "127.0.0.1:0"),
            ("admin.address", "127.0.0.1:0"),
        ] {
            program.command.arg(format!("--set={key}={value}"));
        }
        let gate = program.start();
        let line: Value = serde_json::from_str(&gate.prints(&["\"message\":\"serving\""])).unwrap();
        let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
        let (address, admin) = (address("address"), address("admin"));
        ready(admin).await;
        Self { resources, stage, _gate: gate, address, admin, _app: app, _volume: volume }
    }

    async fn probe(&self, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 10.0.0.7:9090\r\nConnection: close\r\n\r\n");
        status(&exchange(self.admin, request.into_bytes()).await)
    }
}

impl App {
    /// The app's container, whose port is moved, by this machine's Python.
    fn start(container: &Value, port: u16) -> Self {
        let python = tools().join("venv/bin/python");
        let mut command = strings(&container["command"]).into_iter();
        assert_eq!(command.next(), Some("python3"));
        let arguments = strings(&container["args"]).into_iter().map(|text| {
            assert!(text.contains("(\"127.0.0.1\", 3000)"), "it is not the loopback interface: {text}");
            text.replace("3000", &port.to_string())
        });
        let mut app = Command::new(python);
        app.args(command).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        Self(app.spawn().unwrap())
    }
}

/// What the container is started with, its mount being elsewhere.
fn arguments(gate: &Value, volume: &Path) -> [String; 3] {
    assert_eq!(gate["volumeMounts"][0]["mountPath"], "/etc/cognigate");
    let [command, flag, file] = strings(&gate["args"])[..] else { panic!("other arguments: {gate}") };
    // The file's own place decides where its secrets are.
    let moved = volume.join(file.strip_prefix("/etc/cognigate/").unwrap());
    [command.to_owned(), flag.to_owned(), moved.into_os_string().into_string().unwrap()]
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn the_examples_pod_signs_somebody_in_and_every_probe_of_it_succeeds() {
    let running = RunningPod::start("example").await;
    eventually("the app listens", || async { running.probe("/upstream/healthz").await == 200 }).await;
    let mut probed = 0;
    for container in containers(pod(&running.resources)) {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let Some(path) = container[probe]["httpGet"]["path"].as_str() else { continue };
            assert_eq!(running.probe(path).await, 200, "{probe} {path}");
            probed += 1;
        }
    }
    assert_eq!(probed, 4);
    let mut alice = Visitor::new(PUBLIC_URL, running.address, running.stage.cognito_address);
    let page = alice.sign_in("alice", "/hello?month=5").await;
    assert_eq!(page.status(), 200);
    let shown = text(&page);
    assert!(
        shown.contains("X-Forwarded-Email: alice@") || shown.contains("x-forwarded-email: alice@"),
        "{shown}"
    );
    let bearer = shown.lines().find_map(|line| line.strip_prefix("Authorization: ")?.split(' ').next());
    assert!(bearer.unwrap().parse::<u32>().unwrap() > 500, "{shown}");
}

#[tokio::test]
async fn the_app_is_not_ready_where_it_does_not_answer_and_the_gate_still_is() {
    let running = RunningPod::start("plain").await;
    let RunningPod { _app, admin, .. } = &running;
    eventually("the app listens", || async { running.probe("/upstream/healthz").await == 200 }).await;
    let id = _app.0.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    assert_eq!(running.probe("/upstream/healthz").await, 503);
    assert_eq!(running.probe("/livez").await, 200);
    assert_eq!(running.probe("/readyz").await, 200);
    assert!(TcpStream::connect(admin).is_ok());
}

#[test]
fn every_port_that_a_manifest_names_is_one_that_the_gate_listens_on() {
    let deploy = Deploy::new("secret");
    for overlay in OVERLAYS {
        let resources = deploy.render(overlay);
        let folder = tempfile::tempdir().unwrap();
        mount(&resources, pod(&resources), "cognigate", folder.path());
        let file = folder.path().join("cognigate.toml");
        let (_, settings, _) = Program::new(&["check", "--config", file.to_str().unwrap()]).run();
        let settings: toml::Table = settings.parse().unwrap();
        let port = |section: &str| {
            let address: SocketAddr = settings[section]["address"].as_str().unwrap().parse().unwrap();
            // The kubelet and the Service come to the pod's own address.
            assert!(address.ip().is_unspecified(), "{overlay}: {section}.address");
            Value::from(address.port())
        };
        let (listen, admin) = (port("listen"), port("admin"));
        let gate = container(pod(&resources), "cognigate");
        let named = |name: &str| {
            let ports = gate["ports"].as_array().unwrap();
            &ports.iter().find(|port| port["name"] == name).unwrap()["containerPort"]
        };
        assert_eq!((named("gate"), named("gate-admin")), (&listen, &admin), "{overlay}");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert_eq!(gate[probe]["httpGet"]["port"], "gate-admin", "{overlay}");
        }
        let service = &find(&resources, "Service", "cognigate")["spec"]["ports"];
        assert_eq!(service[0]["targetPort"], listen, "{overlay}");
        let upstream = settings["upstream"].as_str().unwrap();
        if overlay == "standalone" {
            let policy = &find(&resources, "NetworkPolicy", "app-behind-cognigate")["spec"]["ingress"][0];
            assert!(upstream.ends_with(&format!(":{}", policy["ports"][0]["port"])), "{upstream}");
        } else {
            assert!(upstream.starts_with("http://127.0.0.1:"), "{overlay}: {upstream}");
            assert_eq!(container(pod(&resources), "app")["readinessProbe"]["httpGet"]["port"], admin);
        }
    }
}

#[test]
fn the_load_balancer_asks_a_probe_and_serves_what_browsers_see() {
    let resources = Deploy::new("secret").render("eks");
    let ingress = find(&resources, "Ingress", "cognigate");
    let annotation = |name: &str| {
        let name = format!("alb.ingress.kubernetes.io/{name}");
        ingress["metadata"]["annotations"][name.as_str()].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (annotation("healthcheck-port").as_str(), annotation("healthcheck-path").as_str()),
        ("9090", "/readyz")
    );
    let ports: Value = serde_json::from_str(&annotation("listen-ports")).unwrap();
    assert_eq!(ports[1]["HTTPS"], 443);
    let rule = &ingress["spec"]["rules"][0];
    let settings = find(&resources, "ConfigMap", "cognigate")["data"]["cognigate.toml"].as_str().unwrap();
    let host = rule["host"].as_str().unwrap();
    assert!(settings.contains(&format!("public_url = \"https://{host}\"")), "{settings}");
    let backend = &rule["http"]["paths"][0]["backend"]["service"];
    let service = find(&resources, "Service", backend["name"].as_str().unwrap());
    assert_eq!(service["spec"]["ports"][0]["name"], backend["port"]["name"]);
    // The gate closes a connection that is idle for this long; the one in front has to be quicker.
    let default = Key::named("limits.idle_timeout").unwrap().default;
    assert_eq!(default, Some("\"75s\""));
    let idle = annotation("load-balancer-attributes");
    let idle: u32 = idle.strip_prefix("idle_timeout.timeout_seconds=").unwrap().parse().unwrap();
    assert!(idle < 75, "{idle}");
}
