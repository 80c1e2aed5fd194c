use crate::door::{Bell, Door};
use crate::{Attempt, FromShard, Question, ReadRequest, Report, Ruling, Shard, ToShard};
use event::{Attempted, EndpointId, Event, Time};
use registry::ChainId;
use runtime::{Clock, tasks};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub type Delivering = Pin<Box<dyn Future<Output = Attempted>>>;

/// Makes one attempt at a delivery. Lives on one shard's thread; attempts run side by side.
pub trait Deliver {
    fn attempt(&self, attempt: Attempt) -> Delivering;

    /// Told what a chain has come to at an endpoint, maybe once more; nothing is to be done.
    fn judged(&self, endpoint: EndpointId, event: &Event, ruling: Ruling, is_again: bool);
}

/// Makes what delivers for one shard, on that shard's thread.
pub type DeliverMaker = Arc<dyn Fn() -> Rc<dyn Deliver> + Send + Sync>;

/// The thread of one shard: router, lanes and sockets.
pub(super) struct ShardPump {
    pub shard: Shard,
    pub clock: Arc<dyn Clock>,
    pub bell: Arc<Bell>,
    pub inbox: Arc<Door<ToShard>>,
    pub reads: Arc<Door<ReadRequest>>,
    pub guests: Vec<Arc<Door<Question>>>,
    pub reports: Arc<Door<Report>>,
    pub stop: Arc<AtomicBool>,
    pub is_drained: Arc<AtomicBool>,
}

/// What the shard's own tasks have to tell it, without leaving the thread.
type Outcomes = Rc<RefCell<Vec<ToShard>>>;

impl ShardPump {
    pub async fn run(mut self, deliver: Rc<dyn Deliver>) {
        let outcomes: Outcomes = Rc::default();
        let mut waiting = VecDeque::new();
        let mut inbox = Vec::new();
        let mut out = Vec::new();
        while !self.stop.load(Ordering::Acquire) {
            self.inbox.drain_into(&mut inbox);
            inbox.append(&mut outcomes.borrow_mut());
            let now = self.clock.now();
            self.shard.step(now, std::mem::take(&mut inbox), &mut out);
            for action in out.drain(..) {
                match action {
                    FromShard::Attempt(attempt) => self.attempt(&deliver, attempt, &outcomes),
                    FromShard::Judged { endpoint, event, ruling, is_again } => {
                        deliver.judged(endpoint, &event, ruling, is_again);
                    }
                    other => waiting.push_back(other),
                }
            }
            self.send(&mut waiting);
            self.is_drained.store(self.shard.is_drained(), Ordering::Release);
            self.wait(now, &outcomes, !waiting.is_empty()).await;
        }
    }

    fn attempt(&self, deliver: &Rc<dyn Deliver>, attempt: Attempt, outcomes: &Outcomes) {
        let (outcomes, bell) = (outcomes.clone(), self.bell.clone());
        let delivery = attempt.delivery;
        let sending = deliver.attempt(attempt);
        tasks::spawn(async move {
            let attempt = sending.await;
            outcomes.borrow_mut().push(ToShard::Outcome { delivery, attempt });
            bell.ring();
        });
    }

    /// A shard never waits for another thread: what finds no room is offered again.
    fn send(&self, waiting: &mut VecDeque<FromShard>) {
        for _ in 0..waiting.len() {
            let Some(action) = waiting.pop_front() else { return };
            let refused = match action {
                FromShard::Read(request) => self.reads.push(request).map_err(FromShard::Read),
                FromShard::Report(report) => self.reports.push(report).map_err(FromShard::Report),
                FromShard::Ask(question) => {
                    let guest = guest_of(question.run(), self.guests.len());
                    self.guests[guest].push(question).map_err(FromShard::Ask)
                }
                FromShard::Attempt(_) | FromShard::Judged { .. } => {
                    unreachable!("they do not wait for doors")
                }
            };
            if let Err(action) = refused {
                waiting.push_back(action);
            }
        }
    }

    async fn wait(&self, now: Time, outcomes: &Outcomes, has_waiting: bool) {
        let most = Duration::from_millis(if has_waiting { 1 } else { 1000 });
        let span = self.shard.wake_at().since(now).min(most);
        let is_quiet = || {
            self.inbox.is_empty()
                && outcomes.borrow().is_empty()
                && !self.stop.load(Ordering::Acquire)
        };
        // Being rung and running out of time are alike: both lead to the next step.
        let _ = tasks::timeout(span, self.bell.rung(is_quiet)).await;
    }
}

/// All questions of a run go to one guest thread, so its instances are of use and its fair share is
/// known in one place.
fn guest_of(run: ChainId, guests: usize) -> usize {
    (event::hash_of(&run.0) % guests as u64) as usize
}
