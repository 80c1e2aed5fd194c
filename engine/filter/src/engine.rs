use crate::compile::{Compile, CompileCache, CompileFailure, SealKey, compiled, entry_name};
use crate::contract::{INIT, STARTS, TABLE_GET};
use crate::host::Host;
use crate::imports;
use crate::limits::ModuleLimits;
use crate::source::Sources;
use crate::verify::{Form, ModuleReport, Refusal, verify};
use sha2::{Digest, Sha256};
use std::num::NonZeroUsize;
use std::sync::Arc;
use thiserror::Error;
use wasmtime::{
    Config, Engine, InstancePre, Linker, OperatorCost, OptLevel, WasmBacktraceDetails, WasmFeatures,
};

/// A wasmtime engine set up for the contract. Cheap to clone, shared by all threads.
#[derive(Clone)]
pub struct FilterEngine {
    engine: Engine,
    linker: Arc<Linker<Host>>,
}

/// A verified, compiled module. Shared by all threads.
pub struct FilterModule {
    pub(crate) digest: [u8; 32],
    pub(crate) pre: InstancePre<Host>,
    pub(crate) form: Form,
    /// The start export to call, if any.
    pub(crate) start: Option<&'static str>,
    pub(crate) has_init: bool,
    /// Whether it can ask for a table.
    pub(crate) looks_up: bool,
    /// Where its code stands in its source, when it says so.
    pub(crate) sources: Option<Sources>,
    report: ModuleReport,
}

#[derive(Debug, Error)]
pub enum AdmitFailure {
    /// The module's author must change it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be compiled within the compiler's limits.
    #[error(transparent)]
    Compile(#[from] CompileFailure),
}

/// What guests may be written in: the WebAssembly that common compilers emit by default, and
/// `simd128`, whose results are the same on every machine. Of reference types only the long form
/// of `call_indirect` that LLVM writes.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST);

/// A failed or empty `memory.grow` costs the host what some two hundred plain instructions do;
/// the pages of one that succeeds are bounded by the memory's limit.
const GROW_FUEL: u8 = 255;
const FRAMES_MAX: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");

impl FilterEngine {
    /// Fails only where wasmtime cannot run at all, such as on an unsupported processor.
    pub fn new() -> Result<FilterEngine, CompileFailure> {
        let engine =
            Engine::new(&config()).map_err(|e| CompileFailure::Engine(format!("{e:#}")))?;
        let linker =
            imports::link(&engine).map_err(|e| CompileFailure::Engine(format!("{e:#}")))?;
        Ok(FilterEngine { engine, linker: Arc::new(linker) })
    }

    /// Reads a module without compiling or running anything of it. A refusal names the import,
    /// export, feature or limit at fault.
    pub fn verify(&self, wasm: &[u8], limits: &ModuleLimits) -> Result<ModuleReport, Refusal> {
        verify(wasm, limits)
    }

    /// What a cache calls the compiled form of the module of this SHA-256.
    pub fn cache_name(&self, digest: &[u8; 32]) -> [u8; 32] {
        entry_name(&self.engine, digest)
    }

    /// Verifies a module and compiles it, or takes its compiled form from the cache. Slow (3 ms
    /// to seconds), so never on a serving thread. A cache entry that was not sealed with `key` by
    /// this version of the engine is thrown away, not loaded.
    pub fn admit(
        &self,
        wasm: &[u8],
        limits: &ModuleLimits,
        compile: &dyn Compile,
        cache: &dyn CompileCache,
        key: &SealKey,
    ) -> Result<Arc<FilterModule>, AdmitFailure> {
        let report = verify(wasm, limits)?;
        let digest: [u8; 32] = Sha256::digest(wasm).into();
        let module = compiled(&self.engine, wasm, &digest, compile, cache, key)?;
        let pre = self
            .linker
            .instantiate_pre(&module)
            .map_err(|e| Refusal::new(format!("the imports do not link: {e:#}")))?;
        let start = STARTS.into_iter().find(|name| module.get_export(name).is_some());
        let has_init = module.get_export(INIT).is_some();
        let looks_up = report.imports.iter().any(|import| import == TABLE_GET);
        let form = report.form;
        let sources = Sources::of(wasm);
        let module = FilterModule { digest, pre, form, start, has_init, looks_up, sources, report };
        Ok(Arc::new(module))
    }

    pub(crate) fn wasmtime(&self) -> &Engine {
        &self.engine
    }
}

impl FilterModule {
    /// The SHA-256 of the module as it was uploaded: its version.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    pub fn report(&self) -> &ModuleReport {
        &self.report
    }
}

fn config() -> Config {
    let mut cost = OperatorCost::new();
    cost.MemoryGrow = GROW_FUEL;
    cost.variable.memory_grow_per_page = GROW_FUEL;
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(cost)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_backtrace_max_frames(Some(FRAMES_MAX))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // From it a trap's place in the module is known, and from that its line.
        .generate_address_map(true)
        .relaxed_simd_deterministic(true);
    config.wasm_features(WasmFeatures::all(), false);
    config.wasm_features(FEATURES, true);
    config
}
