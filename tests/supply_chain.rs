//! The policy of deny.toml held over `cargo metadata`, for those who have nothing but Rust.
//!
//! Bans, licenses and sources are judged on what our features truly reach. Cargo's own graph has more in
//! it: optional crates that only a weak feature (`ring?/alloc`) names.

use std::collections::{BTreeSet, HashMap};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Policy {
    bans: Bans,
    licenses: Licenses,
    sources: Sources,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Declared>,
    features: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Declared {
    name: String,
    rename: Option<String>,
    optional: bool,
}

#[derive(Deserialize)]
struct Resolve {
    root: String,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
}

impl Metadata {
    /// The ids of what is reached from the root over dependencies that are switched on.
    fn reached(&self) -> BTreeSet<&str> {
        let packages: HashMap<_, _> = self.packages.iter().map(|p| (p.id.as_str(), p)).collect();
        let nodes: HashMap<_, _> = self.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
        let mut reached = BTreeSet::new();
        let mut ahead = vec![self.resolve.root.as_str()];
        while let Some(id) = ahead.pop() {
            if !reached.insert(id) {
                continue;
            }
            let (package, node) = (packages[id], nodes[id]);
            let live = |edge: &&Edge| package.switches_on(&packages[edge.pkg.as_str()].name, &node.features);
            ahead.extend(node.deps.iter().filter(live).map(|edge| edge.pkg.as_str()));
        }
        reached
    }

    /// What the policy has against each package that is reached.
    fn objections(&self, policy: &Policy) -> Vec<String> {
        let reached = self.reached();
        let mut objections = Vec::new();
        for package in self.packages.iter().filter(|p| reached.contains(p.id.as_str())) {
            let id = &package.id;
            if let Some(ban) = policy.bans.deny.iter().find(|ban| ban.name == package.name) {
                objections.push(format!("{id} is banned: {}", ban.reason));
            }
            let license = package.license.as_deref().unwrap_or("none stated");
            if !License(license).is_met_by(&policy.licenses.allow) {
                objections.push(format!("{id} has a license that is not allowed: {license}"));
            }
            let is_root = *id == self.resolve.root;
            let source = package.source.as_deref().unwrap_or("a path");
            let registry = source.strip_prefix("registry+").unwrap_or_default();
            if !is_root && !policy.sources.allow_registry.iter().any(|allowed| allowed == registry) {
                objections.push(format!("{id} is from a source that is not allowed: {source}"));
            }
        }
        objections
    }
}

impl Package {
    /// True where `features` leave the dependency on the package `name` no choice but to be built.
    fn switches_on(&self, name: &str, features: &[String]) -> bool {
        self.dependencies.iter().filter(|declared| declared.name == name).any(|declared| {
            let key = declared.rename.as_deref().unwrap_or(&declared.name);
            !declared.optional
                || features.iter().any(|feature| {
                    let parts = self.features.get(feature).map_or(&[][..], Vec::as_slice);
                    let own = feature == key;
                    own || parts.iter().any(|part| {
                        part.strip_prefix("dep:") == Some(key)
                            || part.split_once('/').is_some_and(|(dependency, _)| dependency == key)
                    })
                })
        })
    }
}

/// An SPDX expression, with the old `/` for `OR` that some crates still have.
struct License<'a>(&'a str);

impl License<'_> {
    fn is_met_by(&self, allow: &[String]) -> bool {
        let spaced = self.0.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        let met = any(&mut words, allow);
        met && words.next().is_none()
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allow: &[String]) -> bool {
    let mut met = all(words, allow);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allow);
    }
    met
}

fn all(words: &mut Words<'_>, allow: &[String]) -> bool {
    let mut met = one(words, allow);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allow);
    }
    met
}

fn one(words: &mut Words<'_>, allow: &[String]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any(words, allow);
        return met && words.next_if_eq(&")").is_some();
    }
    let mut name = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    allow.contains(&name)
}

fn policy() -> Policy {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let file = config::File::from_str(&text, config::FileFormat::Toml);
    config::Config::builder().add_source(file).build().unwrap().try_deserialize().unwrap()
}

#[test]
fn the_dependency_graph_keeps_the_policy() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    let reached = metadata.reached();
    assert!(reached.iter().any(|id| id.contains("#aws-lc-sys@")), "the graph was not walked: {reached:?}");
    let objections = metadata.objections(&policy());
    assert!(objections.is_empty(), "{}", objections.join("\n"));
}

/// A root that depends on `ring`, which is optional or not, with these features switched on.
fn sample(optional: bool, features: &[&str], license: &str, source: &str) -> Metadata {
    serde_json::from_value(serde_json::json!({
        "packages": [
            { "id": "root", "name": "root", "license": "MIT", "source": null,
              "dependencies": [{ "name": "ring", "rename": null, "optional": optional }],
              "features": { "fast": ["dep:ring"], "alloc": ["ring?/alloc"], "strong": ["ring/std"] } },
            { "id": "ring 1", "name": "ring", "license": license, "source": source,
              "dependencies": [], "features": {} },
        ],
        "resolve": { "root": "root", "nodes": [
            { "id": "root", "deps": [{ "pkg": "ring 1" }], "features": features },
            { "id": "ring 1", "deps": [], "features": [] },
        ] },
    }))
    .unwrap()
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn a_banned_crate_is_found_where_it_is_built_and_only_there() {
    let policy = policy();
    for (optional, features) in [(false, &[][..]), (true, &["fast"]), (true, &["strong"]), (true, &["ring"])]
    {
        let objections = sample(optional, features, "MIT", CRATES_IO).objections(&policy);
        assert_eq!(objections.len(), 1, "{features:?}: {objections:?}");
        assert!(objections[0].starts_with("ring 1 is banned: "), "{objections:?}");
    }
    assert!(sample(true, &["alloc"], "MIT", CRATES_IO).objections(&policy).is_empty());
}

#[test]
fn a_license_or_a_source_that_is_not_allowed_is_found() {
    let mut policy = policy();
    policy.bans.deny.clear();
    assert!(sample(false, &[], "MIT", CRATES_IO).objections(&policy).is_empty());
    for (license, source) in
        [("GPL-3.0-only", CRATES_IO), ("MIT", "git+https://example.com/ring"), ("MIT", "registry+https://x")]
    {
        let objections = sample(false, &[], license, source).objections(&policy);
        assert_eq!(objections.len(), 1, "{license} {source}: {objections:?}");
    }
}

#[test]
fn license_expressions_are_read_as_spdx_means_them() {
    let allow = ["MIT".to_owned(), "ISC".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    for met in [
        "MIT",
        "GPL-3.0-only OR MIT",
        "MIT/Apache-2.0",
        "MIT AND ISC",
        "ISC AND (GPL-3.0-only OR MIT)",
        "GPL-3.0-only AND X OR MIT",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(License(met).is_met_by(&allow), "{met}");
    }
    for unmet in
        ["", "none stated", "GPL-3.0-only", "MIT AND GPL-3.0-only", "MIT AND (X OR Y)", "MIT ISC", "(MIT"]
    {
        assert!(!License(unmet).is_met_by(&allow), "{unmet}");
    }
}
