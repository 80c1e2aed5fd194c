use bytes::Bytes;
use event::{Envelope, Event, EventId, Headers, Offset, TenantId, Time, Verdict};
use filter::{
    AdmitFailure, ChainAnswer, ChainSpec, ErrorPolicy, FilterEngine, FilterLimits, FilterModule,
    FilterSpec, InProcess, ModuleLimits, NoCache, Purpose, Runner, SealKey, Tables,
};
use std::sync::{Arc, OnceLock};

pub const BY_BODY: &str = include_str!("../guests/by-body.wat");
pub const SINGLE: &str = include_str!("../guests/single.wat");
pub const PATIENT: &str = include_str!("../guests/patient.wat");

pub fn engine() -> &'static FilterEngine {
    static ENGINE: OnceLock<FilterEngine> = OnceLock::new();
    ENGINE.get_or_init(|| FilterEngine::new().unwrap())
}

pub fn admit_bytes(wasm: &[u8]) -> Result<Arc<FilterModule>, AdmitFailure> {
    admit_within(wasm, &ModuleLimits::default())
}

/// What comes with the engine is never too large for it.
pub fn admit_shipped(wasm: &[u8]) -> Result<Arc<FilterModule>, AdmitFailure> {
    let usual = ModuleLimits::default();
    let module_bytes = usual.module_bytes.max(wasm.len());
    admit_within(wasm, &ModuleLimits { module_bytes, ..usual })
}

fn admit_within(wasm: &[u8], limits: &ModuleLimits) -> Result<Arc<FilterModule>, AdmitFailure> {
    engine().admit(wasm, limits, &InProcess(engine()), &NoCache, &SealKey::new([7; 32]))
}

pub fn admit(wat: &str) -> Arc<FilterModule> {
    admit_bytes(&wat::parse_str(wat).unwrap()).unwrap()
}

/// The text of a guest that would be long: a line that ends in `;; times N` stands there N times.
pub fn expanded(wat: &str) -> String {
    let mut text = String::new();
    for line in wat.lines() {
        let (line, times) = match line.split_once(";; times ") {
            Some((line, times)) => (line, times.parse::<usize>().unwrap()),
            None => (line, 1),
        };
        (0..times).for_each(|_| text.extend([line, "\n"]));
    }
    text
}

/// The refusal's text.
pub fn refusal(wasm: &[u8]) -> String {
    match admit_bytes(wasm) {
        Ok(_) => panic!("the module was taken"),
        Err(failure) => failure.to_string(),
    }
}

/// Everything of a filter that tests vary.
pub struct Setting {
    pub tenant: &'static str,
    pub config: &'static str,
    pub limits: FilterLimits,
    pub on_error: ErrorPolicy,
    pub isolate: bool,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting {
            tenant: "tenant",
            config: "",
            limits: FilterLimits::default(),
            on_error: ErrorPolicy::Reject,
            isolate: false,
        }
    }
}

impl Setting {
    pub fn of(self, module: &Arc<FilterModule>) -> Arc<FilterSpec> {
        let config = self.config;
        self.configured(module, config)
    }

    pub fn configured(self, module: &Arc<FilterModule>, config: &str) -> Arc<FilterSpec> {
        let tenant = TenantId::new(self.tenant);
        let Setting { limits, on_error, isolate, .. } = self;
        let module = module.clone();
        Arc::new(FilterSpec::new(&tenant, "f", module, config, limits, on_error, isolate).unwrap())
    }
}

pub fn chain(filters: &[Arc<FilterSpec>]) -> ChainSpec {
    ChainSpec { filters: filters.to_vec() }
}

/// A chain of the one filter, as configured by default.
pub fn only(wat: &str) -> ChainSpec {
    chain(&[Setting::default().of(&admit(wat))])
}

pub fn event(offset: u64, body: &[u8]) -> Arc<Event> {
    let mut headers = Headers::new();
    headers.push("content-type", b"application/json");
    let time = Time::from_millis(1_790_000_000_000 + offset);
    let envelope = Envelope {
        key: Some("customer-1".into()),
        headers,
        ..Envelope::new(TenantId::new("tenant"), "shop", "order.paid", time)
    };
    let id = EventId::new(1_790_000_000_000, Offset(offset));
    Arc::new(Event { id, envelope, body: Bytes::copy_from_slice(body) })
}

pub fn events(bodies: &[&[u8]]) -> Vec<Arc<Event>> {
    bodies.iter().zip(100..).map(|(body, offset)| event(offset, body)).collect()
}

pub fn ask(chain: &ChainSpec, events: &[Arc<Event>]) -> ChainAnswer {
    Runner::new(engine().clone()).run(chain, events, Purpose::Live)
}

/// Live, without tables.
pub fn live() -> filter::Setting<'static> {
    static NONE: OnceLock<Tables> = OnceLock::new();
    filter::Setting {
        purpose: Purpose::Live,
        tables: NONE.get_or_init(Tables::default),
        age: 0,
        runs: &[],
    }
}

pub fn rejected(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Reject { reason } => reason,
        other => panic!("not rejected: {other:?}"),
    }
}

pub fn emitted(verdict: &Verdict) -> &[Arc<Event>] {
    match verdict {
        Verdict::Emit(outputs) => outputs,
        other => panic!("not emitted: {other:?}"),
    }
}

/// A guest that answers every batch with these bytes, which lie at 8192; its batch lies at
/// 262144 of 16 pages.
pub fn answering(block: &[u8], ptr: u32, len: u32) -> String {
    let block: String = block.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let answer = (u64::from(ptr) << 32 | u64::from(len)) as i64;
    format!(
        r#"(module (memory (export "memory") 16) (data (i32.const 8192) "{block}")
        (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
        (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const {answer})))"#
    )
}

/// A result block at 8192 whose rows follow it.
pub fn block(rows: &[[u32; 16]]) -> Vec<u8> {
    let header = [0x3152_4246, rows.len() as u32, 8224, 64, 0, 0, 0, 0];
    header.iter().chain(rows.iter().flatten()).flat_map(|word| word.to_le_bytes()).collect()
}

/// One row without pointers.
pub fn row(source: u32, verdict: u8, mask: u8, route: u16) -> [u32; 16] {
    let mut row = [0; 16];
    row[0] = source;
    row[1] = u32::from(verdict) | u32::from(mask) << 8 | u32::from(route) << 16;
    row
}
