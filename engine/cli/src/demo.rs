//! The product's main job, on real input, checked from outside: what is expected is worked out
//! here by other code than the engine's, and what arrives is compared with it event by event.

mod audit;
mod corpus;
mod digest;
mod endpoints;
mod news;
mod payload;
mod posts;
mod progress;
mod receiver;
mod sender;
mod setup;
mod stage;
mod summary;
mod tally;
mod text;

use crate::arguments::DemoArguments;
use crate::exit::{Exit, Failure};
use crate::number::grouped;
use anyhow::Context;
use audit::Owed;
use forebay::OpenError;
use payload::{Payload, Times};
use stage::Stage;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use summary::Summary;
use tally::Tally;
use tempfile::TempDir;
use tokio::runtime::{Builder, LocalOptions};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// The receiver forgets a delivery.
    Lose,
    /// The receiver asks for a delivery again that it has taken.
    Dup,
    /// The engine signs for one endpoint with a secret that the receiver does not know.
    Sign,
    /// A filter lets other events through than it should.
    Filter,
}

const EVENTS: usize = 2000;

pub fn run(arguments: &DemoArguments) -> Result<Exit, Failure> {
    let payloads = payloads(arguments).map_err(|error| Failure::usage(format!("{error:#}")))?;
    match show(arguments, payloads) {
        Ok(true) => Ok(Exit::Ok),
        Ok(false) => Ok(Exit::Failed),
        Err(error) => {
            let opened = error.downcast_ref::<OpenError>();
            let exit = opened.map_or(Exit::Failed, |error| Exit::Engine(error.exit_code()));
            Err(Failure::new(exit, format!("{error:#}")))
        }
    }
}

/// With a corpus each bundled payload is sent once, so that every endpoint has something to do.
fn payloads(arguments: &DemoArguments) -> anyhow::Result<Vec<Payload>> {
    let mut payloads = payload::bundled();
    if let Some(path) = &arguments.corpus {
        for payload in payloads.iter_mut().filter(|payload| payload.times == Times::InTurn) {
            payload.times = Times::Exactly(1);
        }
        payloads.extend(corpus::read(path)?);
    }
    Ok(payloads)
}

fn events(arguments: &DemoArguments, payloads: &[Payload]) -> usize {
    let once = |payload: &Payload| match payload.times {
        Times::InTurn => 1,
        Times::Exactly(times) => times,
    };
    let all_once = || payloads.iter().map(once).sum();
    match (arguments.events, &arguments.corpus) {
        (Some(events), _) => events as usize,
        (None, Some(_)) => all_once(),
        (None, None) => EVENTS,
    }
}

/// True when all is as it should be.
fn show(arguments: &DemoArguments, payloads: Vec<Payload>) -> anyhow::Result<bool> {
    let posts = posts::posts(&payloads, events(arguments, &payloads));
    let sent = posts::distinct(&payloads, &posts).into_iter().map(|post| post.payload);
    let owed = Owed::new(&payloads, sent);
    let payloads = Arc::new(payloads);
    let dir = directory()?;
    let stage = Stage::set(dir.path(), arguments.sabotage)?;
    if !arguments.json {
        println!("{}\n", opening(&owed, stage.addr));
    }
    let started = Instant::now();
    let mut tally = Tally::new(payloads.clone());
    stage.send(payloads.clone(), posts)?;
    stage.follow(&mut tally, &owed)?;
    let took = started.elapsed();
    let books = stage.books();
    let kept = match arguments.keep {
        true => Some(stage),
        false => {
            stage.strike(&mut tally)?;
            None
        }
    };
    let dead = books.dead_letters()?;
    drop(books);
    let summary = Summary::of(&tally, &owed, &dead, &payloads, took);
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&summary)?),
        false => print!("{}", text::page(&summary, text::Paint::of_stdout())),
    }
    if let Some(stage) = kept {
        stage.stay(dir)?;
    }
    Ok(summary.is_ok)
}

fn opening(owed: &Owed, addr: SocketAddr) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let events = grouped(owed.events as u64);
    format!(
        "Forebay {version} on http://{addr}, a receiver beside it, and five providers that send \
         {events} webhooks."
    )
}

/// In the system's place for them, or where we are if there is none.
fn directory() -> anyhow::Result<TempDir> {
    let named = tempfile::Builder::new().prefix("forebay-demo-").tempdir();
    let made = named.or_else(|_| tempfile::Builder::new().prefix("forebay-demo-").tempdir_in("."));
    made.context("a temporary directory")
}

/// Runs `work` to its end in a thread of its own, with what it starts beside itself.
fn in_thread<F: Future<Output = ()>>(
    name: &str,
    work: impl FnOnce() -> F + Send + 'static,
) -> anyhow::Result<()> {
    let run = move || block_on(work()).expect("a thread of its own can have a runtime");
    // Nobody waits for it: it ends with its work, or with the process.
    drop(std::thread::Builder::new().name(name.to_owned()).spawn(run)?);
    Ok(())
}

fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    Ok(runtime.block_on(work))
}
