//! A folder with a configuration file and a data directory, and what runs there.

use crate::place::Place;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const ADMIN_KEY: &str = "an-admin-key-of-the-tests";

pub struct Home {
    folder: TempDir,
    data: PathBuf,
}

impl Home {
    /// With the six endpoints at `receiver`.
    pub fn new(receiver: SocketAddr) -> Home {
        Home::with(&config(receiver))
    }

    pub fn with(config: &str) -> Home {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let home = Home { folder, data };
        home.configure(config);
        home
    }

    pub fn configure(&self, config: &str) {
        std::fs::write(self.path().join("forebay.toml"), config).unwrap();
    }

    /// The same configuration on another data directory.
    pub fn at(mut self, data: PathBuf) -> Home {
        self.data = data;
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// `forebay serve` behind `prefix`, such as a tracer.
    pub fn serve(&self, prefix: &[&str]) -> Command {
        let mut command = self.command(prefix);
        command.arg("serve").arg("--dev").arg("--data").arg(self.data());
        command
    }

    fn command(&self, prefix: &[&str]) -> Command {
        let mut words = prefix.to_vec();
        words.push(env!("CARGO_BIN_EXE_forebay"));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("SECRET", SECRET).env("ADMIN_KEY", ADMIN_KEY);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// `forebay doctor --salvage`: what it wrote, a line an event.
    pub fn salvage(&self, to: &str) -> Result<Vec<serde_json::Value>, Output> {
        let mut command = self.command(&[]);
        command.args(["doctor", "--salvage", to, "--data"]).arg(self.data());
        let output = command.output().unwrap();
        if !output.status.success() {
            return Err(output);
        }
        let text = std::fs::read_to_string(self.path().join(to)).unwrap();
        Ok(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

/// A source without a signature, for letters.
pub const SOURCE: &str = "[server]\nlisten = \"127.0.0.1:0\"\nadmin_key_env = \"ADMIN_KEY\"\n\
    [[source]]\nname = \"load\"\nscheme = \"none\"\ntype = \"header:x-type\"\n\
    dedupe = \"header:x-delivery\"\n";

/// One source, and the places of the receiver as endpoints.
pub fn config(receiver: SocketAddr) -> String {
    Place::ALL.iter().fold(SOURCE.to_owned(), |config, place| config + &endpoint(*place, receiver))
}

pub fn endpoint(place: Place, receiver: SocketAddr) -> String {
    let name = place.name();
    let mut text = format!(
        "[[endpoint]]\nname = \"{name}\"\nurl = \"http://{receiver}/{name}\"\n\
         secret_env = \"SECRET\"\n"
    );
    let (wait, count) = if place == Place::Picky { ("50ms", 2) } else { ("100ms", 30) };
    let waits = vec![format!("\"{wait}\""); count].join(", ");
    writeln!(text, "schedule = [{waits}]").unwrap();
    text += match place {
        Place::Slow => "concurrency = { start = 2, max = 4 }\n",
        Place::Pushes => "types = [\"push\"]\nfilters = [\"forebay/pushes-to-main\"]\n",
        Place::Chosen => "where = \"data.chosen = true\"\n",
        _ => "",
    };
    text
}
