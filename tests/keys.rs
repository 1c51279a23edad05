//! `cognigate keys` and the file of a key ring.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use cognigate::config::{Config, Sources};
use tempfile::TempDir;

use crate::program::Program;

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OLDER: &str = "HxAREhMUFRYXGBkaGxwdHgABAgMEBQYHCAkKCwwNDg8=";

/// A folder with the file of a ring, which only its owner reads.
struct Ring {
    folder: TempDir,
}

impl Ring {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("keys"), text).unwrap();
        let ring = Self { folder };
        fs::set_permissions(ring.path(), Permissions::from_mode(0o440)).unwrap();
        ring
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.path()).unwrap().lines().map(str::to_owned).collect()
    }

    /// What else lies in the folder.
    fn beside(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "keys").collect()
    }
}

fn run(arguments: &[&str], file: &Path) -> (i32, String, String) {
    Program::new(&[&["keys"], arguments, &[file.to_str().unwrap()]].concat()).run()
}

/// The ids and roles that a listing shows.
fn listed(out: &str) -> Vec<(String, String)> {
    out.lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(id, role)| (id.into(), role.into()))
        .collect()
}

#[test]
fn rotate_puts_a_new_key_in_front_and_keeps_owner_and_mode() {
    let ring = Ring::new(&format!("{OLD}\n\n  {OLDER}\n"));
    let before = fs::metadata(ring.path()).unwrap();
    let (code, out, err) = run(&["rotate"], &ring.path());
    assert_eq!((code, err.as_str()), (0, ""));
    let lines = ring.lines();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1..], [OLD, OLDER]);
    assert!(!lines[0].is_empty() && !out.contains(&lines[0]), "a key is printed: {out}");
    let after = fs::metadata(ring.path()).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    // A new file, so that whoever holds the old one reads it to its end.
    assert_ne!(after.ino(), before.ino());
    assert!(ring.beside().is_empty());
    let (_, now, _) = run(&["list"], &ring.path());
    assert_eq!(now, out);
    let roles: Vec<_> = listed(&now).into_iter().map(|(_, role)| role).collect();
    assert_eq!(roles, ["seals and opens", "opens", "opens"]);
}

#[test]
fn the_three_steps_add_promote_and_retire() {
    let ring = Ring::new(&format!("{OLD}\n"));
    let step = |name: &str| {
        let (code, out, err) = run(&["rotate", "--step", name], &ring.path());
        assert_eq!((code, err.as_str()), (0, ""), "{name}");
        listed(&out)
    };
    let added = step("add");
    assert_eq!(ring.lines()[0], OLD, "the new key does not seal yet");
    let new = ring.lines()[1].clone();
    let promoted = step("promote");
    assert_eq!(ring.lines(), [new.clone(), OLD.to_owned()]);
    assert_eq!(promoted[0].0, added[1].0, "an id goes with its key");
    step("retire");
    assert_eq!(ring.lines(), [new]);
    for (name, told) in [("retire", "which is the one that seals"), ("promote", "--step add")] {
        let before = ring.lines();
        let (code, out, err) = run(&["rotate", "--step", name], &ring.path());
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains("cannot be changed: it has one key") && err.contains(told), "{err}");
        assert_eq!(ring.lines(), before);
        assert!(ring.beside().is_empty());
    }
}

#[test]
fn what_a_link_leads_to_is_rotated_and_the_link_stays() {
    let ring = Ring::new(OLD);
    let link = ring.folder.path().join("link");
    symlink("keys", &link).unwrap();
    assert_eq!(run(&["rotate"], &link).0, 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(ring.lines().len(), 2);
}

#[test]
fn a_file_that_is_no_ring_stays_as_it_is_and_the_message_has_its_line_and_no_key() {
    for (text, told) in [
        (format!("{OLD}\nnot a key\n"), "line 2: this is not base64"),
        (format!("{OLD}\nAAAA\n"), "line 2: this must be 32 bytes in base64, but is 3"),
        (format!("{OLD}\n\n{OLD}\n"), "lines 1 and 3 have the same key"),
        ("\n".to_owned(), "has no key in it"),
    ] {
        let ring = Ring::new(&text);
        for command in ["rotate", "list"] {
            let (code, out, err) = run(&[command], &ring.path());
            assert_eq!((code, out.as_str()), (1, ""));
            assert!(err.contains(told) && err.contains("/keys "), "{told:?} is not in {err}");
            assert!(!err.contains(OLD) && !err.contains("not a key"), "{err}");
        }
        assert_eq!(fs::read_to_string(ring.path()).unwrap(), text);
        assert!(ring.beside().is_empty());
    }
    let (code, _, err) = run(&["rotate"], Path::new("/nowhere/keys"));
    assert_eq!(code, 1);
    assert!(err.contains("/nowhere/keys cannot be changed: finding it: No such file"), "{err}");
}

#[test]
fn of_two_rotations_at_once_one_is_refused() {
    let ring = Ring::new(OLD);
    let other = ring.folder.path().join(".keys.new");
    fs::write(&other, "under way").unwrap();
    let (code, _, err) = run(&["rotate"], &ring.path());
    assert_eq!(code, 1);
    assert!(err.contains("is being changed already") && err.contains(".keys.new"), "{err}");
    assert_eq!(ring.lines(), [OLD]);
    assert_eq!(fs::read_to_string(other).unwrap(), "under way", "the other's file is not ours to remove");
}

#[test]
fn what_rotate_leaves_is_what_the_gate_loads() {
    let ring = Ring::new(OLD);
    assert_eq!(run(&["rotate"], &ring.path()).0, 0);
    let file = ring.path();
    let flags = [
        ("public_url", "https://app.example.com"),
        ("upstream", "http://127.0.0.1:3000"),
        ("cognito.user_pool_id", "eu-west-1_AbCdEfGhI"),
        ("cognito.client_id", "client"),
        ("cognito.domain", "auth.example.com"),
        ("session.keys_file", file.to_str().unwrap()),
    ];
    let flags = flags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    assert_eq!(config.session.keys.len(), 2);
}
