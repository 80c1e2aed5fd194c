use crate::adapters::canaries::{Canaries, Canary};
use crate::modules::Modules;
use crate::tables::Tables;
use control::{CircuitState, Compared, FilterWatch, Metrics, SaidLine as Said};
use event::limits::START_COST;
use event::{Event, TenantId, Verdict};
use filter::{Candidate, ChainAnswer, ChainSpec, Comparison, Difference, ErrorPolicy, FaultKind};
use filter::{FilterLimits, FilterModule, FilterSpec, Purpose, Runner, Setting, SpecFailure};
use pipeline::screen::{Guests, Judging};
use pipeline::{Answer, Question};
use registry::{Chain, ChainId, Ended, FilterVersion, OnError, Share};
use runtime::Clock;
use std::collections::BTreeMap;
use std::future::{poll_fn, ready};
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
    prepared: BTreeMap<ChainId, Arc<Prepared>>,
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

/// A chain as it is run.
struct Prepared {
    spec: ChainSpec,
    circuits: Vec<(Arc<str>, Arc<CircuitState>)>,
    canaries: Canaries,
}

/// More chains than this are forgotten together and put together again when asked for.
const CHAINS_MAX: usize = 10_000;
const RETRY_DELAY: Duration = Duration::from_secs(5);

impl Guests for Chains {
    /// A chain that cannot be run here, say because its module or a table is gone, stops its
    /// endpoints: nothing is lost, and a person has to look.
    fn judge(&mut self, question: &Arc<Question>) -> Judging {
        let prepared = self.prepared(&question.chain);
        let with_tables = prepared
            .and_then(|chain| Ok((self.desk.tables_of(&chain.spec, &question.chain)?, chain)));
        let (tables, prepared) = match with_tables {
            Ok(found) => found,
            Err(reason) => {
                tracing::error!(chain = %question.chain.id, "a chain cannot be run: {reason}");
                return Box::pin(ready(stop(question, &reason)));
            }
        };
        if let Some(reason) = self.desk.open_circuit(&prepared) {
            return Box::pin(ready(stop(question, &reason)));
        }
        let (desk, question) = (self.desk.clone(), question.clone());
        Box::pin(async move { desk.judge(&question, &prepared, &tables).await })
    }
}

fn stop(question: &Question, reason: &str) -> Answer {
    same(question, || Verdict::Stop { reason: reason.into() })
}

fn postpone(question: &Question, reason: &str) -> Answer {
    same(question, || Verdict::Retry { delay: RETRY_DELAY, reason: reason.into() })
}

fn same(question: &Question, verdict: impl Fn() -> Verdict) -> Answer {
    let verdicts = question.events.iter().map(|_| verdict()).collect();
    Answer { id: question.id, shard: question.shard, verdicts, fuel: 0 }
}

impl Chains {
    pub fn new(desk: Desk) -> Chains {
        Chains { desk: Rc::new(desk), prepared: BTreeMap::new() }
    }

    fn prepared(&mut self, chain: &Chain) -> Result<Arc<Prepared>, String> {
        if let Some(prepared) = self.prepared.get(&chain.id) {
            return Ok(prepared.clone());
        }
        if self.prepared.len() >= CHAINS_MAX {
            self.prepared.clear();
        }
        let filters = chain.filters.iter().map(|filter| self.desk.filter(filter).map(Arc::new));
        let filters = filters.collect::<Result<_, _>>()?;
        let watch = &self.desk.watch;
        let circuit =
            |filter: &Arc<FilterVersion>| Some((filter.name.clone(), watch.circuit(filter)?));
        let alone = |filter: &FilterVersion| self.desk.alone(filter);
        let prepared = Arc::new(Prepared {
            spec: ChainSpec { condition: chain.condition.clone(), filters },
            circuits: chain.filters.iter().filter_map(circuit).collect(),
            canaries: Canaries::of(&chain.filters, watch, alone)?,
        });
        self.prepared.insert(chain.id, prepared.clone());
        Ok(prepared)
    }
}

impl Desk {
    async fn judge(
        &self,
        question: &Question,
        prepared: &Prepared,
        tables: &filter::Tables,
    ) -> Answer {
        let left_out = prepared.canaries.left_out(&prepared.spec, self.clock.now());
        let spec = left_out.as_ref().unwrap_or(&prepared.spec);
        let Some(answer) = self.run(spec, tables, &question.events).await else {
            return postpone(question, "the host failed while it ran the filters");
        };
        self.count(&question.chain, &answer);
        self.tell(question, &answer);
        self.count_faults(&question.chain.tenant, prepared, &answer);
        self.count_faults_of_canaries(prepared, &answer);
        let (id, shard) = (question.id, question.shard);
        let fuel = answer.fuel + answer.starts * START_COST;
        Answer { id, shard, verdicts: answer.verdicts, fuel }
    }

    /// Why a chain is not asked, when one of its filters failed too often.
    fn open_circuit(&self, prepared: &Prepared) -> Option<String> {
        if prepared.circuits.is_empty() {
            return None;
        }
        let now = self.clock.now();
        let (name, _) = prepared.circuits.iter().find(|(_, circuit)| !circuit.is_closed(now))?;
        Some(format!("filter {name}: its circuit is open: it failed too often"))
    }

    /// What the filters said, for people.
    fn tell(&self, question: &Question, answer: &ChainAnswer) {
        let ids = |event: usize| question.events.get(event).map(|event| event.id);
        for fault in &answer.faults {
            tracing::warn!(
                filter = %fault.filter, kind = fault.kind.label(), event = ?ids(fault.event),
                "a filter failed: {}", fault.text
            );
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
            let tenant = &question.chain.tenant;
            self.watch.said(tenant, &question.events, now, lines.chain(faults));
        }
        for seen in &answer.comparisons {
            let mut filters = question.chain.filters.iter();
            if let Some(filter) = filters.find(|filter| filter.name == seen.filter) {
                self.watch.compared(filter, self.clock.wall(), compared(question, seen));
            }
        }
    }

    /// The host's failures and events that are too large are not a filter's. A candidate's
    /// failures go by its own name, and open no circuit.
    fn count_faults(&self, tenant: &TenantId, prepared: &Prepared, answer: &ChainAnswer) {
        if prepared.circuits.is_empty() {
            return;
        }
        for fault in answer.faults.iter().filter(|fault| is_own(fault.kind)) {
            let mut circuits = prepared.circuits.iter();
            let found = circuits.find(|(name, _)| *name == fault.filter);
            let now = self.clock.now();
            let Some((name, _)) = found.filter(|(_, circuit)| circuit.failed(now)) else {
                continue;
            };
            self.metrics.filter_circuit_opened(name);
            let text = "it failed too often: its circuit is open, and its endpoints are paused \
                        before their next event";
            tracing::error!(filter = %name, app = tenant.as_str(), "{text}");
            let said = Said { filter: name, event: None, level: ERROR, fault: None, text };
            self.watch.said(tenant, &[], self.clock.wall(), [said].into_iter());
        }
    }

    /// What they failed at has gone the way of the error policy by then.
    fn count_faults_of_canaries(&self, prepared: &Prepared, answer: &ChainAnswer) {
        let now = self.clock.now();
        for fault in answer.faults.iter().filter(|fault| is_own(fault.kind)) {
            if let Some(canary) = prepared.canaries.failed(&fault.filter, now) {
                self.end(canary, fault.kind);
            }
        }
    }

    /// The canary is not asked any more from here on; the registry follows.
    fn end(&self, canary: &Canary, last: FaultKind) {
        let (filter, at) = (&canary.filter, self.clock.wall());
        let faults = filter.canary_circuit().map_or(0, |circuit| circuit.faults);
        let reason = format!(
            "it failed {faults} times within a minute, the last time by `{}`",
            last.label()
        );
        self.metrics.filter_canary_ended(&filter.name);
        let text = format!("ended by the engine: {reason}; its events go by the one in force");
        tracing::error!(filter = %canary.name, app = filter.tenant.as_str(), "{text}");
        let (event, fault) = (None, None);
        let said = Said { filter: &canary.name, event, level: ERROR, fault, text: &text };
        self.watch.said(&filter.tenant, &[], at, [said].into_iter());
        self.watch.canary_failed(filter, Ended { at_ms: at.millis(), reason });
    }

    /// One version of each for the whole question. A chain that looks nothing up needs none.
    fn tables_of(&self, spec: &ChainSpec, chain: &Chain) -> Result<filter::Tables, String> {
        if spec.looks_up() { self.tables.of(&chain.tenant) } else { Ok(filter::Tables::default()) }
    }

    /// A chain is counted under its last filter, whose word is the chain's.
    fn count(&self, chain: &Chain, answer: &ChainAnswer) {
        let name = chain.filters.last().map_or("where", |filter| &*filter.name);
        answer.verdicts.iter().for_each(|verdict| self.metrics.filter_judged(name, verdict));
        answer.faults.iter().for_each(|fault| self.metrics.filter_trapped(fault.kind.label()));
    }

    /// A panic of the host is not the guest's: the thread lives, and what instances wait for their
    /// next batch are thrown away.
    async fn run(
        &self,
        spec: &ChainSpec,
        tables: &filter::Tables,
        events: &[Arc<Event>],
    ) -> Option<ChainAnswer> {
        let setting = Setting { purpose: Purpose::Live, tables };
        let mut run = pin!(self.runner.run_sliced(spec, events, setting));
        let answer = poll_fn(|context| {
            let slice = catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)));
            slice.map_or(Poll::Ready(None), |answer| answer.map(Some))
        });
        let answer = answer.await;
        if answer.is_none() {
            tracing::error!("the host panicked while it ran filters");
            self.runner.forget();
        }
        answer
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

fn is_own(kind: FaultKind) -> bool {
    !matches!(kind, FaultKind::Host | FaultKind::TooLarge)
}

fn compared(question: &Question, seen: &Comparison) -> Compared {
    let example = |difference: &Difference| {
        let event = question.events.get(difference.event)?.clone();
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
