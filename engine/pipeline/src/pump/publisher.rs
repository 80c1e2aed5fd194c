use super::returns::Returns;
use crate::ToWriter;
use crate::door::Door;
use crate::writer::{Command, CommandError, Pauses, Receipt};
use arc_swap::ArcSwap;
use event::Arrival;
use registry::History;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::oneshot;

/// Who waits for the writer's answer.
#[derive(Debug)]
pub struct Ticket {
    pub(super) reply: oneshot::Sender<Reply>,
    /// The thread that waits, when it has asked to be woken once for many answers.
    pub(super) returns: Option<Arc<Returns>>,
}

#[derive(Debug)]
pub enum Reply {
    Receipt(Receipt),
    Done(Result<(), CommandError>),
}

/// Why the road did not take an arrival or a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// What is accepted but not yet written has reached its limit: try again in a moment.
    Busy,
    /// The engine is stopping, or has failed: nothing can be said of what was handed over.
    Stopping,
}

/// The way on to the road. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    pub(super) arrivals: Arc<Door<ToWriter<Ticket>>>,
    pub(super) commands: Arc<Door<ToWriter<Ticket>>>,
    pub(super) queued: Arc<Queued>,
    pub(super) history: Arc<ArcSwap<History>>,
    pub(super) pauses: Arc<ArcSwap<Pauses>>,
    pub(super) returns: Option<Arc<Returns>>,
}

/// What lies before the writer.
#[derive(Default)]
pub(super) struct Queued {
    pub bytes: AtomicUsize,
    pub bytes_max: usize,
    pub is_closed: AtomicBool,
}

impl Publisher {
    /// A publisher for the tasks of one thread, and the work that brings them their answers. As
    /// long as that runs, on their thread, the thread is woken once for all answers of a group.
    pub fn at_home(mut self) -> (Publisher, impl Future<Output = ()> + 'static) {
        let returns = Returns::new();
        self.returns = Some(returns.clone());
        (self, async move { returns.hand_out().await })
    }

    /// Resolves when the event is durable. Dropping the future does not take the event back.
    pub async fn publish(&self, arrival: Arrival) -> Result<Receipt, Refused> {
        match self.offer(arrival)?.await {
            Ok(Reply::Receipt(receipt)) => Ok(receipt),
            Ok(Reply::Done(_)) => unreachable!("arrivals are answered by receipts"),
            Err(_) => Err(Refused::Stopping),
        }
    }

    /// Hands the event over without waiting: for many at once.
    pub fn offer(&self, arrival: Arrival) -> Result<oneshot::Receiver<Reply>, Refused> {
        if self.queued.is_closed.load(Ordering::Acquire) {
            return Err(Refused::Stopping);
        }
        let weight = arrival.weight();
        let before = self.queued.bytes.fetch_add(weight, Ordering::AcqRel);
        let (ticket, reply) = self.ticket();
        let is_over = before > 0 && before + weight > self.queued.bytes_max;
        if is_over || self.arrivals.push(ToWriter::Publish { ticket, arrival }).is_err() {
            self.queued.bytes.fetch_sub(weight, Ordering::AcqRel);
            return Err(Refused::Busy);
        }
        Ok(reply)
    }

    /// Resolves when the command is durable.
    pub async fn command(&self, command: Command) -> Result<Result<(), CommandError>, Refused> {
        let (ticket, reply) = self.ticket();
        if self.commands.push(ToWriter::Command { ticket, command }).is_err() {
            return Err(Refused::Busy);
        }
        match reply.await {
            Ok(Reply::Done(outcome)) => Ok(outcome),
            Ok(Reply::Receipt(_)) => unreachable!("commands are answered by outcomes"),
            Err(_) => Err(Refused::Stopping),
        }
    }

    fn ticket(&self) -> (Ticket, oneshot::Receiver<Reply>) {
        let (reply, answered) = oneshot::channel();
        (Ticket { reply, returns: self.returns.clone() }, answered)
    }

    /// All versions of what is configured, as last committed.
    pub fn history(&self) -> Arc<History> {
        self.history.load_full()
    }

    /// The endpoints that wait for a person because of what came of their deliveries. Never blocks.
    pub fn pauses(&self) -> Arc<Pauses> {
        self.pauses.load_full()
    }

    /// From now on arrivals are refused.
    pub fn close(&self) {
        self.queued.is_closed.store(true, Ordering::Release);
    }
}
