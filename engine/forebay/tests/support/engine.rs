//! Engines for tests: how they are set up, what comes to them, and how they end.
#![allow(dead_code, reason = "each test uses its part")]

use forebay::{Arrival, Engine, Envelope, Plan, TenantId, Time};
use std::path::Path;
use std::time::Duration;

/// Listens nowhere.
pub fn local(data: &Path) -> Plan {
    frugal(Plan::new(data))
}

/// Asks for little of the disk that the tests share.
pub fn frugal(mut plan: Plan) -> Plan {
    plan.disk_floor_bytes = 1 << 20;
    plan.ballast_bytes = 0;
    plan
}

/// For the application `default`, without headers.
pub fn arrival(event_type: &str, key: Option<&str>, body: &str) -> Arrival {
    let envelope = Envelope {
        key: key.map(Into::into),
        ..Envelope::new(TenantId::new("default"), "test", event_type, Time::from_secs(1))
    };
    Arrival { envelope, body: body.to_owned().into(), duplicate: None }
}

/// With a limit of time, for what waits until something is so.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    runtime::tasks::run(async {
        let in_time = tokio::time::timeout(Duration::from_secs(120), work).await;
        in_time.expect("it comes to an end")
    })
    .unwrap()
}

pub async fn shutdown(engine: Engine) {
    assert!(engine.shutdown(Duration::from_secs(10)).await);
}
