//! Who may know whom, among the packages of this repository.

use crate::lists::{ARROWS, LISTS, OUTSIDE, PACKAGE_NAMES, SEE_ALL, TEST_ARROWS};
use crate::manifest::{Dependency, Manifest, line_of_key, manifests, workspace_dependencies};
use crate::{Finding, Tree};
use toml::Value;

/// The rooms a package may use; None when it may use any.
fn allowed(room: &str) -> Option<&'static [&'static str]> {
    if SEE_ALL.contains(&room) {
        return None;
    }
    let listed = ARROWS.iter().chain(OUTSIDE).find(|(name, _)| *name == room);
    Some(listed.map_or(&[], |(_, targets)| *targets))
}

/// Arrows between rooms are those of the list, none else.
pub fn arrows(tree: &Tree) -> Vec<Finding> {
    let shared = workspace_dependencies(tree);
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let room = manifest.room();
        if manifest.path.starts_with("engine/") && !is_listed(room) {
            let advice = format!(
                "`{room}` is not listed: write a decision note, then add it to ARROWS ({LISTS})"
            );
            findings.push(Finding::new(manifest.path, 0, advice));
        }
        for dependency in manifest.dependencies(&shared) {
            findings.extend(check(&manifest, room, &dependency));
        }
    }
    findings
}

/// An arrow that tests alone may have goes when they no longer need it.
pub fn unused_test_arrows(tree: &Tree) -> Vec<Finding> {
    let shared = workspace_dependencies(tree);
    let manifests = manifests(tree);
    let is_used = |from: &str, to: &str| {
        let of_room = manifests.iter().filter(|manifest| manifest.room() == from);
        let all = of_room.flat_map(|manifest| manifest.dependencies(&shared));
        let folders = all.filter(|dependency| dependency.is_for_tests).filter_map(|d| d.folder);
        folders.into_iter().any(|folder| folder.strip_prefix("engine/") == Some(to))
    };
    let unused = TEST_ARROWS.iter().filter(|(from, to, _)| !is_used(from, to));
    let advice =
        |from, to| format!("`{from}` no longer tests with `{to}`: take it off TEST_ARROWS");
    unused.map(|(from, to, _)| Finding::new(LISTS, 0, advice(from, to))).collect()
}

fn is_listed(room: &str) -> bool {
    SEE_ALL.contains(&room) || ARROWS.iter().any(|(name, _)| *name == room)
}

fn check(manifest: &Manifest<'_>, room: &str, dependency: &Dependency) -> Option<Finding> {
    let target = dependency.folder.as_deref()?.strip_prefix("engine/")?;
    let is_for_tests = dependency.is_for_tests
        && TEST_ARROWS.iter().any(|(from, to, _)| (*from, *to) == (room, target));
    let is_allowed = allowed(room).is_none_or(|targets| targets.contains(&target));
    if is_allowed || is_for_tests || target == room {
        return None;
    }
    let list = if dependency.is_for_tests { "TEST_ARROWS" } else { "ARROWS" };
    let advice = format!(
        "`{room}` may not use `{target}`: move the code to a room that may, or define a port here \
         that `forebay` fills; a new arrow needs a decision note and a line in {list} ({LISTS})"
    );
    Some(Finding::new(manifest.path, dependency.line, advice))
}

/// A package has the name of its folder, takes versions and lints from the root, and is never
/// published by itself.
pub fn manifests_are_alike(tree: &Tree) -> Vec<Finding> {
    let shared = workspace_dependencies(tree);
    let mut findings = Vec::new();
    for manifest in manifests(tree).iter().filter(|m| m.path.starts_with("engine/")) {
        findings.extend(name_of_its_room(manifest));
        for (key, advice) in [
            ("lints", "end the manifest with `[lints]` and `workspace = true`"),
            ("publish", "say `publish.workspace = true`"),
            ("version", "say `version.workspace = true`"),
            ("license", "say `license.workspace = true`"),
        ] {
            let table = if key == "lints" { &manifest.table } else { package(manifest) };
            let shared = table.get(key).and_then(|v| v.get("workspace")).and_then(Value::as_bool);
            if shared != Some(true) {
                let line = line_of_key(manifest.text, key);
                findings.push(Finding::new(manifest.path, line, advice));
            }
        }
        for dependency in manifest.dependencies(&shared).iter().filter(|d| !d.is_inherited) {
            let advice = format!(
                "put `{}` under [workspace.dependencies] of the root and say `workspace = true`",
                dependency.package
            );
            findings.push(Finding::new(manifest.path, dependency.line, advice));
        }
    }
    findings
}

fn package<'a>(manifest: &'a Manifest<'_>) -> &'a toml::Table {
    manifest.table["package"].as_table().expect("manifests() keeps those with a package table")
}

fn name_of_its_room(manifest: &Manifest<'_>) -> Option<Finding> {
    let room = manifest.room();
    let listed = PACKAGE_NAMES.iter().find(|(of, ..)| *of == room);
    let wanted = listed.map_or(room, |(_, name, _)| *name);
    let advice = format!("call the package `{wanted}`: packages have the names of their rooms");
    let line = line_of_key(manifest.text, "name");
    (manifest.name() != wanted).then(|| Finding::new(manifest.path, line, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.dependencies]\nevent = { path = \"engine/event\" }\n\
                        log = { package = \"forebay-log\", path = \"engine/log\" }\n\
                        store = { path = \"engine/store\" }\n";

    fn advice(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[("Cargo.toml", ROOT), (path, text)]);
        arrows(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_off_the_list_is_found() {
        let manifest = "[package]\nname = \"event\"\n[dependencies]\nlog.workspace = true\n";
        let found = advice("engine/event/Cargo.toml", manifest);
        assert!(found[0].starts_with("engine/event/Cargo.toml:4: `event` may not use `log`"));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn an_arrow_is_found_in_every_table() {
        for table in ["dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let manifest = format!("[package]\n[{table}]\nstore = {{ path = \"../store\" }}\n");
            assert_eq!(advice("engine/log/Cargo.toml", &manifest).len(), 1, "{table}");
        }
        let guest = "[package]\n[dependencies]\nx = { path = \"../../engine/event\" }\n";
        assert_eq!(advice("sdk/rust/Cargo.toml", guest).len(), 1);
        let listed = "[package]\n[dependencies]\nlog.workspace = true\n";
        assert_eq!(advice("engine/store/Cargo.toml", listed).len(), 0);
        assert_eq!(advice("benches/Cargo.toml", listed).len(), 0);
    }

    #[test]
    fn an_unlisted_room_is_found() {
        let found = advice("engine/common/Cargo.toml", "[package]\nname = \"common\"\n");
        assert!(found[0].contains("ARROWS"), "{found:?}");
    }

    #[test]
    fn a_manifest_of_its_own_kind_is_found() {
        let good = "[package]\nname = \"forebay-log\"\nversion.workspace = true\n\
                    license.workspace = true\npublish.workspace = true\n[dependencies]\n\
                    event.workspace = true\n[lints]\nworkspace = true\n";
        let count = |text: &str| {
            manifests_are_alike(&Tree::of(&[("Cargo.toml", ROOT), ("engine/log/Cargo.toml", text)]))
                .len()
        };
        assert_eq!(count(good), 0);
        assert_eq!(count(&good.replace("forebay-log", "log")), 1);
        assert_eq!(count(&good.replace("[lints]\nworkspace = true\n", "")), 1);
        assert_eq!(count(&good.replace("event.workspace = true", "bytes = \"1\"")), 1);
    }
}
