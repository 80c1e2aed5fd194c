use super::compared::compared;
use super::fields::{Members, json_of};
use super::trial::plain;
use super::within::OfFilters;
use super::{One, ask, made, with_parameters};
use crate::exit::{Exit, Failure};
use crate::given::print;
use crate::number::grouped;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;
use std::fmt::Write;
use std::time::Duration;

/// Which lines of a filter are shown.
#[derive(Args)]
pub struct Logs {
    /// Go on, and show what comes
    #[arg(short, long)]
    follow: bool,
    /// Lines of this level and above alone: debug, info, warn or error; a failure is an error
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// So many at first, the newest [default: 50]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Another module or configuration that is tried on live events, beside a filter
#[derive(Subcommand)]
pub enum Candidate {
    /// Begin a trial: as a shadow, which sees every event and changes nothing, or as a canary
    #[command(after_help = "\
Examples:
  forebay filter candidate try big-orders --module big_orders.wasm
  forebay filter candidate try big-orders --config @new.json --canary 5")]
    Try {
        #[command(flatten)]
        one: One<OfFilters>,
        /// A .wasm file, the SHA-256 of a module that was uploaded, or one that comes with the
        /// engine, such as forebay/redact [default: the one in force]
        #[arg(long, value_name = "MODULE")]
        module: Option<String>,
        /// A JSON text, @FILE, or - for stdin [default: the one in force]
        #[arg(long, value_name = "JSON")]
        config: Option<String>,
        /// It judges the events of so many of a hundred keys, in the filter's place
        #[arg(long, value_name = "PERCENT")]
        canary: Option<u8>,
        /// So many failures within a minute end a canary; where --on-error is stop, one does; 0:
        /// never [default: 20]
        #[arg(long, value_name = "N", requires = "canary")]
        stop_after_faults: Option<u32>,
    },
    /// Show what is on trial and what was seen of it
    #[command(after_help = "Example:\n  forebay filter candidate show big-orders")]
    Show(One<OfFilters>),
    /// Put what is on trial in force
    #[command(after_help = "Example:\n  forebay filter candidate promote big-orders")]
    Promote(One<OfFilters>),
    /// End the trial; the filter goes on as it is
    #[command(after_help = "Example:\n  forebay filter candidate end big-orders")]
    End(One<OfFilters>),
}

/// From the least on.
const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl One<OfFilters> {
    pub(super) fn logs(&self, logs: &Logs) -> Result<Exit, Failure> {
        let path = self.path_below("log")?;
        let level = logs.level.as_ref().map(|level| format!("&level={level}")).unwrap_or_default();
        let (mut after, mut limit) = (0, logs.limit.unwrap_or(50));
        loop {
            // Behind a line that was shown all are asked for: of some a gap would say nothing.
            let level = if after == 0 { level.as_str() } else { "" };
            let query = format!("limit={limit}&after={after}{level}");
            let page = ask(&self.server, Method::GET, &with_parameters(&path, &query), None)?;
            let page = page.json();
            let lines = page["data"].as_array().map_or(&[][..], Vec::as_slice);
            if let Some(gap) = gap(after, lines) {
                eprintln!("{gap}");
            }
            for line in lines.iter().filter(|line| logs.wants(line)) {
                match self.server.json {
                    true => print(&format!("{line}\n"))?,
                    false => print(&shown(line))?,
                }
            }
            if let (Some(until), false) = (page["circuitOpenUntil"].as_str(), logs.follow) {
                eprintln!("its circuit is open: it is not asked before {until}");
            }
            if !logs.follow {
                return Ok(Exit::Ok);
            }
            after = lines.last().and_then(|line| line["number"].as_u64()).unwrap_or(after);
            // From the next look on, all that came is wanted.
            if lines.len() < limit {
                std::thread::sleep(LOOK_AGAIN);
            }
            limit = 250;
        }
    }
}

impl Logs {
    fn wants(&self, line: &Value) -> bool {
        let place = |level: &str| LEVELS.iter().position(|known| *known == level);
        let least = self.level.as_deref().and_then(place);
        line["level"].as_str().and_then(place) >= least
    }
}

/// What to say where lines came behind the one of the number `after`, and were not kept until they
/// could be asked for.
fn gap(after: u64, lines: &[Value]) -> Option<String> {
    let first = lines.first()?["number"].as_u64().filter(|_| after > 0)?;
    match first.saturating_sub(after + 1) {
        0 => None,
        1 => Some("… 1 line was not kept".into()),
        more => Some(format!("… {} lines were not kept", grouped(more))),
    }
}

fn shown(line: &Value) -> String {
    let kind = line["fault"].as_str().map(|fault| format!(" ({fault})")).unwrap_or_default();
    let of = if line["ofCandidate"] == true { " [candidate]" } else { "" };
    let event = line["eventId"].as_str().map(|id| format!("  {id}")).unwrap_or_default();
    let (at, level) = (plain(&line["at"]), plain(&line["level"]));
    format!("{at}  {level:5}{kind}{of}{event}  {}\n", plain(&line["text"]))
}

impl Candidate {
    pub fn run(&self) -> Result<Exit, Failure> {
        match self {
            Candidate::Try { one, module, config, canary, stop_after_faults } => {
                let module = module.as_deref().map(|module| one.module(module)).transpose()?;
                let config = config.as_deref().map(|text| json_of("--config", text)).transpose()?;
                let body = Members::new()
                    .with("module", &module)
                    .with("config", &config)
                    .with("canary", canary)
                    .with("stopAfterFaults", stop_after_faults);
                let path = one.path_below("candidate")?;
                let begun = ask(&one.server, Method::PUT, &path, Some(&body.0.into()))?;
                made(&one.server, &begun, "module")
            }
            Candidate::Show(one) => {
                let seen = ask(&one.server, Method::GET, &one.path_below("candidate")?, None)?;
                match one.server.json {
                    true => seen.print()?,
                    false => print(&report(&seen.json()))?,
                }
                Ok(Exit::Ok)
            }
            Candidate::Promote(one) => {
                let path = one.path_below("candidate/promote")?;
                made(&one.server, &ask(&one.server, Method::POST, &path, None)?, "version")
            }
            Candidate::End(one) => {
                ask(&one.server, Method::DELETE, &one.path_below("candidate")?, None)?;
                eprintln!("nothing is on trial beside {} any more", one.which);
                Ok(Exit::Ok)
            }
        }
    }
}

/// What was seen of a candidate, for people.
fn report(seen: &Value) -> String {
    let mut text = String::new();
    let (judged, fuel) = (&seen["judged"], &seen["fuel"]);
    let way = match seen["canary"].as_u64() {
        Some(percent) => format!("canary, {percent} of 100 keys"),
        None => "shadow".to_owned(),
    };
    let since = seen["since"].as_str().unwrap_or("no event came yet");
    let _ = writeln!(text, "{}\n{way}, since: {since}", plain(&seen["module"]));
    let ended = &seen["ended"];
    if ended.is_object() {
        let (at, reason) = (plain(&ended["at"]), plain(&ended["reason"]));
        let _ = writeln!(text, "ended by the engine at {at}: {reason}");
    }
    let _ = writeln!(text, "judged {judged}, failed at {}, {fuel} fuel", seen["faults"]);
    let _ = writeln!(text, "the filter in force took {} fuel", seen["fuelInForce"]);
    if seen["canary"].is_null() {
        let _ = writeln!(text, "it said something else of {}", seen["differing"]);
    }
    for example in seen["examples"].as_array().into_iter().flatten() {
        compared(&mut text, example, ("inForce", "candidate"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_that_were_not_kept_are_told_of() {
        let from = |number: u64| [json!({ "number": number }), json!({ "number": number + 1 })];
        assert_eq!(gap(7, &from(8)), None);
        assert_eq!(gap(7, &from(9)).as_deref(), Some("… 1 line was not kept"));
        assert_eq!(gap(7, &from(3128)).as_deref(), Some("… 3,120 lines were not kept"));
        assert_eq!(gap(0, &from(3128)), None, "at first only the newest are asked for");
        assert_eq!(gap(7, &[]), None);
    }

    #[test]
    fn of_a_level_are_those_above_it_too() {
        let shown_of = |level: Option<&str>| {
            let logs = Logs { follow: true, level: level.map(Into::into), limit: None };
            LEVELS.iter().filter(|of| logs.wants(&json!({ "level": of }))).count()
        };
        assert_eq!([None, Some("debug"), Some("warn"), Some("error")].map(shown_of), [4, 4, 2, 1]);
    }
}
