//! What filters remember of events that are erased.

use crate::engine::{arrival, run, shutdown};
use crate::put_up;
use crate::receiver::Receiver;
use crate::request::{ADMIN, ask, listening};
use forebay::Engine;
use serde_json::json;

/// Passes the first event that it sees, and drops the others.
const MARKER: &str = include_str!("../../../filter/tests/hostile/w8-marker.wat");

#[test]
fn no_filter_remembers_an_event_that_was_erased() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| 200);
    run(async {
        let mut plan = listening(data.path());
        plan.guard.allow_loopback = true;
        plan.guest_threads = 1;
        let engine = Engine::open(plan).unwrap();
        let at = engine.addr().unwrap();
        put_up(at, &wat::parse_str(MARKER).unwrap(), json!({}), &receiver.url()).await;
        let published = engine.publish(arrival("note", None, "1")).await.unwrap();
        receiver.wait_for(1).await;
        let path = format!("/v1/event/{}?app=default", published.id);
        assert_eq!(ask(at, ADMIN, "DELETE", &path, json!(null)).await.0, 204);
        engine.publish(arrival("note", None, "2")).await.unwrap();
        receiver.wait_for(2).await;
        shutdown(engine).await;
    });
    let bodies: Vec<_> = receiver.stop().iter().map(|seen| seen.body_text()).collect();
    assert_eq!(bodies, ["1", "2"]);
}
