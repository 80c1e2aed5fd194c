use super::within::InApp;
use super::{ask, below};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use clap::{ArgGroup, Args};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Erase the content of events, for good: of some, of a key, or of an application
///
/// Body, headers and key are gone for every reader once this ends, and what was not sent by then
/// is not sent any more; id, type, source and time stay. Backups hold what they held.
#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true), after_help = HELP)]
pub struct Erase {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    within: InApp,
    /// The events' ids
    #[arg(group = "which", value_name = "EVENT")]
    events: Vec<String>,
    /// All events of this key, such as a customer's number
    #[arg(long, group = "which", value_name = "KEY")]
    event_key: Option<String>,
    /// All events of the application
    #[arg(long, group = "which")]
    everything: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// End when the bytes are gone from the disk too
    #[arg(long)]
    wait: bool,
}

const HELP: &str = "\
Examples:
  forebay erase evt_00q44lvidng000000000000 --app shop
  forebay erase --app shop --event-key customer-3 --yes --wait
  forebay erase --app shop --everything";

/// What it came to.
struct Told {
    erased: u64,
    /// Whose they are may not be known.
    damaged: u64,
}

const DAMAGED: &str = "they stay, and whose they are may not be known. Those in the log go \
                       with their generations, by retention; dead letters that `forebay dlq ls` \
                       shows as damaged go by `forebay dlq purge`";
const NOTHING: &str = "there is no application of this name, and nothing to erase of one that was \
                       removed: that is called by its id, app_…, which `forebay audit` shows";
const ERASE: &str = "/v1/erase";
const BEAT: Duration = Duration::from_millis(500);

impl Erase {
    pub fn run(&self) -> Result<Exit, Failure> {
        self.confirm()?;
        let Told { erased, damaged } = match self.events.is_empty() {
            true => self.walk()?,
            false => self.each()?,
        };
        let is_on_disk = self.wait_for_disk()?;
        if self.server.json {
            let told = json!({ "damaged": damaged, "erased": erased, "isOnDisk": is_on_disk });
            print(&format!("{told}\n"))?;
        } else if is_on_disk {
            eprintln!("erased {erased}; the bytes leave the disk soon: --wait waits for it");
        } else {
            eprintln!("erased {erased}; nothing of them is left on the disk");
        }
        match damaged {
            0 => Ok(Exit::Ok),
            damaged => {
                Err(Failure::new(Exit::Failed, format!("damaged records: {damaged}; {DAMAGED}")))
            }
        }
    }

    /// Asks a person. A program has to say that it means it.
    fn confirm(&self) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::usage("nobody is here to be asked: give --yes"));
        }
        eprint!("erase the content of {}? It never comes back. [y/N] ", self.what());
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
            true => Ok(()),
            false => Err(Failure::new(Exit::Failed, "nothing was erased")),
        }
    }

    fn what(&self) -> String {
        let app = self.within.app.as_deref().unwrap_or("the key's application, or default");
        match (&self.event_key, self.everything) {
            (Some(key), _) => format!("all events of the key {key:?} in {app}"),
            (None, true) => format!("ALL events of {app}"),
            (None, false) => format!("{} events of {app}", self.events.len()),
        }
    }

    /// Stops at the first that is refused, with the others before it done.
    fn each(&self) -> Result<Told, Failure> {
        for id in &self.events {
            let path = self.within.path(&below("/v1/event", id)?);
            ask(&self.server, Method::DELETE, &path, None)?;
        }
        Ok(Told { erased: self.events.len() as u64, damaged: 0 })
    }

    /// One look after the other, each durable when it is answered.
    fn walk(&self) -> Result<Told, Failure> {
        let (bar, path) = (bar(), self.within.path(ERASE));
        let mut body = match &self.event_key {
            Some(key) => json!({ "key": key }),
            None => json!({ "everything": true }),
        };
        let (mut erased, mut damaged) = (0, 0);
        let is_removed = loop {
            let told = ask(&self.server, Method::POST, &path, Some(&body))?.json();
            erased += told["erased"].as_u64().unwrap_or_default();
            damaged += told["damaged"].as_u64().unwrap_or_default();
            let head = told["head"].as_u64().unwrap_or_default();
            bar.set_length(head);
            bar.set_position(told["offset"].as_u64().unwrap_or(head).min(head));
            bar.set_message(format!("{erased} erased"));
            match &told["iterator"] {
                Value::String(next) if told["done"] != true => body["iterator"] = json!(next),
                _ => break told["isRemoved"] == true,
            }
        };
        bar.finish_and_clear();
        match is_removed && erased + damaged == 0 {
            true => Err(Failure::new(Exit::Failed, NOTHING)),
            false => Ok(Told { erased, damaged }),
        }
    }

    /// Whether something may still be there.
    fn wait_for_disk(&self) -> Result<bool, Failure> {
        loop {
            let told = ask(&self.server, Method::GET, ERASE, None)?.json();
            let is_on_disk = told["isOnDisk"] == true;
            if !is_on_disk || !self.wait {
                return Ok(is_on_disk);
            }
            if let Value::String(reason) = &told["reason"] {
                let text = format!("nobody reads what was erased any more, but {reason}");
                return Err(Failure::new(Exit::Failed, text));
            }
            std::thread::sleep(BEAT);
        }
    }
}

/// Shown on a terminal alone.
pub(super) fn bar() -> ProgressBar {
    let template = "  {bar:36.cyan} {pos}/{len} {msg}";
    let style = ProgressStyle::with_template(template).expect("a template that is tested");
    ProgressBar::new(0).with_style(style.progress_chars("━━╌"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bar_has_a_template_that_is_valid() {
        super::bar();
    }
}
