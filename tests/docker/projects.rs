//! Both compose files, up and healthy: signing in and out, and no way to the app but the gate.

use std::net::TcpStream;

use serde_json::Value;

use super::engine::{DEMO, Project, inspect, output};
use crate::support::visitor::{Visitor, json, location, text};

/// In and out again, as a browser.
async fn in_and_out(mut browser: Visitor) {
    assert_eq!(browser.fetch("/api/time").await.status(), 401, "without a session");
    let page = browser.sign_in("alice", "/deep/link?with=query").await;
    let html = text(&page);
    assert_eq!(page.status(), 200, "{html}");
    assert!(html.contains("alice@example.com") && html.contains("with=query"), "{html}");
    assert!(html.contains("x-forwarded-user"), "the app was not told who it is: {html}");
    let user = json(&browser.fetch("/oauth2/userinfo").await)["sub"].clone();
    assert!(user.is_string());
    assert_eq!(json(&browser.fetch("/api/time").await)["user"], user);

    let mut answer = browser.navigate("/oauth2/sign_out").await;
    assert!(location(&answer).starts_with("http://127.0.0.1:9400/logout?"), "{answer:?}");
    while answer.status().is_redirection() {
        answer = browser.follow(&answer).await;
    }
    let page = text(&answer);
    assert!(page.to_lowercase().contains("signed out"), "{page}");
    assert_eq!(browser.fetch("/api/time").await.status(), 401, "after the sign-out");
}

#[tokio::test]
async fn the_demo_signs_in_and_out() {
    let project = Project::demo();
    in_and_out(project.visitor()).await;
    // It was told of the sign-out too, by the container's name.
    let mut browser = project.visitor();
    browser.navigate("http://127.0.0.1:9400/_emulator/wait?endpoint=revoke&count=1").await;
    let last = text(&browser.navigate("http://127.0.0.1:9400/_emulator/last?endpoint=revoke").await);
    assert!(last.contains("emulator:9400"), "{last}");
}

#[tokio::test]
async fn the_front_door_signs_in_and_out_by_secrets_that_are_files() {
    let project = Project::front_door();
    in_and_out(project.visitor()).await;
    let gate = project.container("gate").to_string();
    for secret in ["demo-secret", crate::support::TEST_KEY] {
        assert!(!gate.contains(secret), "whoever may look at the container sees a secret");
    }
}

/// How `cognigate healthcheck --url` ends in a new container on one network of the project, and what it says.
fn asked_on(network: &str, url: &str) -> (Option<i32>, String) {
    // A name that the engine does not know is one for the machine's resolver, which may take its time.
    let impatient = ["--dns-opt", "timeout:1", "--dns-opt", "attempts:1"];
    let asked = [DEMO, "healthcheck", "--url", url];
    let ended = output(&[&["run", "--rm", "--network", network], &impatient[..], &asked[..]].concat());
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// What nobody but the gate can do, whichever file is up.
fn the_app_is_reached_through_the_gate_only(project: &Project, name: &str) {
    let app = project.container("app");
    let networks = app["NetworkSettings"]["Networks"].as_object().unwrap();
    let (inside, outside) = (format!("{name}_inside"), format!("{name}_outside"));
    assert_eq!(networks.keys().collect::<Vec<_>>(), [&inside]);
    let address = networks[&inside]["IPAddress"].as_str().unwrap();
    let by_address = format!("http://{address}:3000/");
    let by_name = "http://app:3000/";

    // From the machine: nothing is published.
    let published = app["NetworkSettings"]["Ports"].as_object().unwrap();
    assert!(published.values().all(Value::is_null), "{published:?}");
    assert!(TcpStream::connect(("127.0.0.1", 3000)).is_err());
    // From beside the gate: there is no such name, and no way.
    let (code, says) = asked_on(&outside, by_name);
    assert_eq!(code, Some(1), "{says}");
    assert!(says.contains("lookup"), "{says}");
    let (code, says) = asked_on(&outside, &by_address);
    assert_eq!(code, Some(1), "{says}");
    // That it would be seen: the gate reaches it by both, and so does whoever is let in.
    for url in [by_name, &by_address] {
        project.compose(&["exec", "-T", "gate", "cognigate", "healthcheck", "--url", url]);
        assert_eq!(asked_on(&inside, url), (Some(0), String::new()));
    }
    // Nor does the app get out: not past the machine, and not to the gate's network.
    assert_eq!(inspect(&inside)["Internal"], true);
    let emulator = project.container("emulator");
    let address = emulator["NetworkSettings"]["Networks"][&outside]["IPAddress"].as_str().unwrap();
    let counters = format!("http://{address}:9400/_emulator/counters");
    assert_eq!(asked_on(&outside, &counters).0, Some(0));
    let ended =
        project.compose_output(&["exec", "-T", "app", "cognigate", "healthcheck", "--url", &counters]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
}

#[test]
fn the_demos_app_is_reached_through_the_gate_only() {
    the_app_is_reached_through_the_gate_only(&Project::demo(), "cognigate-demo");
}

#[test]
fn the_front_doors_app_is_reached_through_the_gate_only() {
    the_app_is_reached_through_the_gate_only(&Project::front_door(), "cognigate");
}
