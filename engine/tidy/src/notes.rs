//! What comments and decision notes must carry.

use crate::tree::directory_of;
use crate::{Finding, Tree};

const DECISIONS: &str = "engine/docs/decisions";
const NOTE_LINES_MAX: usize = 60;

/// Spelled apart so that this file passes its own rule.
const LATER: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// A promise to do something later names the issue where it is kept.
pub fn promises(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for end in [".rs", ".toml", ".md", ".sh", "/run", ".py", ".ts", ".js", ".go", ".c", ".h"] {
        for (path, text) in tree.texts(end) {
            for (index, line) in text.lines().enumerate() {
                let is_word =
                    |word: &&str| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == *word);
                if LATER.iter().any(is_word) && !line.contains("https://") {
                    let advice = "link the issue on this line, do it now, or take it out";
                    findings.push(Finding::new(path, index + 1, advice));
                }
            }
        }
    }
    findings
}

/// A decision note is one page with its three parts, and the index knows it.
pub fn decisions(tree: &Tree) -> Vec<Finding> {
    let index = tree.text(&format!("{DECISIONS}/README.md")).unwrap_or_default();
    let mut findings = Vec::new();
    let mut numbers = Vec::new();
    for (path, text) in tree.texts(".md").filter(|(path, _)| directory_of(path) == DECISIONS) {
        let file = &path[DECISIONS.len() + 1..];
        if file == "README.md" {
            continue;
        }
        let mut find = |advice: &str| findings.push(Finding::new(path, 0, advice));
        let number = file.split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|b| b.is_ascii_digit()) {
            find("name it `NNNN-what-holds.md`, the next free number");
        }
        if numbers.contains(&number.to_owned()) {
            find("this number is taken: use the next free one");
        }
        numbers.push(number.to_owned());
        for part in ["## Context", "## Choice", "## What we gave up"] {
            if !text.lines().any(|line| line == part) {
                find(&format!("a note has the part `{part}`"));
            }
        }
        if text.lines().count() > NOTE_LINES_MAX {
            find("a note is one page: 60 lines at most");
        }
        if !index.contains(&format!("]({file})")) {
            find("add it to the list in engine/docs/decisions/README.md");
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_without_an_issue_is_found() {
        let later = LATER[0];
        let count = |text: &str| promises(&Tree::of(&[("engine/x/src/lib.rs", text)])).len();
        assert_eq!(count(&format!("// {later}: tomorrow\n")), 1);
        assert_eq!(count(&format!("// {later} https://example.com/issues/7\n")), 0);
    }

    #[test]
    fn a_note_that_is_not_whole_is_found() {
        let whole = "# A\n## Context\n## Choice\n## What we gave up\n";
        let index = "- [A](0001-a.md)\n- [B](0002-b.md)\n";
        let count = |name: &str, text: &str| {
            let readme = format!("{DECISIONS}/README.md");
            let note = format!("{DECISIONS}/{name}");
            decisions(&Tree::of(&[(&readme, index), (&note, text)])).len()
        };
        assert_eq!(count("0001-a.md", whole), 0);
        assert_eq!(count("0001-a.md", &whole.replace("## Choice\n", "")), 1);
        assert_eq!(count("0003-c.md", whole), 1);
        assert_eq!(count("a.md", whole), 2);
        assert_eq!(count("0001-a.md", &format!("{whole}{}", "\n".repeat(60))), 1);
    }
}
