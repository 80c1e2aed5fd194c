mod asked;
mod client;
mod fill;
mod questions;
mod walk;

use super::Setting;
use crate::measure::{Case, Figure, Meter};
use anyhow::Context;
use clap::Parser;
use cli::bench::{BenchArguments, Clock, Sample, Setup, Sink};
use client::Client;
use fill::Filled;
use forebay::Engine;
use questions::{ATTEMPTS, ENDPOINTS, MESSAGES, Questions, TRIED};
use runtime::tasks;
use std::time::Duration;
use walk::Walk;

const GRACE: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    bench: BenchArguments,
}

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let folder = setting.folder.display().to_string();
    let line = Line::try_parse_from(["node", "--data", &folder])?;
    let setup = Setup::new(&line.bench)?;
    let clock = Clock::start();
    // The configuration's one endpoint is sent every message.
    let sink = Sink::start(clock, 1)?;
    let engine = Engine::open(setup.plan(sink.addr())?)?;
    let addr = engine.addr().context("the engine listens")?;
    let filled = Filled::fill(setting, clock, addr, &sink)?;
    let mut client = Client::open(addr)?;
    eprintln!("walking through all pages");
    let (mut cases, walks) = walks(&mut client, &filled)?;
    let mut questions = Questions { setting, client, filled: &filled, walks: &walks };
    cases.extend(questions.of_messages()?);
    cases.extend(questions.of_attempts()?);
    cases.extend(questions.of_endpoints(sink.addr())?);
    cases.push(questions.published()?);
    drop(questions);
    cases[0].note = filled.note(Sample::take()?.rss_bytes);
    stop(engine)?;
    cases.push(start(&setup, &sink)?);
    sink.stop();
    Ok(cases)
}

/// Every page of each list, of 250, one after the other.
pub struct Walks {
    messages: Walk,
    attempts: Walk,
    tried: Walk,
    endpoints: Walk,
}

/// Nothing that was accepted may be missing.
fn walks(client: &mut Client, filled: &Filled) -> anyhow::Result<(Vec<Case>, Walks)> {
    let (messages, endpoints) = (filled.messages, filled.endpoints.len() as u64 + 1);
    let mut all = |list, wanted: u64| -> anyhow::Result<Walk> {
        let walk = Walk::through(client, list)?;
        let count = walk.count;
        anyhow::ensure!(count >= wanted, "{list} lists {count} of {wanted}");
        Ok(walk)
    };
    let walks = Walks {
        messages: all(MESSAGES, messages)?,
        attempts: all(ATTEMPTS, messages)?,
        tried: all(TRIED, messages)?,
        endpoints: all(ENDPOINTS, endpoints)?,
    };
    let case = |name: &str, walk: &Walk| Case {
        name: name.to_owned(),
        figures: vec![walk.figure("a page of 250")],
        note: String::new(),
        place: None,
    };
    let cases = vec![
        case("all messages, page by page", &walks.messages),
        case("all attempts at an endpoint, page by page", &walks.attempts),
        case("all messages that an endpoint was sent, page by page", &walks.tried),
        case("all endpoints, page by page", &walks.endpoints),
    ];
    Ok((cases, walks))
}

fn stop(engine: Engine) -> anyhow::Result<()> {
    let has_stopped = tasks::run(engine.shutdown(GRACE))?;
    anyhow::ensure!(has_stopped, "the engine did not stop in {GRACE:?}");
    Ok(())
}

/// Opens what was filled again.
fn start(setup: &Setup, sink: &Sink) -> anyhow::Result<Case> {
    let plan = setup.plan(sink.addr())?;
    let meter = Meter::start();
    let engine = Engine::open(plan)?;
    let turn = meter.stop(1);
    stop(engine)?;
    let figure = Figure {
        name: "until it listens".to_owned(),
        per_s: 1.0 / turn.wall.as_secs_f64(),
        cpu_us: turn.cpu.as_secs_f64() * 1e6,
        p50: Some(turn.wall),
        p99: None,
    };
    let name = "a start with all of it".to_owned();
    Ok(Case { name, figures: vec![figure], note: String::new(), place: None })
}
