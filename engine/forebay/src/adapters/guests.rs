use crate::modules::Modules;
use control::Metrics;
use event::{Event, Verdict};
use filter::{ChainAnswer, ChainSpec, ErrorPolicy, FilterLimits, FilterModule, FilterSpec};
use filter::{Purpose, Runner, SpecFailure};
use pipeline::screen::Guests;
use pipeline::{Answer, Question};
use registry::{Chain, ChainId, FilterVersion, OnError};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// The guests of one thread.
pub struct Chains {
    pub runner: Runner,
    pub modules: Arc<Modules>,
    pub metrics: Arc<Metrics>,
    pub specs: BTreeMap<ChainId, Arc<ChainSpec>>,
}

/// More chains than this are forgotten together and put together again when asked for.
const SPECS_MAX: usize = 10_000;
const RETRY_DELAY: Duration = Duration::from_secs(5);

impl Guests for Chains {
    /// A chain that cannot be run here, say because its module is gone, stops its endpoints:
    /// nothing is lost, and a person has to look.
    fn judge(&mut self, question: &Question) -> Answer {
        let (id, shard) = (question.id, question.shard);
        match self.spec(&question.chain) {
            Ok(spec) => {
                let Some(answer) = self.run(&spec, &question.events) else {
                    let reason = "the host failed while it ran the filters";
                    return postpone(question, reason);
                };
                self.count(&question.chain, &answer);
                for fault in &answer.faults {
                    let event = question.events.get(fault.event).map(|event| event.id);
                    tracing::warn!(
                        filter = %fault.filter, kind = fault.kind.label(), ?event,
                        "a filter failed: {}", fault.text
                    );
                }
                for line in &answer.logs {
                    tracing::debug!(filter = %line.filter, level = line.level, "{}", line.text);
                }
                Answer { id, shard, verdicts: answer.verdicts, fuel: answer.fuel }
            }
            Err(reason) => {
                tracing::error!(chain = %question.chain.id, "a chain cannot be run: {reason}");
                let stop = || Verdict::Stop { reason: reason.as_str().into() };
                let verdicts = question.events.iter().map(|_| stop()).collect();
                Answer { id, shard, verdicts, fuel: 0 }
            }
        }
    }
}

fn postpone(question: &Question, reason: &str) -> Answer {
    let retry = || Verdict::Retry { delay: RETRY_DELAY, reason: reason.into() };
    let verdicts = question.events.iter().map(|_| retry()).collect();
    Answer { id: question.id, shard: question.shard, verdicts, fuel: 0 }
}

impl Chains {
    fn spec(&mut self, chain: &Chain) -> Result<Arc<ChainSpec>, String> {
        if let Some(spec) = self.specs.get(&chain.id) {
            return Ok(spec.clone());
        }
        if self.specs.len() >= SPECS_MAX {
            self.specs.clear();
        }
        let filters = chain.filters.iter().map(|filter| self.filter(filter).map(Arc::new));
        let filters = filters.collect::<Result<_, _>>()?;
        let spec = Arc::new(ChainSpec { condition: chain.condition.clone(), filters });
        self.specs.insert(chain.id, spec.clone());
        Ok(spec)
    }

    /// A chain is counted under its last filter, whose word is the chain's.
    fn count(&self, chain: &Chain, answer: &ChainAnswer) {
        let name = chain.filters.last().map_or("where", |filter| &*filter.name);
        answer.verdicts.iter().for_each(|verdict| self.metrics.filter_judged(name, verdict));
        answer.faults.iter().for_each(|fault| self.metrics.filter_trapped(fault.kind.label()));
    }

    /// A panic of the host is not the guest's: its instances are thrown away, the thread lives.
    fn run(&mut self, spec: &ChainSpec, events: &[Arc<Event>]) -> Option<ChainAnswer> {
        let runner = &self.runner;
        let run = AssertUnwindSafe(|| runner.run(spec, events, Purpose::Live));
        let answer = catch_unwind(run).ok();
        if answer.is_none() {
            tracing::error!("the host panicked while it ran filters; their instances are new");
            self.runner = Runner::new(self.modules.engine().clone());
        }
        answer
    }

    fn filter(&self, version: &FilterVersion) -> Result<FilterSpec, String> {
        let module = self.modules.find(&version.module).map_err(|failure| failure.to_string())?;
        let spec = filter_spec(module, version);
        spec.map_err(|failure| format!("filter `{}`: {failure}", version.name))
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
