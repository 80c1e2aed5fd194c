use super::publisher::{Reply, Ticket};
use crate::door::{Bell, Door};
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;

type Answered = (oneshot::Sender<Reply>, Reply);

/// Answers on their way to the tasks of one thread. To wake a task from another thread takes a
/// system call each; here the writer wakes the thread once a group, and the thread its own tasks.
pub(super) struct Returns {
    door: Arc<Door<Vec<Answered>>>,
    bell: Arc<Bell>,
}

/// Groups that may wait for a thread; further ones are handed out by the writer itself.
const GROUPS_MAX: usize = 256;

impl Returns {
    pub fn new() -> Arc<Returns> {
        let bell = Bell::new();
        Arc::new(Returns { door: Door::new(GROUPS_MAX, bell.clone()), bell })
    }

    /// Wakes who waits, for good; to be run on their thread.
    pub async fn hand_out(&self) {
        loop {
            while let Some(group) = self.door.pop() {
                group.into_iter().for_each(answer);
            }
            self.bell.rung(|| self.door.is_empty()).await;
        }
    }
}

impl fmt::Debug for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Returns")
    }
}

/// The answers of one step, sorted by whose they are.
#[derive(Default)]
pub(super) struct Answers(Vec<(Arc<Returns>, Vec<Answered>)>);

impl Answers {
    pub fn add(&mut self, ticket: Ticket, reply: Reply) {
        let Ticket { reply: waiting, returns } = ticket;
        let Some(returns) = returns else { return answer((waiting, reply)) };
        // There is a publisher for each thread that lets events in: one or two.
        let known = self.0.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &returns));
        match known {
            Some((_, answers)) => answers.push((waiting, reply)),
            None => self.0.push((returns, vec![(waiting, reply)])),
        }
    }

    pub fn send(&mut self) {
        for (returns, answers) in self.0.drain(..) {
            if let Err(answers) = returns.door.push(answers) {
                answers.into_iter().for_each(answer);
            }
        }
    }
}

/// A sender that hung up has no use for its answer.
fn answer((waiting, reply): Answered) {
    drop(waiting.send(reply));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::CommandError;
    use runtime::tasks;

    fn ticket(returns: Option<&Arc<Returns>>) -> (Ticket, oneshot::Receiver<Reply>) {
        let (reply, answered) = oneshot::channel();
        (Ticket { reply, returns: returns.cloned() }, answered)
    }

    #[test]
    fn every_answer_arrives_also_beyond_the_room_and_without_a_thread() {
        let returns = Returns::new();
        let mut answers = Answers::default();
        let mut waiting = Vec::new();
        for group in 0..GROUPS_MAX + 10 {
            for n in 0..3 {
                let (ticket, answered) = ticket((n < 2).then_some(&returns));
                let is_done = group % 2 == n;
                let outcome = if is_done { Ok(()) } else { Err(CommandError::Stale) };
                answers.add(ticket, Reply::Done(outcome));
                waiting.push((answered, is_done));
            }
            answers.send();
        }
        let all = tasks::run(async move {
            tasks::spawn(async move { returns.hand_out().await });
            for (answered, is_done) in waiting {
                let reply = answered.await.expect("it is answered");
                assert!(matches!(reply, Reply::Done(outcome) if outcome.is_ok() == is_done));
            }
        });
        all.expect("a runtime can be made");
    }

    #[test]
    fn a_thread_that_is_gone_leaves_nobody_waiting_for_ever() {
        let returns = Returns::new();
        let mut answers = Answers::default();
        let (ticket, mut answered) = ticket(Some(&returns));
        answers.add(ticket, Reply::Done(Ok(())));
        answers.send();
        drop(returns);
        assert_eq!(
            answered.try_recv().expect_err("nobody hands it out").to_string(),
            "channel closed"
        );
    }
}
