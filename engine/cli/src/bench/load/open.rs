//! Posts at their due times, written by a thread that does nothing else: a runtime's timers are
//! no finer than a millisecond.

use super::{Request, Run, answer, connect};
use crate::bench::clock::Clock;
use crate::bench::counted::latencies;
use crate::bench::machine::thread_cpu;
use bytes::BytesMut;
use hdrhistogram::Histogram;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A timer that is later than this is counted against the engine: it starves the loader.
const TIMER_LATE_MAX: u64 = 2_000_000;
/// A loader that waits for so long for a free connection gives up.
const PATIENCE: Duration = Duration::from_secs(15);

/// The post that is under way on a connection. Written before the post is, read after its answer.
#[derive(Default)]
struct UnderWay {
    first: AtomicU64,
    sent: AtomicU64,
}

struct Pacer {
    clock: Clock,
    rate: u32,
    batch: u64,
    end: u64,
    next: u64,
    request: Request,
    streams: Vec<TcpStream>,
    under_way: Arc<Vec<UnderWay>>,
    idle: mpsc::Receiver<usize>,
    lateness: Histogram<u64>,
}

/// Returns the pacer's processor time.
pub(super) async fn run(run: &Rc<Run>, addr: SocketAddr, rate: u32) -> io::Result<Duration> {
    let load = &run.load;
    let under_way: Arc<Vec<UnderWay>> =
        Arc::new((0..load.connections).map(|_| UnderWay::default()).collect());
    let (release, idle) = mpsc::channel();
    let mut streams = Vec::new();
    for n in 0..load.connections {
        let stream = connect(addr).await?.into_std()?;
        streams.push(stream.try_clone()?);
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let (run, under_way, release) = (run.clone(), under_way.clone(), release.clone());
        tokio::task::spawn_local(async move {
            if read_all(&run, stream, n, &under_way, release).await.is_err() {
                run.loaded.borrow_mut().broken += 1;
            }
        });
    }
    drop(release);
    let mut pacer = Pacer {
        clock: load.clock,
        rate,
        batch: load.batch as u64,
        end: run.end,
        next: load.first,
        request: load.request(),
        streams,
        under_way,
        idle,
        lateness: latencies(),
    };
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new().name("bench-pace".into()).spawn(move || {
        let paced = pacer.run().and_then(|()| thread_cpu());
        drop(done.send((paced, pacer.next, pacer.lateness)));
    })?;
    let (cpu, next, lateness) = ended.await.expect("the pacer does not panic");
    run.next.set(next);
    run.loaded.borrow_mut().lateness = lateness;
    cpu
}

async fn read_all(
    run: &Run,
    mut stream: tokio::net::TcpStream,
    n: usize,
    under_way: &[UnderWay],
    release: mpsc::Sender<usize>,
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(16 << 10);
    while release.send(n).is_ok() {
        let answer = answer(&mut stream, &mut buffer).await?;
        let post = &under_way[n];
        run.note(post.first.load(Relaxed), post.sent.load(Relaxed), &answer);
        if answer.is_last {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
    Ok(())
}

impl Pacer {
    fn run(&mut self) -> io::Result<()> {
        let start = self.clock.now();
        let between = 1_000_000_000.0 * self.batch as f64 / f64::from(self.rate);
        let mut posts = 0u64;
        loop {
            let due = start + (posts as f64 * between) as u64;
            if due >= self.end {
                break;
            }
            let Some((connection, sent)) = self.wait_for(due) else { break };
            posts += 1;
            let first = self.next;
            self.next += self.batch;
            self.request.stamp(first, sent);
            self.under_way[connection].first.store(first, Relaxed);
            self.under_way[connection].sent.store(sent, Relaxed);
            write_all(&self.streams[connection], &self.request.bytes)?;
        }
        // A connection that is idle again has had its answer; broken ones are never.
        for _ in 0..self.streams.len() {
            if self.idle.recv_timeout(Duration::from_secs(5)).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// A free connection at the due time, and the time that latency counts from. That is when the
    /// post was due, also when no connection was free for it: nothing is omitted because the
    /// engine was slow. Only the loader's own timer, where it is a little late, is not counted.
    fn wait_for(&mut self, due: u64) -> Option<(usize, u64)> {
        let left = due.saturating_sub(self.clock.now());
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left));
        }
        let now = self.clock.now();
        let late = now - due;
        if let Ok(connection) = self.idle.try_recv() {
            let is_timer = left > 0 && late < TIMER_LATE_MAX;
            if left > 0 {
                self.lateness.saturating_record(late / 1000);
            }
            return Some((connection, if is_timer { now } else { due }));
        }
        Some((self.idle.recv_timeout(PATIENCE).ok()?, due))
    }
}

fn write_all(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Its reader sees the same, and counts the connection as broken.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}
