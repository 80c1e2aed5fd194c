use super::list;
use super::table::Column;
use crate::exit::{Exit, Failure};
use crate::given::ServerArguments;
use clap::Args;

/// Show who changed what through the API, the newest first
///
/// `--json` has each change with what it was before and after. No secret is in it.
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay audit --limit 20\n  \
                        forebay audit --json | jq '.data[] | select(.what == \"key.delete\")'")]
pub struct Audit {
    #[command(flatten)]
    server: ServerArguments,
    /// So many at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

const COLUMNS: &[Column] = &[
    ("AT", "at"),
    ("WHO", "who"),
    ("NAME", "name"),
    ("WHAT", "what"),
    ("APP", "app"),
    ("PATH", "path"),
    ("STATUS", "status"),
    ("REQUEST", "requestId"),
];

impl Audit {
    pub fn run(&self) -> Result<Exit, Failure> {
        list(&self.server, "/v1/admin/audit", self.limit, COLUMNS)
    }
}
