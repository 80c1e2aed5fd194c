//! C code that is loaded before the C library of a node, built by the machine's compiler.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub struct Layer {
    folder: TempDir,
}

impl Layer {
    /// Of a file that lies in `engine/`.
    pub fn build(source: &str) -> Layer {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source);
        let layer = Layer { folder: tempfile::tempdir().unwrap() };
        let built = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&layer.path(), &source])
            .args(["-ldl", "-lpthread"])
            .status();
        let status = built.unwrap_or_else(|err| panic!("cc does not run here: {err}"));
        assert!(status.success(), "{} does not compile", source.display());
        layer
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("layer.so")
    }
}
