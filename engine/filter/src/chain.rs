use crate::batch::Input;
use crate::blame::{Findings, settle};
use crate::candidate::{Comparison, settle_by_both};
use crate::engine::FilterEngine;
use crate::fault::FaultNote;
use crate::host::{LogLine, Metric};
use crate::pool::Pool;
use crate::spec::{ChainSpec, FilterSpec, Purpose, Setting};
use crate::table::Tables;
use event::limits::OUTPUTS_MAX;
use event::{Event, Verdict};
use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Runs chains on one guest thread and keeps that thread's instances. It may hold several
/// questions at once, so that a slow filter does not hold up the others of its thread.
pub struct Runner {
    engine: FilterEngine,
    pool: RefCell<Pool>,
}

/// What a chain says of the events that it was asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainAnswer {
    /// One for each event, in their order. An output carries its source event's id.
    pub verdicts: Vec<Verdict>,
    /// What it took, also where it failed. The unit of fair sharing.
    pub fuel: u64,
    /// Instances that were started for it.
    pub starts: u64,
    pub logs: Vec<LogLine>,
    pub metrics: Vec<Metric>,
    /// Each failure that the error policy was asked about.
    pub faults: Vec<FaultNote>,
    /// One for each filter that has a candidate.
    pub comparisons: Vec<Comparison>,
}

/// What a dry run of one filter with one event gave.
pub type Trial = ChainAnswer;

impl Runner {
    pub fn new(engine: FilterEngine) -> Runner {
        Runner { engine, pool: RefCell::default() }
    }

    /// Asks a chain about events, as many as you like: they are cut into batches here, and the
    /// answer does not depend on how, as long as no filter runs into its limit of fuel. Blocks
    /// until it is done. There are no tables to look things up in.
    pub fn run(&self, chain: &ChainSpec, events: &[Arc<Event>], purpose: Purpose) -> ChainAnswer {
        let setting = Setting { purpose, tables: &Tables::default(), age: 0, runs: &[] };
        self.run_in(chain, events, setting)
    }

    /// The same with tables.
    pub fn run_in(
        &self,
        chain: &ChainSpec,
        events: &[Arc<Event>],
        setting: Setting<'_>,
    ) -> ChainAnswer {
        let mut answer = pin!(self.run_sliced(chain, events, setting));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
                return answer;
            }
        }
    }

    /// Like `run_in`, but gives way after each [`SLICE_FUEL`](event::limits::SLICE_FUEL): the
    /// future is pending then, and has woken its waker already. It is polled on the runner's own
    /// thread. Dropping it ends the guest.
    pub async fn run_sliced(
        &self,
        chain: &ChainSpec,
        events: &[Arc<Event>],
        setting: Setting<'_>,
    ) -> ChainAnswer {
        let mut findings = Findings::default();
        let mut standings: Vec<Standing> = events.iter().map(|_| Standing::Untouched).collect();
        for filter in &chain.filters {
            let before = (events, &standings[..]);
            standings = self.stage(filter, before, setting, &mut findings).await;
        }
        let verdicts = standings.into_iter().zip(events).map(|(standing, event)| match standing {
            Standing::Untouched => Verdict::Pass,
            Standing::Going(outputs) if is_untouched(&outputs, event) => Verdict::Pass,
            Standing::Going(outputs) => Verdict::Emit(outputs),
            Standing::Ended(verdict) => verdict,
        });
        let verdicts = verdicts.collect();
        let Findings { fuel, starts, logs, metrics, faults, comparisons, .. } = findings;
        ChainAnswer { verdicts, fuel, starts, logs, metrics, faults, comparisons }
    }

    /// Starts one filter afresh and asks it about one event, as is done when it is uploaded. A
    /// filter that does not start, or fails at the event, says so in `faults`.
    pub fn try_out(&self, filter: Arc<FilterSpec>, event: Arc<Event>) -> Trial {
        let fresh = Runner::new(self.engine.clone());
        fresh.run(&ChainSpec { filters: vec![filter] }, &[event], Purpose::DryRun)
    }

    /// Ends the instances that wait for their filter's next batch, and forgets what was learnt of
    /// the filters: after this the runner is a new one, but for the questions that are under way.
    pub fn forget(&self) {
        self.pool.take();
    }

    /// Instances that wait for their filter's next batch.
    pub fn idle_instances(&self) -> usize {
        self.pool.borrow().idle()
    }

    /// The memory that these hold.
    pub fn idle_bytes(&self) -> usize {
        self.pool.borrow().idle_bytes()
    }

    /// The largest memory that one instance had after a call, of all that were called, those that
    /// failed too. One that did not start is not among them.
    pub fn memory_bytes_max(&self) -> usize {
        self.pool.borrow().memory_bytes_max()
    }

    /// Asks one filter about all that is still going: where each source event is after it.
    async fn stage(
        &self,
        filter: &FilterSpec,
        (events, standings): (&[Arc<Event>], &[Standing]),
        setting: Setting<'_>,
        findings: &mut Findings,
    ) -> Vec<Standing> {
        let mut inputs = Vec::with_capacity(standings.len());
        for (source, standing) in standings.iter().enumerate() {
            let runs = setting.runs.get(source).copied().unwrap_or(0);
            match standing {
                Standing::Untouched => {
                    inputs.push(Input { event: &events[source], k: 0, source, runs });
                }
                Standing::Going(outputs) => {
                    let numbered = outputs.iter().zip(0..);
                    inputs.extend(numbered.map(|(event, k)| Input { event, k, source, runs }));
                }
                Standing::Ended(_) => {}
            }
        }
        let engine = self.engine.wasmtime();
        let verdicts = match &filter.candidate {
            None => settle(engine, &self.pool, filter, &inputs, setting, findings).await,
            Some(other) => {
                let both = (filter, other);
                settle_by_both(engine, &self.pool, both, &inputs, setting, findings).await
            }
        };
        let mut answers = inputs.iter().zip(verdicts).peekable();
        let mut after = Vec::with_capacity(standings.len());
        for (source, standing) in standings.iter().enumerate() {
            let next = match standing {
                Standing::Ended(verdict) => Standing::Ended(verdict.clone()),
                Standing::Untouched => {
                    let (_, verdict) = answers.next().expect("one for each input");
                    Standing::after_one(verdict)
                }
                Standing::Going(_) => {
                    let mut next = Standing::Going(Vec::new());
                    while let Some((input, verdict)) = answers.next_if(|(i, _)| i.source == source)
                    {
                        next = next.joined(input.event, verdict);
                    }
                    next
                }
            };
            after.push(next.bounded());
        }
        after
    }
}

/// How far an event has come in its chain.
enum Standing {
    /// The event itself goes into the next filter.
    Untouched,
    /// These do.
    Going(Vec<Arc<Event>>),
    Ended(Verdict),
}

impl Standing {
    /// What was said of the event itself.
    fn after_one(verdict: Verdict) -> Standing {
        match verdict {
            Verdict::Pass => Standing::Untouched,
            Verdict::Emit(outputs) => Standing::Going(outputs),
            ending => Standing::Ended(ending),
        }
    }

    /// Adds what was said of the next of an event's outputs. An event ends as a whole: what would
    /// end it later (a stop, then a retry, then a rejection of any one output) outweighs the rest.
    fn joined(self, event: &Arc<Event>, verdict: Verdict) -> Standing {
        let mut outputs = match self {
            Standing::Untouched => Vec::new(),
            Standing::Going(outputs) => outputs,
            Standing::Ended(before) if severity(&verdict) > severity(&before) => {
                return Standing::Ended(verdict);
            }
            ended => return ended,
        };
        match verdict {
            Verdict::Drop => {}
            Verdict::Pass => outputs.push(event.clone()),
            Verdict::Emit(more) => outputs.extend(more),
            ending => return Standing::Ended(ending),
        }
        Standing::Going(outputs)
    }

    fn bounded(self) -> Standing {
        match self {
            Standing::Going(outputs) if outputs.is_empty() => Standing::Ended(Verdict::Drop),
            Standing::Going(outputs) if outputs.len() > OUTPUTS_MAX => {
                let reason = format!("the chain made {} outputs of one event", outputs.len());
                Standing::Ended(Verdict::Reject { reason: reason.into() })
            }
            standing => standing,
        }
    }
}

fn severity(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Drop | Verdict::Pass | Verdict::Emit(_) => 0,
        Verdict::Reject { .. } => 1,
        Verdict::Retry { .. } => 2,
        Verdict::Stop { .. } => 3,
    }
}

fn is_untouched(outputs: &[Arc<Event>], event: &Arc<Event>) -> bool {
    matches!(outputs, [only] if Arc::ptr_eq(only, event))
}
