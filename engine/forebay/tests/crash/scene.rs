//! Six endpoints, of which one alone is well, and what becomes of it all in the end.

use crate::judge::{Ended, Grave};
use crate::letter::sum;
use crate::place::Place;
use crate::receiver::Receiver;
use crate::senders::Senders;
use event::{DeliveryId, Offset, TenantId};
use forebay::{DeclaredEndpoint, Engine, Plan, digest_of};
use log::Log;
use registry::{Concurrency, DeclaredFilter, History, Row, RowKey, Secret, Secrets};
use signature::{IdFrom, Scheme, TypeFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WASM: &str = "/../../filters/pushes-to-main/pushes-to-main.wasm";

fn endpoint(place: Place, receiver: SocketAddr) -> DeclaredEndpoint {
    let url = format!("http://{receiver}/{}", place.name());
    let mut endpoint = DeclaredEndpoint::new(TenantId::new("default"), &place.name(), &url);
    endpoint.secrets = Secrets::new(vec![Secret::new(SECRET)]);
    endpoint.terms.schedule = match place {
        Place::Picky => vec![Duration::from_millis(50); 2],
        _ => vec![Duration::from_millis(100); 30],
    };
    match place {
        Place::Slow => endpoint.terms.concurrency = Concurrency { start: 2, max: 4 },
        Place::Pushes => {
            endpoint.types = vec!["push".into()];
            endpoint.filters = vec!["pushes-to-main".into()];
        }
        Place::Chosen => endpoint.condition = Some("data.chosen = true".into()),
        _ => {}
    }
    endpoint
}

pub fn plan(data: &Path, receiver: SocketAddr) -> Plan {
    let mut plan = Plan::new(data);
    plan.listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    plan.guard.allow_loopback = true;
    plan.disk_floor_bytes = 1 << 20;
    plan.ballast_bytes = 0;
    plan.sources = vec![source()];
    let wasm: Arc<[u8]> =
        std::fs::read(format!("{}{WASM}", env!("CARGO_MANIFEST_DIR"))).unwrap().into();
    let module = digest_of(&wasm);
    plan.modules.insert(module, wasm);
    let filter = DeclaredFilter::new(TenantId::new("default"), "pushes-to-main", module);
    plan.declared.filters = vec![filter];
    plan.declared.endpoints = Place::ALL.map(|place| endpoint(place, receiver)).into();
    plan
}

fn source() -> ingest::Source {
    let scheme = Scheme::preset("none").unwrap();
    ingest::Source {
        event_type: Some(TypeFrom::Header { name: "x-type".into(), member: None }),
        dedupe: Some(IdFrom::Header(vec!["x-delivery".into()])),
        ..ingest::Source::new("load", TenantId::new("default"), "/in/load", scheme)
    }
}

pub struct Scene {
    pub data: TempDir,
    pub receiver: Receiver,
    pub senders: Senders,
}

impl Scene {
    pub fn start() -> Scene {
        let receiver = Receiver::start();
        Scene { data: tempfile::tempdir().unwrap(), receiver, senders: Senders::start() }
    }

    /// A last life, in which nothing fails any more: everything that was begun must end.
    pub fn end(self, life: u32) -> Ended {
        self.receiver.turn_well(life);
        let start = Instant::now();
        let plan = plan(self.data.path(), self.receiver.addr());
        let engine = Engine::open(plan.clone()).unwrap();
        let sent = self.senders.finish(life, engine.addr().unwrap());
        wait_until_drained(&**engine.log(), || self.receiver.seen().len());
        let drained_in = start.elapsed();
        let dead = dead_letters(&**engine.log(), &plan);
        assert!(runtime::tasks::run(engine.shutdown(Duration::from_secs(20))).unwrap());
        Ended { sent, seen: self.receiver.stop(), dead, drained_in }
    }
}

/// Until the log says that nothing is owed any more. Without any progress this is a hang.
fn wait_until_drained(log: &dyn Log, received: impl Fn() -> usize) {
    let mut progress = (Offset::ZERO, 0);
    let mut since = Instant::now();
    loop {
        let least = log.watermarks().unwrap().unwrap_or_default().least();
        let (lanes, retries) = (log.lanes().unwrap(), log.retries(None, 10).unwrap());
        if least == log.head() && lanes.is_empty() && retries.is_empty() {
            return;
        }
        if progress != (least, received()) {
            (progress, since) = ((least, received()), Instant::now());
        }
        let is_moving = since.elapsed() < Duration::from_secs(30);
        assert!(is_moving, "nothing moves:\n{}", still_owed(log));
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// For whoever has to find out why.
fn still_owed(log: &dyn Log) -> String {
    let (head, watermarks) = (log.head(), log.watermarks().unwrap());
    let mut text = format!("head {head}, {watermarks:?}, lanes {:?}\n", log.lanes().unwrap());
    for (key, row) in log.retries(None, 10).unwrap() {
        let at = key.delivery.offset;
        let rows = log.attempts(at..at.next()).unwrap();
        let rows = rows.into_iter().filter(|row| row.delivery == key.delivery);
        text.push_str(&format!("{key:?} {row:?}\n"));
        rows.for_each(|row| text.push_str(&format!("    {row:?}\n")));
    }
    text
}

fn dead_letters(log: &dyn Log, plan: &Plan) -> Vec<Grave> {
    let rows = log.registry().unwrap().into_iter().map(|(key, value)| Row {
        key: RowKey { kind: key.kind, id: key.id, since: key.since },
        value,
    });
    let history = History::from_rows(rows, &plan.declared, None).unwrap();
    let dead = log.dead(None, usize::MAX).unwrap();
    let parcel = |id: DeliveryId| log.parcel(id).unwrap().expect("a dead letter has its bytes");
    dead.into_iter()
        .map(|(id, _)| {
            let endpoint = history.latest().endpoint(id.lane.endpoint).unwrap();
            let event = parcel(id).event;
            let (place, id) = (Place::named(&endpoint.name), event.id.to_string());
            Grave { place, id, sum: sum(&event.body) }
        })
        .collect()
}
