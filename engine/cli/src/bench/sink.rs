use crate::bench::clock::Clock;
use crate::bench::counted::{Numbers, latencies};
use crate::bench::setup::block_on;
use crate::bench::wire::{Message, next_message, read_stamp};
use anyhow::Context;
use bytes::BytesMut;
use hdrhistogram::Histogram;
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The receiver: all endpoints, on a thread of its own, which count what comes.
pub struct Sink {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Counted>,
}

#[derive(Default)]
struct Shared {
    /// Deliveries, each counted once.
    count: AtomicU64,
    /// Events below this number were sent to warm up.
    time_from: AtomicU64,
}

/// All that came.
pub struct Counted {
    /// By endpoint.
    pub came: Vec<Numbers>,
    pub duplicates: u64,
    /// Requests that are none of ours.
    pub strange: u64,
    /// From the sending of an event to its arrival, of those that were not sent to warm up.
    pub latency: Histogram<u64>,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

impl Sink {
    pub fn start(clock: Clock, endpoints: usize) -> anyhow::Result<Sink> {
        let shared: Arc<Shared> = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let (bound, binding) = std::sync::mpsc::channel();
        let kept = shared.clone();
        let run = move || {
            let tally = Rc::new(Tally {
                clock,
                shared: kept,
                counted: RefCell::new(Counted {
                    came: vec![Numbers::default(); endpoints],
                    duplicates: 0,
                    strange: 0,
                    latency: latencies(),
                }),
            });
            let serving = tally.clone();
            let serve = async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                // Whoever asked is waiting for it.
                let _ = bound.send(listener.local_addr()?);
                tokio::select! {
                    biased;
                    done = accept(listener, serving) => done,
                    _ = stopped => Ok(()),
                }
            };
            let served = block_on(serve);
            if let Err(error) | Ok(Err(error)) = served {
                eprintln!("the receiver failed: {error}");
            }
            let tally = Rc::into_inner(tally).expect("its connections ended with the runtime");
            tally.counted.into_inner()
        };
        let thread = std::thread::Builder::new().name("bench-sink".into()).spawn(run)?;
        let addr = binding.recv().context("the receiver listens")?;
        Ok(Sink { addr, shared, stop, thread })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn count(&self) -> u64 {
        self.shared.count.load(Relaxed)
    }

    /// Latencies count from this event on.
    pub fn time_from(&self, n: u64) {
        self.shared.time_from.store(n, Relaxed);
    }

    pub fn stop(self) -> Counted {
        drop(self.stop);
        self.thread.join().expect("the receiver does not panic")
    }
}

struct Tally {
    clock: Clock,
    shared: Arc<Shared>,
    counted: RefCell<Counted>,
}

async fn accept(listener: TcpListener, tally: Rc<Tally>) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(answer_all(stream, tally.clone()));
    }
}

/// An engine that leaves in the middle of a request takes nothing with it that counts.
async fn answer_all(mut stream: TcpStream, tally: Rc<Tally>) -> std::io::Result<()> {
    let mut buffer = BytesMut::with_capacity(16 << 10);
    let mut answers = Vec::new();
    while stream.read_buf(&mut buffer).await? > 0 {
        while let Some(message) = next_message(&mut buffer)? {
            tally.take(&message);
            answers.extend_from_slice(ANSWER);
        }
        stream.write_all(&answers).await?;
        answers.clear();
    }
    Ok(())
}

impl Tally {
    fn take(&self, message: &Message) {
        if message.subject == "/floor" {
            return;
        }
        let mut counted = self.counted.borrow_mut();
        let endpoint = message.subject[1..].parse().unwrap_or(usize::MAX);
        let stamp = read_stamp(&message.body).filter(|_| endpoint < counted.came.len());
        let Some((n, sent)) = stamp else {
            counted.strange += 1;
            return;
        };
        if !counted.came[endpoint].add(n) {
            counted.duplicates += 1;
            return;
        }
        if n >= self.shared.time_from.load(Relaxed) {
            counted.latency.saturating_record(self.clock.now().saturating_sub(sent) / 1000);
        }
        self.shared.count.fetch_add(1, Relaxed);
    }
}
