use bytes::Bytes;
use event::{Envelope, Event, EventId, Headers, Offset, TenantId, Time, Verdict, limits};
use filter::{
    AdmitFailure, ChainSpec, ErrorPolicy, FilterEngine, FilterLimits, FilterModule, FilterSpec,
    InProcess, ModuleLimits, NoCache, Purpose, Runner, SealKey,
};
use std::sync::{Arc, OnceLock};

pub const WORDS: &[&str] = &[
    "\0asm\u{1}\0\0\0",
    "memory",
    "forebay_buffer",
    "forebay_process_v1",
    "forebay_filter_v1",
    "forebay_init_v1",
    "_initialize",
    "forebay_v1",
    "wasi_snapshot_preview1",
    "random_get",
    "fd_write",
    "config_get",
    "log",
    "forebay.manifest",
];

/// A module as somebody uploads it. What is taken compiles, links, and runs within its limits.
pub fn modules(bytes: &[u8]) {
    let limits = ModuleLimits { memory_bytes: 4 << 20, ..ModuleLimits::default() };
    let first = engine().verify(bytes, &limits);
    assert_eq!(first, engine().verify(bytes, &limits), "verified twice it is another");
    let Ok(report) = first else { return };
    assert!(bytes.starts_with(b"\0asm") && report.memory_bytes <= limits.memory_bytes);
    let compile = InProcess(engine());
    let key = SealKey::new([7; 32]);
    match engine().admit(bytes, &limits, &compile, &NoCache, &key) {
        Ok(module) => run(module),
        Err(AdmitFailure::Compile(failure)) => panic!("verified and not compiled: {failure}"),
        Err(AdmitFailure::Refused(refusal)) => panic!("verified and then refused: {refusal}"),
    }
}

pub fn engine() -> &'static FilterEngine {
    static ENGINE: OnceLock<FilterEngine> = OnceLock::new();
    ENGINE.get_or_init(|| FilterEngine::new().unwrap())
}

/// Asks it about two events, in one batch and one by one. Whatever it does, each has a verdict
/// that keeps every limit, and asked again it says the same.
pub fn run(module: Arc<FilterModule>) {
    let limits = FilterLimits {
        fuel_batch: 200_000,
        fuel_event: 1_000,
        fuel_byte: 1,
        fuel_start: 200_000,
        memory_bytes: 4 << 20,
    };
    let tenant = TenantId::new("acme");
    let config = r#"{"name":"value","list":[1,2]}"#;
    let spec = FilterSpec::new(&tenant, "f", module, config, limits, ErrorPolicy::Reject, true);
    let spec = spec.expect("it asks for no more memory than it may");
    let chain = ChainSpec { filters: vec![Arc::new(spec)] };
    let events = [event(100, b"{\"a\":1}"), event(101, b"")];
    let ask = |events: &[Arc<Event>]| {
        let answer = Runner::new(engine().clone()).run(&chain, events, Purpose::Live);
        assert_eq!(answer.verdicts.len(), events.len(), "a verdict for each event");
        answer.verdicts.iter().zip(events).for_each(|(verdict, event)| is_sound(verdict, event));
        answer
    };
    let both = ask(&events);
    assert_eq!(ask(&events), both, "asked again it says otherwise");
}

fn is_sound(verdict: &Verdict, of: &Event) {
    match verdict {
        Verdict::Emit(outputs) => {
            assert!(outputs.len() <= limits::OUTPUTS_MAX);
            for output in outputs {
                let envelope = &output.envelope;
                assert_eq!((output.id, &envelope.tenant), (of.id, &of.envelope.tenant));
                assert!(output.body.len() <= limits::BODY_BYTES_MAX);
                assert!(envelope.headers.len() <= limits::HEADERS_MAX + 1);
            }
        }
        Verdict::Reject { reason } | Verdict::Retry { reason, .. } | Verdict::Stop { reason } => {
            assert!(!reason.chars().any(|c| c.is_control() && c != '\n'), "{reason:?}");
        }
        Verdict::Drop | Verdict::Pass => {}
    }
}

fn event(offset: u64, body: &'static [u8]) -> Arc<Event> {
    let mut headers = Headers::new();
    headers.push("content-type", b"application/json");
    let time = Time::from_millis(1_790_000_000_000 + offset);
    let envelope = Envelope {
        key: Some("customer-1".into()),
        headers,
        ..Envelope::new(TenantId::new("acme"), "shop", "order.paid", time)
    };
    let id = EventId::new(1_790_000_000_000, Offset(offset));
    Arc::new(Event { id, envelope, body: Bytes::from_static(body) })
}
