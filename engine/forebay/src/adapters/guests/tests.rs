//! W13: a panic of the host while it runs filters is nobody's but its own. And circuits.

use super::*;
use crate::Plan;
use bytes::Bytes;
use condition::Condition;
use event::{Envelope, EventId, Offset};
use filter::FilterEngine;
use pipeline::Askers;
use registry::{Chain, Origin};
use runtime::{OsClock, OsEntropy};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// Keeps what it is asked about at once.
pub const QUICK: &str = include_str!("../../../../filter/tests/guests/single.wat");

/// Keeps everything, and takes some slices for each event, but fewer than make it long.
pub const SLOW: &str = r#"(module (memory (export "memory") 1)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32) (local $left i32)
    (local.set $left (i32.const 300000))
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 1)))"#;

/// Traps at every event.
const FAILING: &str = r#"(module (memory (export "memory") 1)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32) unreachable))"#;

/// The first time that it is woken, the host panics. It is woken whenever something gives way:
/// on the guest's own stack in the midst of its code, and between conditions.
pub struct Bomb(AtomicBool);

impl Bomb {
    pub fn armed() -> Arc<Bomb> {
        Arc::new(Bomb(AtomicBool::new(true)))
    }

    pub fn has_gone_off(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }
}

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        let was_armed = self.0.swap(false, Ordering::AcqRel);
        assert!(!was_armed, "the host panics, as the test wants");
    }
}

fn desk(data: &Path) -> Desk {
    let engine = FilterEngine::new().unwrap();
    let modules = Modules::open(engine.clone(), &Plan::new(data), &OsEntropy).unwrap();
    Desk {
        runner: Runner::new(engine),
        modules: Arc::new(modules),
        tables: Arc::new(Tables::open(data).unwrap()),
        metrics: Metrics::new(),
        watch: FilterWatch::new(),
        clock: Arc::new(OsClock::new()),
    }
}

fn filter(desk: &Desk, name: &str, wat: &str) -> Arc<FilterVersion> {
    let wasm = wat::parse_str(wat).unwrap();
    let module = crate::digest_of(&wasm);
    desk.modules.admit(module, &wasm).unwrap();
    Arc::new(FilterVersion {
        tenant: TenantId::new("acme"),
        name: name.into(),
        origin: Origin::Declared,
        module,
        config: "{}".into(),
        limits: registry::FilterLimits::default(),
        on_error: OnError::Reject,
        isolate: false,
        circuit: None,
        candidate: None,
        about: "{}".into(),
    })
}

/// A chain of this number asks about so many events.
fn question(
    number: u8,
    filters: Vec<Arc<FilterVersion>>,
    condition: Option<&str>,
    count: usize,
) -> Arc<Question> {
    let (id, tenant) = (ChainId([number; 16]), TenantId::new("acme"));
    let condition = condition.map(|text| Arc::new(Condition::compile(text).unwrap()));
    let chain = Chain { id, run: id, tenant: tenant.clone(), condition, filters };
    let envelope = Envelope::new(tenant, "shop", "order.paid", Time::from_secs(1));
    let event = |offset| {
        let (envelope, body) = (envelope.clone(), Bytes::from_static(b"keep"));
        Arc::new(Event { id: EventId::new(1, Offset(offset)), envelope, body })
    };
    let events: Vec<_> = (0..).take(count).map(event).collect();
    let mut asking = Pairs::new(count, 1);
    (0..count).for_each(|row| asking.add(row, 0));
    let (chains, runs) = (vec![Arc::new(chain)], vec![0; count]);
    let askers = Askers::lasting();
    Arc::new(Question { id: 1, shard: 0, chains, events, runs, asking, askers })
}

fn judge(chains: &mut Chains, question: &Arc<Question>, waker: &Waker) -> Answer {
    let mut judging = chains.judge(question);
    loop {
        let step = judging.as_mut().poll(&mut Context::from_waker(waker));
        if let Poll::Ready(answer) = step {
            return answer;
        }
    }
}

#[test]
fn a_panic_under_a_guest_postpones_its_events_and_ends_the_warm_instances() {
    let data = tempfile::tempdir().unwrap();
    let desk = desk(data.path());
    let quick = question(1, vec![filter(&desk, "quick", QUICK)], None, 2);
    let slow = question(2, vec![filter(&desk, "slow", SLOW)], None, 2);
    let mut chains = Chains::new(desk);
    let calm = Waker::noop();
    for question in [&quick, &slow] {
        assert_eq!(judge(&mut chains, question, calm).verdicts, [Verdict::Pass, Verdict::Pass]);
    }
    assert_eq!(chains.desk.runner.idle_instances(), 2);

    let bomb = Bomb::armed();
    let answer = judge(&mut chains, &slow, &Waker::from(bomb.clone()));
    assert!(bomb.has_gone_off());
    assert_eq!(answer.verdicts, [postpone(), postpone()]);
    assert_eq!(chains.desk.runner.idle_instances(), 0, "what they hold is not known any more");

    for question in [&quick, &slow] {
        assert_eq!(judge(&mut chains, question, calm).verdicts, [Verdict::Pass, Verdict::Pass]);
    }
    assert_eq!(chains.desk.runner.idle_instances(), 2);
}

#[test]
fn a_panic_between_conditions_postpones_their_events() {
    const COUNT: usize = 600;
    let data = tempfile::tempdir().unwrap();
    let mut chains = Chains::new(desk(data.path()));
    let asked = question(1, Vec::new(), Some("type = 'order.paid'"), COUNT);
    let bomb = Bomb::armed();
    let answer = judge(&mut chains, &asked, &Waker::from(bomb.clone()));
    assert!(bomb.has_gone_off());
    assert_eq!((answer.verdicts, answer.unmet.count()), (vec![postpone(); COUNT], 0));
    let answer = judge(&mut chains, &asked, Waker::noop());
    assert_eq!((answer.verdicts, answer.unmet.count()), (vec![Verdict::Pass; COUNT], 0));
}

#[test]
fn what_came_with_the_event_that_opened_a_circuit_waits_as_all_behind_it_does() {
    let data = tempfile::tempdir().unwrap();
    let desk = desk(data.path());
    let failing = FilterVersion {
        circuit: Some(registry::Circuit { faults: 3, within_ms: 600_000 }),
        ..FilterVersion::clone(&filter(&desk, "failing", FAILING))
    };
    let asked = question(1, vec![Arc::new(failing)], None, 10);
    let mut chains = Chains::new(desk);
    let answer = judge(&mut chains, &asked, Waker::noop());
    let is_rejected = |verdict: &&Verdict| matches!(verdict, Verdict::Reject { .. });
    assert_eq!(answer.verdicts.iter().take_while(is_rejected).count(), 3);
    let waits = stop(&open("failing"));
    assert_eq!(answer.verdicts[3..], vec![waits.clone(); 7]);
    assert_eq!(judge(&mut chains, &asked, Waker::noop()).verdicts, vec![waits; 10]);
}
