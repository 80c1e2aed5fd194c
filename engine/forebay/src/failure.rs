use event::EventId;
use log::Failure;
use pipeline::writer::StartError;
use registry::{Rejected, RowError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Log(#[from] Failure),
    #[error("what is configured cannot be read back from the log: {0}")]
    Registry(RowError),
    #[error("what is configured cannot be put in force: {0}")]
    Rejected(Rejected),
    #[error("sources: {0}")]
    Sources(String),
    #[error("filter `{name}`: {why}")]
    Module { name: String, why: String },
    #[error("{}: {source}", path.display())]
    Tables { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Modules { path: PathBuf, source: io::Error },
    #[error(
        "{}: {source}\nhelp: it opens the secrets of what the management API \
         made; put it back from a backup",
        path.display()
    )]
    Key { path: PathBuf, source: io::Error },
    #[error("filters cannot run on this machine: {0}")]
    Guests(String),
    #[error("delivery: {0}")]
    Delivery(String),
    #[error("cannot listen on {at}: {source}")]
    Listen { at: SocketAddr, source: io::Error },
    #[error("the admin key: {0}")]
    AdminKey(String),
    #[error("cannot start a thread: {0}")]
    Threads(io::Error),
}

impl OpenError {
    /// The process exit code that tells this failure to a supervisor.
    pub fn exit_code(&self) -> u8 {
        match self {
            OpenError::Log(failure) => failure.exit_code(),
            OpenError::Registry(_) => 3,
            OpenError::Modules { .. } | OpenError::Tables { .. } | OpenError::Key { .. } => 5,
            OpenError::Threads(_) => 1,
            _ => 2,
        }
    }
}

impl From<StartError> for OpenError {
    fn from(error: StartError) -> OpenError {
        match error {
            StartError::Log(failure) => OpenError::Log(failure),
            StartError::Registry(error) => OpenError::Registry(error),
            StartError::Declared(rejected) => OpenError::Rejected(rejected),
        }
    }
}

/// Why a change of what is configured was not made. The old configuration goes on.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error(transparent)]
    Rejected(Rejected),
    #[error("a filter's module: {0}")]
    Module(String),
    #[error("a lookup table: {0}")]
    Table(String),
    #[error("sources: {0}")]
    Sources(String),
    #[error("{0}")]
    Configuration(String),
    #[error("this engine was started without a configuration file: there is nothing to read again")]
    NoRecipe,
    #[error("too much is waiting to be written: try again in a moment")]
    Busy,
    #[error("cannot start a thread: {0}")]
    Threads(io::Error),
    #[error("the engine is stopping")]
    Stopping,
}

/// Why an event was not taken. Nothing of it is kept, save where `Stopping` says otherwise.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("too much is waiting to be written: try again in a moment")]
    Busy,
    #[error("the disk has no room for events")]
    DiskFull,
    #[error("the key is taken by {0}, which has another body")]
    Conflict(EventId),
    /// Whether the event was stored is not known: publish it again with the same key.
    #[error("the engine is stopping")]
    Stopping,
}
