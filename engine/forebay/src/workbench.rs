use crate::Compiler;
use crate::config::may_weigh;
use bytes::Bytes;
use event::{Envelope, Event, EventId, Offset, TenantId, Time};
use filter::{
    AdmitFailure, ChainAnswer, ChainSpec, Compile, ErrorPolicy, FaultKind, FaultNote, FilterEngine,
    FilterLimits, FilterModule, FilterSpec, InProcess, Inspection, ModuleLimits, ModuleReport,
    NoCache, Purpose, Runner, SealKey, SpecFailure,
};
use std::sync::Arc;

/// A module by itself: verified, compiled and run as the engine does it, without a log or
/// endpoints around it.
pub struct Workbench {
    engine: FilterEngine,
    module: Arc<FilterModule>,
}

/// How the module is tried. What is `None` is as for any filter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// A JSON object; the empty text stands for `{}`.
    pub config: &'a str,
    /// For one batch.
    pub fuel: Option<u64>,
    pub memory_bytes: Option<usize>,
    /// A fresh instance for each event.
    pub isolate: bool,
}

/// A filter that can be asked. What fails it rejects; its instances are its own.
pub struct Guest {
    runner: Runner,
    chain: ChainSpec,
}

/// What lies in a module, and whether an engine takes it.
pub fn inspect(wasm: &[u8]) -> Inspection {
    filter::inspect(wasm, &may_weigh(wasm, &ModuleLimits::default()))
}

impl Workbench {
    /// Slow (3 ms to seconds). Without a compiler it is compiled in this process.
    pub fn open(wasm: &[u8], compiler: Option<&Compiler>) -> Result<Workbench, AdmitFailure> {
        let engine = FilterEngine::new()?;
        let here = InProcess(&engine);
        let compile = compiler.map_or(&here as &dyn Compile, |compiler| &**compiler);
        // Nothing is cached, so nothing is sealed.
        let key = SealKey::new([0; 32]);
        let limits = may_weigh(wasm, &ModuleLimits::default());
        let module = engine.admit(wasm, &limits, compile, &NoCache, &key)?;
        Ok(Workbench { engine, module })
    }

    pub fn report(&self) -> &ModuleReport {
        self.module.report()
    }

    pub fn guest(&self, setup: &Setup<'_>) -> Result<Guest, SpecFailure> {
        let usual = FilterLimits::default();
        let limits = FilterLimits {
            fuel_batch: setup.fuel.unwrap_or(usual.fuel_batch),
            memory_bytes: setup.memory_bytes.unwrap_or(usual.memory_bytes),
            ..usual
        };
        let (tenant, module) = (TenantId::new(TenantId::DEFAULT), self.module.clone());
        let (policy, isolate) = (ErrorPolicy::Reject, setup.isolate);
        let spec =
            FilterSpec::new(&tenant, "filter", module, setup.config, limits, policy, isolate)?;
        let chain = ChainSpec { filters: vec![Arc::new(spec)] };
        Ok(Guest { runner: Runner::new(self.engine.clone()), chain })
    }
}

impl Guest {
    /// Asks about events in one question, which is cut into batches as the engine would.
    pub fn ask(&self, events: &[Arc<Event>]) -> ChainAnswer {
        self.runner.run(&self.chain, events, Purpose::Live)
    }

    /// Why it does not start, if so. It is shown an event without anything in it.
    pub fn start_fault(&self) -> Option<FaultNote> {
        let tenant = TenantId::new(TenantId::DEFAULT);
        let event = Event {
            id: EventId::new(0, Offset(0)),
            envelope: Envelope::new(tenant, "", "none", Time::ZERO),
            body: Bytes::new(),
        };
        let answer = self.runner.run(&self.chain, &[Arc::new(event)], Purpose::DryRun);
        answer.faults.into_iter().find(|fault| fault.kind == FaultKind::Start)
    }

    /// What its instances hold.
    pub fn memory_bytes(&self) -> usize {
        self.runner.idle_bytes()
    }
}
