//! Commands that follow a server's events as they come in.

mod feed;
mod listen;
mod shown;
mod tail;

pub use listen::Listen;
pub use tail::Tail;

use crate::exit::{Exit, Failure};
use clap::Args;

/// Which events are followed.
#[derive(Args)]
struct Wanted {
    /// The application [default: that of the key, else default]
    #[arg(long, value_name = "APP", env = "FOREBAY_APP")]
    app: Option<String>,
    /// Events of this type or pattern, such as 'order.*', alone; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Events that meet this condition alone, such as 'data.total > 100'
    #[arg(long = "where", value_name = "EXPRESSION")]
    condition: Option<String>,
    /// Events that this endpoint wants alone, by its types and its condition; its filters are not
    /// run
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<String>,
    /// Begin with the events of this time, such as 2026-01-31T00:00:00Z [default: those to come]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

impl Wanted {
    fn query(&self) -> Vec<(&'static str, String)> {
        let types = self.types.iter().map(|text| ("type", text.clone()));
        let others = [
            ("app", &self.app),
            ("where", &self.condition),
            ("endpoint", &self.endpoint),
            ("since", &self.since),
        ];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        types.chain(others).collect()
    }
}

/// Line by line, below what it belongs to. Control characters of a sender stay its own.
fn indented(text: &str) -> String {
    let plain = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    let text: String = text.chars().map(plain).collect();
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn on_runtime(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::Failed, error))?.block_on(work)
}
