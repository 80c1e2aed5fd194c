//! What sender, operator and misfortune do between the steps of a run.

use super::Budget;
use crate::client::{Sent, endpoint, neighbour, owner_of, tenant};
use crate::network::Mode;
use crate::world::{Crash, World};
use event::OnConflict;
use log::Log;
use registry::{Concurrency, Ordering};
use std::time::Duration;

/// Sender, operator and misfortune.
pub(super) fn act(world: &mut World, budget: &mut Budget) {
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
    // Every third run, by its seed and without a throw: the others stay what they were.
    if world.plan.seed % 3 == 1 && world.dice.permille(12) {
        erase(world);
    }
    if world.plan.seeks() && world.dice.permille(8) {
        search(world);
    }
    misfortune(world, budget);
}

/// What an endpoint that is there, or is not, was never sent of a part of the log.
fn search(world: &mut World) {
    let head = world.log.head().0;
    let id = event::EndpointId(world.dice.between(1, world.plan.endpoints + 1));
    let first = world.dice.between(0, head);
    let last = world.dice.between(first, head);
    world.search(id, event::Offset(first)..event::Offset(last));
}

/// An event or a few, old ones and those that came just now.
fn erase(world: &mut World) {
    let head = world.log.head().0;
    if head == 0 {
        return;
    }
    let first = match world.dice.permille(500) {
        true => head.saturating_sub(world.dice.between(1, 4)),
        false => world.dice.between(0, head - 1),
    };
    let count = world.dice.between(1, 3);
    world.erase((first..head).take(count as usize).map(event::Offset).collect());
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
    if budget.stops > 0 && world.dice.permille(5) {
        budget.stops -= 1;
        let grace = *world.dice.pick(&[10, 1_000, 20_000]);
        let shards = world.dice.between(1, 3) as u32;
        world.stop(Duration::from_millis(grace), shards);
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
    if world.plan.has_damage && world.dice.permille(3) {
        let ledger = &world.checks.ledger;
        let kept: Vec<_> = ledger.retries.keys().chain(ledger.dead.keys()).copied().collect();
        if !kept.is_empty() {
            let delivery = *world.dice.pick(&kept);
            world.log.damage_parcel(delivery);
            world.checks.ledger.damaged.insert(delivery);
        }
    }
}

fn send(world: &mut World) {
    let known = world.client.next_number;
    if known > 0 && world.dice.permille(40) {
        let number = world.dice.between(1, known);
        // Sent again, as a sender does who has not heard: only under a key of its own.
        if world.client.sent[&number].name.is_some() {
            return world.send(number);
        }
    }
    let sent = compose(world, known);
    let number = world.client.compose_as(sent);
    world.send(number);
}

/// A new event, after so many others.
fn compose(world: &mut World, known: u64) -> Sent {
    let dice = &mut world.dice;
    let tenant = if dice.permille(200) { neighbour() } else { tenant() };
    let event_type = (*dice.pick(&["a.x", "a.y", "b.x"])).to_owned();
    let key = dice.pick(&[None, Some("k1"), Some("k2"), Some("k3")]).map(str::to_owned);
    let name = dice.permille(300).then_some(known + 1);
    let only_for = match world.plan.addresses() && dice.permille(100) {
        true => Some(event::EndpointId(dice.between(1, world.plan.endpoints))),
        false => None,
    };
    let on_conflict = OnConflict::Refuse;
    let mut sent = Sent { tenant, event_type, key, name, on_conflict, only_for };
    if dice.permille(100) {
        sent.on_conflict = OnConflict::Store;
    }
    if known > 0 && dice.permille(50) {
        // Another body under a key that may be taken.
        sent.name = Some(dice.between(1, known));
    }
    sent
}

/// Puts endpoint `n` into the declaration, in a new version if it is there.
pub(super) fn declare(world: &mut World, n: u64) {
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
    // One run in five has them, by its seed and without a throw: other runs stay what they were.
    let rates = [5, 20, 100];
    declared.terms.rate = (world.plan.seed % 5 == 3).then(|| rates[n as usize % rates.len()]);
    declared.terms.disable_after = Duration::from_secs(*dice.pick(&[10, 60, 3_600]));
    let conditions = ["key = 'k1' OR key IS NULL", "type LIKE 'a.%'", "key <> 'k2'", "key = 'k3'"];
    let has_condition = world.plan.shares() && n > 0;
    declared.condition =
        has_condition.then(|| conditions[n as usize % conditions.len()].to_owned());
    if dice.permille(600) {
        let kinds = ["pass", "drop", "emit", "emit", "reject", "retry", "never", "stop"];
        let kind = if dice.permille(30) { "stop" } else { *dice.pick(&kinds[..7]) };
        let modulus = dice.between(1, 4);
        // The neighbour has filters of its own.
        let is_shared = world.plan.shares() && owner_of(&name) == tenant();
        let filter = if is_shared { "f0".to_owned() } else { format!("f{n}") };
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
        _ => resend(world),
    }
}

fn resend(world: &mut World) {
    let all: Vec<_> = world.checks.ledger.arrived().collect();
    if !all.is_empty() {
        let delivery = *world.dice.pick(&all);
        world.resend(delivery);
    }
}
