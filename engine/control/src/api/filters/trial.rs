//! Dry runs: what a filter would make of events that the log has. Nothing is delivered.

use super::differences::{Comparison, OutputDifference};
use super::model::{FilterPatch, Settings};
use super::verdict::{Excerpt, VerdictOut};
use super::{NONE, check_own_module, check_version, is_name, module};
use crate::api::messages::{Room, Span, path, tired_at};
use crate::api::wire::{Place, member_time};
use crate::api::{Answered, Call};
use crate::problem::Problem;
use crate::reply::{Secret, answer, with_secret};
use crate::walk::{self, End};
use crate::{Control, Fault, Trial};
use event::{Envelope, Event, EventId, Offset, TenantId, Verdict};
use log::{Failure, Log};
use registry::{FilterVersion, TypePattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A filter is tried as it is in force, or with what `filter` says in its place; then both are, and
/// what differs is told.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DryRunIn {
    /// What is to be tried in the place of what is in force. A filter that is not there yet needs
    /// its module at least.
    filter: Option<FilterPatch>,
    /// So many events, the newest; 100 when it is not said.
    #[schemars(range(min = 1, max = 1000))]
    events: Option<usize>,
    /// Those of these types or patterns alone.
    #[serde(default)]
    event_types: BTreeSet<String>,
    /// Those since this time alone, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    since: Option<String>,
    /// Those before this time alone, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    until: Option<String>,
    /// Those that come behind what a dry run of the same looked at: what that one gave.
    iterator: Option<String>,
    /// So many examples; 10 when it is not said.
    #[schemars(range(max = 100))]
    examples: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryRunOut {
    /// Events that it was shown.
    events: usize,
    /// Whether there are further ones that it was not shown, or may be: more than `events` asked
    /// for, or than there was time or room for.
    cut_short: bool,
    /// Where another dry run goes on, when this one was cut short.
    iterator: Option<String>,
    /// Each verdict with the number of events that got it.
    #[serde(flatten)]
    counts: VerdictCounts,
    /// Events of which the filter in force says something else; none when that is what was tried.
    differing: Option<usize>,
    /// Of the filter in force, when another was tried.
    before: Option<VerdictCounts>,
    /// Events that differ; when nothing is compared, those that do not pass as they are. The newest
    /// first.
    examples: Vec<DryRunExample>,
    /// Failures that the filter's policy was asked about, the first few.
    faults: Vec<FaultOut>,
    fault_count: usize,
    /// Lines that the filter logged, the first few.
    logs: Vec<LogOut>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VerdictCounts {
    passed: usize,
    dropped: usize,
    /// Replaced by other outputs.
    emitted: usize,
    outputs: usize,
    rejected: usize,
    retried: usize,
    stopped: usize,
    /// What the runs took in all.
    fuel: u64,
    micros: u64,
    /// The largest memory that one instance of the module had, in bytes.
    memory_bytes: usize,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DryRunExample {
    event_id: String,
    event_type: String,
    body: Excerpt,
    after: VerdictOut,
    /// What the filter in force says, when another was tried.
    before: Option<VerdictOut>,
    /// Each output that differs from that of the filter in force, or from the event where nothing
    /// else is put out.
    differences: Vec<OutputDifference>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FaultOut {
    event_id: String,
    kind: &'static str,
    text: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LogOut {
    event_id: Option<String>,
    level: &'static str,
    text: String,
}

const EVENTS_DEFAULT: usize = 100;
const EVENTS_MAX: usize = 1_000;
const EXAMPLES_DEFAULT: usize = 10;
const EXAMPLES_MAX: usize = 100;

pub(super) async fn dry_run(control: &Control, call: Call) -> Answered {
    let given: DryRunIn = call.json_or_default()?;
    let count = ranged("events", given.events.unwrap_or(EVENTS_DEFAULT), 1, EVENTS_MAX)?;
    let examples = ranged("examples", given.examples.unwrap_or(EXAMPLES_DEFAULT), 0, EXAMPLES_MAX)?;
    let app = call.app()?;
    let _place = control.dry_runs.borrow_mut().take(app).ok_or(Problem::Busy)?;
    check_version(&call, &control.snapshot())?;
    let versions = versions(control, &call, given.filter.as_ref()).await?;
    let types = given.event_types.iter().map(|text| TypePattern::parse(text));
    let types = types.collect::<Result<_, _>>();
    let wish = Wish {
        app: app.clone(),
        types: types.map_err(|bad| Problem::value(&["eventTypes"], bad.to_string()))?,
        span: Span::between(
            given.since.as_deref().map(|text| member_time("since", text)).transpose()?,
            given.until.as_deref().map(|text| member_time("until", text)).transpose()?,
        ),
        place: given.iterator.as_deref().map(place).transpose()?,
        count,
    };
    let gathered = control.ask(&call.principal, move |log, _| wish.gather(log)).await?;
    let trials = control.ports.modules.dry_run(versions, gathered.events.clone()).await?;
    let told = told(&gathered, &trials, examples);
    // It shows what events hold, and those may be erased: no answer is kept.
    Ok(with_secret(answer(200, &told), Secret::Anew))
}

fn ranged(member: &str, given: usize, min: usize, max: usize) -> Result<usize, Problem> {
    match (min..=max).contains(&given) {
        true => Ok(given),
        false => Err(Problem::value(&[member], format!("{min} to {max}"))),
    }
}

/// The offset that an iterator names: everything from there on was looked at.
fn place(iterator: &str) -> Result<Offset, Problem> {
    let bad = || Problem::value(&["iterator"], "it is what another dry run gave");
    iterator.parse().map(EventId::offset).map_err(|_| bad())
}

/// What is to be tried, and behind it what is in force, where that is something else.
async fn versions(
    control: &Control,
    call: &Call,
    patch: Option<&FilterPatch>,
) -> Result<Vec<FilterVersion>, Problem> {
    let (app, name) = (call.app()?, call.named("filter_name"));
    let named = patch.and_then(|patch| patch.module.as_deref());
    if let Some(named) = named {
        check_own_module(control, call, named)?;
    }
    let digest = match named {
        Some(named) if is_name(control, name) => Some(module(control, call, named).await?),
        _ => None,
    };
    let snapshot = control.snapshot();
    let old = snapshot.filter(app, name).map(|old| (**old).clone());
    let limits = control.options.filter_limits;
    let base = match (&old, digest) {
        (Some(old), _) => Settings::of(old),
        (None, Some(digest)) => Settings::usual(digest, limits),
        (None, None) => return Err(NONE),
    };
    let tried = match patch {
        Some(patch) => patch.over(base.clone(), digest, limits)?,
        None => base.clone(),
    };
    let in_force = old.filter(|_| tried != base);
    Ok([tried.as_version(app, name)].into_iter().chain(in_force).collect())
}

/// Which events a filter is shown.
struct Wish {
    app: TenantId,
    types: Vec<TypePattern>,
    span: Span,
    place: Option<Offset>,
    count: usize,
}

/// The events that a filter is shown, the newest first.
struct Gathered {
    events: Vec<Arc<Event>>,
    /// Where it goes on, if there may be others.
    iterator: Option<String>,
}

impl Wish {
    fn wants(&self, event: &Event) -> bool {
        let Envelope { tenant, event_type, .. } = &event.envelope;
        *tenant == self.app
            && !event.is_erased()
            && self.span.holds(event.id.millis())
            && TypePattern::any(&self.types, event_type)
    }

    fn gather(self, log: &dyn Log) -> Result<Gathered, Failure> {
        let path = path(self.span.range(log)?, self.place.map_or(Place::Start, Place::After));
        let (mut room, mut events) = (Room::of(self.count), Vec::<Arc<Event>>::new());
        let end = walk::events(log, path, |event| {
            if !self.wants(event) {
                return Ok(ControlFlow::Continue(()));
            }
            // One more than is shown says that there is more.
            if room.is_full() {
                return Ok(ControlFlow::Break(()));
            }
            room.take(event, true);
            events.push(event.clone());
            Ok(ControlFlow::Continue(()))
        })?;
        let last = events.last().map(|last| last.id.to_string());
        let iterator = tired_at(end).or(last).filter(|_| end != End::Whole);
        Ok(Gathered { events, iterator })
    }
}

fn told(gathered: &Gathered, trials: &[Trial], most: usize) -> DryRunOut {
    let (events, after, before) = (&gathered.events, &trials[0], trials.get(1));
    let shown = events.iter().zip(&after.verdicts).enumerate();
    let was = |n: usize| before.and_then(|before| before.verdicts.get(n));
    let differs = |n: usize, verdict: &Verdict| was(n).is_some_and(|was| was != verdict);
    let is_example = |n: usize, verdict: &Verdict| match before {
        Some(_) => differs(n, verdict),
        None => *verdict != Verdict::Pass,
    };
    let examples = shown.clone().filter(|(n, (_, verdict))| is_example(*n, verdict)).take(most);
    let mut comparison = Comparison::new();
    let examples = examples.map(|(n, (event, verdict))| DryRunExample {
        event_id: event.id.to_string(),
        event_type: event.envelope.event_type.to_string(),
        body: Excerpt::of(&event.body),
        after: VerdictOut::of(event, verdict),
        before: was(n).map(|was| VerdictOut::of(event, was)),
        differences: comparison.of(event, was(n), verdict),
    });
    let id = |n: usize| events.get(n).map(|event| event.id.to_string());
    let faults = after.faults.iter().map(|fault: &Fault| FaultOut {
        event_id: id(fault.event).unwrap_or_default(),
        kind: fault.kind,
        text: fault.text.clone(),
    });
    let logs = after.said.iter().map(|said| LogOut {
        event_id: said.event.and_then(id),
        level: ["debug", "info", "warn", "error"][usize::from(said.level.min(3))],
        text: said.text.clone(),
    });
    let count = after.verdicts.len();
    let iterator = match count < events.len() {
        true => count.checked_sub(1).and_then(id),
        false => gathered.iterator.clone(),
    };
    DryRunOut {
        events: count,
        cut_short: count < events.len() || iterator.is_some(),
        iterator,
        counts: counts(after),
        differing: before.map(|_| shown.filter(|(n, (_, verdict))| differs(*n, verdict)).count()),
        before: before.map(counts),
        examples: examples.collect(),
        faults: faults.collect(),
        fault_count: after.fault_count,
        logs: logs.collect(),
    }
}

fn counts(trial: &Trial) -> VerdictCounts {
    let micros = u64::try_from(trial.took.as_micros()).unwrap_or(u64::MAX);
    let (fuel, memory_bytes) = (trial.fuel, trial.memory_bytes);
    let mut counts = VerdictCounts { fuel, micros, memory_bytes, ..VerdictCounts::default() };
    for verdict in &trial.verdicts {
        match verdict {
            Verdict::Pass => {
                (counts.passed, counts.outputs) = (counts.passed + 1, counts.outputs + 1)
            }
            Verdict::Drop => counts.dropped += 1,
            Verdict::Emit(outputs) if outputs.is_empty() => counts.dropped += 1,
            Verdict::Emit(outputs) => {
                counts.emitted += 1;
                counts.outputs += outputs.len();
            }
            Verdict::Reject { .. } => counts.rejected += 1,
            Verdict::Retry { .. } => counts.retried += 1,
            Verdict::Stop { .. } => counts.stopped += 1,
        }
    }
    counts
}
