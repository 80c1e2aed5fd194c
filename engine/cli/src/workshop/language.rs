use clap::ValueEnum;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What filters are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    C,
    Cpp,
    Zig,
    Go,
    Assemblyscript,
    Javascript,
    Python,
}

impl Language {
    pub const ALL: &'static [Language] = &[
        Language::Rust,
        Language::C,
        Language::Cpp,
        Language::Zig,
        Language::Go,
        Language::Assemblyscript,
        Language::Javascript,
        Language::Python,
    ];

    /// As it is given on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::Cpp => "cpp",
            Language::Zig => "zig",
            Language::Go => "go",
            Language::Assemblyscript => "assemblyscript",
            Language::Javascript => "javascript",
            Language::Python => "python",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::C => "C",
            Language::Cpp => "C++",
            Language::Zig => "Zig",
            Language::Go => "Go",
            Language::Assemblyscript => "AssemblyScript",
            Language::Javascript => "JavaScript",
            Language::Python => "Python",
        }
    }

    /// What has to be there to build one.
    pub fn needs(self) -> &'static str {
        match self {
            Language::Rust => "Rust 1.85 with the target wasm32-unknown-unknown",
            Language::C | Language::Cpp => "clang 19 and its wasm-ld, or Zig",
            Language::Zig => "Zig 0.17",
            Language::Go => "Go 1.24",
            Language::Assemblyscript => "asc, of the npm package assemblyscript",
            Language::Javascript | Language::Python => "nothing: a script is read as it is",
        }
    }

    /// How the scripts of a language end; none where filters are compiled.
    pub fn script_end(self) -> Option<&'static str> {
        match self {
            Language::Javascript => Some("js"),
            Language::Python => Some("py"),
            _ => None,
        }
    }

    /// How the files end that a filter is compiled from; none where there is a script.
    pub fn source_ends(self) -> &'static [&'static str] {
        match self {
            Language::Rust => &["rs", "toml"],
            Language::C => &["c", "h"],
            Language::Cpp => &["cpp", "cc", "hpp", "h"],
            Language::Zig => &["zig"],
            Language::Go => &["go", "mod"],
            Language::Assemblyscript => &["ts"],
            Language::Javascript | Language::Python => &[],
        }
    }

    /// The language of what lies in a folder, the first that there is a sign of.
    pub fn of(folder: &Path) -> Option<Language> {
        let has = |name: &str| folder.join(name).is_file();
        Some(if has("Cargo.toml") {
            Language::Rust
        } else if has("go.mod") {
            Language::Go
        } else if has("runner.wasm") && !sources(folder, &["js"]).is_empty() {
            Language::Javascript
        } else if !sources(folder, &["py"]).is_empty() {
            Language::Python
        } else if !sources(folder, &["ts"]).is_empty() {
            Language::Assemblyscript
        } else if !sources(folder, &["zig"]).is_empty() {
            Language::Zig
        } else if !sources(folder, &["cpp", "cc"]).is_empty() {
            Language::Cpp
        } else if !sources(folder, &["c"]).is_empty() {
            Language::C
        } else {
            return None;
        })
    }
}

/// The names of a folder's files that end so, in order. The SDK's own are not among them.
pub fn sources(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name());
    let is_source = |path: &PathBuf| {
        let end = path.extension().and_then(OsStr::to_str);
        let is_types = path.to_str().is_some_and(|name| name.ends_with(".d.ts"));
        let is_sdk = path.file_stem() == Some(OsStr::new("forebay"));
        end.is_some_and(|end| ends.contains(&end)) && !is_types && !is_sdk
    };
    let mut sources: Vec<PathBuf> = names.map(PathBuf::from).filter(is_source).collect();
    sources.sort();
    sources
}

/// The file that holds the filter: `filter.<end>`, or the only one that ends so.
pub fn main_source(folder: &Path, end: &str) -> Option<PathBuf> {
    let mut all = sources(folder, &[end]);
    let named = all.iter().position(|path| path.file_stem() == Some(OsStr::new("filter")));
    match (named, all.len()) {
        (Some(at), _) => Some(all.swap_remove(at)),
        (None, 1) => all.pop(),
        _ => None,
    }
}
