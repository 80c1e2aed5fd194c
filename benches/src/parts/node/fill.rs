use super::client::{Ask, Client, Entry, Page};
use super::questions::{ATTEMPTS, ENDPOINTS, MESSAGES};
use super::walk::page;
use crate::parts::Setting;
use anyhow::ensure;
use cli::bench::{Clock, Load, Pace, Sink, Way};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// For each second of the span.
const MESSAGES_A_SECOND: f64 = 100_000.0;
const ENDPOINTS_A_SECOND: f64 = 10_000.0;
/// In a run that only looks whether all still works. Both fill more than one page.
const SMOKE: [u64; 2] = [600, 300];
const PAYLOAD: usize = 200;
const BATCH: usize = 100;
const CONNECTIONS: usize = 4;
/// Of sending, before all of it has to arrive: the backlog stays short.
const SLICE: Duration = Duration::from_millis(100);
const SMOKE_SLICE: Duration = Duration::from_millis(10);
/// Slices in a row of which nothing is accepted.
const SLICES_IN_VAIN_MAX: u32 = 1000;
/// What does not come for so long will not come.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EACH: Duration = Duration::from_millis(1);
/// Outcomes are committed together, in a little while.
const SETTLE: Duration = Duration::from_millis(300);

/// What the node has when it is asked.
pub struct Filled {
    /// Each was sent to the one endpoint that wants it, once.
    pub messages: u64,
    /// The ids of those that the API made; none wants any message.
    pub endpoints: Vec<String>,
    took: Duration,
}

impl Filled {
    pub fn fill(
        setting: &Setting<'_>,
        clock: Clock,
        addr: SocketAddr,
        sink: &Sink,
    ) -> anyhow::Result<Filled> {
        let (start, seconds) = (Instant::now(), setting.span.as_secs_f64());
        let [messages, made] = match setting.is_smoke() {
            true => SMOKE,
            false => [MESSAGES_A_SECOND, ENDPOINTS_A_SECOND].map(|many| (many * seconds) as u64),
        };
        let endpoints = endpoints(addr, sink.addr(), made as usize)?;
        let slice = if setting.is_smoke() { SMOKE_SLICE } else { SLICE };
        let messages = send(clock, addr, sink, (messages, slice))?;
        settle(&mut Client::open(addr)?)?;
        Ok(Filled { messages, endpoints, took: start.elapsed() })
    }

    pub fn note(&self, rss_bytes: u64) -> String {
        format!(
            "\n    ({} messages of {PAYLOAD} bytes with one attempt each and {} endpoints, made in \
             {:.0} s; {} MiB\n    resident at the end, client and receiver included)",
            self.messages,
            self.endpoints.len() + 1,
            self.took.as_secs_f64(),
            rss_bytes >> 20
        )
    }
}

/// A new endpoint that wants what nobody sends.
pub fn endpoint(sink: SocketAddr, n: usize) -> Ask {
    let url = format!("http://{sink}/{n}");
    Ask::post(ENDPOINTS, json!({ "url": url, "eventTypes": ["none.such"] }).to_string())
}

fn endpoints(addr: SocketAddr, sink: SocketAddr, wanted: usize) -> anyhow::Result<Vec<String>> {
    let next = AtomicUsize::new(0);
    let create = || -> anyhow::Result<Vec<String>> {
        let (mut client, mut made) = (Client::open(addr)?, Vec::new());
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= wanted {
                return Ok(made);
            }
            if n.is_multiple_of(5_000) {
                eprintln!("making endpoints: {n} of {wanted}");
            }
            made.push(client.read::<Entry>(&endpoint(sink, n))?.id);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(create)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().expect("it only asks")?);
        }
        Ok(all)
    })
}

/// Sends at least so many, each slice of which is delivered before the next is sent. Gives how
/// many were accepted.
fn send(
    clock: Clock,
    addr: SocketAddr,
    sink: &Sink,
    (wanted, slice): (u64, Duration),
) -> anyhow::Result<u64> {
    let (mut first, mut accepted, mut in_vain) = (0, 0, 0);
    let mut told = Instant::now();
    while accepted < wanted {
        let load = Load {
            clock,
            connections: CONNECTIONS,
            pace: Pace::Closed,
            batch: BATCH,
            payload: PAYLOAD,
            first,
            way: Way::Events,
        };
        let loaded = load.run(addr, slice)?;
        ensure!(loaded.broken == 0, "a connection of the loader broke off");
        in_vain = if loaded.accepted.count() == 0 { in_vain + 1 } else { 0 };
        ensure!(in_vain < SLICES_IN_VAIN_MAX, "no message is accepted");
        first = loaded.next;
        accepted += loaded.accepted.count();
        arrive(sink, accepted)?;
        if told.elapsed() > Duration::from_secs(2) {
            eprintln!("sending messages: {accepted} of {wanted} accepted and delivered");
            told = Instant::now();
        }
    }
    Ok(accepted)
}

fn arrive(sink: &Sink, wanted: u64) -> anyhow::Result<()> {
    let (mut came, mut last) = (sink.count(), Instant::now());
    while came < wanted {
        ensure!(last.elapsed() < PATIENCE, "{} messages do not arrive", wanted - came);
        thread::sleep(LOOK_EACH);
        if sink.count() != came {
            (came, last) = (sink.count(), Instant::now());
        }
    }
    Ok(())
}

/// The receiver has a message a little before the log has its attempt.
fn settle(client: &mut Client) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let message: Page = client.read(&Ask::of(page(MESSAGES, 1, "", "")))?;
        let attempt: Page = client.read(&Ask::of(page(ATTEMPTS, 1, "", "")))?;
        let newest = message.entries.first().map(|message| &message.id);
        let is_there =
            newest.is_some() && newest == attempt.entries.first().map(|attempt| &attempt.message);
        if is_there {
            thread::sleep(SETTLE);
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "the newest message has no attempt");
        thread::sleep(LOOK_EACH);
    }
}
