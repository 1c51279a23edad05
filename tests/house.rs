//! The rules of the house, held over the source itself.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The rooms from the ground up, a layer each line; a room is the files and folders that share it.
///
/// A file imports its own room and the layers below. `app` and `failure` are one room of two files, as are
/// the plain values and the telemetry at the bottom.
const HOUSE: &[&[&[&str]]] = &[
    &[&["types", "clock", "secret", "file", "memory", "watch", "certificate", "telemetry"]],
    &[&["config"], &["crypto"], &["cookie"], &["pages"]],
    &[&["session"], &["cognito"], &["policy"]],
    &[&["auth"], &["proxy"], &["gateway"]],
    &[&["server"]],
    &[&["app", "failure"]],
    &[&["commands"]],
    &[&["main", "lib"]],
];

/// The offline Cognito stands beside the house: it sees nothing but the ground, so that the two sides of the
/// protocol are written twice, and only a command may start it.
const EMULATOR: &str = "emulator";

/// A module of the crate's root, where it stands in the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Room { layer: usize, room: usize },
    Emulator,
}

impl Place {
    fn of(module: &str) -> Option<Self> {
        if module == EMULATOR {
            return Some(Self::Emulator);
        }
        HOUSE.iter().enumerate().find_map(|(layer, rooms)| {
            let room = rooms.iter().position(|names| names.contains(&module))?;
            Some(Self::Room { layer, room })
        })
    }

    fn may_import(self, other: Self) -> bool {
        const COMMANDS: usize = HOUSE.len() - 2;
        match (self, other) {
            (Self::Room { layer, .. }, Self::Room { layer: below, .. }) => self == other || below < layer,
            (Self::Emulator, Self::Room { layer, .. }) => layer == 0,
            (Self::Room { layer, .. }, Self::Emulator) => layer >= COMMANDS,
            (Self::Emulator, Self::Emulator) => true,
        }
    }
}

/// The imports of `text` that its place forbids, a line of report each. `file` is the path below src/.
fn violations(file: &str, text: &str) -> Vec<String> {
    let modules = module_path(file);
    let from = modules[0];
    let Some(place) = Place::of(from) else {
        return vec![format!("src/{file}: {from} has no layer; give it one in tests/house.rs")];
    };
    let mut found = Vec::new();
    for (line, name) in imports(text, modules.len(), from) {
        // What is no module of the root (a macro, a re-export) is not for this rule.
        if Place::of(name).is_some_and(|other| !place.may_import(other)) {
            found.push(format!("src/{file}:{line}: {from} may not import {name}"));
        }
    }
    found
}

/// `auth/gate.rs` is `auth::gate`, `auth/mod.rs` is `auth`.
fn module_path(file: &str) -> Vec<&str> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').collect()
}

/// Every name that stands right below the crate's root in a path, with its line: after `crate::`, in a group
/// too, and after as many `super::` as lead out of the room. Comments do not count.
fn imports<'a>(text: &'a str, depth: usize, from: &str) -> Vec<(usize, &'a str)> {
    let climb = "super::".repeat(depth);
    // The binary sees the library by its name.
    let starts: &[&str] = if from == "main" { &["cognigate::"] } else { &["crate::", &climb] };
    let mut found = Vec::new();
    let mut offset = 0;
    for (number, line) in text.lines().enumerate() {
        if !line.trim_start().starts_with("//") {
            for start in starts {
                for (at, _) in line.match_indices(start) {
                    let before = line[..at].chars().next_back();
                    let is_whole = before.is_none_or(|c| !c.is_alphanumeric() && !"_:".contains(c));
                    if is_whole {
                        let names = names_at(&text[offset + at + start.len()..]);
                        found.extend(names.into_iter().map(|name| (number + 1, name)));
                    }
                }
            }
        }
        offset += text[offset..].find('\n').map_or(text.len() - offset, |end| end + 1);
    }
    found
}

/// The first segment of a path, or of each path of a `{group}`.
fn names_at(text: &str) -> Vec<&str> {
    let Some(group) = text.strip_prefix('{') else {
        return vec![first_segment(text)];
    };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(first_segment(group[start..at].trim()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

fn first_segment(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// Every Rust file below `folder`, as a path from there.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    fn walk(base: &Path, folder: PathBuf, files: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(base, path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(base).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let base = Path::new(ROOT).join(folder);
    let mut files = Vec::new();
    walk(&base, base.clone(), &mut files);
    files.sort();
    files
}

#[test]
fn a_file_imports_its_own_room_and_lower_layers() {
    let files = rust_files("src");
    assert!(files.len() > 20, "src was not read: {} files", files.len());
    let found: Vec<_> = files.iter().flat_map(|(file, text)| violations(file, text)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_house_has_no_room_that_is_not_there() {
    let names = HOUSE.iter().flat_map(|rooms| rooms.iter()).flat_map(|names| names.iter()).chain([&EMULATOR]);
    for name in names {
        let src = Path::new(ROOT).join("src");
        let there = src.join(format!("{name}.rs")).exists() || src.join(name).join("mod.rs").exists();
        assert!(there, "{name} stands in tests/house.rs and not in src/");
    }
}

#[test]
fn the_rule_of_layers_catches_what_breaks_it() {
    let caught = [
        ("cookie/read.rs", "use crate::auth::gate::Gate;"),
        ("cookie/read.rs", "    pub(crate) use crate::crypto::seal::Sealer;"),
        ("session/codec.rs", "fn f() -> crate::policy::path::CanonicalPath {}"),
        ("auth/mod.rs", "use crate::{\n    clock::Clock,\n    proxy::{client, hop},\n};"),
        ("auth/mod.rs", "use crate::{types::{Body, Origin}, server};"),
        ("auth/gate.rs", "use super::super::proxy::client;"),
        ("auth/mod.rs", "use super::app::App;"),
        ("types.rs", "use crate::config::Config;"),
        ("emulator/mint.rs", "use crate::crypto::random;"),
        ("gateway/nginx.rs", "use crate::auth::RelyingParty;"),
        ("app.rs", "use crate::emulator::Emulator;"),
        ("app.rs", "use crate::commands::cli;"),
        ("balcony/mod.rs", ""),
    ];
    for (file, text) in caught {
        assert_eq!(violations(file, text).len(), 1, "{file}: {text}");
    }
    let report = violations("cookie/read.rs", "//! A doc.\n\nuse crate::auth::gate::Gate;");
    assert_eq!(report, ["src/cookie/read.rs:3: cookie may not import auth"]);
    let kept = [
        ("cookie/read.rs", "use crate::cookie::chunk;\nuse crate::types::Body;"),
        ("cookie/read.rs", "use super::chunk::LIMIT;"),
        ("cookie/read.rs", "//! See [`crate::auth`].\n    // crate::auth"),
        ("cookie/read.rs", "use my_crate::auth::x;\nuse other::crate_::auth;"),
        ("app.rs", "use crate::failure::Failure;\nuse crate::server::conn;"),
        ("emulator/mint.rs", "use crate::clock::Clock;\nuse crate::emulator::keys;"),
        ("commands/emulate.rs", "use crate::emulator::Emulator;"),
        ("main.rs", "use cognigate::commands;"),
    ];
    for (file, text) in kept {
        assert_eq!(violations(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    for folder in ["src", "tests"] {
        for (file, text) in rust_files(folder) {
            let lines = text.lines().count();
            assert!(lines <= 500, "{folder}/{file} has {lines} lines, and wants to be two files");
        }
    }
}
