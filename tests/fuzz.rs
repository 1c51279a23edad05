//! The bodies of the fuzz targets, run on what proptest finds: on every compiler, in every run.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../fuzz/bodies/cookie_header.rs"]
mod cookie_header;
#[path = "../fuzz/bodies/forwarded.rs"]
mod forwarded;
#[path = "../fuzz/bodies/path.rs"]
mod path;
#[path = "../fuzz/bodies/return_to.rs"]
mod return_to;
#[path = "../fuzz/bodies/unseal.rs"]
mod unseal;

/// Bytes that are noise, or the subject's own pieces in any order, which get further in.
fn bytes(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let made = prop::collection::vec(prop::sample::select(pieces), 0..16).prop_map(|parts| parts.concat());
    prop_oneof![1 => noise, 4 => made.prop_map(String::into_bytes)]
}

const PATHS: &[&str] = &[
    "/", "/", "/", "a", ".", "..", ";", "%2e", "%252e", "%2F", "%5c", "%00", "%c3%a9", "%ff", "%", "%25",
    "%zz", "//", "~", ":", "é", "?", "#", "|", "[", "^", "{", "}",
];
const COOKIES: &[&str] = &[
    "a=1",
    "; ",
    ";",
    "=",
    "__Host-cognigate",
    "__Host-cognigate=",
    "__Host-cognigate-1=",
    "2.",
    "8.",
    "__Host-cognigate-2=",
    "__Host-cognigate-9=",
    "-login-x=",
    " ",
    "\t",
    ",",
    "\"",
    "\n",
    "é",
    "__host-cognigate=",
];
const WAYS: &[&str] = &[
    "10.0.0.2",
    "203.0.113.5",
    "2001:db8::1",
    "[2001:db8::1]",
    ":80",
    ",",
    ", ",
    ";",
    "for=",
    "For=",
    "\"",
    "\\",
    "host=a",
    "proto=http",
    "unknown",
    "_x",
    " ",
    "=",
    "[",
    "]",
    "::ffff:10.0.0.3",
    "é",
];
const RETURNS: &[&str] = &[
    "/",
    "//",
    "\\",
    "\t",
    "%2f",
    "%5c",
    "..",
    ".",
    "?",
    "#",
    "@",
    ":",
    "https:",
    "https://app.test",
    "evil.test",
    "/oauth2",
    "/oauth2/",
    "/%6fauth2",
    ";",
    "〱",
    "%00",
    " ",
    "a",
];
const SEALED: &[&str] = &["A", "AQ", "-", "_", "=", "\0", "\u{1}", "\u{7f}", "AQIDBA", "eyJ", "."];

proptest! {
    #[test]
    fn paths(bytes in bytes(PATHS)) {
        let mut path = b"/".to_vec();
        path.extend_from_slice(&bytes);
        path::run(&path);
    }

    #[test]
    fn cookie_headers(bytes in bytes(COOKIES)) {
        cookie_header::run(&bytes);
    }

    #[test]
    fn ways(bytes in bytes(WAYS)) {
        forwarded::run(&bytes);
    }

    #[test]
    fn return_paths(bytes in bytes(RETURNS)) {
        return_to::run(&bytes);
    }

    #[test]
    fn sealed_values(bytes in bytes(SEALED)) {
        unseal::run(&bytes);
    }
}

#[test]
fn every_body_has_a_target_and_a_run_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |of: &str| -> Vec<String> {
        let files = fs::read_dir(folder.join(of)).unwrap().map(|file| file.unwrap().path());
        let mut names: Vec<_> =
            files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let bodies = names("bodies");
    assert_eq!(bodies, names("targets"));
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for name in &bodies {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"")), "{name}");
        let target = fs::read_to_string(folder.join(format!("targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("\"../bodies/{name}.rs\"")) && target.contains("body::run(bytes)"));
        assert!(include_str!("fuzz.rs").contains(&format!("{name}::run(&")), "{name} is not run");
    }
}
