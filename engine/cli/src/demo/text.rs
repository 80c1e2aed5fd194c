use crate::demo::endpoints::{MASK, PERSONAL};
use crate::demo::summary::{Given, Latency, Sample, Summary, Went};
use crate::number::grouped;
use std::fmt::{self, Write};
use std::io::IsTerminal;

/// Of what is quoted.
const WIDTH: usize = 80;
const REASON_LINES_MAX: usize = 3;

/// Colours, on a terminal alone.
#[derive(Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    pub fn of_stdout() -> Paint {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Paint(std::io::stdout().is_terminal() && !is_unwanted)
    }

    fn as_code(self, code: u8, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.as_code(1, text)
    }

    fn dim(self, text: &str) -> String {
        self.as_code(2, text)
    }

    fn good(self, text: &str) -> String {
        self.as_code(32, text)
    }

    fn bad(self, text: &str) -> String {
        self.as_code(31, text)
    }
}

/// The summary as a page of text, to be understood without having read anything else.
pub fn page(summary: &Summary, paint: Paint) -> String {
    let mut page = String::new();
    let sections = [came_in, went_out, on_purpose, changed, verdict];
    for section in sections {
        section(&mut page, summary, paint).expect("a String takes all");
    }
    page
}

fn came_in(page: &mut String, summary: &Summary, paint: Paint) -> fmt::Result {
    let sent = &summary.sent;
    let title = "IN   signed webhooks over HTTP: verified, then on disk (fsync), then answered";
    writeln!(page, "{}\n", paint.bold(title))?;
    let head = format!("  {:18}{:>9}{:>11}   ", "provider", "events", "bytes");
    writeln!(page, "{}", paint.dim(&format!("{head}{:24}{}", "sent again", "forged")))?;
    for came in &summary.providers {
        let again = match came.sent_again {
            0 => "–".to_owned(),
            n => format!("{n} → the same id"),
        };
        let forged = match came.forged_refused {
            0 => "–".to_owned(),
            n => format!("{n} → refused (401)"),
        };
        let (events, bytes) = (grouped(came.events as u64), kib(came.bytes));
        writeln!(page, "  {:18}{events:>9}{bytes:>11}   {again:24}{forged}", came.provider)?;
    }
    let (events, bytes) = (grouped(sent.events as u64), kib(sent.bytes));
    writeln!(page, "  {}{events:>9}{bytes:>11}\n", paint.bold(&format!("{:18}", "total")))?;
    let ack = &sent.ack_ms;
    writeln!(
        page,
        "  {} events/s over {} connections · answered in {} (p50), {} (p99)",
        grouped(sent.per_second as u64),
        sent.connections,
        span(ack.p50),
        span(ack.p99),
    )?;
    if sent.pushed_back > 0 {
        writeln!(page, "  {} were asked to come again later (503)", sent.pushed_back)?;
    }
    writeln!(page)
}

fn went_out(page: &mut String, summary: &Summary, paint: Paint) -> fmt::Result {
    let title = "OUT  signed deliveries to seven endpoints";
    writeln!(page, "{}\n", paint.bold(title))?;
    let head = format!(
        "  {:13}{:>8}{:>9}{:>11}{:>8}{:>6}{:>9}{:>9}",
        "endpoint", "matched", "dropped", "delivered", "failed", "dead", "p50", "p99"
    );
    writeln!(page, "{}", paint.dim(&head))?;
    for went in &summary.endpoints {
        let row = format!(
            "  {:13}{:>8}{:>9}{:>11}{:>8}{:>6}{:>9}{:>9}",
            went.endpoint,
            count(went.matched),
            count(went.dropped),
            count(went.delivered),
            count(went.failed_attempts),
            count(went.dead),
            shown(went, |latency| latency.p50),
            shown(went, |latency| latency.p99),
        );
        writeln!(page, "{row}\n{}", paint.dim(&format!("      {}", went.about)))?;
    }
    writeln!(
        page,
        "\n  {} deliveries, {}/s while events came in · p50 and p99: from sent in to received",
        grouped(summary.delivered.deliveries as u64),
        grouped(summary.delivered.per_second as u64),
    )?;
    writeln!(page)
}

fn on_purpose(page: &mut String, summary: &Summary, paint: Paint) -> fmt::Result {
    writeln!(page, "{}\n", paint.bold("WHAT WENT WRONG, ON PURPOSE"))?;
    for went in summary.endpoints.iter().filter(|went| went.failed_attempts > 0) {
        let Went { endpoint, failed_attempts, delivered, end_to_end_ms, .. } = went;
        let (delivered, last) = (grouped(*delivered as u64), span(end_to_end_ms.max));
        let story = format!(
            "was down: {failed_attempts} attempts were answered 503. A breaker held back what \
             else it was owed, in the log and at no cost to the others. When a probe got \
             through, all {delivered} arrived; the longest wait was {last}."
        );
        for (n, line) in wrapped(&story, WIDTH).iter().enumerate() {
            writeln!(page, "  {:13}{line}", if n == 0 { endpoint } else { "" })?;
        }
    }
    for given in &summary.dead_letters {
        let Given { endpoint, events, attempts, reason } = given;
        let events = if *events == 1 { "1 event".to_owned() } else { format!("{events} events") };
        let how = match attempts {
            0 => format!("{events} could not be filtered: a dead letter, with the reason"),
            n => {
                format!("{events} given up after {n} attempts each: dead letters, with the reason")
            }
        };
        writeln!(page, "  {endpoint:13}{how}")?;
        let lines = wrapped(&reason.replace("\\n", " "), WIDTH);
        for line in shortened(lines, REASON_LINES_MAX) {
            writeln!(page, "  {:13}{}", "", paint.bad(&format!("│ {line}")))?;
        }
        let rest = summary.endpoints.iter().find(|went| went.endpoint == *endpoint);
        if let Some(rest) = rest.filter(|went| went.delivered > 0) {
            let delivered = grouped(rest.delivered as u64);
            writeln!(page, "  {:13}The other {delivered} were delivered.", "")?;
        }
    }
    writeln!(page)
}

fn changed(page: &mut String, summary: &Summary, paint: Paint) -> fmt::Result {
    let of = |name: &str| summary.samples.iter().find(|sample| sample.endpoint == name);
    let (message, order) = (of("team-channel"), of("crm").and_then(redacted_line));
    if message.is_none() && order.is_none() {
        return Ok(());
    }
    writeln!(page, "{}\n", paint.bold("WHAT FILTERS MADE"))?;
    if let Some(message) = message {
        let size = kib(message.before.len());
        writeln!(
            page,
            "  team-channel a GitHub push of {size} became a message, as Slack shows it"
        )?;
        for line in wrapped(&as_slack_shows(&message.after), WIDTH) {
            writeln!(page, "  {:13}{}", "", paint.good(&format!("│ {line}")))?;
        }
    }
    if let Some((before, after)) = order {
        writeln!(page, "  crm          what Shopify sent, and what came out")?;
        writeln!(page, "  {:13}│ {}", "", cut(&before, WIDTH))?;
        writeln!(page, "  {:13}{}", "", paint.good(&format!("│ {}", cut(&after, WIDTH))))?;
    }
    writeln!(page)
}

/// The line that lost the most.
fn redacted_line(sample: &Sample) -> Option<(String, String)> {
    let lines = sample.before.lines().zip(sample.after.lines());
    let changed = lines.filter(|(before, after)| before != after);
    let lost = |line: &str| PERSONAL.iter().filter(|personal| line.contains(**personal)).count();
    let (before, after) =
        changed.max_by_key(|(before, after)| (lost(before), after.matches(MASK).count()))?;
    Some((before.trim().to_owned(), after.trim().to_owned()))
}

fn verdict(page: &mut String, summary: &Summary, paint: Paint) -> fmt::Result {
    let audit = &summary.audit;
    let title = "CHECKED  event by event, from outside, by code that the engine does not use";
    writeln!(page, "{}\n", paint.bold(title))?;
    let rows = [
        (audit.lost, "lost"),
        (audit.duplicated, "duplicated"),
        (audit.bad_signatures, "bad signatures (verified by the crate standardwebhooks)"),
        (audit.wrong_bodies, "wrong bodies (compared by SHA-256)"),
        (audit.unexpected, "delivered where they should not have been"),
        (audit.wrong_dead_letters, "dead letters too many or too few, or for another reason"),
    ];
    for (found, what) in rows {
        let mark = if found == 0 { paint.good("✓") } else { paint.bad("✗") };
        writeln!(page, "  {mark} {found} {what}")?;
    }
    for problem in &audit.problems {
        writeln!(page, "  {} {problem}", paint.bad("✗"))?;
    }
    let seconds = summary.seconds;
    let end = match summary.is_ok {
        true => paint.good(&format!("All is as it should be, after {seconds:.1} s.")),
        false => paint.bad(&format!("FAILED, after {seconds:.1} s.")),
    };
    writeln!(page, "\n  {end}")
}

fn shown(went: &Went, part: fn(&Latency) -> f64) -> String {
    if went.delivered == 0 { "–".to_owned() } else { span(part(&went.end_to_end_ms)) }
}

fn count(number: usize) -> String {
    if number == 0 { "–".to_owned() } else { grouped(number as u64) }
}

/// Milliseconds, as people say them.
fn span(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

fn kib(bytes: usize) -> String {
    match bytes {
        bytes if bytes >= 10 << 20 => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", grouped(bytes.div_ceil(1024) as u64)),
    }
}

fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The text of a message, with the names of its links instead of their addresses.
fn as_slack_shows(message: &str) -> String {
    let message: serde_json::Value = serde_json::from_str(message).unwrap_or_default();
    let mut shown = String::new();
    let mut rest = message["text"].as_str().unwrap_or_default();
    while let Some((before, link)) = rest.split_once('<') {
        shown.push_str(before);
        let (link, after) = link.split_once('>').unwrap_or((link, ""));
        shown.push_str(link.split_once('|').map_or(link, |(_, name)| name));
        rest = after;
    }
    shown.push_str(rest);
    shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Lines of at most `width` characters, broken between words, or within one that is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for given in text.lines() {
        let mut line = String::new();
        for word in given.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            while let Some((at, _)) = line.char_indices().nth(width) {
                let rest = line.split_off(at);
                lines.push(std::mem::replace(&mut line, rest));
            }
        }
        lines.push(line);
    }
    lines
}

fn shortened(mut lines: Vec<String>, lines_max: usize) -> Vec<String> {
    if lines.len() > lines_max {
        lines.truncate(lines_max);
        lines.iter_mut().next_back().into_iter().for_each(|last| last.push_str(" …"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.42, 12.4, 5300.0].map(span), ["0.4 ms", "12 ms", "5.3 s"]);
        assert_eq!([1, 2048, 20 << 20].map(kib), ["1 KiB", "2 KiB", "20 MiB"]);
    }

    #[test]
    fn long_quotes_are_broken_between_words_and_none_is_lost() {
        let text = format!("a bc {}\nx", "é".repeat(25));
        let lines = ["a bc", "éééééééééé", "éééééééééé", "ééééé", "x"];
        assert_eq!(wrapped(&text, 10), lines);
        assert_eq!(shortened(wrapped(&text, 10), 2), ["a bc", "éééééééééé …"]);
        assert_eq!(cut("ééé", 2), "éé…");
    }

    #[test]
    fn a_message_reads_as_in_slack() {
        let message = r#"{"text":"*jo* pushed <https://x.example/a|1 commit>\n&lt;b&gt;"}"#;
        assert_eq!(as_slack_shows(message), "*jo* pushed 1 commit\n<b>");
        assert_eq!(as_slack_shows("none"), "");
    }
}
