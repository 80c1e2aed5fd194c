//! One filter's module is swapped for others while events come.

use crate::engine::{arrival, run, shutdown};
use crate::receiver::Receiver;
use crate::request::{ADMIN, ask, open};
use crate::{get, push, put_up};
use forebay::{Engine, EventId};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Puts its number in the place of each event's body.
const STAMP: &str = r#"(module
  (memory (export "memory") 64)
  (data (i32.const 1024) "NNNN")
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 1048576))
  (func (export "forebay_process_v1") (param $batch i32) (param i32) (result i64)
    (local $n i32) (local $row i32)
    (local.set $row (i32.const 16416))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $n) (i32.load offset=12 (local.get $batch))))
      (i32.store offset=48 (local.get $batch) (local.get $n))
      (memory.fill (local.get $row) (i32.const 0) (i32.const 64))
      (i32.store (local.get $row) (local.get $n))
      (i32.store offset=4 (local.get $row) (i32.const 0x802))
      (i32.store offset=40 (local.get $row) (i32.const 1024))
      (i32.store offset=44 (local.get $row) (i32.const 4))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (local.set $row (i32.add (local.get $row) (i32.const 64)))
      (br $next)))
    (i32.store (i32.const 16384) (i32.const 0x31524246))
    (i32.store (i32.const 16388) (local.get $n))
    (i32.store (i32.const 16392) (i32.const 16416))
    (i32.store (i32.const 16396) (i32.const 64))
    (i64.or (i64.shl (i64.const 16384) (i64.const 32)) (i64.const 32))))"#;

pub fn stamping(number: usize) -> Vec<u8> {
    wat::parse_str(STAMP.replace("NNNN", &format!("{number:04}"))).unwrap()
}

const SWAPS: usize = 50;
/// Published under each module before the next one comes.
const EVENTS_OF_EACH: usize = 200;
const PUBLISHERS: usize = 16;
/// Published and not delivered: so few that the endpoint's lane stays level, where the version at
/// an event's offset rules it and none that came later.
const OPEN_MAX: usize = 128;

/// What goes on without a pause while modules are swapped.
struct Traffic {
    engine: Engine,
    receiver: Rc<Receiver>,
    sent: RefCell<Vec<EventId>>,
    is_over: Cell<bool>,
}

impl Traffic {
    fn count(&self) -> usize {
        self.sent.borrow().len()
    }

    async fn publish(&self) {
        while !self.is_over.get() {
            if self.count() >= self.receiver.count() + OPEN_MAX {
                runtime::tasks::sleep(Duration::from_millis(1)).await;
                continue;
            }
            let published = self.engine.publish(arrival("note", None, "plain")).await.unwrap();
            self.sent.borrow_mut().push(published.id);
        }
    }

    async fn wait_for(&self, more: usize) {
        let until = self.count() + more;
        while self.count() < until {
            runtime::tasks::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Swaps the module of `f` under load. The events that were published, and the SHA-256 of each
/// module that was in force, in order.
async fn swap_under_load(data: &Path, receiver: &Rc<Receiver>) -> (Vec<EventId>, Vec<Value>) {
    let engine = open(data);
    let at = engine.addr().unwrap();
    put_up(at, &stamping(0), json!({}), &receiver.url()).await;
    let mut modules = vec![get(at, "/v1/filter/f").await["module"].clone()];
    for number in 1..=SWAPS {
        let staged = push(at, "/v1/filter/f/version?stage=true", &stamping(number)).await;
        modules.push(staged["module"].clone());
    }
    let (sent, is_over) = (RefCell::default(), Cell::default());
    let traffic = Rc::new(Traffic { engine, receiver: receiver.clone(), sent, is_over });
    let publishing: Vec<_> = (0..PUBLISHERS)
        .map(|_| {
            let traffic = traffic.clone();
            runtime::tasks::spawn(async move { traffic.publish().await })
        })
        .collect();
    traffic.wait_for(EVENTS_OF_EACH).await;
    for module in &modules[1..] {
        let swap = json!({ "module": module });
        let (status, told) = ask(at, ADMIN, "PATCH", "/v1/filter/f", swap).await;
        assert_eq!((status, &told["module"]), (200, module), "{told}");
        traffic.wait_for(EVENTS_OF_EACH).await;
    }
    traffic.is_over.set(true);
    for publisher in publishing {
        publisher.await.unwrap();
    }
    while receiver.count() < traffic.count() {
        runtime::tasks::sleep(Duration::from_millis(20)).await;
    }
    let Traffic { engine, sent, .. } = Rc::into_inner(traffic).unwrap();
    shutdown(engine).await;
    (sent.into_inner(), modules)
}

/// Each module is in force for one stretch of offsets, so what is told of the first and the last
/// event of each stamp is told of all between them.
#[test]
fn fifty_swaps_under_load_lose_nothing_and_each_verdict_is_its_modules() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Rc::new(Receiver::start(|_| 200));
    run(async {
        let (sent, modules) = swap_under_load(data.path(), &receiver).await;
        assert!(sent.len() >= 10_000, "{}", sent.len());
        let mut stamps: BTreeMap<EventId, usize> = BTreeMap::new();
        for seen in receiver.seen() {
            let (id, stamp) = (seen.id().parse().unwrap(), seen.body_text().parse().unwrap());
            assert_eq!(stamps.insert(id, stamp), None, "{id} came twice");
        }
        let sent: BTreeSet<EventId> = sent.into_iter().collect();
        assert!(sent.iter().eq(stamps.keys()), "{} of {} came", stamps.len(), sent.len());
        assert!(stamps.values().is_sorted(), "an older module after a newer one: {stamps:?}");
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        for (number, module) in modules.iter().enumerate() {
            let own =
                || stamps.iter().filter(move |(_, stamp)| **stamp == number).map(|(id, _)| id);
            assert!(own().count() >= EVENTS_OF_EACH - PUBLISHERS, "{number}: {}", own().count());
            for id in [own().next(), own().next_back()].into_iter().flatten() {
                let told = get(at, &format!("/v1/explain/{id}")).await;
                let filters = told["endpoints"][0]["filters"].as_array().unwrap();
                let ruled: Vec<_> = filters.iter().map(|filter| &filter["module"]).collect();
                assert_eq!(ruled, [module], "{id} was stamped {number}");
            }
        }
        shutdown(engine).await;
    });
}
