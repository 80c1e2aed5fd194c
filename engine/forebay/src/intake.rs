use crate::adapters::guests::filter_spec;
use crate::config::{Shipped, unknown};
use crate::digest_of;
use crate::modules::{ModuleFailure, Modules};
use crate::queue::Queue;
use crate::tables::Tables;
use bytes::Bytes;
use control::{Denied, Fault, Pending, Said, Trial};
use event::{Envelope, Event, EventId, Offset, Time, Verdict};
use filter::{ChainAnswer, ChainSpec, FaultKind, FilterSpec, Purpose, Runner, Setting};
use registry::{FilterVersion, ModuleDigest};
use runtime::Clock;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// Takes modules in and tries them out, on threads of their own: a compiler fills a core, and so
/// does a filter that is shown many events.
pub struct Intake {
    modules: Arc<Modules>,
    tables: Arc<Tables>,
    clock: Arc<dyn Clock>,
    compiling: Queue,
    trying: Queue,
    /// Of dry runs: what is to be put in force does not wait for them.
    showing: Queue,
}

/// Of events that a filter is tried out with at a time; between two its time is looked at.
const CHUNK: usize = 16;
/// Of a dry run. One event may take some 100 ms of it, a chunk that never ends some 2 s.
const TRIAL_TIME_MAX: Duration = Duration::from_secs(10);
/// Of what all filters of a dry run put out.
const TRIAL_BYTES_MAX: usize = 32 << 20;
const FAULTS_MAX: usize = 20;
const LOGS_MAX: usize = 100;

/// Of all modules with their compiled forms. Who uploads anew each time fills no disk.
const MODULES_BYTES_MAX: u64 = 2 << 30;

impl Intake {
    pub fn new(modules: Arc<Modules>, tables: Arc<Tables>, clock: Arc<dyn Clock>) -> Intake {
        let queue = || Queue::new("modules");
        let (compiling, trying, showing) = (queue(), queue(), queue());
        Intake { modules, tables, clock, compiling, trying, showing }
    }
}

impl control::Modules for Intake {
    fn keep(&self, wasm: Bytes) -> Pending<Result<ModuleDigest, Denied>> {
        let modules = self.modules.clone();
        self.compiling.run(move || take_in(&modules, &wasm))
    }

    fn try_out(&self, filter: FilterVersion) -> Pending<Result<(), Denied>> {
        let modules = self.modules.clone();
        self.trying.run(move || try_out(&modules, &filter))
    }

    fn dry_run(
        &self,
        filters: Vec<FilterVersion>,
        events: Vec<Arc<Event>>,
    ) -> Pending<Result<Vec<Trial>, Denied>> {
        let (modules, clock) = (self.modules.clone(), self.clock.clone());
        let tables = self.tables.clone();
        self.showing.run(move || dry_run(&modules, &tables, &*clock, &filters, &events))
    }

    fn has(&self, digest: &ModuleDigest) -> bool {
        self.modules.has(digest)
    }

    fn shipped(&self, name: &str) -> Option<Bytes> {
        Shipped::find(name).map(|shipped| Bytes::from_static(shipped.wasm))
    }

    fn unshipped(&self, name: &str) -> String {
        let (why, advice) = unknown(name);
        format!("{why}; {advice}")
    }
}

fn take_in(modules: &Modules, wasm: &[u8]) -> Result<ModuleDigest, Denied> {
    let digest = digest_of(wasm);
    let is_full = || modules.bytes().is_ok_and(|bytes| bytes > MODULES_BYTES_MAX);
    if !modules.has(&digest) && is_full() {
        tracing::error!("modules fill {MODULES_BYTES_MAX} bytes: no further one is taken in");
        return Err(Denied::Full);
    }
    modules.keep(digest, wasm).map_err(module_denied)?;
    Ok(digest)
}

fn module_denied(failure: ModuleFailure) -> Denied {
    match failure {
        ModuleFailure::Refused(why) => Denied::Rejected(why),
        ModuleFailure::Disk { source, .. } if source.kind() == ErrorKind::StorageFull => {
            Denied::Full
        }
        failure => Denied::Failed(failure.to_string()),
    }
}

/// Only what keeps a filter from starting counts: that an event which nobody sent does not suit it
/// says nothing of those that will come.
fn try_out(modules: &Modules, filter: &FilterVersion) -> Result<(), Denied> {
    let spec = spec(modules, filter)?;
    let trial = Runner::new(modules.engine().clone()).try_out(spec, sample(filter));
    match trial.faults.iter().find(|fault| fault.kind == FaultKind::Start) {
        Some(fault) => Err(Denied::Rejected(format!("the filter does not start: {}", fault.text))),
        None => Ok(()),
    }
}

fn spec(modules: &Modules, filter: &FilterVersion) -> Result<Arc<FilterSpec>, Denied> {
    let module = modules.find(&filter.module).map_err(module_denied)?;
    let spec = filter_spec(module, filter);
    spec.map(Arc::new).map_err(|failure| Denied::Rejected(failure.to_string()))
}

/// Shows all filters the same events, a few at a time, until all are seen or the time is over.
fn dry_run(
    modules: &Modules,
    tables: &Tables,
    clock: &dyn Clock,
    filters: &[FilterVersion],
    events: &[Arc<Event>],
) -> Result<Vec<Trial>, Denied> {
    // As for one that is to be put in force: it says why once, and not at each event.
    filters.first().map_or(Ok(()), |tried| try_out(modules, tried))?;
    let specs =
        filters.iter().map(|filter| spec(modules, filter)).collect::<Result<Vec<_>, _>>()?;
    let tables = filters.first().map_or_else(|| Ok(Default::default()), |f| tables.of(&f.tenant));
    let tables = tables.map_err(Denied::Failed)?;
    let setting = Setting { purpose: Purpose::DryRun, tables: &tables, age: 0, runs: &[] };
    // Instances of their own: what was tried out is in nobody's way, and each filter's memory is
    // told by itself.
    let runner = || Runner::new(modules.engine().clone());
    let mut trials: Vec<(Runner, Trial)> =
        specs.iter().map(|_| (runner(), Trial::default())).collect();
    let (start, mut bytes) = (clock.now(), 0);
    for (n, chunk) in events.chunks(CHUNK).enumerate() {
        if clock.now().since(start) >= TRIAL_TIME_MAX || bytes >= TRIAL_BYTES_MAX {
            break;
        }
        for (spec, (runner, trial)) in specs.iter().zip(&mut trials) {
            let chain = ChainSpec { filters: vec![spec.clone()] };
            let before = clock.now();
            let answer = runner.run_in(&chain, chunk, setting);
            trial.took += clock.now().since(before);
            trial.memory_bytes = runner.memory_bytes_max();
            bytes += answer.verdicts.iter().map(Verdict::weight).sum::<usize>();
            add(trial, answer, n * CHUNK);
        }
    }
    Ok(trials.into_iter().map(|(_, trial)| trial).collect())
}

fn add(trial: &mut Trial, answer: ChainAnswer, first: usize) {
    trial.verdicts.extend(answer.verdicts);
    trial.fuel += answer.fuel;
    trial.fault_count += answer.faults.len();
    trial.faults.extend(answer.faults.into_iter().map(|fault| Fault {
        event: first + fault.event,
        kind: fault.kind.label(),
        text: fault.text,
    }));
    trial.said.extend(answer.logs.into_iter().map(|line| Said {
        event: line.event.map(|event| first + event),
        level: line.level,
        text: line.text,
    }));
    trial.faults.truncate(FAULTS_MAX);
    trial.said.truncate(LOGS_MAX);
}

fn sample(filter: &FilterVersion) -> Arc<Event> {
    let envelope = Envelope::new(filter.tenant.clone(), "trial", "forebay.trial", Time::ZERO);
    Arc::new(Event { id: EventId::new(0, Offset::ZERO), envelope, body: Bytes::from_static(b"{}") })
}
