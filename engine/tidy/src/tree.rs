use crate::Code;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::{fs, io};

/// The files of the repository by their path from its root, with forward slashes.
#[derive(Default)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
}

/// One place that breaks a rule, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    /// From 1; 0 speaks of the whole file.
    pub line: usize,
    pub advice: String,
}

impl Finding {
    pub fn new(path: &str, line: usize, advice: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.advice)
    }
}

impl Tree {
    /// Reads everything under `root` save what git ignores at the top, build output, installed
    /// packages, and directories whose name begins with a dot (of those only `.ci` is read).
    pub fn read(root: &Path) -> io::Result<Tree> {
        let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let mut tree = Tree::default();
        tree.read_directory(root, "", &ignored)?;
        Ok(tree)
    }

    /// A tree made of text alone, to show that a rule can fail.
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Tree { files: files.collect() }
    }

    fn read_directory(&mut self, root: &Path, under: &str, ignored: &str) -> io::Result<()> {
        for entry in fs::read_dir(root.join(under))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if under.is_empty() { name.clone() } else { format!("{under}/{name}") };
            if is_left_out(&path, &name, ignored) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() && (!name.starts_with('.') || name == ".ci") {
                self.read_directory(root, &path, ignored)?;
            } else if kind.is_file() {
                self.files.insert(path, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether `path` is a directory with a file in it.
    pub fn has_directory(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let under = format!("{path}/");
        path.is_empty()
            || self.files.range(under.clone()..).next().is_some_and(|(p, _)| p.starts_with(&under))
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub fn bytes(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// The text of a file; None if there is none or it is not UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Every file that is text and whose path ends so.
    pub fn texts<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = self.files.iter().filter(move |(path, _)| path.ends_with(end));
        named.filter_map(|(path, bytes)| Some((path.as_str(), std::str::from_utf8(bytes).ok()?)))
    }

    /// Every Rust file, with its comments and strings blanked.
    pub fn rust(&self) -> impl Iterator<Item = (&str, Code<'_>)> {
        self.texts(".rs").map(|(path, text)| (path, Code::new(text)))
    }
}

fn is_left_out(path: &str, name: &str, ignored: &str) -> bool {
    let at_top = ignored.lines().any(|line| line.trim_end_matches('/') == format!("/{path}"));
    at_top || matches!(name, ".git" | "target" | "node_modules" | "__pycache__")
}

/// The room a path belongs to: `engine/log/src/lib.rs` is in `log`.
pub fn room_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("engine/")?;
    rest.split_once('/').map(|(room, _)| room)
}

/// Joins a relative path to a directory; None when it climbs out of the repository.
pub fn join(directory: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The directory of a file, empty at the top.
pub fn directory_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_and_never_leave_the_repository() {
        assert_eq!(
            join("engine/docs", "../log/src/lib.rs").as_deref(),
            Some("engine/log/src/lib.rs")
        );
        assert_eq!(join("engine", "./docs/").as_deref(), Some("engine/docs"));
        assert_eq!(join("engine", "../../x"), None);
    }

    #[test]
    fn a_directory_is_known_by_its_files() {
        let tree = Tree::of(&[("engine/docs/a.md", ""), ("engine/docs-old", "")]);
        assert!(tree.has_directory("engine/docs/") && tree.has_directory("engine"));
        assert!(!tree.has_directory("engine/doc"));
    }
}
