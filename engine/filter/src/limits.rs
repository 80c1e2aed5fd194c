/// What a module may weigh. Checked before it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleLimits {
    pub module_bytes: usize,
    pub functions: u32,
    /// Of one function's body.
    pub function_bytes: usize,
    /// Of one function, its parameters aside.
    pub locals: u32,
    /// Of the whole module: many small functions with many locals are the cheapest compile bomb.
    pub locals_total: u64,
    pub types: u32,
    pub imports: u32,
    pub exports: u32,
    pub globals: u32,
    pub table_elements: u64,
    pub data_segments: u32,
    pub element_segments: u32,
    /// Of the memory that the module asks for at its start.
    pub memory_bytes: u64,
}

/// A guest's memory may never be declared larger, so no address reaches an `i32`'s sign.
pub(crate) const MEMORY_BYTES_CEILING: u64 = 1 << 30;

impl Default for ModuleLimits {
    fn default() -> ModuleLimits {
        ModuleLimits {
            module_bytes: 8 << 20,
            functions: 50_000,
            function_bytes: 512 << 10,
            locals: 10_000,
            locals_total: 2_000_000,
            types: 10_000,
            imports: 256,
            exports: 10_000,
            globals: 10_000,
            table_elements: 100_000,
            data_segments: 50_000,
            element_segments: 10_000,
            memory_bytes: 32 << 20,
        }
    }
}

/// What one filter may use while it runs. A million units of fuel are 0.1-0.3 ms on today's
/// machines; the unit is one plain WebAssembly instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterLimits {
    /// Fuel of one call, whatever its size.
    pub fuel_batch: u64,
    /// Fuel of one call beside that, for each event in it.
    pub fuel_event: u64,
    /// Fuel of one call beside that, for each byte of its events: what takes a fixed number of
    /// instructions a byte needs no larger limit for larger bodies.
    pub fuel_byte: u64,
    /// Fuel of an instance's start: start function, `_initialize` and `forebay_init_v1` together.
    pub fuel_start: u64,
    pub memory_bytes: usize,
}

impl Default for FilterLimits {
    fn default() -> FilterLimits {
        FilterLimits {
            fuel_batch: 100_000_000,
            fuel_event: 1_000_000,
            fuel_byte: 256,
            fuel_start: 200_000_000,
            memory_bytes: 32 << 20,
        }
    }
}

impl FilterLimits {
    /// The fuel of one call with `events` events that weigh `bytes` together.
    pub fn fuel_of(&self, events: usize, bytes: usize) -> u64 {
        let events = self.fuel_event.saturating_mul(events as u64);
        let bytes = self.fuel_byte.saturating_mul(bytes as u64);
        self.fuel_batch.saturating_add(events).saturating_add(bytes)
    }
}

/// What may be used to find out who of a batch fails, in calls of its full size on a fresh
/// instance; whoever is unsettled then is asked alone.
pub(crate) const BLAME_CALLS_MAX: u64 = 16;
/// Of one batch's outputs, the larger of this and twice the input.
pub(crate) const OUTPUT_BYTES_MIN: usize = 8 << 20;
pub(crate) const LOG_BYTES_MAX: usize = 4 << 10;
pub(crate) const LOG_LINES_MAX: u32 = 20;
pub(crate) const METRICS_MAX: usize = 1024;
/// `sched_yield` and `poll_oneoff` of one call: the guest's clock stands still, so a sleep on it
/// would spin for ever.
pub(crate) const NAPS_MAX: u32 = 1000;
/// Idle instances of one guest thread, and the memory that they may hold together.
pub(crate) const IDLE_INSTANCES_MAX: usize = 256;
pub(crate) const IDLE_BYTES_MAX: usize = 256 << 20;
