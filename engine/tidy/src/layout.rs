//! What lies where, and what may not lie anywhere.

use crate::lists::TOP;
use crate::{Finding, Tree};
use std::collections::BTreeSet;

/// The top of the repository is short enough to be read at a glance.
pub fn top(tree: &Tree) -> Vec<Finding> {
    let names: BTreeSet<&str> = tree.paths().filter_map(|path| path.split('/').next()).collect();
    let strangers = names.into_iter().filter(|name| !name.starts_with('.') && !TOP.contains(name));
    let advice = "does not belong at the top: engine/, sdk/, filters/, examples/ or benches/";
    strangers.map(|name| Finding::new(name, 0, advice)).collect()
}

/// Ends of files that somebody else made and that a tool fetches: a downloaded package that was
/// added by accident.
const FETCHED: &[&str] =
    &[".whl", ".tgz", ".gz", ".xz", ".zip", ".deb", ".crate", ".jar", ".so", ".o", ".a", ".pyc"];

/// Nothing lies here that was fetched or compiled, save modules.
pub fn fetched(tree: &Tree) -> Vec<Finding> {
    let is_fetched = |path: &&str| FETCHED.iter().any(|end| path.ends_with(end));
    let advice = "was fetched or compiled: what needs it fetches it, outside the repository";
    tree.paths().filter(is_fetched).map(|path| Finding::new(path, 0, advice)).collect()
}

/// Spelled apart so that this file passes its own rule.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home/", "runner/")];

/// No file, text or compiled, tells on which machine it was made.
pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, bytes) in tree.bytes() {
        for machine in MACHINE_PATHS {
            let needle = machine.as_bytes();
            let windows = bytes.windows(needle.len()).enumerate();
            for (at, _) in windows.filter(|(at, window)| *window == needle && starts(bytes, *at)) {
                let line = 1 + bytes[..at].iter().filter(|b| **b == b'\n').count();
                let advice =
                    format!("`{machine}` is a path of one machine: take it out (remap it)");
                findings.push(Finding::new(path, line, advice));
            }
        }
    }
    findings
}

/// The path begins here: `https://x.example/root/` and `a/work/` are no machine's.
fn starts(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || b"._-~}".contains(&bytes[at - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_at_the_top_is_found() {
        let count = |path| top(&Tree::of(&[(path, "")])).len();
        assert_eq!((count("notes.md"), count("scripts/a.sh")), (1, 1));
        assert_eq!((count("README.md"), count(".ci/run"), count("engine/a/b.rs")), (0, 0, 0));
    }

    #[test]
    fn a_fetched_package_is_found() {
        let count = |path| fetched(&Tree::of(&[(path, "")])).len();
        assert_eq!((count("engine/idna-3.20-py3-none-any.whl"), count("sdk/a.tar.gz")), (1, 1));
        assert_eq!((count("filters/a/a.wasm"), count("engine/a/b.rs")), (0, 0));
    }

    #[test]
    fn a_machine_path_is_found_in_text_and_in_bytes() {
        for machine in MACHINE_PATHS {
            let text = format!("a\n\0\"{machine}x\"");
            let found = machine_paths(&Tree::of(&[("filters/a.wasm", &text)]));
            assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [2], "{machine}");
            let address = format!("https://x.example{machine}");
            assert!(machine_paths(&Tree::of(&[("README.md", &address)])).is_empty());
        }
    }
}
