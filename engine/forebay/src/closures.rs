use arc_swap::ArcSwap;
use event::{Attempted, Cause, Event, Outcome};
use pipeline::Attempt;
use pipeline::pump::Delivering;
use runtime::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The URL scheme of an endpoint that is a closure of this process.
pub const SCHEME: &str = "inproc:";

/// What an in-process endpoint does with an event: an error is tried again by the schedule.
pub type Closure = Arc<dyn Fn(&Event) -> Result<(), String> + Send + Sync>;

/// The closures that are there, by name. An endpoint whose closure is not there yet, as after a
/// restart, fails and is tried again.
#[derive(Default)]
pub struct Closures(ArcSwap<BTreeMap<String, Closure>>);

impl Closures {
    pub fn set(&self, name: &str, closure: Closure) {
        self.0.rcu(|known| {
            let mut known = BTreeMap::clone(known);
            known.insert(name.to_owned(), closure.clone());
            known
        });
    }

    pub fn attempt(&self, name: &str, attempt: Attempt, clock: Arc<dyn Clock>) -> Delivering {
        let closure = self.0.load().get(name).cloned();
        let name = name.to_owned();
        Box::pin(async move {
            let (start, at) = (clock.now(), clock.wall());
            let result = match closure {
                Some(closure) => closure(&attempt.event),
                None => Err(format!("no closure `{name}` is registered")),
            };
            let outcome = match result {
                Ok(()) => Outcome::Delivered { status: 200 },
                Err(why) => {
                    Outcome::Failed { cause: Cause::Connection(why.into()), retry_after: None }
                }
            };
            let took = clock.now().since(start);
            Attempted { number: attempt.number, at, took, outcome }
        })
    }
}
