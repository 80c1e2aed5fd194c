use event::Offset;
use std::path::PathBuf;

/// Why the log could not do what was asked, named by what the caller must do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No room. Nothing was written; refuse new events, go on delivering and deleting.
    #[error("the disk under {} is full ({free_bytes} bytes free)", path.display())]
    Full { path: PathBuf, free_bytes: u64 },

    /// A write or a sync failed: what is on disk is unknown. End the process (exit 5), never
    /// try the sync again.
    #[error("disk failure at {}: {source}", path.display())]
    Disk { path: PathBuf, source: std::io::Error },

    /// One record is not what was written. Set that event aside; the others flow.
    #[error("the record at offset {offset} is damaged")]
    Damaged { offset: Offset },

    /// A row beside the log is not what was written. What it kept is not known (exit 3).
    #[error("a row of the table `{table}` is damaged: {why}")]
    DamagedRow { table: &'static str, why: &'static str },

    /// Accepted events are gone. Refuse to start (exit 3).
    #[error(
        "{} is damaged: the last intact event is {}, but events up to offset {} were accepted; \
         `forebay doctor --salvage` recovers every intact record",
        path.display(),
        last_intact.map_or("not known".to_owned(), |o| format!("offset {o}")),
        accepted
    )]
    Corrupt { path: PathBuf, last_intact: Option<Offset>, accepted: Offset },

    /// Another process has the directory (exit 4).
    #[error("{} is in use by {}", path.display(), holder)]
    Locked { path: PathBuf, holder: String },

    /// The directory cannot be used as it is (exit 2).
    #[error("cannot use {}: {why}", path.display())]
    Unusable { path: PathBuf, why: String },

    /// Someone else claimed the log. Stop writing.
    #[error("the lease on the log was lost")]
    LeaseLost,
}

impl Failure {
    /// The process exit code that tells this failure to a supervisor.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Unusable { .. } => 2,
            Failure::Corrupt { .. } | Failure::Damaged { .. } | Failure::DamagedRow { .. } => 3,
            Failure::Locked { .. } | Failure::LeaseLost => 4,
            Failure::Full { .. } | Failure::Disk { .. } => 5,
        }
    }
}
