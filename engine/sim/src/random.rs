//! A run by a seed: a scheduler that takes any open door, and everything that may go wrong.

use crate::check::{Counts, Violation, broken};
use crate::client::endpoint;
use crate::network::Mode;
use crate::plan::Plan;
use crate::world::{Crash, World};
use log::Log;
use registry::{Concurrency, Ordering};
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
        commands: if plan.has_commands { 12 } else { 0 },
    };
    while budget.events + budget.changes + budget.crashes > 0 && world.violation().is_none() {
        act(world, &mut budget);
        turn(world);
        spent(world)?;
    }
    heal(world);
    drain(world)
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

/// Sender, operator and misfortune.
fn act(world: &mut World, budget: &mut Budget) {
    if budget.events > 0 && world.dice.permille(60) {
        let most = if world.dice.permille(100) { 30 } else { 3 };
        let burst = world.dice.between(1, most).min(budget.events);
        budget.events -= burst;
        (0..burst).for_each(|_| send(world));
    }
    if world.dice.permille(10) {
        // Quiet: whatever is slow gets time to be slow.
        let pause = *world.dice.pick(&[50, 400, 2_500, 6_000]);
        world.advance(Duration::from_millis(pause));
    }
    if budget.changes > 0 && world.dice.permille(12) {
        budget.changes -= 1;
        change(world);
    }
    if world.plan.has_troubles && world.dice.permille(12) {
        trouble(world);
    }
    if budget.commands > 0 && world.dice.permille(15) {
        budget.commands -= 1;
        command(world);
    }
    misfortune(world, budget);
}

fn misfortune(world: &mut World, budget: &mut Budget) {
    if budget.crashes > 0 && world.dice.permille(if budget.events == 0 { 20 } else { 4 }) {
        budget.crashes -= 1;
        let unsynced = world.log.unsynced() as u64;
        let crash = match world.plan.has_power_cuts && world.dice.permille(500) {
            true => Crash::PowerCut(world.dice.between(0, unsynced) as usize),
            false => Crash::Kill,
        };
        let shards = if world.dice.permille(500) { world.plan.shards as u64 } else { 0 };
        let shards = if shards == 0 { world.dice.between(1, 3) } else { shards };
        world.crash(crash, shards as u32);
    }
    if world.plan.has_disk_faults && world.dice.permille(5) {
        let is_full = world.dice.permille(500);
        world.log.set_full(is_full);
    }
    if world.plan.has_disk_faults && world.plan.crashes > 0 && world.dice.permille(1) {
        world.log.break_sync();
    }
    if world.plan.has_wall_jumps && world.dice.permille(5) {
        let by = world.dice.between(0, 7_200_000) as i64 - 3_600_000;
        world.wall_ahead_ms = by;
    }
    let head = world.log.head().0;
    if world.plan.has_damage && head > 0 && world.dice.permille(3) {
        let offset = world.dice.below(head as usize) as u64;
        world.log.damage(event::Offset(offset));
    }
}

fn send(world: &mut World) {
    let known = world.client.next_number;
    if known > 0 && world.dice.permille(40) {
        let number = world.dice.between(1, known);
        // Sent again, as a sender does who has not heard: only under a key of its own.
        if world.client.sent[&number].is_keyed {
            return world.send(number);
        }
    }
    let event_type = *world.dice.pick(&["a.x", "a.y", "b.x"]);
    let keys = [None, Some("k1"), Some("k2"), Some("k3")];
    let key = *world.dice.pick(&keys);
    let is_keyed = world.dice.permille(300);
    let number = world.client.compose(event_type, key, is_keyed);
    world.send(number);
}

/// Puts endpoint `n` into the declaration, in a new version if it is there.
fn declare(world: &mut World, n: u64) {
    let name = format!("e{n}");
    let dice = &mut world.dice;
    let mut declared = endpoint(&name);
    if let Some(old) = world.client.endpoints.get(&name) {
        declared.terms.ordering = old.terms.ordering;
    } else {
        let orders = [Ordering::None, Ordering::None, Ordering::Key, Ordering::Key, Ordering::Fifo];
        declared.terms.ordering = *dice.pick(&orders);
    }
    let types: [&[&str]; 5] = [&[], &["a.*"], &["b.x"], &["a.x", "b.*"], &["*"]];
    declared.types = dice.pick(&types).iter().map(|text| text.to_string()).collect();
    let steps = dice.between(0, 4) as usize;
    let pauses = [0, 50, 400, 1_000, 5_000, 20_000];
    declared.terms.schedule =
        (0..steps).map(|_| Duration::from_millis(*dice.pick(&pauses))).collect();
    declared.terms.timeout = Duration::from_millis(*dice.pick(&[500, 2_500, 8_000]));
    let max = dice.between(1, 8) as u32;
    declared.terms.concurrency = Concurrency { start: dice.between(1, max.into()) as u32, max };
    declared.terms.disable_after = Duration::from_secs(*dice.pick(&[10, 60, 3_600]));
    if dice.permille(600) {
        let kinds = ["pass", "drop", "emit", "emit", "reject", "retry", "never", "stop"];
        let kind = if dice.permille(30) { "stop" } else { *dice.pick(&kinds[..7]) };
        let modulus = dice.between(1, 4);
        let filter = format!("f{n}");
        world.client.set_filter(&filter, &format!("{kind} {modulus}"));
        declared.filters = vec![filter];
    }
    world.client.endpoints.insert(name, declared);
}

fn change(world: &mut World) {
    let n = world.dice.between(0, world.plan.endpoints);
    let name = format!("e{n}");
    match world.dice.between(0, 9) {
        0 => {
            world.client.endpoints.remove(&name);
        }
        1 | 2 => {
            if let Some(declared) = world.client.endpoints.get_mut(&name) {
                declared.is_disabled = !declared.is_disabled;
            }
        }
        3 => {
            let ordering = *world.dice.pick(&[Ordering::None, Ordering::Key, Ordering::Fifo]);
            if let Some(declared) = world.client.endpoints.get_mut(&name) {
                declared.terms.ordering = ordering;
            }
        }
        4 => {
            let url = format!("http://{name}/{}", world.client.versions);
            if let Some(declared) = world.client.endpoints.get_mut(&name) {
                declared.url = url;
            }
        }
        _ => declare(world, n),
    }
    world.apply_declared();
}

fn trouble(world: &mut World) {
    let names: Vec<String> = world.client.endpoints.values().map(|e| e.url.clone()).collect();
    if names.is_empty() {
        return;
    }
    let url = world.dice.pick(&names).clone();
    let modes = [
        Mode::Fine,
        Mode::Fine,
        Mode::Fine,
        Mode::Slow,
        Mode::Down(503),
        Mode::Down(301),
        Mode::Hangs,
        Mode::Resets,
        Mode::Flaky,
        Mode::Flaky,
        Mode::Busy(2),
        Mode::Gone,
    ];
    let mode = *world.dice.pick(&modes);
    world.trace.note(world.now, 50, 0, || format!("{url} is {mode:?} from now on"));
    world.network.set(&url, mode);
}

fn command(world: &mut World) {
    let dead: Vec<_> = world.checks.ledger.dead.keys().copied().collect();
    match world.dice.between(0, 3) {
        0 => {
            let n = world.dice.between(0, world.plan.endpoints);
            world.resume(&format!("e{n}"));
        }
        1 if !dead.is_empty() => {
            let delivery = *world.dice.pick(&dead);
            world.purge(delivery);
        }
        _ if !dead.is_empty() => {
            let delivery = *world.dice.pick(&dead);
            world.redrive(delivery);
        }
        _ => {}
    }
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
