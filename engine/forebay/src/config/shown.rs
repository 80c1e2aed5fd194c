use crate::config::problem::Place;
use std::fmt;
use std::path::{Path, PathBuf};

/// One value in force, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The section that it is in; settings of one section stand together.
    pub group: usize,
    /// As in a file: `[server]`, `[[source]]`; empty at the top.
    pub header: String,
    pub key: &'static str,
    /// As TOML. Secrets are left out.
    pub value: String,
    pub origin: Origin,
}

impl Setting {
    /// Of a source, a filter or an endpoint.
    pub(crate) fn is_of_resource(&self) -> bool {
        let tables = ["[[", "[source.", "[filter.", "[table.", "[endpoint."];
        tables.iter().any(|start| self.header.starts_with(start))
    }

    /// Like `server.drain`.
    pub(crate) fn name(&self) -> String {
        let section = self.header.trim_matches(['[', ']']);
        let dot = if section.is_empty() { "" } else { "." };
        format!("{section}{dot}{}", self.key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// The line is from 1.
    File(PathBuf, usize),
    Environment(String),
    Flag(&'static str),
}

impl Origin {
    pub(crate) fn of(place: &Place, path: &Path, text: &str) -> Origin {
        match place {
            Place::File(range) => {
                let before = &text.as_bytes()[..range.start.min(text.len())];
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                Origin::File(path.to_owned(), line)
            }
            Place::Environment(name) => Origin::Environment(name.clone()),
            Place::Flag(name) => Origin::Flag(name),
            Place::Nowhere => Origin::Default,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}
