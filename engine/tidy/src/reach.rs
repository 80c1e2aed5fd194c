//! Which Rust files are compiled, and which of them for tests alone.

use crate::code::Code;
use crate::lists::is_elsewhere;
use crate::manifest::manifests;
use crate::tree::{directory_of, join};
use crate::{Finding, Tree};
use std::collections::BTreeMap;
use toml::Value;

/// What a file is compiled into; a file that is both is `Product`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    Test,
    Product,
}

/// Every file that some package compiles.
pub fn reached(tree: &Tree) -> BTreeMap<String, Use> {
    let mut found = BTreeMap::new();
    for (root, as_what) in roots(tree) {
        let directory = directory_of(&root).to_owned();
        follow(tree, &root, &directory, as_what, &mut found);
    }
    found
}

/// A file that no package compiles is dead.
pub fn dead_files(tree: &Tree) -> Vec<Finding> {
    let reached = reached(tree);
    let paths = tree.paths().filter(|path| path.ends_with(".rs"));
    let dead = paths.filter(|path| !reached.contains_key(*path) && !is_elsewhere(path));
    let advice = "no `mod` leads here, so nothing compiles it: name it in its parent or remove it";
    dead.map(|path| Finding::new(path, 0, advice)).collect()
}

/// The crate roots of every package: those cargo finds by itself and those a manifest names.
fn roots(tree: &Tree) -> Vec<(String, Use)> {
    let mut roots = Vec::new();
    for manifest in manifests(tree) {
        let base = manifest.directory();
        let prefix = if base.is_empty() { String::new() } else { format!("{base}/") };
        for path in tree.paths().filter(|path| path.ends_with(".rs")) {
            let use_of = path.strip_prefix(&prefix).and_then(use_of_root);
            roots.extend(use_of.map(|as_what| (path.to_owned(), as_what)));
        }
        for (kind, as_what) in [
            ("lib", Use::Product),
            ("bin", Use::Product),
            ("example", Use::Test),
            ("test", Use::Test),
            ("bench", Use::Test),
        ] {
            let named = manifest.table.get(kind).into_iter().flat_map(targets);
            let paths = named.filter_map(|target| join(base, target.get("path")?.as_str()?));
            roots.extend(paths.map(|path| (path, as_what)));
        }
    }
    roots
}

/// `[lib]` is one table, `[[bin]]` a list of them.
fn targets(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

/// What cargo makes of a path inside a package, if it is a crate root.
fn use_of_root(path: &str) -> Option<Use> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["build.rs"] | ["src", "lib.rs" | "main.rs"] => Some(Use::Product),
        ["src", "bin", _] | ["src", "bin", _, "main.rs"] => Some(Use::Product),
        ["tests" | "benches" | "examples", _] => Some(Use::Test),
        ["tests" | "benches" | "examples", _, "main.rs"] => Some(Use::Test),
        ["fuzz_targets", _] => Some(Use::Test),
        _ => None,
    }
}

/// Follows the `mod` lines of a file. `children` is where its submodules lie.
fn follow(
    tree: &Tree,
    path: &str,
    children: &str,
    as_what: Use,
    found: &mut BTreeMap<String, Use>,
) {
    let Some(text) = tree.text(path) else { return };
    if found.get(path).is_some_and(|known| *known >= as_what) {
        return;
    }
    found.insert(path.to_owned(), as_what);
    let code = Code::new(text);
    let tests = code.test_ranges();
    for at in code.find("mod") {
        let name = code.name_after(at + 3);
        if name.is_empty() || !is_outside(&code, at) {
            continue;
        }
        let is_test = tests.iter().any(|(from, to)| (*from..=*to).contains(&at));
        let as_what = if is_test { Use::Test } else { as_what };
        let under = format!("{children}{}", inline_parents(&code, at));
        let beside = format!("{under}/{name}.rs");
        let below = format!("{under}/{name}");
        if let Some(named) = path_attribute(&code, at).and_then(|p| join(directory_of(path), p)) {
            follow(tree, &named, directory_of(&named), as_what, found);
        } else if tree.has(&beside) {
            follow(tree, &beside, &below, as_what, found);
        } else {
            follow(tree, &format!("{below}/mod.rs"), &below, as_what, found);
        }
    }
    for at in code.find("include!(") {
        let named = text[at..].split('"').nth(1);
        if let Some(named) = named.and_then(|named| join(directory_of(path), named)) {
            follow(tree, &named, children, as_what, found);
        }
    }
}

/// `mod x;` and not `mod x { … }`.
fn is_outside(code: &Code<'_>, at: usize) -> bool {
    let rest = &code.text()[at..];
    rest.find([';', '{']).is_some_and(|end| rest.as_bytes()[end] == b';')
}

/// The inline modules around an offset, as a path: `/a/b`.
fn inline_parents(code: &Code<'_>, at: usize) -> String {
    let mut path = String::new();
    for parent in code.find("mod").into_iter().filter(|parent| *parent < at) {
        if !is_outside(code, parent) && code.end_of_item(parent) > at {
            path.push('/');
            path.push_str(code.name_after(parent + 3));
        }
    }
    path
}

/// The string of a `#[path = "…"]` between the item before and this `mod`.
fn path_attribute<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let before = code.text()[..at].rfind([';', '}']).map_or(0, |end| end + 1);
    let attribute = code.text()[before..at].find("#[path")? + before;
    code.source[attribute..at].split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("engine/x/Cargo.toml", "[package]\nname = \"x\"\n");

    #[test]
    fn a_file_without_a_mod_line_is_found() {
        let tree = Tree::of(&[
            MANIFEST,
            ("engine/x/src/lib.rs", "mod a;\n// mod dead;\nmod c {\n    mod d;\n}\n"),
            ("engine/x/src/a.rs", "mod b;\n#[path = \"odd.rs\"]\nmod other;\n"),
            ("engine/x/src/a/b.rs", ""),
            ("engine/x/src/odd.rs", ""),
            ("engine/x/src/c/d.rs", ""),
            ("engine/x/src/dead.rs", ""),
            ("engine/x/tests/all.rs", "mod common;"),
            ("engine/x/tests/common.rs", ""),
            ("engine/x/tests/tools/dead.rs", ""),
        ]);
        let dead: Vec<_> = dead_files(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(dead, ["engine/x/src/dead.rs", "engine/x/tests/tools/dead.rs"]);
    }

    #[test]
    fn test_files_are_known_as_such() {
        let tree = Tree::of(&[
            MANIFEST,
            ("engine/x/src/lib.rs", "#[cfg(test)]\nmod tests;\nmod real;\n"),
            ("engine/x/src/tests.rs", "mod deep;"),
            ("engine/x/src/tests/deep.rs", ""),
            ("engine/x/src/real.rs", ""),
        ]);
        let reached = reached(&tree);
        assert_eq!(reached["engine/x/src/tests/deep.rs"], Use::Test);
        assert_eq!(reached["engine/x/src/real.rs"], Use::Product);
    }

    #[test]
    fn a_root_that_a_manifest_names_is_alive() {
        let manifest = "[package]\n[[example]]\nname = \"e\"\npath = \"../../examples/e.rs\"\n";
        let tree = Tree::of(&[("engine/x/Cargo.toml", manifest), ("examples/e.rs", "")]);
        assert!(dead_files(&tree).is_empty());
    }
}
