//! Who can read the memory of a gate that runs: nobody without privileges, unless it is told otherwise.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{ALONE, GateProcess};
use crate::program::Program;

/// Whom the images run the gate as.
const USER: u32 = 65532;
const SENTINEL: &str = "SENTINEL-of-the-environment";

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The same for the gate and for the other process of its user: where the tests run as root, a user without privileges.
fn without_privileges(command: &mut Command) -> &mut Command {
    if is_root() { command.uid(USER).gid(USER) } else { command }
}

/// The program and its configuration where a user without privileges can read them.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("cognigate");
    fs::copy(assert_cmd::cargo::cargo_bin!("cognigate"), &program).unwrap();
    fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
    let config = folder.path().join("alone.toml");
    fs::write(&config, ALONE).unwrap();
    fs::set_permissions(config, Permissions::from_mode(0o644)).unwrap();
    folder
}

/// The program, to be run without privileges.
fn program(folder: &TempDir, arguments: &[&str]) -> Program {
    let mut program = Program::new(&[]);
    let mut command = Command::new(folder.path().join("cognigate"));
    command.env_clear().env("SENTINEL", SENTINEL).current_dir("/").stdin(Stdio::null());
    command.args(arguments).arg("--config").arg(folder.path().join("alone.toml"));
    without_privileges(&mut command);
    program.command = command;
    program
}

/// What another process of the same user reads of `/proc/PID/NAME`.
fn read_by_the_same_user(gate: &GateProcess, name: &str) -> (bool, String) {
    let path = PathBuf::from(format!("/proc/{}/{name}", gate.process.id()));
    let output = without_privileges(Command::new("head").args(["-c", "100000"]).arg(path)).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn core_limit(gate: &GateProcess) -> String {
    let limits = fs::read_to_string(format!("/proc/{}/limits", gate.process.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn case_117_another_process_of_the_same_user_cannot_read_the_memory_of_the_gate() {
    let folder = folder();
    let gate = GateProcess::of(program(&folder, &["run"]).start());
    for name in ["environ", "mem", "auxv"] {
        let (read, text) = read_by_the_same_user(&gate, name);
        assert!(!read && text.contains("Permission denied"), "{name}: {text}");
    }
    let environ = fs::metadata(format!("/proc/{}/environ", gate.process.id())).unwrap();
    assert_eq!(environ.uid(), 0, "what is not dumpable belongs to root");
    assert_eq!(core_limit(&gate), "0");
}

#[test]
fn case_117_where_process_dumpable_says_so_it_can_be_read_as_by_a_debugger() {
    let folder = folder();
    let gate = GateProcess::of(program(&folder, &["run", "--set=process.dumpable=true"]).start());
    let (read, text) = read_by_the_same_user(&gate, "environ");
    assert!(read && text.contains(SENTINEL), "{text}");
}

#[test]
fn case_117_the_process_still_reads_what_the_kernel_says_of_itself() {
    let folder = folder();
    let (code, _, err) = program(&folder, &["check", "--set=session.keys_file=/nowhere/keys"]).run();
    let uid = if is_root() { USER } else { fs::metadata("/proc/self").unwrap().uid() };
    // From /proc/self/status.
    assert!(code == 64 && err.contains(&format!("cannot be read by user id {uid}: ")), "{err}");
}
