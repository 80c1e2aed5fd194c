use super::Setting;
use crate::measure::{Case, Contender, Meter, Turn, compare};
use crossbeam::queue::ArrayQueue;
use pipeline::door::{Bell, Door};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// As a thread hands work over: many things at once.
type Batch = Vec<u64>;
const ROOM: usize = 256;

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let case = |size: usize| {
        let contenders = vec![
            Contender::new("Door of the room `pipeline`", move |span| door(size, span)),
            Contender::new("crossbeam's ArrayQueue, spinning", move |span| queue(size, span)),
            Contender::new("tokio's mpsc, blocking", move |span| channel(size, span)),
        ];
        compare(format!("batches of {size}, counted singly"), setting.brief() * 5, contenders)
    };
    [1, 64].map(case).into_iter().collect()
}

fn batch(size: usize, n: u64) -> Batch {
    vec![n; size]
}

fn door(size: usize, span: Duration) -> anyhow::Result<Turn> {
    let bell = Bell::new();
    let door: Arc<Door<Batch>> = Door::new(ROOM, bell.clone());
    let sender = door.clone();
    let send = move |mut batch: Batch| {
        while let Err(back) = sender.push(batch) {
            batch = back;
            thread::yield_now();
        }
    };
    let take = move || loop {
        match door.pop() {
            Some(batch) => return batch,
            None => bell.sleep(Duration::from_secs(1), || door.is_empty()),
        }
    };
    across(size, span, send, take)
}

fn queue(size: usize, span: Duration) -> anyhow::Result<Turn> {
    let queue: Arc<ArrayQueue<Batch>> = Arc::new(ArrayQueue::new(ROOM));
    let sender = queue.clone();
    let send = move |mut batch: Batch| {
        while let Err(back) = sender.push(batch) {
            batch = back;
            thread::yield_now();
        }
    };
    let take = move || loop {
        match queue.pop() {
            Some(batch) => return batch,
            None => thread::yield_now(),
        }
    };
    across(size, span, send, take)
}

fn channel(size: usize, span: Duration) -> anyhow::Result<Turn> {
    let (sender, mut receiver) = mpsc::channel(ROOM);
    let send = move |batch| sender.blocking_send(batch).expect("it is read to the end");
    let take = move || receiver.blocking_recv().expect("an empty batch comes before the end");
    across(size, span, send, take)
}

/// One thread sends for `span` and then an empty batch; another takes until that comes.
fn across(
    size: usize,
    span: Duration,
    send: impl Fn(Batch) + Send,
    mut take: impl FnMut() -> Batch + Send,
) -> anyhow::Result<Turn> {
    let is_over = AtomicBool::new(false);
    let meter = Meter::start();
    let taken = thread::scope(|scope| {
        let is_over = &is_over;
        let sending = scope.spawn(move || {
            let mut n = 0;
            while !is_over.load(Ordering::Relaxed) {
                send(batch(size, n));
                n += 1;
            }
            send(Batch::new());
            n
        });
        let taking = scope.spawn(move || {
            let (mut taken, mut next) = (0, 0);
            loop {
                let batch = take();
                let Some(n) = batch.first() else { return taken };
                assert_eq!(*n, next, "batches keep their order");
                next += 1;
                taken += batch.len() as u64;
            }
        });
        thread::sleep(span);
        is_over.store(true, Ordering::Relaxed);
        let sent: u64 = sending.join().expect("it only counts");
        let taken = taking.join().expect("it only counts");
        assert_eq!(taken, sent * size as u64);
        taken
    });
    Ok(meter.stop(taken))
}
