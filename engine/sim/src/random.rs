//! A run by a seed: a scheduler that takes any open door, and everything that may go wrong.

mod deeds;

use crate::check::{Counts, Violation, broken};
use crate::plan::Plan;
use crate::trace::START_MS;
use crate::world::World;
use deeds::{act, declare};
use event::Time;
use log::Log;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How a run ended.
pub struct Verdict {
    pub seed: u64,
    pub violation: Option<Violation>,
    pub digest: u64,
    pub steps: u64,
    pub words: Vec<String>,
    pub counts: Counts,
    /// How long the run took by its own clock.
    pub simulated: Duration,
}

pub fn run(seed: u64, has_words: bool) -> Verdict {
    run_plan(Plan::drawn(seed), has_words)
}

pub fn run_plan(plan: Plan, has_words: bool) -> Verdict {
    let seed = plan.seed;
    let mut world = World::new(plan, has_words);
    let ended = catch_unwind(AssertUnwindSafe(|| drive(&mut world)));
    let violation = match ended {
        Ok(Ok(())) => world.violation().cloned(),
        Ok(Err(violation)) => Some(violation),
        Err(panic) => Some(panic_of(&*panic)),
    };
    let trace = &world.trace;
    Verdict {
        seed,
        violation,
        digest: trace.digest(),
        steps: trace.steps(),
        words: trace.words().to_vec(),
        counts: world.checks.counts.clone(),
        simulated: world.now.since(Time::from_millis(START_MS)),
    }
}

fn panic_of(panic: &(dyn std::any::Any + Send)) -> Violation {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Violation { promise: "no panic", words: text.unwrap_or("no words").to_owned() }
}

/// What is left to be done in a run.
struct Budget {
    events: u64,
    changes: u64,
    crashes: u64,
    stops: u64,
    commands: u64,
}

/// Steps of one run; a run that needs more goes in circles.
const STEPS_MAX: u64 = 400_000;
const DRAIN_MAX: Duration = Duration::from_secs(5_000);

fn drive(world: &mut World) -> Result<(), Violation> {
    let plan = world.plan.clone();
    for n in 0..plan.endpoints {
        declare(world, n);
    }
    world.apply_declared();
    let mut budget = Budget {
        events: plan.events,
        changes: plan.changes,
        crashes: plan.crashes,
        stops: plan.stops,
        commands: if plan.has_commands { 12 } else { 0 },
    };
    let left = |budget: &Budget| budget.events + budget.changes + budget.crashes + budget.stops;
    while left(&budget) > 0 && world.violation().is_none() {
        act(world, &mut budget);
        turn(world);
        spent(world)?;
    }
    heal(world);
    drain(world)?;
    if plan.seeks() {
        search_all(world)?;
    }
    // What was reported last is on its way to the log.
    world.run_until(Duration::from_secs(2), |_| false);
    match world.violation() {
        None => world.checks.ledger.leaks(),
        Some(_) => Ok(()),
    }
}

/// Nobody lacks what it wants by now, once it was looked for in all the log.
fn search_all(world: &mut World) -> Result<(), Violation> {
    // A change that comes after a search is none of its concern. One that was made from what was no
    // longer the newest is made again.
    for _ in 0..3 {
        world.apply_declared();
        world.run_until(Duration::from_secs(60), |w| w.client.waiting.is_empty());
    }
    let latest = world.engine().writer.history().latest().clone();
    let head = world.log.head();
    for endpoint in latest.endpoints() {
        world.search(endpoint.id, event::Offset::ZERO..head);
    }
    drain(world)?;
    match world.violation() {
        None => world.checks.ledger.nothing_is_missing(),
        Some(_) => Ok(()),
    }
}

fn spent(world: &World) -> Result<(), Violation> {
    if world.trace.steps() > STEPS_MAX {
        return broken("progress", "the run goes in circles");
    }
    Ok(())
}

/// One step at any door; time goes on when none is open, and a little at every turn.
fn turn(world: &mut World) {
    let nudge = world.dice.micros(0, 1_500);
    world.advance(nudge);
    let doors = world.open_doors();
    if doors.is_empty() {
        let next = world.next_time();
        let limit = world.now + Duration::from_secs(5);
        world.now = next.min(limit).max(world.now);
        return;
    }
    let door = *world.dice.pick(&doors);
    let is_fatal = world.plan.crashes > 0 && world.dice.permille(1);
    if is_fatal && world.trace.steps() > 50 {
        world.cut_after = Some(world.dice.between(0, 4) as usize);
    }
    world.step(door, false);
}

/// The faults stop: disk, far sides and filters are well again, nobody is paused.
fn heal(world: &mut World) {
    world.trace.note(world.now, 51, 0, || "all faults stop".into());
    world.network.heal();
    world.log.set_full(false);
    world.plan.overflow_permille = 0;
    world.plan.crashes = 0;
    for declared in world.client.endpoints.values_mut() {
        declared.is_disabled = false;
    }
    let stopping = world.client.filters.iter().filter(|(_, f)| f.config.contains("stop"));
    let names: Vec<_> = stopping.map(|(name, _)| name.clone()).collect();
    names.iter().for_each(|name| world.client.set_filter(name, "pass 1"));
    world.apply_declared();
}

fn drain(world: &mut World) -> Result<(), Violation> {
    let end = world.now + DRAIN_MAX;
    let mut next_resume = world.now;
    while world.violation().is_none() && !world.is_at_rest() {
        if world.now >= next_resume {
            // A person looks after what an endpoint's own answers have paused.
            next_resume = world.now + Duration::from_secs(60);
            world.checks.ledger.paused().into_iter().for_each(|id| world.resume_id(id));
            world.apply_declared();
        }
        turn(world);
        spent(world)?;
        if world.now > end {
            return broken("progress", world.checks.ledger.unrest(world.log.head()));
        }
    }
    Ok(())
}
