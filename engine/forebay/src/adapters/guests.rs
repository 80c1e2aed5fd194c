use super::canaries::{Canaries, Canary};
use super::gate::{Gates, Sifted};
use super::turns::{Suspicion, by_time};
use crate::modules::Modules;
use crate::tables::Tables;
use control::{CircuitState, Compared, FilterWatch, Metrics, SaidLine as Said};
use event::limits::START_COST;
use event::{Event, TenantId, Time, Verdict};
use filter::SpecFailure;
use filter::{Candidate, ChainAnswer, ChainSpec, Comparison, Difference, ErrorPolicy, FaultKind};
use filter::{FaultNote, FilterLimits, FilterModule, FilterSpec, Purpose, Runner, Setting};
use pipeline::screen::{Guests, Judging};
use pipeline::{Answer, Pairs, Question};
use registry::{CANDIDATE, ChainId, Ended, FilterVersion, OnError, Share};
use runtime::Clock;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// The level of what went wrong, among the lines of a filter.
const ERROR: u8 = 3;

/// The guests of one thread.
pub struct Chains {
    desk: Rc<Desk>,
    /// By what is run.
    prepared: BTreeMap<ChainId, Rc<Prepared>>,
    gates: Rc<Gates>,
}

/// What the questions under way share.
pub struct Desk {
    pub runner: Runner,
    pub modules: Arc<Modules>,
    pub tables: Arc<Tables>,
    pub metrics: Arc<Metrics>,
    pub watch: Arc<FilterWatch>,
    pub clock: Arc<dyn Clock>,
}

/// The filters of chains as they are run.
struct Prepared {
    spec: ChainSpec,
    circuits: Vec<(Arc<str>, Arc<CircuitState>)>,
    canaries: Canaries,
    forgetting: Cell<Forgetting>,
    suspicion: Rc<Suspicion>,
}

/// What of its tenant's erasures the guests of a run have forgotten.
#[derive(Clone, Copy, Default)]
struct Forgetting {
    /// Of all tenants, as far as this was asked.
    heard: u64,
    /// How many there were of its own, and when the last.
    own: Option<(u64, Time)>,
}

/// What the filters of a question said of the events that somebody wants.
struct Judged {
    verdicts: Vec<Verdict>,
    fuel: u64,
    /// They were run.
    is_counted: bool,
}

/// More chains than this are forgotten together and put together again when asked for.
const CHAINS_MAX: usize = 10_000;
/// An event that was erased may be on its way to a guest for so long: mostly the first, seldom the
/// last.
const ON_ITS_WAY: [Duration; 3] =
    [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600)];
const RETRY_DELAY: Duration = Duration::from_secs(5);

impl Guests for Chains {
    /// A chain that cannot be run here, say because its module or a table is gone, stops its
    /// endpoints before the events that they want: nothing is lost, and a person has to look.
    fn judge(&mut self, question: &Arc<Question>) -> Judging {
        let prepared = self.prepared(question);
        let (desk, gates, question) = (self.desk.clone(), self.gates.clone(), question.clone());
        let suspicion = prepared.as_ref().map(|found| found.suspicion.clone()).unwrap_or_default();
        Box::pin(async move {
            let judging = desk.judge(&question, &gates, prepared);
            by_time(&*desk.clock, &suspicion, judging).await
        })
    }
}

fn stop(reason: &str) -> Verdict {
    Verdict::Stop { reason: reason.into() }
}

/// The host's own failure.
fn postpone() -> Verdict {
    let reason = "the host failed while it ran the filters".into();
    Verdict::Retry { delay: RETRY_DELAY, reason }
}

impl Judged {
    /// Without their having been run.
    fn same(events: &[Arc<Event>], verdict: &Verdict) -> Judged {
        Judged { verdicts: vec![verdict.clone(); events.len()], fuel: 0, is_counted: false }
    }
}

impl Chains {
    pub fn new(desk: Desk) -> Chains {
        Chains { desk: Rc::new(desk), prepared: BTreeMap::new(), gates: Rc::default() }
    }

    fn prepared(&mut self, question: &Question) -> Result<Rc<Prepared>, String> {
        if let Some(prepared) = self.prepared.get(&question.run()) {
            return Ok(prepared.clone());
        }
        if self.prepared.len() >= CHAINS_MAX {
            self.prepared.clear();
        }
        let filters = question.filters();
        let specs = filters.iter().map(|filter| self.desk.filter(filter).map(Arc::new));
        let spec = ChainSpec { filters: specs.collect::<Result<_, _>>()? };
        let watch = &self.desk.watch;
        let circuit =
            |filter: &Arc<FilterVersion>| Some((filter.name.clone(), watch.circuit(filter)?));
        let circuits = filters.iter().filter_map(circuit).collect();
        let canaries = Canaries::of(filters, watch, |filter| self.desk.alone(filter))?;
        let (forgetting, suspicion) = (Cell::default(), Rc::default());
        let prepared = Rc::new(Prepared { spec, circuits, canaries, forgetting, suspicion });
        self.prepared.insert(question.run(), prepared.clone());
        Ok(prepared)
    }
}

impl Desk {
    /// Conditions go first: what nobody wants is dropped, whatever state the filters are in.
    async fn judge(
        &self,
        question: &Question,
        gates: &Gates,
        prepared: Result<Rc<Prepared>, String>,
    ) -> Answer {
        let Question { id, shard, .. } = *question;
        let count = question.events.len();
        let Some(sifted) = self.guarded(gates.sift(question)).await else {
            let verdicts = vec![postpone(); count];
            return Answer { id, shard, verdicts, unmet: Pairs::default(), fuel: 0 };
        };
        let wanted = sifted.wanted.iter().map(|at| question.events[*at].clone());
        let wanted: Vec<Arc<Event>> = wanted.collect();
        let runs: Vec<u32> = sifted.wanted.iter().map(|at| question.runs[*at]).collect();
        let judged = self.judge_wanted(question, (&wanted, &runs), prepared).await;
        let mut verdicts = vec![Verdict::Drop; count];
        for (at, verdict) in sifted.wanted.iter().zip(judged.verdicts) {
            verdicts[*at] = verdict;
        }
        if judged.is_counted {
            self.count(question, &sifted, &verdicts);
        }
        let fuel = sifted.fuel + judged.fuel;
        Answer { id, shard, verdicts, unmet: sifted.unmet, fuel }
    }

    async fn judge_wanted(
        &self,
        question: &Question,
        (events, runs): (&[Arc<Event>], &[u32]),
        prepared: Result<Rc<Prepared>, String>,
    ) -> Judged {
        if events.is_empty() {
            return Judged { is_counted: true, ..Judged::same(events, &Verdict::Drop) };
        }
        let tenant = question.tenant();
        let with_tables =
            prepared.and_then(|prepared| Ok((self.tables_of(&prepared.spec, tenant)?, prepared)));
        let (tables, prepared) = match with_tables {
            Ok(found) => found,
            Err(reason) => {
                tracing::error!(run = %question.run(), "filters cannot be run: {reason}");
                return Judged::same(events, &stop(&reason));
            }
        };
        if let Some(reason) = self.open_circuit(&prepared) {
            return Judged::same(events, &stop(&reason));
        }
        let age = self.age(tenant, &prepared);
        let setting = Setting { purpose: Purpose::Live, tables: &tables, age, runs };
        let left_out = prepared.canaries.left_out(&prepared.spec, self.clock.now());
        let spec = left_out.as_ref().unwrap_or(&prepared.spec);
        let run = self.runner.run_sliced(spec, events, setting);
        let Some(answer) = self.guarded(run).await else {
            return Judged::same(events, &postpone());
        };
        self.tell(question, events, &answer);
        answer.faults.iter().for_each(|fault| self.metrics.filter_trapped(fault.kind.label()));
        let stopped = self.count_faults(tenant, &prepared, &answer);
        let from = stopped.as_ref().map_or(events.len(), |(from, _)| *from);
        self.count_faults_of_canaries(&prepared, &answer, from);
        let fuel = answer.fuel + answer.starts * START_COST;
        let mut verdicts = answer.verdicts;
        if let Some((from, name)) = stopped {
            // These are as if they had come to the open circuit: none is spoilt by it.
            verdicts[from..].fill(stop(&open(&name)));
        }
        Judged { verdicts, fuel, is_counted: true }
    }

    /// What guests keep in variables may be of an event that was erased since: another age begins
    /// with each erasure of their tenant, and others a while later, for what was on its way to
    /// them then.
    fn age(&self, tenant: &TenantId, prepared: &Prepared) -> u64 {
        let mut known = prepared.forgetting.get();
        let erasures = self.watch.erasures();
        if known.heard != erasures {
            known = Forgetting { heard: erasures, own: self.watch.erasures_of(tenant) };
            prepared.forgetting.set(known);
        }
        let Some((count, at)) = known.own else { return 0 };
        let now = self.clock.now();
        let passed = ON_ITS_WAY.iter().filter(|wait| now >= at + **wait).count();
        count * (ON_ITS_WAY.len() as u64 + 1) + passed as u64
    }

    /// Why a chain is not asked, when one of its filters failed too often.
    fn open_circuit(&self, prepared: &Prepared) -> Option<String> {
        if prepared.circuits.is_empty() {
            return None;
        }
        let now = self.clock.now();
        let (name, _) = prepared.circuits.iter().find(|(_, circuit)| !circuit.is_closed(now))?;
        Some(open(name))
    }

    /// What the filters said, for people.
    fn tell(&self, question: &Question, events: &[Arc<Event>], answer: &ChainAnswer) {
        let ids = |event: usize| events.get(event).map(|event| event.id);
        for fault in &answer.faults {
            // Its words may be those of the event, and no erasure reaches what was printed.
            let name = fault.filter.strip_suffix(CANDIDATE).unwrap_or(&fault.filter);
            tracing::warn!(
                filter = %fault.filter, kind = fault.kind.label(),
                event = ids(fault.event).map(tracing::field::display),
                "a filter failed: `forebay filter logs {name}` has its words"
            );
            tracing::debug!(filter = %fault.filter, "{}", fault.text);
        }
        for line in &answer.logs {
            tracing::debug!(filter = %line.filter, level = line.level, "{}", line.text);
        }
        if !answer.logs.is_empty() || !answer.faults.is_empty() {
            let lines = answer.logs.iter().map(|line| Said {
                filter: &line.filter,
                event: line.event.and_then(ids),
                level: line.level,
                fault: None,
                text: &line.text,
            });
            let faults = answer.faults.iter().map(|fault| Said {
                filter: &fault.filter,
                event: ids(fault.event),
                level: ERROR,
                fault: Some(fault.kind.label()),
                text: &fault.text,
            });
            let now = self.clock.wall();
            let tenant = question.tenant();
            self.watch.said(tenant, events, now, lines.chain(faults));
        }
        for seen in &answer.comparisons {
            let mut filters = question.filters().iter();
            if let Some(filter) = filters.find(|filter| filter.name == seen.filter) {
                self.watch.compared(filter, self.clock.wall(), compared(events, seen));
            }
        }
    }

    /// The host's failures and events that are too large are not a filter's. A candidate's
    /// failures go by its own name, and open no circuit.
    ///
    /// From which event on a circuit was open, and its filter: what failed from there on is not
    /// counted.
    fn count_faults(
        &self,
        tenant: &TenantId,
        prepared: &Prepared,
        answer: &ChainAnswer,
    ) -> Option<(usize, Arc<str>)> {
        if prepared.circuits.is_empty() {
            return None;
        }
        let own = answer.faults.iter().filter(|fault| is_own(fault.kind));
        let mut faults: Vec<_> = own.collect();
        faults.sort_by_key(|fault| fault.event);
        let now = self.clock.now();
        let (from, name, is_ours) = faults.into_iter().find_map(|fault| {
            let mut circuits = prepared.circuits.iter();
            let (name, circuit) = circuits.find(|(name, _)| *name == fault.filter)?;
            if !circuit.is_closed(now) {
                // Another thread has opened it meanwhile.
                return Some((fault.event, name, false));
            }
            circuit.failed(now).then_some((fault.event + 1, name, true))
        })?;
        if !is_ours {
            return Some((from, name.clone()));
        }
        self.metrics.filter_circuit_opened(name);
        let text = "it failed too often: its circuit is open, and its endpoints are paused \
                    before their next event";
        tracing::error!(filter = %name, app = tenant.as_str(), "{text}");
        let said = Said { filter: name, event: None, level: ERROR, fault: None, text };
        self.watch.said(tenant, &[], self.clock.wall(), [said].into_iter());
        Some((from, name.clone()))
    }

    /// What they failed at is settled by then, as the error policy says or by their filter. What is
    /// asked about again, from the event `until` on, is counted then.
    fn count_faults_of_canaries(&self, prepared: &Prepared, answer: &ChainAnswer, until: usize) {
        let now = self.clock.now();
        let is_counted = |fault: &&FaultNote| is_own(fault.kind) && fault.event < until;
        for fault in answer.faults.iter().filter(is_counted) {
            if let Some(canary) = prepared.canaries.failed(&fault.filter, now) {
                self.end(canary, fault.kind);
            }
        }
    }

    /// The canary is not asked any more from here on; the registry follows.
    fn end(&self, canary: &Canary, last: FaultKind) {
        let (filter, at) = (&canary.filter, self.clock.wall());
        let faults = filter.canary_circuit().map_or(0, |circuit| circuit.faults);
        let last = last.label();
        let reason = match faults {
            1 => format!("it failed, by `{last}`"),
            _ => format!("it failed {faults} times within a minute, the last time by `{last}`"),
        };
        self.metrics.filter_canary_ended(&filter.name);
        let text = format!("ended by the engine: {reason}; its events go by the one in force");
        tracing::error!(filter = %canary.name, app = filter.tenant.as_str(), "{text}");
        let (event, fault) = (None, None);
        let said = Said { filter: &canary.name, event, level: ERROR, fault, text: &text };
        self.watch.said(&filter.tenant, &[], at, [said].into_iter());
        self.watch.canary_failed(filter, Ended { at_ms: at.millis(), reason });
    }

    /// One version of each for the whole question. A chain that looks nothing up needs none.
    fn tables_of(&self, spec: &ChainSpec, tenant: &TenantId) -> Result<filter::Tables, String> {
        if spec.looks_up() { self.tables.of(tenant) } else { Ok(filter::Tables::default()) }
    }

    /// A run is counted once, under its last filter, whose word is the chain's; conditions that
    /// have no filter behind them each for itself.
    fn count(&self, question: &Question, sifted: &Sifted, verdicts: &[Verdict]) {
        match question.filters().last() {
            Some(filter) => {
                let name = &filter.name;
                verdicts.iter().for_each(|verdict| self.metrics.filter_judged(name, verdict));
            }
            None => self.metrics.conditions_judged(sifted.met, sifted.unmet.count()),
        }
    }

    /// None if it panicked. A panic of the host is not the guest's: the thread lives, and what
    /// instances wait for their next batch are thrown away.
    async fn guarded<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let done = poll_fn(|context| {
            let slice = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
            slice.map_or(Poll::Ready(None), |done| done.map(Some))
        });
        let done = done.await;
        if done.is_none() {
            tracing::error!("the host panicked while it ran filters");
            self.runner.forget();
        }
        done
    }

    fn filter(&self, version: &FilterVersion) -> Result<FilterSpec, String> {
        let spec = self.alone(version)?;
        let Some((candidate, share)) = version.trial() else { return Ok(spec) };
        let share = match share {
            Share::Shadow => filter::Share::Shadow,
            Share::Canary(percent) => filter::Share::Canary { percent },
        };
        let other = Arc::new(self.alone(&candidate)?);
        Ok(spec.with_candidate(Candidate { spec: other, share }))
    }

    fn alone(&self, version: &FilterVersion) -> Result<FilterSpec, String> {
        let module = self.modules.find(&version.module).map_err(|failure| failure.to_string())?;
        let spec = filter_spec(module, version);
        spec.map_err(|failure| format!("filter `{}`: {failure}", version.name))
    }
}

/// Why nothing is asked of a filter.
fn open(name: &str) -> String {
    format!("filter {name}: its circuit is open: it failed too often")
}

fn is_own(kind: FaultKind) -> bool {
    !matches!(kind, FaultKind::Host | FaultKind::TooLarge)
}

fn compared(events: &[Arc<Event>], seen: &Comparison) -> Compared {
    let example = |difference: &Difference| {
        let event = events.get(difference.event)?.clone();
        Some((event, difference.in_force.clone(), difference.candidate.clone()))
    };
    Compared {
        judged: seen.judged,
        faults: seen.faults,
        fuel: seen.fuel,
        fuel_in_force: seen.fuel_in_force,
        differing: seen.differing,
        examples: seen.examples.iter().filter_map(example).collect(),
    }
}

/// A version of a filter as it is run.
pub fn filter_spec(
    module: Arc<FilterModule>,
    version: &FilterVersion,
) -> Result<FilterSpec, SpecFailure> {
    let limits = FilterLimits {
        fuel_batch: version.limits.fuel,
        memory_bytes: version.limits.memory_bytes as usize,
        ..FilterLimits::default()
    };
    let on_error = match version.on_error {
        OnError::Reject => ErrorPolicy::Reject,
        OnError::Drop => ErrorPolicy::Drop,
        OnError::Pass => ErrorPolicy::Pass,
        OnError::Retry => ErrorPolicy::Retry(RETRY_DELAY),
        OnError::Stop => ErrorPolicy::Stop,
    };
    let (tenant, name, config) = (&version.tenant, &version.name, &version.config);
    FilterSpec::new(tenant, name, module, config, limits, on_error, version.isolate)
}

#[cfg(test)]
pub mod tests;
