//! What a configuration means, and what is said of one that is wrong.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

mod bad;
mod good;
mod layers;

use forebay::config::{Config, ConfigError, Inputs};
use std::collections::BTreeMap;
use std::path::Path;

pub const GOOD: &str = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0ISE=";

/// Loads a file with these variables set, and nothing else of the machine's environment.
pub fn load(file: &Path, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let environment: BTreeMap<String, String> = variables.collect();
    Config::load(&Inputs { file: Some(file.into()), environment, ..Inputs::default() })
}

/// A file of this text in a fresh folder.
pub fn written(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("forebay.toml"), text).unwrap();
    folder
}
