//! Words that say nothing, as names of what we define.

use crate::lists::NAMES;
use crate::reach::{Use, reached};
use crate::tree::room_of;
use crate::{Finding, Tree};

/// `data` is left to a reader's eye: it is CloudEvents' own word.
const BANNED: &[&str] = &[
    "handle", "handler", "do", "manager", "helper", "helpers", "info", "util", "utils", "common",
    "misc",
];

/// Types are nouns and functions verbs, of words that have one meaning.
pub fn names(tree: &Tree) -> Vec<Finding> {
    let reached = reached(tree);
    let mut findings = Vec::new();
    for (path, code) in tree.rust() {
        if room_of(path).is_none() || reached.get(path) != Some(&Use::Product) {
            continue;
        }
        for kind in ["fn", "struct", "enum", "trait", "type", "mod"] {
            for at in code.find(kind) {
                let name = code.name_after(at + kind.len());
                let is_listed = NAMES.iter().any(|(p, n, _)| *p == path && *n == name);
                if let (Some(word), false) = (banned_word(kind, name), is_listed) {
                    let advice =
                        format!("`{name}`: `{word}` says nothing, name what it does or is");
                    findings.push(Finding::new(path, code.line_at(at), advice));
                }
            }
        }
    }
    findings
}

fn banned_word(kind: &str, name: &str) -> Option<String> {
    let words = words_of(name);
    // As a noun a process is one of the machine's; as a verb it is anything.
    let is_vague = words[0] == "process" || (words[0] == "get" && words.len() > 1);
    if kind == "fn" && is_vague {
        return Some(words[0].clone());
    }
    words.into_iter().find(|word| BANNED.contains(&word.as_str()))
}

/// `RetrySchedule` and `retry_schedule` are retry, schedule.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        let is_new = letter == '_' || letter.is_uppercase();
        if is_new && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        let word = words.last_mut().expect("there is always a last word");
        word.extend(letter.to_lowercase().filter(|l| *l != '_'));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_found() {
        let count = |text| {
            let files = [("engine/x/Cargo.toml", "[package]"), ("engine/x/src/lib.rs", text)];
            names(&Tree::of(&files)).len()
        };
        for bad in [
            "fn handle_it() {}",
            "struct LaneManager;",
            "mod util {}",
            "fn get_lane() {}",
            "fn process() {}",
        ] {
            assert_eq!(count(bad), 1, "{bad}");
        }
        for good in [
            "fn handed() {}",
            "struct Lane;",
            "fn get() {}",
            "fn undo() {}",
            "struct InProcess;",
            "fn a(x: fn())",
        ] {
            assert_eq!(count(good), 0, "{good}");
        }
    }
}
