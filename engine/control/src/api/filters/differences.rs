//! How what filters put out differs: from what another puts out, or from the event itself.

mod body;
mod excerpt;

use event::{Envelope, Event, Headers, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An output of a filter, and how it differs from what it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputDifference {
    /// Which output of the event; the first is 0.
    output: usize,
    of: OutputOf,
    /// The first ones; none when the two are the same.
    changes: Vec<ChangeOut>,
    /// So many others.
    further: usize,
}

/// Whose output it is, and so what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum OutputOf {
    /// Of both filters: from that in force to that which is tried.
    Both,
    /// Of the filter in force, and the other puts out fewer: from the event to the output.
    InForce,
    /// Of the filter that is tried, and there is none in force, or it puts out fewer: from the
    /// event to the output.
    Tried,
}

/// What was added, removed or replaced.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeOut {
    part: Part,
    /// Which header, value, line or byte.
    at: Option<String>,
    /// None when it was added. A long one is cut around where the two begin to differ.
    old: Option<String>,
    /// None when it was removed.
    new: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChangedPart")]
enum Part {
    /// The event type.
    Type,
    /// What order and state go by.
    Key,
    /// All headers of a name; without one, the order of all.
    Header,
    /// A value of a body that is JSON, by its JSON pointer.
    Json,
    /// A line of a body that is text, by its number; of one that was removed or replaced, that in
    /// the old body. The first is 1.
    Line,
    /// The body from its first byte that differs, by the number of bytes before it. In hexadecimal
    /// unless both bodies are text.
    Byte,
}

/// Comparisons for one answer. How much of bodies they read as JSON or line by line is bounded for
/// all of them together; beyond it they tell where two bodies begin to differ.
pub(crate) struct Comparison {
    bytes_left: usize,
}

/// The changes that are told of one event.
struct Changes {
    told: Vec<ChangeOut>,
    further: usize,
    room: usize,
}

/// Of one event.
const CHANGES_MAX: usize = 32;
/// The thread that answers has others to answer.
const BYTES_MAX: usize = 4 << 20;

impl Comparison {
    pub fn new() -> Comparison {
        Comparison { bytes_left: BYTES_MAX }
    }

    /// One that costs no more than to look for the first byte that differs.
    pub fn brief() -> Comparison {
        Comparison { bytes_left: 0 }
    }

    /// How a filter's verdict differs from that of the one in force, where there is one.
    pub fn of(
        &mut self,
        event: &Event,
        in_force: Option<&Verdict>,
        tried: &Verdict,
    ) -> Vec<OutputDifference> {
        let nothing = Verdict::Drop;
        let in_force = in_force.unwrap_or(&nothing);
        let old = outputs(event, in_force, tried);
        let new = outputs(event, tried, in_force);
        let (mut all, mut room) = (Vec::new(), CHANGES_MAX);
        for output in 0..old.len().max(new.len()) {
            let (of, old, new) = match (old.get(output), new.get(output)) {
                (Some(old), Some(new)) => (OutputOf::Both, *old, *new),
                (Some(old), None) => (OutputOf::InForce, event, *old),
                (None, Some(new)) => (OutputOf::Tried, event, *new),
                (None, None) => break,
            };
            let mut changes = Changes { told: Vec::new(), further: 0, room };
            envelopes(&old.envelope, &new.envelope, &mut changes);
            body::compare(&old.body, &new.body, &mut self.bytes_left, &mut changes);
            room = changes.room;
            if changes.count() > 0 || of != OutputOf::Both {
                let Changes { told, further, .. } = changes;
                all.push(OutputDifference { output, of, changes: told, further });
            }
        }
        all
    }
}

/// What would be delivered. That of an event that passes is told only beside what replaces it.
fn outputs<'a>(event: &'a Event, verdict: &'a Verdict, beside: &Verdict) -> Vec<&'a Event> {
    match (verdict, beside) {
        (Verdict::Emit(outputs), _) => outputs.iter().map(|output| &**output).collect(),
        (Verdict::Pass, Verdict::Emit(others)) if !others.is_empty() => vec![event],
        _ => Vec::new(),
    }
}

fn envelopes(old: &Envelope, new: &Envelope, changes: &mut Changes) {
    if old.event_type != new.event_type {
        let (old, new) = (Some(&*old.event_type), Some(&*new.event_type));
        changes.add(|| ChangeOut::of(Part::Type, None, old, new));
    }
    if old.key != new.key {
        let (old, new) = (old.key.as_deref(), new.key.as_deref());
        changes.add(|| ChangeOut::of(Part::Key, None, old, new));
    }
    if old.headers != new.headers {
        headers(&old.headers, &new.headers, changes);
    }
}

fn headers(old: &Headers, new: &Headers, changes: &mut Changes) {
    let (was, is) = (by_name(old), by_name(new));
    let names: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
    let count = changes.count();
    for name in names {
        let (was, is) = (was.get(name).map(String::as_str), is.get(name).map(String::as_str));
        if was != is {
            changes.add(|| ChangeOut::of(Part::Header, Some(name), was, is));
        }
    }
    if changes.count() == count {
        let names = |of: &Headers| of.iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
        let (was, is) = (names(old), names(new));
        changes.add(|| ChangeOut::of(Part::Header, None, Some(&was), Some(&is)));
    }
}

fn by_name(headers: &Headers) -> BTreeMap<&str, String> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers.iter() {
        let shown = match str::from_utf8(value) {
            Ok(text) => text.to_owned(),
            Err(_) => value.escape_ascii().to_string(),
        };
        found.entry(name).and_modify(|all| *all += &format!(", {shown}")).or_insert(shown);
    }
    found
}

impl Changes {
    fn add(&mut self, change: impl FnOnce() -> ChangeOut) {
        match self.room.checked_sub(1) {
            Some(left) => {
                self.room = left;
                self.told.push(change());
            }
            None => self.further += 1,
        }
    }

    fn count(&self) -> usize {
        self.told.len() + self.further
    }
}

impl ChangeOut {
    fn of(part: Part, at: Option<&str>, old: Option<&str>, new: Option<&str>) -> ChangeOut {
        let from = old.zip(new).map_or(0, |(old, new)| excerpt::start(old, new));
        ChangeOut {
            part,
            at: at.map(|at| excerpt::cut(at, 0)),
            old: old.map(|old| excerpt::cut(old, from)),
            new: new.map(|new| excerpt::cut(new, from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{EventId, Offset, TenantId, Time};
    use std::sync::Arc;

    fn event() -> Event {
        let mut envelope = Envelope::new(TenantId::new("t"), "s", "order.paid", Time::ZERO);
        envelope.headers.push("x-a", b"1");
        envelope.headers.push("x-b", b"2");
        Event { id: EventId::new(0, Offset::ZERO), envelope, body: r#"{"n":1}"#.into() }
    }

    fn emit(bodies: &[&str]) -> Verdict {
        let output = |body: &&str| Arc::new(Event { body: body.to_string().into(), ..event() });
        Verdict::Emit(bodies.iter().map(output).collect())
    }

    /// Each output by its number, whose it is, and its changes a line each.
    fn told(in_force: Option<&Verdict>, tried: &Verdict) -> Vec<(usize, OutputOf, Vec<String>)> {
        let all = Comparison::new().of(&event(), in_force, tried);
        let line = |ChangeOut { part, at, old, new }: &ChangeOut| {
            let [at, old, new] = [at, old, new].map(|text| text.as_deref().unwrap_or("-"));
            format!("{part:?} {at} {old} {new}")
        };
        all.iter().map(|one| (one.output, one.of, one.changes.iter().map(line).collect())).collect()
    }

    #[test]
    fn what_two_filters_put_out_is_compared_place_by_place() {
        let (one, two) = (emit(&[r#"{"n":2}"#]), emit(&[r#"{"n":3}"#, r#"{"n":1}"#]));
        let changed = |old, new| vec![format!("Json /n {old} {new}")];
        let both = (0, OutputOf::Both, changed(2, 3));
        assert_eq!(told(Some(&one), &two), [both, (1, OutputOf::Tried, vec![])]);
        assert_eq!(told(Some(&two), &one)[1], (1, OutputOf::InForce, vec![]));
        assert_eq!(told(None, &one), [(0, OutputOf::Tried, changed(1, 2))]);
        assert_eq!(told(Some(&Verdict::Drop), &one), told(None, &one));
        assert_eq!(told(Some(&Verdict::Pass), &one), [(0, OutputOf::Both, changed(1, 2))]);
        assert_eq!(told(Some(&one), &Verdict::Pass), [(0, OutputOf::Both, changed(2, 1))]);
        assert!(told(Some(&one), &one).is_empty());
        assert!(told(Some(&Verdict::Pass), &Verdict::Drop).is_empty(), "the verdicts say it");
        assert!(told(Some(&Verdict::Pass), &emit(&[])).is_empty());
    }

    #[test]
    fn types_keys_and_headers_are_told_by_name() {
        let mut output = event();
        output.envelope.event_type = "order.sent".into();
        output.envelope.key = Some("k".into());
        output.envelope.headers =
            [("x-b", &b"2"[..]), ("x-b", b"\xff"), ("x-c", "ü".as_bytes())].into_iter().collect();
        let lines = [
            "Type - order.paid order.sent",
            "Key - - k",
            "Header x-a 1 -",
            "Header x-b 2 2, \\xff",
            "Header x-c - ü",
        ];
        let verdict = Verdict::Emit(vec![Arc::new(output)]);
        assert_eq!(told(None, &verdict), [(0, OutputOf::Tried, lines.map(str::to_owned).to_vec())]);

        let mut output = event();
        output.envelope.headers = [("x-b", &b"2"[..]), ("x-a", b"1")].into_iter().collect();
        let verdict = Verdict::Emit(vec![Arc::new(output)]);
        assert_eq!(told(None, &verdict)[0].2, ["Header - x-a, x-b x-b, x-a"]);
    }

    #[test]
    fn many_changes_are_counted_and_the_first_told() {
        let many: Vec<String> = (0..50).map(|n| format!("\"m{n}\":0")).collect();
        let body = format!("{{\"n\":1,{}}}", many.join(","));
        let all = Comparison::new().of(&event(), None, &emit(&[&body, r#"{"n":2}"#]));
        let counts: Vec<_> = all.iter().map(|one| (one.changes.len(), one.further)).collect();
        assert_eq!(counts, [(CHANGES_MAX, 50 - CHANGES_MAX), (0, 1)]);
    }

    #[test]
    fn a_brief_comparison_tells_the_first_byte_alone() {
        let all = Comparison::brief().of(&event(), None, &emit(&[r#"{"n":2}"#]));
        let change = &all[0].changes[0];
        assert_eq!((change.part, change.at.as_deref()), (Part::Byte, Some("5")));
    }
}
