use super::*;
use crate::screen::{Judging, TRIAL};
use crate::{Askers, Pairs};
use event::TenantId;
use event::limits::SLICE_FUEL;
use registry::{Chain, ChainId};
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

type Judged = Arc<Mutex<Vec<(u64, String)>>>;

/// Burns what each question's number says, a slice a turn, and notes which thread finished it.
struct Burning(Judged);

impl Guests for Burning {
    fn judge(&mut self, question: &Arc<Question>) -> Judging {
        let Question { id, shard, .. } = **question;
        let judged = self.0.clone();
        Box::pin(async move {
            let mut left = id % 100;
            poll_fn(|_| {
                let is_over = left == 0;
                left = left.saturating_sub(1);
                if is_over { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let name = std::thread::current().name().unwrap_or_default().to_string();
            judged.lock().unwrap().push((id, name));
            let fuel = id % 100 * SLICE_FUEL + 1;
            Answer { id, shard, verdicts: Vec::new(), unmet: Pairs::default(), fuel }
        })
    }
}

fn question(id: u64, run: u8) -> Question {
    let chain = Chain {
        id: ChainId([run; 16]),
        run: ChainId([run; 16]),
        tenant: TenantId::new("acme"),
        condition: None,
        filters: Vec::new(),
    };
    let (chains, asking) = (vec![Arc::new(chain)], Pairs::default());
    let (events, runs, askers) = (Vec::new(), Vec::new(), Askers::lasting());
    Question { id, shard: 0, chains, events, runs, asking, askers }
}

/// What is asked is answered before the next is: which thread did each.
fn asked(questions: impl Iterator<Item = Question>) -> Vec<(u64, String)> {
    let judged: Judged = Judged::default();
    let noted = judged.clone();
    let maker: GuestMaker = Arc::new(move || Box::new(Burning(noted.clone())));
    let bell = Bell::new();
    let answers = Door::new(8, bell.clone());
    let stop: Arc<AtomicBool> = Arc::default();
    let guests = GuestThreads::start(0, &maker, std::slice::from_ref(&answers), &stop).unwrap();
    for question in questions {
        let id = question.id;
        assert!(guests.questions.push(question).is_ok());
        let answer = loop {
            match answers.pop() {
                Some(answer) => break answer,
                None => bell.sleep(Duration::from_secs(1), || answers.is_empty()),
            }
        };
        assert!(matches!(answer, ToShard::Answer(answer) if answer.id == id));
    }
    stop.store(true, Ordering::Release);
    guests.bells.iter().for_each(|bell| bell.ring());
    guests.threads.into_iter().for_each(|thread| thread.join().unwrap());
    let judged = judged.lock().unwrap();
    judged.clone()
}

#[test]
fn what_is_long_and_what_follows_it_is_judged_on_a_thread_of_its_own() {
    let long = TRIAL / SLICE_FUEL + 1;
    // The second of the long run is short, and goes where the first one went.
    let questions = [(100, 1), (200 + long, 2), (300, 2), (400, 1), (500 + long, 2)];
    let judged = asked(questions.into_iter().map(|(id, run)| question(id, run)));
    let threads: Vec<&str> = judged.iter().map(|(_, thread)| &**thread).collect();
    let [first, other] = ["guest-0", "long-guest-0"];
    assert_eq!(threads, [first, other, other, first, other], "{judged:?}");
}

#[test]
fn a_run_that_was_short_for_a_while_is_judged_where_all_are() {
    let long = TRIAL / SLICE_FUEL + 1;
    let questions = (0..100).map(|n| question(if n == 0 { long } else { n * 100 }, 1));
    let judged = asked(questions);
    assert_eq!(judged[0].1, "long-guest-0");
    assert_eq!(judged[50].1, "long-guest-0");
    assert_eq!(judged[99].1, "guest-0", "{judged:?}");
}
