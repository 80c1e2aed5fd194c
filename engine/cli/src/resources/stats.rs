use super::{ask, encoded, table, with_parameters};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, now, print};
use clap::{Args, ValueEnum};
use event::Time;
use hyper::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Show what came in and what became of it, over time
///
/// Counts of whole hours reach back 35 days, finer ones six hours. Each row has a bar for what was
/// delivered, against the row that has most. Of endpoints it says too how many events of the log
/// they have yet to pass, and how old the first of these is.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Stats {
    #[command(flatten)]
    server: ServerArguments,
    /// The application [default: that of the key, else default]
    #[arg(long, value_name = "APP", env = "FOREBAY_APP")]
    app: Option<String>,
    /// What this endpoint did alone, by its id or uid
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<String>,
    /// What is of this type alone
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// So far back, such as 30m, 6h or 7d
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span,
          conflicts_with = "from")]
    last: Duration,
    /// From this time on, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until this time [default: now]
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// A row for each of these, such as 5m or 1h
    #[arg(long, value_name = "SPAN", value_parser = span)]
    step: Option<Duration>,
    /// A row for each endpoint or type instead, the busiest first
    #[arg(long, value_enum)]
    by: Option<By>,
}

const HELP: &str = "\
Examples:
  forebay stats
  forebay stats --last 24h --step 1h --app shop
  forebay stats --endpoint ci --by type
  forebay stats --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z --json";

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Endpoint,
    Type,
}

const COLUMNS: &[table::Column] = &[
    ("", "name"),
    ("ACCEPTED", "accepted"),
    ("MATCHED", "matched"),
    ("DROPPED", "dropped"),
    ("DELIVERED", "delivered"),
    ("FAILED", "failedAttempts"),
    ("DEAD", "deadLetters"),
    ("P50 MS", "p50"),
    ("P99 MS", "p99"),
    ("", "bar"),
];
/// Between the names and the bars of endpoints.
const LAG: &[table::Column] = &[("LAG", "lagEvents"), ("LAG S", "lagSeconds")];
const BAR_WIDTH: f64 = 16.0;

impl Stats {
    pub fn run(&self) -> Result<Exit, Failure> {
        let answer = ask(&self.server, Method::GET, &self.path()?, None)?;
        if self.server.json {
            answer.print()?;
            return Ok(Exit::Ok);
        }
        let told = answer.json();
        let list = if self.by.is_some() { &told["groups"] } else { &told["data"] };
        let rows: Vec<Value> = list.as_array().into_iter().flatten().cloned().collect();
        if rows.is_empty() {
            let (from, to) = (table::text(&told["from"]), table::text(&told["to"]));
            eprintln!("nothing was counted from {from} to {to}");
            print(&lag(&told))?;
            return Ok(Exit::Ok);
        }
        let columns = columns(matches!(self.by, Some(By::Endpoint)));
        print(&table::render(&columns, &lines(rows, &told["total"])))?;
        print(&lag(&told))?;
        if told["from"].as_str() < told["keptFrom"].as_str() {
            let from = table::text(&told["keptFrom"]);
            eprintln!("what lies before {from} is not kept in such steps");
        }
        Ok(Exit::Ok)
    }

    fn path(&self) -> Result<String, Failure> {
        let from = self.from.clone().map_or_else(|| rfc3339(now() - self.last), Ok)?;
        let by = self.by.map(|by| match by {
            By::Endpoint => "endpoint".to_owned(),
            By::Type => "eventType".to_owned(),
        });
        let given = [
            ("app", self.app.clone()),
            ("endpoint", self.endpoint.clone()),
            ("eventType", self.event_type.clone()),
            ("from", Some(from)),
            ("to", self.to.clone()),
            ("step", self.step.map(|step| step.as_secs().to_string())),
            ("by", by),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(given.fold("/v1/stats".to_owned(), |path, (name, value)| {
            with_parameters(&path, &format!("{name}={}", encoded(&value)))
        }))
    }
}

/// A line of the lag of the one endpoint that was asked for, where there is one.
fn lag(told: &Value) -> String {
    let (events, secs) = (told["lagEvents"].as_u64(), told["lagSeconds"].as_f64());
    let Some((events, secs)) = events.zip(secs) else { return String::new() };
    format!("events of the log that it has yet to pass: {events}, the first {secs:.1} s old\n")
}

fn columns(has_lag: bool) -> Vec<table::Column> {
    let (counts, bar) = COLUMNS.split_at(COLUMNS.len() - 1);
    let lag = if has_lag { LAG } else { &[] };
    [counts, lag, bar].concat()
}

/// Each with its bar, and below them their sum.
fn lines(rows: Vec<Value>, total: &Value) -> Vec<Value> {
    let weight = |row: &Value| {
        let delivered = row["delivered"].as_f64().unwrap_or(0.0);
        // What only comes in has nothing else to be drawn.
        if delivered > 0.0 { delivered } else { row["accepted"].as_f64().unwrap_or(0.0) }
    };
    let most = rows.iter().map(weight).fold(1.0, f64::max);
    let shown = |mut row: Value, name: Value, bar: String| {
        for share in ["p50", "p99"] {
            row[share] =
                row["attemptMs"][share].as_f64().map_or(Value::Null, |ms| json!(short(ms)));
        }
        if let Some(secs) = row["lagSeconds"].as_f64() {
            row["lagSeconds"] = format!("{secs:.1}").into();
        }
        row["name"] = name;
        row["bar"] = bar.into();
        row
    };
    let row = |row: Value| {
        let name = if row["at"].is_null() { row["name"].clone() } else { row["at"].clone() };
        let bar = bar(weight(&row) / most);
        shown(row, name, bar)
    };
    let mut lines: Vec<Value> = rows.into_iter().map(row).collect();
    lines.push(shown(total.clone(), "all".into(), String::new()));
    lines
}

/// In eighths of a letter.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share * BAR_WIDTH * 8.0).ceil() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

fn short(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// A whole number of seconds, minutes, hours or days.
fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0));
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => 0,
    };
    let number: Option<u64> = number.parse().ok().filter(|number| *number > 0);
    let secs = number.and_then(|number| number.checked_mul(secs)).filter(|secs| *secs > 0);
    secs.map(Duration::from_secs).ok_or("it is a span such as 30m, 6h or 7d".to_owned())
}

fn rfc3339(time: Time) -> Result<String, Failure> {
    let millis = i64::try_from(time.millis()).unwrap_or(i64::MAX);
    let stamp = jiff::Timestamp::from_millisecond(millis);
    stamp.map(|stamp| stamp.to_string()).map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_what_is_none_is_told() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in ["", "h", "5", "0m", "5w", "-1h", "99999999999999999999d"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(1.0).chars().count(), 16);
        assert_eq!((bar(0.5), bar(0.0)), ("█".repeat(8), String::new()));
        assert_eq!(bar(0.001), "▏", "a little is to be seen");
    }

    #[test]
    fn rows_have_their_names_and_the_sum_is_below() {
        let row = |at: &str, delivered: u64| {
            let times = json!({ "p50": 3.25 });
            json!({ "at": at, "accepted": 1, "delivered": delivered, "attemptMs": times })
        };
        let total = json!({ "accepted": 2, "delivered": 30, "attemptMs": {} });
        let lines = lines(vec![row("10:00", 10), row("10:01", 20)], &total);
        let names: Vec<_> = lines.iter().map(|line| line["name"].as_str()).collect();
        assert_eq!(names, [Some("10:00"), Some("10:01"), Some("all")]);
        assert_eq!((&lines[0]["p50"], &lines[0]["bar"]), (&json!("3.2"), &json!("████████")));
        assert_eq!(lines[2]["delivered"], 30);
    }

    #[test]
    fn the_lag_of_endpoints_has_its_columns() {
        let row = json!({ "name": "ep_1", "delivered": 1, "lagEvents": 12, "lagSeconds": 3.25 });
        let told = lines(vec![row], &json!({ "delivered": 1 }));
        let table = table::render(&columns(true), &told);
        let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row[row.len() - 3..row.len() - 1], ["12", "3.2"], "{table}");
        assert!(table.contains("LAG S"), "{table}");
        assert!(!table::render(&columns(false), &told).contains("LAG"));
    }
}
