use super::table::{self, Column};
use super::within::OfSources;
use super::{One, ask, with_parameters};
use crate::exit::{Exit, Failure};
use crate::given::print;
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// What came to a source.
#[derive(Args)]
pub struct Journal {
    #[command(flatten)]
    one: One<OfSources>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
    /// Go on, and show each as it comes
    #[arg(long, short)]
    follow: bool,
}

const COLUMNS: &[Column] = &[
    ("AT", "at"),
    ("OUTCOME", "outcome"),
    ("REASON", "reason"),
    ("STATUS", "status"),
    ("FROM", "peer"),
    ("BYTES", "bytes"),
    ("TYPE", "contentType"),
    ("EVENT", "eventId"),
];
const BEAT: Duration = Duration::from_millis(500);

impl Journal {
    pub fn run(&self) -> Result<Exit, Failure> {
        let mut all = self.page(0)?;
        if !self.follow {
            match self.one.server.json {
                true => print(&format!("{}\n", json!({ "data": all })))?,
                false => print(&table::render(COLUMNS, &all))?,
            }
            if all.is_empty() && !self.one.server.json {
                eprintln!("nothing came since the server has started");
            }
            return Ok(Exit::Ok);
        }
        let mut last = 0;
        loop {
            all.reverse();
            for heard in &all {
                last = heard["number"].as_u64().unwrap_or(last);
                self.show(heard)?;
            }
            std::thread::sleep(BEAT);
            all = self.page(last)?;
        }
    }

    /// The newest first.
    fn page(&self, after: u64) -> Result<Vec<Value>, Failure> {
        let parameters = format!("limit={}&after={after}", self.limit);
        let path = with_parameters(&self.one.path_below("journal")?, &parameters);
        let mut told = ask(&self.one.server, Method::GET, &path, None)?.json();
        match told["data"].take() {
            Value::Array(all) => Ok(all),
            _ => Ok(Vec::new()),
        }
    }

    /// A line of its own, for what is not over yet has no columns.
    fn show(&self, heard: &Value) -> Result<(), Failure> {
        if self.one.server.json {
            return print(&format!("{heard}\n"));
        }
        let texts = COLUMNS.iter().filter(|(_, member)| !heard[*member].is_null());
        let texts: Vec<_> = texts.map(|(_, member)| table::text(&heard[*member])).collect();
        print(&format!("{}\n", texts.join("  ")))
    }
}
