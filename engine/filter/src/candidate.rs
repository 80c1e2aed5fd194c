use crate::batch::Input;
use crate::blame::{Findings, settle};
use crate::pool::Pool;
use crate::spec::{FilterSpec, Purpose, Setting};
use event::Verdict;
use std::cell::RefCell;
use std::sync::Arc;
use wasmtime::Engine;

/// Another filter that is tried on live events in a filter's place or beside it.
pub struct Candidate {
    pub spec: Arc<FilterSpec>,
    pub share: Share,
}

/// What a candidate gets to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Everything, after the filter itself, and nothing comes of it. It reads that it is a dry run.
    Shadow,
    /// In the filter's place, what belongs to so many of a hundred keys; an event without a key
    /// has its offset for one. A key is always judged by the same side, but that a canary stops
    /// nothing: where its error policy would, the filter judges what it failed at.
    Canary { percent: u8 },
}

/// What was seen of a candidate in one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The filter, not the candidate.
    pub filter: Arc<str>,
    /// What the candidate judged.
    pub judged: usize,
    /// Failures that its error policy was asked about.
    pub faults: usize,
    pub fuel: u64,
    /// Fuel of the filter itself for what it judged.
    pub fuel_in_force: u64,
    /// Of what a shadow judged: how often it said something else, and of that the first few.
    pub differing: usize,
    pub examples: Vec<Difference>,
}

/// A filter and its shadow said different things of one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Which event of the question.
    pub event: usize,
    pub in_force: Verdict,
    pub candidate: Verdict,
}

const EXAMPLES_MAX: usize = 4;

/// Settles every input as `settle` does, by both filters.
pub(crate) async fn settle_by_both(
    engine: &Engine,
    pool: &RefCell<Pool>,
    (spec, candidate): (&FilterSpec, &Candidate),
    inputs: &[Input<'_>],
    setting: Setting<'_>,
    findings: &mut Findings,
) -> Vec<Verdict> {
    let fuel_before = findings.fuel;
    let mut own = Findings::default();
    let mut seen = Comparison { filter: spec.name.clone(), ..Comparison::default() };
    let verdicts = match candidate.share {
        Share::Shadow => {
            let verdicts = settle(engine, pool, spec, inputs, setting, findings).await;
            seen.fuel_in_force = findings.fuel - fuel_before;
            own.unbroken = findings.unbroken;
            let dry = Setting { purpose: Purpose::DryRun, ..setting };
            let others = settle(engine, pool, &candidate.spec, inputs, dry, &mut own).await;
            seen.compare(inputs, &verdicts, others);
            seen.judged = inputs.len();
            // Its failures are nobody's: they are counted here alone.
            seen.faults = std::mem::take(&mut own.faults).len();
            verdicts
        }
        Share::Canary { percent } => {
            let is_taken = |input: &Input<'_>| input.event.hundredth() < percent;
            let sides: Vec<bool> = inputs.iter().map(is_taken).collect();
            let side = |wanted: bool| -> Vec<Input<'_>> {
                let both = inputs.iter().zip(&sides);
                both.filter(|(_, taken)| **taken == wanted).map(|(input, _)| *input).collect()
            };
            let (taken, left) = (side(true), side(false));
            let by_filter = settle(engine, pool, spec, &left, setting, findings).await;
            own.unbroken = findings.unbroken;
            let mut by_other =
                settle(engine, pool, &candidate.spec, &taken, setting, &mut own).await;
            seen.judged = taken.len();
            seen.faults = own.faults.len();
            findings.unbroken = own.unbroken;
            let stopped = (&taken[..], &mut by_other[..]);
            settle_stopped(engine, pool, spec, stopped, setting, findings).await;
            own.unbroken = findings.unbroken;
            seen.fuel_in_force = findings.fuel - fuel_before;
            let (mut by_filter, mut by_other) = (by_filter.into_iter(), by_other.into_iter());
            let next = |taken| if taken { by_other.next() } else { by_filter.next() };
            sides.into_iter().map(next).map(|verdict| verdict.expect("one for each")).collect()
        }
    };
    seen.fuel = own.fuel;
    findings.fuel += own.fuel;
    findings.starts += own.starts;
    findings.unbroken = own.unbroken;
    findings.logs.append(&mut own.logs);
    findings.metrics.append(&mut own.metrics);
    findings.faults.append(&mut own.faults);
    findings.comparisons.push(seen);
    verdicts
}

/// Asks the filter about what its canary stopped at, and puts its verdicts there.
async fn settle_stopped(
    engine: &Engine,
    pool: &RefCell<Pool>,
    spec: &FilterSpec,
    (inputs, verdicts): (&[Input<'_>], &mut [Verdict]),
    setting: Setting<'_>,
    findings: &mut Findings,
) {
    let both = inputs.iter().zip(verdicts.iter());
    let stopped = both.filter(|(_, verdict)| is_stop(verdict));
    let stopped: Vec<Input<'_>> = stopped.map(|(input, _)| *input).collect();
    let by_filter = settle(engine, pool, spec, &stopped, setting, findings).await;
    let places = verdicts.iter_mut().filter(|verdict| is_stop(verdict));
    for (place, verdict) in places.zip(by_filter) {
        *place = verdict;
    }
}

fn is_stop(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Stop { .. })
}

impl Comparison {
    fn compare(&mut self, inputs: &[Input<'_>], in_force: &[Verdict], candidate: Vec<Verdict>) {
        for ((input, was), other) in inputs.iter().zip(in_force).zip(candidate) {
            if *was == other {
                continue;
            }
            self.differing += 1;
            if self.examples.len() < EXAMPLES_MAX {
                let in_force = was.clone();
                self.examples.push(Difference { event: input.source, in_force, candidate: other });
            }
        }
    }
}
