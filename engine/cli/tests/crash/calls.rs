//! A kill at every system call: of one event from its arrival to its last outcome, and of a start.

use crate::home::Home;
use crate::http::post;
use crate::judge::{Death, Ended, judge};
use crate::letter::Letter;
use crate::node::{Node, PATIENCE};
use crate::place::Place;
use crate::receiver::Receiver;
use crate::scene::drain;
use crate::senders::{Accepted, Sent};
use crate::trace::{Tracer, counts, prefix, threads};
use crate::{seed, tell};
use event::Rng;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Those by which anything reaches the disk, the network or another thread.
const CALLS: &str = "accept4,close,connect,epoll_wait,fallocate,fcntl,fdatasync,fsync,ftruncate,\
    futex,getsockopt,linkat,lseek,mkdir,openat,pread64,pwrite64,read,recvfrom,recvmsg,rename,\
    renameat,sendmsg,sendto,setsockopt,shutdown,socket,statfs,statx,unlink,unlinkat,write,writev";

/// What is done at which call: the n-th of its kind that a thread makes.
#[derive(Clone, Debug)]
struct Blow {
    thread: String,
    call: String,
    n: u64,
}

/// Every k-th of them, spread over all, unless all are asked for.
fn chosen(blows: Vec<Blow>, few: usize) -> Vec<Blow> {
    if std::env::var("FOREBAY_CRASH_CALLS").is_ok_and(|text| text == "all") {
        return blows;
    }
    let step = blows.len().div_ceil(few).max(1);
    let first = seed() as usize % step;
    blows.into_iter().skip(first).step_by(step).collect()
}

/// One letter that every endpoint wants and one refuses: it is delivered, judged by a condition and
/// a filter, tried again and given up on.
struct Letters {
    rng: Rng,
    next: u64,
}

impl Letters {
    fn next(&mut self) -> Letter {
        loop {
            self.next += 1;
            let letter = Letter::new(9, self.next, &mut self.rng);
            let traits = letter.traits;
            if traits.is_push && traits.is_main && traits.is_chosen && traits.is_refused {
                return letter;
            }
        }
    }
}

struct Sweep {
    home: Home,
    receiver: Receiver,
    letters: Letters,
    sent: Vec<Sent>,
    deaths: Vec<Death>,
    life: u32,
}

impl Sweep {
    fn new() -> Sweep {
        let receiver = Receiver::start();
        Sweep {
            home: Home::new(receiver.addr()),
            receiver,
            letters: Letters { rng: Rng::seeded(seed()), next: 0 },
            sent: Vec::new(),
            deaths: Vec::new(),
            life: 1,
        }
    }

    /// A node that has nothing to do: what the last kill left is delivered, or this panics.
    fn ready(&mut self) -> (Node, std::net::SocketAddr) {
        // Odd lives are those in which nothing but the picky endpoint fails.
        self.life += 2;
        self.receiver.turn_well(self.life);
        let (node, addr) = Node::start(&self.home).listening();
        drain(addr, &self.receiver, &self.sent);
        self.receiver.turn(self.life);
        (node, addr)
    }

    fn post(&mut self, addr: std::net::SocketAddr) {
        let letter = self.letters.next();
        let answer = post(addr, &letter);
        let accepted = answer.as_ref().ok().map(|answer| {
            assert_eq!(answer.status, 202, "{answer:?}");
            Accepted { id: answer.event_id(), at: Instant::now() }
        });
        let broken = accepted.is_none().then_some(self.life);
        self.sent.push(Sent { letter, broken, accepted });
    }

    fn note_death(&mut self, at: Instant) {
        let (life, open) = (self.life, self.receiver.open());
        self.deaths.push(Death { life, at, open, listening: None, first: None });
    }

    /// Which calls one event makes, by thread.
    fn record(&mut self) -> Vec<Blow> {
        // The very first event makes a generation and its files, later ones do not.
        let (node, addr) = self.ready();
        self.post(addr);
        let at = node.kill();
        self.note_death(at);
        let (node, addr) = self.ready();
        let file = self.home.path().join("trace");
        let pid = node.pid().to_string();
        let trace = format!("trace={CALLS}");
        let names = threads(node.pid());
        let tracer =
            Tracer::attach(&["-f", "-p", &pid, "-o", file.to_str().unwrap(), "-e", &trace]);
        let before = self.receiver.seen().len();
        self.post(addr);
        // All places, and the picky one two times more; then the outcomes are written.
        let until = Instant::now() + PATIENCE;
        while self.receiver.seen().len() < before + Place::ALL.len() + 2 {
            let came = self.receiver.seen().len() - before;
            assert!(Instant::now() < until, "{came} came");
            std::thread::park_timeout(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(300));
        tracer.detach();
        // Those that come and go, such as for a reading of the log, have no part in an event.
        let after = threads(node.pid());
        let names: BTreeMap<_, _> =
            names.into_iter().filter(|(name, id)| after.get(name) == Some(id)).collect();
        let at = node.kill();
        self.note_death(at);
        let mut blows = Vec::new();
        for ((tid, call), count) in counts(&file) {
            let name = names.iter().find(|(_, id)| **id == tid).map(|(name, _)| name.clone());
            let Some(thread) = name else { continue };
            blows.extend((1..=count).map(|n| Blow {
                thread: thread.clone(),
                call: call.clone(),
                n,
            }));
        }
        blows
    }

    /// Whether it died of it.
    fn strike(&mut self, blow: &Blow) -> bool {
        let (mut node, addr) = self.ready();
        let tid = threads(node.pid())[&blow.thread].to_string();
        let trace = format!("trace={}", blow.call);
        let inject = format!("inject={}:signal=KILL:when={}", blow.call, blow.n);
        let tracer = Tracer::attach(&["-p", &tid, "-o", "/dev/null", "-e", &trace, "-e", &inject]);
        self.post(addr);
        let until = Instant::now() + WAIT_FOR_DEATH;
        while node.is_alive() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let is_dead = !node.is_alive();
        let at = if is_dead { Instant::now() } else { node.kill() };
        drop(tracer);
        self.note_death(at);
        is_dead
    }

    fn end(mut self) -> (Ended, Vec<Death>) {
        let start = Instant::now();
        let (node, addr) = self.ready();
        let dead = drain(addr, &self.receiver, &self.sent);
        node.stop();
        let drained_in = start.elapsed();
        let seen = self.receiver.stop();
        (Ended { sent: self.sent, seen, dead, drained_in }, self.deaths)
    }
}

/// The threads look around once a second; what they do not do in this time they do not do at all.
const WAIT_FOR_DEATH: Duration = Duration::from_millis(1500);

#[test]
fn a_kill_at_any_system_call_of_an_event_loses_nothing() {
    let mut sweep = Sweep::new();
    let all = sweep.record();
    let of = all.len();
    let mut tally: BTreeMap<(String, String), [u64; 3]> = BTreeMap::new();
    let blows = chosen(all, 40);
    let count = blows.len();
    for blow in blows {
        let is_dead = sweep.strike(&blow);
        let is_answered = sweep.sent.last().is_some_and(|sent| sent.accepted.is_some());
        let row = tally.entry((blow.thread, blow.call)).or_default();
        row[0] += u64::from(is_dead);
        row[1] += u64::from(is_dead && is_answered);
        row[2] += u64::from(!is_dead);
    }
    let (ended, deaths) = sweep.end();
    let report = judge(&ended, &deaths);
    tell(&format!("a kill at {count} of {of} system calls of one event: {report}"));
    for ((thread, call), [killed, answered, missed]) in &tally {
        tell(&format!(
            "  {thread:12} {call:10} {killed:4} kills, {answered:4} after the answer, {missed} not \
             reached"
        ));
    }
    let killed: u64 = tally.values().map(|row| row[0]).sum();
    assert!(killed * 2 > count as u64, "most blows must hit: {killed} of {count}");
    let most = Place::ALL.len() as u128;
    let is_little = report.repeats.iter().all(|repeats| *repeats <= most);
    assert!(is_little, "at most the one event comes again, once to each endpoint: {report}");
}

/// The process's calls while it makes its data directory, or recovers one.
fn calls_of_a_start(home: &Home) -> Vec<Blow> {
    let file = home.path().join("trace");
    let trace = format!("trace={CALLS}");
    let strace = ["strace", "-D", "-f", "-qq", "-o", file.to_str().unwrap(), "-e", &trace];
    let (node, _) = Node::spawn(home.serve(&strace)).listening();
    node.kill();
    let mut most: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, call), count) in counts(&file) {
        let known = most.entry(call).or_default();
        *known = count.max(*known);
    }
    let blows = most.into_iter().flat_map(|(call, count)| {
        let thread = String::from("any");
        (1..=count).map(move |n| Blow { thread: thread.clone(), call: call.clone(), n })
    });
    blows.collect()
}

/// Starts it so that it dies there; whether it did before it was listening.
fn die_starting(home: &Home, blow: &Blow) -> bool {
    let trace = format!("trace={}", blow.call);
    let inject = format!("inject={}:signal=KILL:when={}", blow.call, blow.n);
    match Node::spawn(home.serve(&prefix(&trace, &inject))).try_listening() {
        Ok((node, _)) => {
            node.kill();
            false
        }
        Err(ended) => {
            assert_eq!(ended.code, None, "{blow:?}: {ended:?}");
            true
        }
    }
}

#[test]
fn a_kill_at_any_system_call_of_a_first_start_leaves_a_directory_that_opens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    let all = calls_of_a_start(&Home::new(nobody));
    let of = all.len();
    let blows = chosen(all, 20);
    let (count, mut dead) = (blows.len(), 0);
    for blow in blows {
        let home = Home::new(nobody);
        dead += u64::from(die_starting(&home, &blow));
        let (node, addr) = Node::start(&home).listening();
        let answer = post(addr, &Letter::new(1, 1, &mut Rng::seeded(1))).unwrap();
        assert_eq!(answer.status, 202, "{blow:?}: {answer:?}");
        node.kill();
    }
    tell(&format!("a kill at {count} of {of} system calls of a first start: {dead} died of it"));
    assert!(dead > 0);
}

#[test]
fn a_kill_at_any_system_call_of_a_recovery_loses_nothing() {
    let mut sweep = Sweep::new();
    let (node, addr) = sweep.ready();
    sweep.post(addr);
    let at = node.kill();
    sweep.note_death(at);
    // It may send again what the kill left unreported.
    sweep.life += 2;
    sweep.receiver.turn(sweep.life);
    let all = calls_of_a_start(&sweep.home);
    sweep.note_death(Instant::now());
    let of = all.len();
    let blows = chosen(all, 20);
    let (count, mut dead) = (blows.len(), 0);
    for blow in blows {
        let (node, addr) = sweep.ready();
        sweep.post(addr);
        let at = node.kill();
        sweep.note_death(at);
        sweep.life += 2;
        sweep.receiver.turn(sweep.life);
        dead += u64::from(die_starting(&sweep.home, &blow));
        sweep.note_death(Instant::now());
    }
    let (ended, deaths) = sweep.end();
    let report = judge(&ended, &deaths);
    tell(&format!("a kill at {count} of {of} system calls of a recovery, {dead} died: {report}"));
    assert!(dead > 0);
}
