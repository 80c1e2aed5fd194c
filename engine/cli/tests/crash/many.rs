//! A restart with a large number of retries that are all due.

use crate::home::{ADMIN_KEY, Home, SOURCE};
use crate::http::{metric, post};
use crate::layer::Layer;
use crate::letter::Letter;
use crate::node::{Node, PATIENCE};
use crate::{number, tell};
use bytes::Bytes;
use event::Rng;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What the endpoint does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Refuses one event in so many that no breaker opens: `ONE_IN`.
    Refusing,
    /// Lets everybody wait.
    Holding,
    Well,
}

#[derive(Default)]
struct Count {
    open: usize,
    open_most: usize,
    /// 2xx answers, by event.
    taken: BTreeMap<String, u32>,
}

struct Gate {
    addr: SocketAddr,
    mood: watch::Sender<Mood>,
    count: Arc<Mutex<Count>>,
}

impl Gate {
    fn start() -> Gate {
        let (mood, moods) = watch::channel(Mood::Refusing);
        let count: Arc<Mutex<Count>> = Arc::default();
        let (bound, binding) = std::sync::mpsc::channel();
        let counted = count.clone();
        std::thread::spawn(move || {
            runtime::tasks::run(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (moods, counted) = (moods.clone(), counted.clone());
                    runtime::tasks::spawn(async move {
                        let answer =
                            service_fn(|request| answer(moods.clone(), counted.clone(), request));
                        let http = hyper::server::conn::http1::Builder::new();
                        drop(http.serve_connection(TokioIo::new(stream), answer).await);
                    });
                }
            })
        });
        Gate { addr: binding.recv().unwrap(), mood, count }
    }

    fn taken(&self) -> usize {
        self.count.lock().unwrap().taken.len()
    }
}

async fn answer(
    mut moods: watch::Receiver<Mood>,
    count: Arc<Mutex<Count>>,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    {
        let mut count = count.lock().unwrap();
        count.open += 1;
        count.open_most = count.open_most.max(count.open);
    }
    let id = request.headers()["webhook-id"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes());
    let mood = *moods.wait_for(|mood| *mood != Mood::Holding).await.unwrap();
    let is_refused = mood == Mood::Refusing
        && body.is_ok_and(|body| body.windows(14).any(|part| part == b"\"refused\":true"));
    let mut count = count.lock().unwrap();
    count.open -= 1;
    let mut response = Response::new(Empty::new());
    if is_refused {
        *response.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
    } else {
        *count.taken.entry(id).or_default() += 1;
    }
    Ok(response)
}

/// One stream of events, of which one in `ONE_IN` will be refused.
fn stream(addr: SocketAddr, events: u64) {
    let mut stream = TcpStream::connect(addr).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN_KEY}\r\n\
         content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let writer = std::thread::spawn(move || {
        for first in (0..events).step_by(500) {
            let line = |n: u64| {
                let refused = n.is_multiple_of(ONE_IN);
                format!("{{\"type\":\"a\",\"data\":{{\"n\":{n},\"refused\":{refused}}}}}\n")
            };
            let lines: String = (first..(first + 500).min(events)).map(line).collect();
            stream.write_all(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes()).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let mut accepted = 0;
    let mut line = String::new();
    while accepted < events {
        line.clear();
        assert!(answers.read_line(&mut line).unwrap() > 0, "{accepted} of {events} answered");
        assert!(!line.contains("\"error\""), "{line}");
        accepted += line.matches("\"id\":").count() as u64;
    }
    writer.join().unwrap();
}

#[track_caller]
fn wait_until(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < until, "it never is so: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

const ONE_IN: u64 = 8;
const WINDOW: (usize, usize) = (4, 32);
/// What a node may need with every retry of the short test in its books.
const RSS_KIB_MAX: u64 = 220 << 10;
/// A retry that waits is two keys and a row in memory.
const BYTES_A_RETRY: u64 = 1024;

#[test]
fn many_due_retries_come_in_order_and_hold_nobody_up() {
    let retries = number("FOREBAY_CRASH_RETRIES").unwrap_or(3_000);
    let gate = Gate::start();
    let (start, max) = WINDOW;
    let home = Home::with(&format!(
        "{SOURCE}[[endpoint]]\nname = \"gate\"\nurl = \"http://{}/\"\nsecret_env = \"SECRET\"\n\
         schedule = [\"50m\", \"50m\"]\nconcurrency = {{ start = {start}, max = {max} }}\n",
        gate.addr
    ));
    let patience = PATIENCE + Duration::from_millis(retries * ONE_IN);
    let (node, addr) = Node::start(&home).listening();
    stream(addr, retries * ONE_IN);
    wait_until(patience, "all were taken or refused", || {
        metric(addr, "forebay_lane_lag_events") == Some(0.0)
            && gate.taken() as u64 == retries * (ONE_IN - 1)
    });
    let scheduled = metric(addr, "forebay_retries_scheduled");
    assert_eq!(scheduled, Some(retries.min(100_000) as f64));
    node.kill();

    gate.mood.send_replace(Mood::Holding);
    let layer = Layer::build("cli/tests/crash/clock.c");
    let mut command = home.serve(&[]);
    command.env("LD_PRELOAD", layer.path()).env("CLOCK_OFFSET_SECS", "3600");
    let born = Instant::now();
    let (node, addr) = Node::spawn(command).listening();
    let listening = born.elapsed();
    wait_until(patience, "they begin", || gate.count.lock().unwrap().open > 0);
    // All are due and none is answered: senders notice nothing of it.
    for n in 0..20 {
        let answer = post(addr, &Letter::new(1, n, &mut Rng::seeded(n))).unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let at_first = gate.count.lock().unwrap().open;
    assert!(at_first <= start, "{at_first} at once, of {start} that a window starts with");
    gate.mood.send_replace(Mood::Well);
    let all = (retries * ONE_IN + 20) as usize;
    wait_until(patience, "all were delivered", || gate.taken() == all);
    let at_most = gate.count.lock().unwrap().open_most;
    assert!(at_most <= max, "{at_most} at once, of {max} that a window has");
    let rss = node.memory_kib("VmHWM");
    node.stop();
    let count = gate.count.lock().unwrap();
    let repeated = count.taken.values().filter(|times| **times > 1).count();
    tell(&format!(
        "{retries} due retries: listening after {} ms; {at_first} at first, {at_most} at most at \
         once; {all} delivered, 0 lost, {repeated} twice; {} MiB of memory at most",
        listening.as_millis(),
        rss >> 10
    ));
    assert!(rss <= RSS_KIB_MAX + retries * BYTES_A_RETRY / 1024, "{rss} KiB");
}
