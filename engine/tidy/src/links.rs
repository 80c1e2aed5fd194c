//! Links in documents, and pointers from code to documents.

use crate::lists::UNWRITTEN;
use crate::tree::{directory_of, join};
use crate::{Finding, Tree};

/// A relative link leads to a file or folder of this repository, and to a heading in it.
pub fn dead_links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(".md") {
        for (line, target) in links(text) {
            if is_elsewhere(target) {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let place = if file.is_empty() {
                Some(path.to_owned())
            } else {
                join(directory_of(path), file).filter(|_| !file.starts_with('/'))
            };
            let found = place.filter(|place| tree.has(place) || tree.has_directory(place));
            if found.is_none() {
                let advice = format!("`{target}` leads nowhere: mend or drop the link");
                findings.push(Finding::new(path, line, advice));
            } else if !heading.is_empty() && !has_heading(tree, found.as_deref(), heading) {
                let advice = format!("`{target}` names a heading that is not there");
                findings.push(Finding::new(path, line, advice));
            }
        }
    }
    findings
}

/// Code that points a reader to a document points to one that is there.
pub fn dead_pointers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for end in [".rs", ".toml"] {
        for (path, text) in tree.texts(end).filter(|(path, _)| !path.starts_with("engine/tidy/")) {
            for (index, line) in text.lines().enumerate() {
                for (at, _) in line.match_indices("engine/docs/") {
                    let is_part = |c: char| c.is_alphanumeric() || "/-_.".contains(c);
                    let end = line[at..].find(|c| !is_part(c)).map_or(line.len(), |end| at + end);
                    let target = line[at..end].trim_end_matches(['.', '/']);
                    let is_there = tree.has(target) || tree.has_directory(target);
                    if !is_there && !UNWRITTEN.contains(&target) {
                        let advice =
                            format!("`{target}` is not there: write it or point elsewhere");
                        findings.push(Finding::new(path, index + 1, advice));
                    }
                }
            }
        }
    }
    findings
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// `[text](target)`, `![alt](target)` and `[name]: target`, outside of code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let is_quoted = line[..at].matches('`').count() % 2 == 1;
            let rest = &line[at + 2..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            if !is_quoted && end > 0 {
                found.push((index + 1, rest[..end].trim_matches(['<', '>'])));
            }
        }
        if let Some((name, target)) = line.split_once("]: ")
            && name.starts_with('[')
            && !name.contains(' ')
        {
            found.push((index + 1, target.split(' ').next().unwrap_or(target)));
        }
    }
    found
}

fn has_heading(tree: &Tree, path: Option<&str>, heading: &str) -> bool {
    let Some(text) = path.filter(|p| p.ends_with(".md")).and_then(|path| tree.text(path)) else {
        return true;
    };
    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == heading)
}

/// A heading's anchor, as forges make it.
fn slug(line: &str) -> String {
    let kept = line.trim_start_matches('#').trim().chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ if letter.is_alphanumeric() => Some(letter),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nothing_is_found() {
        let count = |text| {
            let other = ("engine/docs/a.md", "# The road: one, two\n");
            dead_links(&Tree::of(&[("engine/ARCHITECTURE.md", text), other])).len()
        };
        for bad in ["[a](docs/b.md)", "[a]: docs/b.md", "![](/docs/a.md)", "[a](../../x)"] {
            assert_eq!(count(bad), 1, "{bad}");
        }
        for bad in ["[a](#nothing)", "[a](docs/a.md#the-lane)"] {
            assert_eq!(count(bad), 1, "{bad}");
        }
        for good in ["[a](docs/a.md) [b](docs)", "[a](https://x.example/y)", "`[a](b)`"] {
            assert_eq!(count(good), 0, "{good}");
        }
        assert_eq!(count("[a](docs/a.md#the-road-one-two)\n```\n[a](b)\n```\n"), 0);
    }

    #[test]
    fn a_pointer_to_nothing_is_found() {
        let code = ("engine/x/src/lib.rs", "//! See `engine/docs/lost.md`.\n");
        assert_eq!(dead_pointers(&Tree::of(&[code])).len(), 1);
        assert_eq!(dead_pointers(&Tree::of(&[code, ("engine/docs/lost.md", "")])).len(), 0);
    }
}
