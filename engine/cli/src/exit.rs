use forebay::config::ConfigError;
use std::fmt;
use std::process::ExitCode;

/// How the process ends. Scripts and supervisors rely on these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok,
    Failed,
    /// Usage or configuration.
    Usage,
    Unreachable,
    /// As the engine says: 3 corruption, 4 the data directory is locked, 5 the disk.
    Engine(u8),
}

/// The table, for help texts.
pub const TABLE: &str = "Exit codes: 0 ok · 1 failed · 2 usage or configuration · 3 corruption · \
                         4 data directory locked · 5 disk · 6 unreachable";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Engine(code) => code,
            Exit::Unreachable => 6,
        })
    }
}

/// Why a command did not do what was asked; shown on stderr.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl fmt::Display) -> Failure {
        Failure { exit, message: format!("error: {message}\n") }
    }

    pub fn usage(message: impl fmt::Display) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// The same, told of what it happened to.
    pub fn about(self, what: &str) -> Failure {
        Failure::new(self.exit, format!("{what}: {}", self.message()))
    }

    /// The same, where `exit` would be taken for something else.
    pub fn but(self, exit: Exit, instead: Exit) -> Failure {
        if self.exit == exit { Failure { exit: instead, ..self } } else { self }
    }

    /// What went wrong, to be told among other things.
    pub fn message(&self) -> &str {
        self.message.trim_start_matches("error: ").trim_end()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for Failure {
    /// The problems tell all there is to tell, in their own form.
    fn from(error: ConfigError) -> Failure {
        let count = error.0.len();
        let things = if count == 1 { "thing is" } else { "things are" };
        let message = format!("{error}\n{count} {things} wrong with the configuration\n");
        Failure { exit: Exit::Usage, message }
    }
}
