//! Dry runs: what a filter would make of events that the log has. Nothing is delivered.

use super::differences::{Comparison, OutputDifference};
use super::model::{FilterPatch, Settings};
use super::verdict::{Excerpt, VerdictOut};
use super::{NONE, check_own_module, check_version, is_name, module};
use crate::api::messages::{Room, Span};
use crate::api::wire::member_time;
use crate::api::{Answered, Call};
use crate::problem::Problem;
use crate::reply::{Secret, answer, with_secret};
use crate::walk::{self, End, Path};
use crate::{Control, Fault, Trial};
use event::{Envelope, Event, TenantId, Verdict};
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
    /// So many examples; 10 when it is not said.
    #[schemars(range(max = 100))]
    examples: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryRunOut {
    /// Events that it was shown.
    events: usize,
    /// Whether there may be further ones that it was not shown, for want of time or room.
    cut_short: bool,
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
        count,
    };
    let gathered = control.ask(&call.principal, move |log, _| wish.gather(log)).await?;
    let (events, is_whole) = gathered;
    let trials = control.ports.modules.dry_run(versions, events.clone()).await?;
    let mut told = told(&events, &trials, examples);
    told.cut_short |= !is_whole;
    // It shows what events hold, and those may be erased: no answer is kept.
    Ok(with_secret(answer(200, &told), Secret::Anew))
}

fn ranged(member: &str, given: usize, min: usize, max: usize) -> Result<usize, Problem> {
    match (min..=max).contains(&given) {
        true => Ok(given),
        false => Err(Problem::value(&[member], format!("{min} to {max}"))),
    }
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
    count: usize,
}

impl Wish {
    fn wants(&self, event: &Event) -> bool {
        let Envelope { tenant, event_type, .. } = &event.envelope;
        *tenant == self.app
            && !event.is_erased()
            && self.span.holds(event.id.millis())
            && TypePattern::any(&self.types, event_type)
    }

    /// The newest first, and whether these are all that were asked for.
    fn gather(self, log: &dyn Log) -> Result<(Vec<Arc<Event>>, bool), Failure> {
        let path = Path { range: self.span.range(log)?, is_newest_first: true };
        let (mut room, mut found) = (Room::of(self.count), Vec::new());
        let end = walk::events(log, path, |event| {
            if self.wants(event) {
                room.take(event, true);
                found.push(event.clone());
            }
            Ok(if room.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let is_whole = end == End::Whole || found.len() == self.count;
        Ok((found, is_whole))
    }
}

fn told(events: &[Arc<Event>], trials: &[Trial], most: usize) -> DryRunOut {
    let (after, before) = (&trials[0], trials.get(1));
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
    DryRunOut {
        events: after.verdicts.len(),
        cut_short: after.verdicts.len() < events.len(),
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
