//! What we take from others.

use crate::lists::is_elsewhere;
use crate::lists::{BANNED, DOUBLES, EXCLUSIVE, EXCLUSIVE_IN_TESTS, LISTS, NOT_CHOSEN, SEE_ALL};
use crate::manifest::{line_of_key, manifests, workspace_dependencies};
use crate::{Finding, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// A heavy dependency belongs to one room.
pub fn exclusive(tree: &Tree) -> Vec<Finding> {
    let shared = workspace_dependencies(tree);
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let room = manifest.room();
        for dependency in manifest.dependencies(&shared) {
            for (name, rooms, why) in EXCLUSIVE {
                let is_free = rooms.contains(&room)
                    || SEE_ALL.contains(&room)
                    || (dependency.is_for_tests && is_for_tests_of(room, name));
                if is_of(&dependency.package, name) && !is_free {
                    let package = &dependency.package;
                    let rooms = rooms.join(", ");
                    let advice = format!("`{room}` may not depend on `{package}` ({rooms}): {why}");
                    findings.push(Finding::new(manifest.path, dependency.line, advice));
                }
            }
        }
    }
    findings
}

fn is_for_tests_of(room: &str, name: &str) -> bool {
    EXCLUSIVE_IN_TESTS.iter().any(|(of, listed, _)| (*of, *listed) == (room, name))
}

/// `crossbeam` and `crossbeam-queue` are of `crossbeam`. An exact entry of its own goes first.
fn is_of(package: &str, name: &str) -> bool {
    let has_own = package != name && EXCLUSIVE.iter().any(|(other, ..)| *other == package);
    let rest = package.strip_prefix(name);
    !has_own && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Crates we do without are in no manifest, and the banned came in through no other crate.
pub fn banned(tree: &Tree) -> Vec<Finding> {
    let shared = workspace_dependencies(tree);
    let root = tree.text("Cargo.toml").unwrap_or_default();
    let mut findings = Vec::new();
    for (name, why) in BANNED.iter().chain(NOT_CHOSEN) {
        let advice = format!("do without `{name}`: {why}");
        if shared.contains_key(*name) {
            findings.push(Finding::new("Cargo.toml", line_of_key(root, name), &advice));
        }
        for manifest in manifests(tree) {
            let named = manifest.dependencies(&shared);
            for dependency in named.iter().filter(|d| d.package == *name) {
                findings.push(Finding::new(manifest.path, dependency.line, &advice));
            }
        }
    }
    for package in locked(tree) {
        if let Some((name, why)) = BANNED.iter().find(|(name, _)| *name == package.name) {
            let advice = format!("do without `{name}`: {why} (`cargo tree -i {name}` says whose)");
            findings.push(Finding::new(package.path, package.line, advice));
        }
    }
    findings
}

struct Locked<'a> {
    path: &'a str,
    name: &'a str,
    version: &'a str,
    source: &'a str,
    line: usize,
}

/// Every package of every Cargo.lock. The file is written by cargo, a field a line.
fn locked(tree: &Tree) -> Vec<Locked<'_>> {
    let mut packages = Vec::new();
    let files = tree.texts("Cargo.lock").filter(|(path, _)| {
        (*path == "Cargo.lock" || path.ends_with("/Cargo.lock")) && !is_elsewhere(path)
    });
    for (path, text) in files {
        for (index, line) in text.lines().enumerate() {
            if let Some(name) = field(line, "name") {
                packages.push(Locked { path, name, version: "", source: "", line: index + 1 });
            }
            let Some(package) = packages.last_mut() else { continue };
            package.version = field(line, "version").unwrap_or(package.version);
            package.source = field(line, "source").unwrap_or(package.source);
        }
    }
    packages
}

fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

/// Whatever we name ourselves is built once.
pub fn doubles(tree: &Tree) -> Vec<Finding> {
    let shared = workspace_dependencies(tree);
    let ours: BTreeSet<&str> = shared.keys().map(String::as_str).collect();
    let mut versions: BTreeMap<&str, Vec<Locked<'_>>> = BTreeMap::new();
    for package in locked(tree).into_iter().filter(|p| p.path == "Cargo.lock") {
        if ours.contains(package.name) && !package.source.is_empty() {
            versions.entry(package.name).or_default().push(package);
        }
    }
    let mut findings = Vec::new();
    for (name, packages) in versions.iter().filter(|(_, packages)| packages.len() > 1) {
        if DOUBLES.iter().any(|(listed, _)| listed == name) {
            continue;
        }
        let all: Vec<&str> = packages.iter().map(|p| p.version).collect();
        let advice = format!(
            "`{name}` is built as {}: choose the version that the others use, or list it with a \
             reason in DOUBLES ({LISTS})",
            all.join(" and ")
        );
        findings.push(Finding::new("Cargo.lock", packages[0].line, advice));
    }
    findings
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";

/// Lock files name the public registries and nothing else: no mirror, no git.
pub fn registries(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in locked(tree) {
        if !package.source.is_empty() && package.source != CRATES_IO {
            let advice = format!("take `{}` from crates.io, not {}", package.name, package.source);
            findings.push(Finding::new(package.path, package.line, advice));
        }
    }
    for (path, text) in tree.texts("package-lock.json") {
        for (index, line) in text.lines().enumerate() {
            let from = line.trim().strip_prefix("\"resolved\": \"");
            if from.is_some_and(|from| from.starts_with("http") && !from.starts_with(NPM)) {
                let advice = format!("name {NPM} here: a mirror is the machine's own affair");
                findings.push(Finding::new(path, index + 1, advice));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_dependency_in_a_second_room_is_found() {
        let manifest = "[package]\n[dev-dependencies]\nfjall = \"3\"\ncrossbeam-queue = \"1\"\n";
        let tree = |path| Tree::of(&[(path, manifest)]);
        let found = exclusive(&tree("engine/pipeline/Cargo.toml"));
        assert!(
            found[0].to_string().starts_with("engine/pipeline/Cargo.toml:3: `pipeline` may not")
        );
        assert_eq!(found.len(), 1);
        assert_eq!(exclusive(&tree("engine/event/Cargo.toml")).len(), 2);
        assert_eq!(exclusive(&tree("benches/Cargo.toml")).len(), 0);
    }

    #[test]
    fn a_banned_crate_is_found_also_behind_another() {
        let lock = "[[package]]\nname = \"openssl\"\nversion = \"1\"\n";
        assert_eq!(banned(&Tree::of(&[("Cargo.lock", lock)]))[0].line, 2);
        let root = "[workspace.dependencies]\nreqwest = \"1\"\n";
        assert_eq!(banned(&Tree::of(&[("Cargo.toml", root)]))[0].line, 2);
        let room = "[package]\n[dependencies]\nx = { package = \"sqlx\", version = \"1\" }\n";
        assert_eq!(banned(&Tree::of(&[("engine/cli/Cargo.toml", room)])).len(), 1);
        let others = "name = \"openssl-probe\"\nname = \"time\"\n";
        assert_eq!(banned(&Tree::of(&[("Cargo.lock", others)])).len(), 0);
    }

    #[test]
    fn a_crate_of_ours_in_two_versions_is_found() {
        let source = format!("source = \"{CRATES_IO}\"\n");
        let package = |version| format!("name = \"bytes\"\nversion = \"{version}\"\n{source}");
        let root = "[workspace.dependencies]\nbytes = \"1\"\n";
        let once = package("1.0.0");
        let twice = format!("{once}{}", package("2.0.0"));
        let count =
            |lock: &str| doubles(&Tree::of(&[("Cargo.toml", root), ("Cargo.lock", lock)])).len();
        assert_eq!((count(&once), count(&twice)), (0, 1));
    }

    #[test]
    fn a_mirror_in_a_lock_file_is_found() {
        let lock = "name = \"bytes\"\nsource = \"registry+https://mirror.example/index\"\n";
        assert_eq!(registries(&Tree::of(&[("Cargo.lock", lock)])).len(), 1);
        let npm = "  \"resolved\": \"https://mirror.example/x.tgz\",\n";
        assert_eq!(registries(&Tree::of(&[("sdk/js/package-lock.json", npm)])).len(), 1);
    }
}
