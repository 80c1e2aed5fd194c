use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub const SECRET: &str = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0ISE=";
pub const ADMIN_KEY: &str = "an-admin-key-of-the-tests";

/// A folder to run the binary in, with nothing of the machine's environment.
pub struct Folder {
    folder: TempDir,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap() }
    }

    /// With a `forebay.toml` of this text.
    pub fn with(config: &str) -> Folder {
        let folder = Folder::new();
        folder.write("forebay.toml", config);
        folder
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("SECRET", SECRET).env("ADMIN_KEY", ADMIN_KEY).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ended::of(child.wait_with_output().unwrap())
    }
}

impl Ended {
    pub fn of(output: Output) -> Ended {
        Ended {
            code: output.status.code().expect("no signal ended it"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32, out: &str) -> Ended {
        assert_eq!((self.code, &*self.out), (code, out), "stderr: {}", self.err);
        self
    }

    #[track_caller]
    pub fn says(&self, part: &str) {
        assert!(self.err.contains(part), "no {part:?} in stderr: {}", self.err);
    }
}
