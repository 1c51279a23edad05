//! What the containers of both compose files may do, and how they end.

use serde_json::json;

use super::engine::Project;

fn are_confined(project: &Project, services: &[&str]) {
    for service in services {
        let container = project.container(service);
        let host = &container["HostConfig"];
        assert_eq!(container["Config"]["User"], "65532:65532", "{service}");
        assert_eq!(host["ReadonlyRootfs"], true, "{service}");
        assert_eq!(host["CapDrop"], json!(["ALL"]), "{service}");
        assert_eq!(host["CapAdd"], json!(null), "{service}");
        assert_eq!(host["SecurityOpt"], json!(["no-new-privileges:true"]), "{service}");
        assert_eq!(host["Privileged"], false, "{service}");
        assert_eq!(container["State"]["Health"]["Status"], "healthy", "{service}");
        for mount in container["Mounts"].as_array().unwrap() {
            assert_eq!(mount["RW"], false, "{service}: {mount}");
        }
    }
}

/// Told to stop, each ends by itself and well.
fn end_well(project: &Project, services: &[&str]) {
    project.compose(&["stop"]);
    for service in services {
        assert_eq!(project.container(service)["State"]["ExitCode"], 0, "{service}");
    }
}

#[test]
fn the_demos_containers_are_confined_healthy_and_end_well() {
    let project = Project::demo();
    let services = ["gate", "emulator", "app"];
    are_confined(&project, &services);
    for service in ["gate", "emulator"] {
        let ports = &project.container(service)["HostConfig"]["PortBindings"];
        for binding in ports.as_object().unwrap().values().flat_map(|all| all.as_array().unwrap()) {
            assert_eq!(binding["HostIp"], "127.0.0.1", "{service}: the demo is for this machine alone");
        }
    }
    end_well(&project, &services);
}

#[test]
fn the_front_doors_containers_are_confined_healthy_restarted_and_end_well() {
    let project = Project::front_door();
    let services = ["gate", "app"];
    are_confined(&project, &services);
    for service in services {
        let host = &project.container(service)["HostConfig"];
        assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped", "{service}");
        assert_eq!(host["LogConfig"]["Type"], "local", "{service}: its log grows for ever");
    }
    end_well(&project, &services);
}
