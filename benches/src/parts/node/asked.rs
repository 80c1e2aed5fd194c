use super::client::{Ask, Client};
use crate::measure::{Case, Figure, Meter, Turn};
use crate::parts::Setting;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const TURNS: u32 = 5;
/// Requests of one turn, at most; a turn ends early when its part of the span is over.
const TURN_REQUESTS_MAX: usize = 200;

/// One request, made anew each time, and how long its answers took.
pub struct Asked<'a> {
    name: String,
    make: Box<dyn FnMut() -> Ask + 'a>,
    /// What a second client asks all the while.
    other: Option<Box<dyn FnMut() -> Ask + Send + 'a>>,
    took: Vec<Duration>,
    wall: Duration,
    cpu: Duration,
}

impl<'a> Asked<'a> {
    pub fn new(name: &str, make: impl FnMut() -> Ask + 'a) -> Asked<'a> {
        Asked {
            name: name.to_owned(),
            make: Box::new(make),
            other: None,
            took: Vec::new(),
            wall: Duration::ZERO,
            cpu: Duration::ZERO,
        }
    }

    pub fn beside(self, other: impl FnMut() -> Ask + Send + 'a) -> Asked<'a> {
        Asked { other: Some(Box::new(other)), ..self }
    }

    fn turn(&mut self, client: &mut Client, span: Duration) -> anyhow::Result<()> {
        let (addr, took, make) = (client.addr(), &mut self.took, &mut self.make);
        let mut ask_all = || ask_all(client, make, span, took);
        let turn = match &mut self.other {
            None => ask_all()?,
            Some(other) => beside(addr, other, ask_all)?,
        };
        self.wall += turn.wall;
        self.cpu += turn.cpu;
        Ok(())
    }
}

/// Lets the requests take turns, so that a busy moment falls on all of them.
pub fn case(
    name: &str,
    client: &mut Client,
    setting: &Setting<'_>,
    mut all: Vec<Asked<'_>>,
) -> anyhow::Result<Case> {
    eprintln!("measuring {name}");
    for _ in 0..TURNS {
        for asked in &mut all {
            asked.turn(client, setting.span / TURNS)?;
        }
    }
    let figures = all.into_iter().map(|asked| {
        let Asked { name, took, wall, cpu, .. } = asked;
        figure(name, took, wall, cpu)
    });
    let figures = figures.collect();
    Ok(Case { name: name.to_owned(), figures, note: String::new(), place: None })
}

/// Of at least one request.
pub fn figure(name: String, mut took: Vec<Duration>, wall: Duration, cpu: Duration) -> Figure {
    took.sort();
    let count = took.len();
    Figure {
        name,
        per_s: count as f64 / wall.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
        p50: took.get(count / 2).copied(),
        p99: took.get(count * 99 / 100).copied(),
    }
}

/// At least one request.
fn ask_all(
    client: &mut Client,
    make: &mut impl FnMut() -> Ask,
    span: Duration,
    took: &mut Vec<Duration>,
) -> anyhow::Result<Turn> {
    let (meter, start) = (Meter::start(), Instant::now());
    let mut count = 0;
    while count == 0 || (count < TURN_REQUESTS_MAX && start.elapsed() < span) {
        let ask = make();
        let began = Instant::now();
        client.ask(&ask)?;
        took.push(began.elapsed());
        count += 1;
    }
    Ok(meter.stop(count as u64))
}

/// Does `work` while a second client asks for what `other` makes, again and again.
fn beside<T>(
    addr: SocketAddr,
    mut other: impl FnMut() -> Ask + Send,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let is_over = &is_over;
        let asking = scope.spawn(move || -> anyhow::Result<()> {
            let mut client = Client::open(addr)?;
            while !is_over.load(Ordering::Relaxed) {
                client.ask(&other())?;
            }
            Ok(())
        });
        let worked = work();
        is_over.store(true, Ordering::Relaxed);
        asking.join().expect("it only asks")?;
        worked
    })
}
