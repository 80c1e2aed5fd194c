//! What becomes of events on the whole road when the host itself goes wrong.

use super::*;
use crate::adapters::guests::tests::{Bomb, QUICK, SLOW};
use event::{Envelope, Event, Time};
use pipeline::Question;
use pipeline::screen::{Guests, Judging};
use registry::DeclaredFilter;
use std::future::poll_fn;
use std::path::Path;
use std::sync::mpsc;
use std::task::{Context, Waker};

/// Guests that wake this whenever they give way.
struct Waking {
    guests: Box<dyn Guests>,
    waker: Waker,
}

impl Guests for Waking {
    fn judge(&mut self, question: &Arc<Question>) -> Judging {
        let (mut judging, waker) = (self.guests.judge(question), self.waker.clone());
        Box::pin(poll_fn(move |_| judging.as_mut().poll(&mut Context::from_waker(&waker))))
    }
}

fn waking(waker: Waker, guests: GuestMaker) -> GuestMaker {
    Arc::new(move || Box::new(Waking { guests: guests(), waker: waker.clone() }))
}

/// Two filters on one thread, each before an endpoint of its own for the events of its name.
fn plan(data: &Path) -> Plan {
    let tenant = TenantId::new("default");
    let mut plan = Plan::new(data);
    (plan.guest_threads, plan.disk_floor_bytes, plan.ballast_bytes) = (1, 1 << 20, 0);
    for (name, wat) in [("quick", QUICK), ("slow", SLOW)] {
        let wasm = wat::parse_str(wat).unwrap();
        let module = crate::digest_of(&wasm);
        plan.modules.insert(module, wasm.into());
        plan.declared.filters.push(DeclaredFilter::new(tenant.clone(), name, module));
        let url = format!("{SCHEME}{name}");
        let mut endpoint = DeclaredEndpoint::new(tenant.clone(), name, &url);
        endpoint.types = vec![name.to_owned()];
        endpoint.filters = vec![name.to_owned()];
        plan.declared.endpoints.push(endpoint);
    }
    plan
}

async fn publish(engine: &Engine, event_type: &str) -> EventId {
    let tenant = TenantId::new("default");
    let envelope = Envelope::new(tenant, "test", event_type, Time::from_secs(1));
    let arrival = Arrival { envelope, body: "keep".into(), duplicate: None };
    engine.publish(arrival).await.unwrap().id
}

#[test]
fn what_met_a_panic_of_the_host_is_delivered_later_and_others_go_on() {
    let data = tempfile::tempdir().unwrap();
    let bomb = Bomb::armed();
    let waker = Waker::from(bomb.clone());
    let (sender, received) = mpsc::channel();
    let work = async {
        let wrap = |guests| waking(waker.clone(), guests);
        let engine = Engine::start(plan(data.path()), &wrap).unwrap();
        for name in ["quick", "slow"] {
            let sender = sender.clone();
            let take =
                move |event: &Event| sender.send((name, event.id)).map_err(|gone| gone.to_string());
            engine.closures.set(name, Arc::new(take));
        }
        let slow = publish(&engine, "slow").await;
        while !bomb.has_gone_off() {
            runtime::tasks::sleep(Duration::from_millis(5)).await;
        }
        let quick = publish(&engine, "quick").await;
        let limit = Duration::from_secs(60);
        let mut seen = [(); 2].map(|()| received.recv_timeout(limit).unwrap());
        seen.sort_unstable();
        assert_eq!(seen, [("quick", quick), ("slow", slow)]);
        assert!(engine.shutdown(Duration::from_secs(10)).await, "a thread has panicked");
        assert!(received.try_recv().is_err(), "something came twice");
    };
    let limit = Duration::from_secs(120);
    runtime::tasks::run(async { tokio::time::timeout(limit, work).await }).unwrap().unwrap();
}
