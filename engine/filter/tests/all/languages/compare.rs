use super::{Question, wanted};
use event::{Event, Verdict};
use filter::{ChainAnswer, FaultKind, LogLine};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// Told of a field that differs: its name, what was wanted, what came.
type Tell<'a> = &'a mut dyn FnMut(&str, String, String);

/// Holds an answer against the specification, field by field.
pub fn compare(
    language: &str,
    question: &Question<'_>,
    answer: &ChainAnswer,
    differences: &mut Vec<String>,
) {
    let events = question.events;
    let mut tell = |about: &str, field: &str, wanted: String, got: String| {
        differences.push(format!("{language}: {about}: {field}: {wanted} is wanted, not {got}"));
    };
    if answer.verdicts.len() != events.len() {
        let (wanted, got) = (events.len(), answer.verdicts.len());
        tell("all", "verdicts", wanted.to_string(), got.to_string());
        return;
    }
    for (n, (event, got)) in events.iter().zip(&answer.verdicts).enumerate() {
        let wanted = wanted::verdict(question, event);
        let about = format!("{} (event {n} of {})", event.envelope.event_type, events.len());
        verdicts(&wanted, got, &mut |field, wanted, got| tell(&about, field, wanted, got));
    }
    let mut all = |field: &str, wanted: String, got: String| tell("all", field, wanted, got);
    let is_said = |line: &&LogLine| !is_place_of_failure(language, events, line);
    let logs: Vec<_> = answer.logs.iter().filter(is_said).cloned().collect();
    differ("logs", &wanted::logs(events), &logs, &mut all);
    differ("metrics", &wanted::metrics(events), &answer.metrics, &mut all);
    let is_spin = |n: &usize| &*events[*n].envelope.event_type == "spin";
    let spins: Vec<_> =
        (0..events.len()).filter(is_spin).map(|n| (n, FaultKind::OutOfFuel)).collect();
    let mut faults: Vec<_> = answer.faults.iter().map(|note| (note.event, note.kind)).collect();
    faults.sort_unstable();
    differ("faults", &spins, &faults, &mut all);
}

/// Scripts know where an error was thrown, and tell it at level debug.
fn is_place_of_failure(language: &str, events: &[Arc<Event>], line: &LogLine) -> bool {
    let fails = line.event.is_some_and(|n| &*events[n].envelope.event_type == "fail");
    let is_script = ["javascript", "python"].contains(&language);
    is_script && fails && line.level == 0 && line.text.starts_with("    at fail (")
}

pub fn verdicts(wanted: &Verdict, got: &Verdict, tell: Tell<'_>) {
    match (wanted, got) {
        (Verdict::Reject { reason: wanted }, Verdict::Reject { reason: got })
            if **wanted == *wanted::OUT_OF_FUEL =>
        {
            let begin = got.get(..wanted.len()).unwrap_or(got);
            differ("reason", &&**wanted, &begin, tell);
        }
        (Verdict::Reject { reason: wanted }, Verdict::Reject { reason: got }) => {
            differ("reason", wanted, got, tell);
        }
        (
            Verdict::Retry { delay: wanted, reason: wanted_reason },
            Verdict::Retry { delay: got, reason: got_reason },
        ) => {
            differ("delay", wanted, got, tell);
            differ("reason", wanted_reason, got_reason, tell);
        }
        (Verdict::Emit(wanted), Verdict::Emit(got)) if wanted.len() == got.len() => {
            for (wanted, got) in wanted.iter().zip(got) {
                outputs(wanted, got, tell);
            }
        }
        (Verdict::Emit(wanted), Verdict::Emit(got)) => {
            differ("outputs", &wanted.len(), &got.len(), tell);
        }
        (wanted, got) => differ("verdict", wanted, got, tell),
    }
}

fn outputs(wanted: &Event, got: &Event, tell: Tell<'_>) {
    differ("id", &wanted.id, &got.id, tell);
    differ("body", &wanted.body, &got.body, tell);
    let (wanted, got) = (&wanted.envelope, &got.envelope);
    differ("tenant", &wanted.tenant, &got.tenant, tell);
    differ("stream", &wanted.stream, &got.stream, tell);
    differ("source", &wanted.source, &got.source, tell);
    differ("type", &wanted.event_type, &got.event_type, tell);
    differ("key", &wanted.key, &got.key, tell);
    differ("time", &wanted.time, &got.time, tell);
    let texts = |headers: &event::Headers| -> Vec<String> {
        let text = |(name, value): (&str, &[u8])| format!("{name}: {}", value.escape_ascii());
        headers.iter().map(text).collect()
    };
    differ("headers", &texts(&wanted.headers), &texts(&got.headers), tell);
}

fn differ<T: Debug + PartialEq>(field: &str, wanted: &T, got: &T, tell: Tell<'_>) {
    if wanted != got {
        let (wanted, got) = (format!("{wanted:?}"), format!("{got:?}"));
        let same = wanted.chars().zip(got.chars()).take_while(|(a, b)| a == b).count();
        tell(field, around(&wanted, same), around(&got, same));
    }
}

/// What lies around the first place that differs.
fn around(text: &str, same: usize) -> String {
    let from = same.saturating_sub(40);
    let part: String = text.chars().skip(from).take(160).collect();
    if from > 0 { format!("…{part}") } else { part }
}

/// The first lines of each language, so that none hides another.
pub fn report(differences: &[String]) -> String {
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    let mut report = format!("{} differences:", differences.len());
    for line in differences {
        let of_language = shown.entry(line.split(':').next().unwrap_or("")).or_default();
        *of_language += 1;
        if *of_language <= 8 {
            report += &format!("\n  {line}");
        }
    }
    report
}
