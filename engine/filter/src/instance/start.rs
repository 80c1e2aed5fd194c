use super::{Entry, Exports, Instance};
use crate::contract::{BUFFER, FILTER, INIT, MEMORY, PROCESS};
use crate::fault::{Fault, FaultKind};
use crate::host::{Host, Progress};
use crate::spec::FilterSpec;
use crate::verify::Form;
use event::limits::SLICE_FUEL;
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

impl Instance {
    /// Instantiates and starts a guest; `fuel` grows by what that took.
    pub(crate) async fn start(
        engine: &Engine,
        spec: &FilterSpec,
        fuel: &mut u64,
    ) -> Result<Instance, Fault> {
        let budget = spec.limits.fuel_start;
        let mut store = Store::new(engine, Host::new(limits(spec), spec.config.clone(), spec.seed));
        store.limiter(|host| &mut host.limits);
        store.data_mut().open(Progress::Outside, Vec::new(), budget);
        let set = store.set_fuel(budget);
        set.and_then(|()| store.fuel_async_yield_interval(Some(SLICE_FUEL)))
            .expect("fuel is on in every engine of ours");
        let raised = raise(&mut store, spec).await;
        let exports = match raised {
            Ok(exports) => exports,
            Err(error) => {
                *fuel += budget.saturating_sub(store.get_fuel().unwrap_or(0));
                let said = store.data().failure.as_deref();
                let sources = spec.module.sources.as_ref();
                return Err(at_start(Fault::from_wasmtime(&error, said, sources)));
            }
        };
        let mark = spec.limits.memory_bytes / 8 * 7;
        let memory_bytes_mark = mark.max(exports.memory.data_size(&store));
        let module = spec.module.clone();
        let mut instance =
            Instance { store, exports, module, place: 0, room: 0, memory_bytes_mark };
        let taken = instance.configure(spec.config_text.as_bytes()).await;
        *fuel += budget.saturating_sub(instance.fuel_left());
        taken.map_err(at_start).map(|()| instance)
    }

    /// Hands the configuration to a guest that wants it.
    async fn configure(&mut self, config: &[u8]) -> Result<(), Fault> {
        let Some(init) = self.exports.init.clone() else { return Ok(()) };
        if !self.reserve(config.len()).await? {
            let text = "forebay_buffer has no room for the configuration".to_string();
            return Err(Fault::new(FaultKind::Start, None, text));
        }
        let place = self.place as usize;
        let memory = self.exports.memory;
        memory.data_mut(&mut self.store)[place..place + config.len()].copy_from_slice(config);
        let answer = init.call_async(&mut self.store, (self.place, config.len() as u32)).await;
        match answer.map_err(|error| self.fault(&error))? {
            0 => Ok(()),
            code => {
                let text = format!("refused its configuration: {}", self.said(i64::from(code)));
                Err(Fault::new(FaultKind::Start, None, text))
            }
        }
    }
}

fn limits(spec: &FilterSpec) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(spec.limits.memory_bytes)
        .instances(1)
        .memories(1)
        .tables(1)
        .build()
}

async fn raise(store: &mut Store<Host>, spec: &FilterSpec) -> wasmtime::Result<Exports> {
    let instance = spec.module.pre.instantiate_async(&mut *store).await?;
    let memory = instance
        .get_memory(&mut *store, MEMORY)
        .ok_or_else(|| wasmtime::format_err!("the module exports no memory"))?;
    store.data_mut().memory = Some(memory);
    if let Some(name) = spec.module.start {
        let start = instance.get_typed_func::<(), ()>(&mut *store, name)?;
        start.call_async(&mut *store, ()).await?;
    }
    let buffer = instance.get_typed_func(&mut *store, BUFFER)?;
    let entry = match spec.module.form {
        Form::Batch => Entry::Batch(instance.get_typed_func(&mut *store, PROCESS)?),
        Form::Single => Entry::Single(instance.get_typed_func(&mut *store, FILTER)?),
    };
    let init = match spec.module.has_init {
        true => Some(instance.get_typed_func(&mut *store, INIT)?),
        false => None,
    };
    Ok(Exports { memory, buffer, entry, init })
}

/// A guest that does not start fails every event alike.
fn at_start(mut fault: Fault) -> Fault {
    if fault.kind != FaultKind::Host {
        fault.kind = FaultKind::Start;
        fault.text = format!("did not start: {}", fault.text);
    }
    fault
}
