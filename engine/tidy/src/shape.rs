//! How long things may be, how a room opens, and where a module lies.

use crate::lists::{LISTS, LONG_FILES, LONG_FUNCTIONS};
use crate::tree::room_of;
use crate::{Finding, Tree};

pub const FILE_LINES_MAX: usize = 600;
pub const FUNCTION_LINES_MAX: usize = 70;
pub const COLUMNS_MAX: usize = 100;
pub const MAP_LINES_MAX: usize = 400;

/// A file has at most 600 lines.
pub fn files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(".rs") {
        let lines = text.lines().count();
        let is_listed = LONG_FILES.iter().any(|(listed, _)| *listed == path);
        if lines > FILE_LINES_MAX && !is_listed {
            let advice =
                format!("{lines} lines, {FILE_LINES_MAX} at most: split it by what it owns");
            findings.push(Finding::new(path, FILE_LINES_MAX + 1, advice));
        }
        if lines <= FILE_LINES_MAX && is_listed {
            findings.push(Finding::new(
                path,
                0,
                format!("short again: take it off LONG_FILES ({LISTS})"),
            ));
        }
    }
    findings
}

/// A function has at most 70 lines, from its `fn` to its last bracket.
pub fn functions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, code) in tree.rust() {
        for function in code.functions() {
            let name = function.name;
            let is_listed = LONG_FUNCTIONS.iter().any(|(at, of, _)| *at == path && *of == name);
            if function.lines > FUNCTION_LINES_MAX && !is_listed {
                let lines = function.lines;
                let advice = format!(
                    "`{name}` has {lines} lines, {FUNCTION_LINES_MAX} at most: let it decide and \
                     others compute"
                );
                findings.push(Finding::new(path, function.line, advice));
            }
        }
    }
    findings
}

/// A line of Rust has at most 100 columns; rustfmt leaves long strings and comments alone.
pub fn lines(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(".rs") {
        for (index, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                let advice = format!("{columns} columns, {COLUMNS_MAX} at most: break the line");
                findings.push(Finding::new(path, index + 1, advice));
            }
        }
    }
    findings
}

/// Every room says what it owns, imports and never does.
pub fn openings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.paths().filter(|p| p.starts_with("engine/") && p.ends_with("/Cargo.toml"))
    {
        let Some(room) = room_of(manifest) else { continue };
        if manifest != format!("engine/{room}/Cargo.toml") {
            continue;
        }
        let library = format!("engine/{room}/src/lib.rs");
        let binary = format!("engine/{room}/src/main.rs");
        let root = if tree.has(&library) { library } else { binary };
        let text = tree.text(&root).unwrap_or_default();
        let mut lines = text.lines();
        for (index, word) in ["Owns", "Imports", "Never"].iter().enumerate() {
            let opens = lines.next().and_then(|line| line.strip_prefix(&format!("//! {word}: ")));
            if opens.is_none_or(|rest| rest.trim().is_empty()) {
                let advice = format!("open the room with `//! {word}: …` on this line");
                findings.push(Finding::new(&root, index + 1, advice));
            }
        }
    }
    findings
}

/// `lane.rs` beside `lane/`: a tab named mod.rs tells nobody what it is.
pub fn module_files(tree: &Tree) -> Vec<Finding> {
    let named = tree.paths().filter(|path| path.ends_with("/mod.rs"));
    named
        .map(|path| Finding::new(path, 0, "move it beside its folder: `lane.rs` + `lane/`"))
        .collect()
}

/// The map stays one that is read.
pub fn map(tree: &Tree) -> Vec<Finding> {
    const MAP: &str = "engine/ARCHITECTURE.md";
    let lines = tree.text(MAP).map_or(0, |text| text.lines().count());
    let advice = format!("{lines} lines, {MAP_LINES_MAX} at most: move a part to engine/docs");
    let is_long = lines > MAP_LINES_MAX;
    is_long.then(|| Finding::new(MAP, MAP_LINES_MAX + 1, advice)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let count = |lines| files(&Tree::of(&[("engine/x/src/a.rs", &"\n".repeat(lines))])).len();
        assert_eq!((count(600), count(601)), (0, 1));
    }

    #[test]
    fn a_long_function_is_found() {
        let count = |lines: usize| {
            let text = format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2));
            functions(&Tree::of(&[("engine/x/src/a.rs", &text)])).len()
        };
        assert_eq!((count(70), count(71)), (0, 1));
    }

    #[test]
    fn a_wide_line_is_found() {
        let count =
            |columns| lines(&Tree::of(&[("engine/x/src/a.rs", &"é".repeat(columns))])).len();
        assert_eq!((count(100), count(101)), (0, 1));
    }

    #[test]
    fn a_room_without_its_three_lines_is_found() {
        let count = |text| {
            openings(&Tree::of(&[("engine/x/Cargo.toml", ""), ("engine/x/src/lib.rs", text)])).len()
        };
        assert_eq!(count("//! Owns: a.\n//! Imports: b.\n//! Never: c.\n"), 0);
        assert_eq!(count("//! Owns: a.\n//! Never: c.\n"), 2);
        assert_eq!(count("//! Owns: \n//! Imports: b.\n//! Never: c.\n"), 1);
    }

    #[test]
    fn a_mod_rs_is_found() {
        assert_eq!(module_files(&Tree::of(&[("engine/x/src/a/mod.rs", "")])).len(), 1);
        assert_eq!(module_files(&Tree::of(&[("engine/x/src/a_mod.rs", "")])).len(), 0);
    }

    #[test]
    fn a_long_map_is_found() {
        assert_eq!(map(&Tree::of(&[("engine/ARCHITECTURE.md", &"\n".repeat(401))])).len(), 1);
    }
}
