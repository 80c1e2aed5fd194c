use super::feed::{Feed, Message};
use super::{Wanted, indented, on_runtime};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use clap::Args;

/// Show a server's events as they come in
///
/// A connection that is lost is made again, and what came meanwhile is shown then.
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay tail\n  forebay tail --app shop --type 'order.*' \
                        --content\n  forebay tail --where 'data.total > 100' --json | jq .id\n  \
                        forebay tail --since 2026-01-31T00:00:00Z --no-follow")]
pub struct Tail {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    wanted: Wanted,
    /// Show headers and bodies too
    #[arg(long)]
    content: bool,
    /// End when all that there is has been shown
    #[arg(long, requires = "since")]
    no_follow: bool,
}

impl Tail {
    pub fn run(&self) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut feed = Feed::new(&self.server, &self.wanted, self.content, !self.no_follow);
            while let Some(message) = feed.next().await? {
                self.show(&message)?;
            }
            Ok(Exit::Ok)
        })
    }

    fn show(&self, message: &Message) -> Result<(), Failure> {
        if message.name == "gap" {
            let (from, until) = (&message.data["from"], &message.data["until"]);
            eprintln!("events from {from} up to {until} may be missing: the log has them no more");
            return Ok(());
        }
        if self.server.json {
            return print(&format!("{}\n", message.data));
        }
        let (time, id) = (message.text("time"), message.text("id"));
        let (event_type, source) = (message.text("eventType"), message.text("source"));
        let bytes = &message.data["bytes"];
        print(&format!("{time}  {id}  {event_type}  {source}  {bytes} bytes\n"))?;
        if !self.content {
            return Ok(());
        }
        for pair in message.data["headers"].as_array().into_iter().flatten() {
            let (name, value) = (pair[0].as_str(), pair[1].as_str());
            let line = format!("{}: {}", name.unwrap_or_default(), value.unwrap_or_default());
            print(&indented(&line))?;
        }
        print(&indented(&String::from_utf8_lossy(&message.body()?)))
    }
}
