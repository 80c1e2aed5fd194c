mod closed;
mod open;

use crate::bench::clock::Clock;
use crate::bench::counted::{Numbers, latencies};
use crate::bench::machine::thread_cpu;
use crate::bench::setup::{KEY, block_on};
use crate::bench::wire::{Message, body, next_message, stamp};
use bytes::BytesMut;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What to send, and how.
#[derive(Clone, Copy)]
pub struct Load {
    pub clock: Clock,
    pub connections: usize,
    pub pace: Pace,
    /// Events in one post.
    pub batch: usize,
    pub payload: usize,
    /// The number of the first event.
    pub first: u64,
    pub way: Way,
}

/// How events come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the receiver, without an engine between.
    Floor,
    /// As webhooks of a source, one in a post.
    Source,
    /// From a trusted producer, as NDJSON.
    Events,
    /// As messages of the management API, one in a post.
    Message,
}

impl Way {
    fn path(self) -> &'static str {
        match self {
            Way::Floor => "/floor",
            Way::Source => "/in/bench",
            Way::Events => "/v1/events",
            Way::Message => "/api/v1/app/default/msg?with_content=false",
        }
    }

    /// What stands before and behind an event.
    fn frame(self) -> (&'static str, &'static str) {
        match self {
            Way::Floor | Way::Source => ("", ""),
            Way::Events => ("{\"type\":\"push\",\"data\":", "}\n"),
            Way::Message => ("{\"eventType\":\"push\",\"payload\":", "}"),
        }
    }

    fn headers(self) -> String {
        let key = format!("authorization: Bearer {KEY}");
        match self {
            Way::Floor | Way::Source => "application/json\r\nx-type: push".to_owned(),
            Way::Events => format!("application/x-ndjson\r\n{key}"),
            Way::Message => format!("application/json\r\n{key}"),
        }
    }
}

#[derive(Clone, Copy)]
pub enum Pace {
    /// A connection posts as soon as it was answered.
    Closed,
    /// So many events a second, whether or not earlier ones were answered.
    Open { rate: u32 },
}

/// What became of it.
pub struct Loaded {
    pub accepted: Numbers,
    /// Events answered by anything but a 2xx.
    pub refused: u64,
    /// Connections that broke off.
    pub broken: u64,
    /// The first number that was not used.
    pub next: u64,
    /// Of posts that were accepted.
    pub ack: Histogram<u64>,
    /// How late the loader's own timer was (open loop).
    pub lateness: Histogram<u64>,
    pub took: Duration,
    /// Processor time of the loader.
    pub cpu: Duration,
}

impl Load {
    /// Sends for `span`, waits for the last answers, and tells what they were.
    pub fn run(self, addr: SocketAddr, span: Duration) -> anyhow::Result<Loaded> {
        let work = move || {
            let start = Instant::now();
            let run = Rc::new(Run::new(self, span));
            let counted = run.clone();
            let helpers_cpu = block_on(async move {
                match self.pace {
                    Pace::Closed => closed::run(&run, addr).await,
                    Pace::Open { rate } => open::run(&run, addr, rate).await,
                }
            })??;
            let mut loaded = counted.loaded.replace(empty());
            loaded.next = counted.next.get();
            loaded.took = start.elapsed();
            loaded.cpu = thread_cpu()? + helpers_cpu;
            Ok(loaded)
        };
        let thread = std::thread::Builder::new().name("bench-load".into()).spawn(work)?;
        thread.join().expect("the loader does not panic")
    }

    /// One post, to be stamped before each sending.
    fn request(&self) -> Request {
        let event = body(self.payload);
        let mut content = Vec::new();
        let mut places = Vec::new();
        let (before, behind) = self.way.frame();
        for _ in 0..self.batch {
            content.extend_from_slice(before.as_bytes());
            places.push(content.len());
            content.extend_from_slice(&event);
            content.extend_from_slice(behind.as_bytes());
        }
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\n\
             content-length: {}\r\n\r\n",
            self.way.path(),
            self.way.headers(),
            content.len()
        );
        places.iter_mut().for_each(|place| *place += head.len());
        Request { bytes: [head.into_bytes(), content].concat(), places, payload: event.len() }
    }
}

struct Request {
    bytes: Vec<u8>,
    /// Where each event begins.
    places: Vec<usize>,
    payload: usize,
}

impl Request {
    fn stamp(&mut self, first: u64, time: u64) {
        for (n, place) in (first..).zip(&self.places) {
            stamp(&mut self.bytes[*place..place + self.payload], n, time);
        }
    }
}

/// One phase of load, on the loader's thread.
struct Run {
    load: Load,
    /// By the clock.
    end: u64,
    next: Cell<u64>,
    loaded: RefCell<Loaded>,
}

impl Run {
    fn new(load: Load, span: Duration) -> Run {
        let end = load.clock.now() + span.as_nanos() as u64;
        Run { load, end, next: Cell::new(load.first), loaded: RefCell::new(empty()) }
    }

    /// The numbers of one post.
    fn take_numbers(&self) -> u64 {
        let first = self.next.get();
        self.next.set(first + self.load.batch as u64);
        first
    }

    /// True when all of the post was accepted.
    fn note(&self, first: u64, sent: u64, answer: &Message) -> bool {
        let batch = self.load.batch as u64;
        let mut loaded = self.loaded.borrow_mut();
        let before = loaded.accepted.count();
        if answer.subject.starts_with('2') {
            let waited = self.load.clock.now().saturating_sub(sent) / 1000;
            loaded.ack.saturating_record(waited);
            if batch == 1 {
                loaded.accepted.add(first);
            } else {
                let lines = answer.body[..].split(|byte| *byte == b'\n');
                for (n, line) in (first..first + batch).zip(lines) {
                    if line.windows(4).any(|part| part == b"evt_") {
                        loaded.accepted.add(n);
                    }
                }
            }
        }
        let refused = batch - (loaded.accepted.count() - before);
        loaded.refused += refused;
        refused == 0
    }
}

fn empty() -> Loaded {
    Loaded {
        accepted: Numbers::default(),
        refused: 0,
        broken: 0,
        next: 0,
        ack: latencies(),
        lateness: latencies(),
        took: Duration::ZERO,
        cpu: Duration::ZERO,
    }
}

/// The next answer on a connection.
async fn answer(
    stream: &mut (impl AsyncReadExt + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<Message> {
    loop {
        if let Some(answer) = next_message(buffer)? {
            return Ok(answer);
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
