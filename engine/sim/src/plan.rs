use crate::dice::Dice;
use pipeline::writer::{Durability, Retention, Unread, WriterOptions};
use std::time::Duration;

/// What a run is made of. Everything in it follows from the seed, or is set by a scenario.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub shards: u32,
    pub durability: Durability,
    /// Events that the sender sends in all.
    pub events: u64,
    pub endpoints: u64,
    /// Registry changes after the first.
    pub changes: u64,
    /// Events of one generation of the log.
    pub generation_events: usize,
    pub retention_bytes: u64,
    pub unread: Unread,
    pub hot_bytes_max: usize,
    /// Entries of a lane, slots of the ring, events of one read.
    pub entries_max: usize,
    pub ring_slots: usize,
    pub read_events: usize,
    pub crashes: u64,
    /// Of the machine, not of the process alone.
    pub has_power_cuts: bool,
    pub has_disk_faults: bool,
    pub has_wall_jumps: bool,
    pub has_damage: bool,
    /// A commit may take up to so long; what it says is heard when it has ended.
    pub commit_takes: Duration,
    /// The wall clock gains so much on the other, in millionths.
    pub wall_drift_ppm: i64,
    /// Rows that may wait for the writer before nothing new is started.
    pub rows_waiting_max: usize,
    pub duplicate_window: Duration,
    /// Processes that end in order.
    pub stops: u64,
    /// In a thousand batches, how many are lost to a shard on the hot path.
    pub overflow_permille: u64,
    /// Redrive, purge and resume.
    pub has_commands: bool,
    pub has_troubles: bool,
}

impl Plan {
    /// Nothing goes wrong, and nothing is small.
    pub fn calm(seed: u64) -> Plan {
        Plan {
            seed,
            shards: 1,
            durability: Durability::Fsync,
            events: 60,
            endpoints: 3,
            changes: 0,
            generation_events: 1 << 20,
            retention_bytes: u64::MAX,
            unread: Unread::Expire,
            hot_bytes_max: 1 << 30,
            entries_max: 1024,
            ring_slots: 65_536,
            read_events: 512,
            crashes: 0,
            has_power_cuts: false,
            has_disk_faults: false,
            has_wall_jumps: false,
            has_damage: false,
            commit_takes: Duration::ZERO,
            wall_drift_ppm: 0,
            rows_waiting_max: 8192,
            duplicate_window: Duration::from_secs(24 * 3600),
            stops: 0,
            overflow_permille: 0,
            has_commands: false,
            has_troubles: false,
        }
    }

    /// Some of everything that can go wrong.
    pub fn drawn(seed: u64) -> Plan {
        let mut dice = Dice::seeded(seed ^ 0x5eed);
        let mut plan = Plan::calm(seed);
        let size = *dice.pick(&[30, 60, 60, 120, 250]);
        plan.shards = dice.between(1, 3) as u32;
        plan.events = dice.between(size / 2, size);
        plan.endpoints = dice.between(1, 5);
        plan.has_troubles = dice.permille(850);
        plan.crashes = if dice.permille(700) { dice.between(1, 4) } else { 0 };
        plan.changes = if dice.permille(600) { dice.between(1, 8) } else { 0 };
        plan.has_power_cuts = dice.permille(500);
        plan.has_disk_faults = dice.permille(250);
        plan.has_wall_jumps = dice.permille(250);
        plan.has_damage = dice.permille(100);
        plan.has_commands = dice.permille(400);
        if dice.permille(200) {
            plan.durability = Durability::Os;
        }
        if dice.permille(300) {
            plan.commit_takes = Duration::from_millis(*dice.pick(&[1, 20, 500]));
        }
        if dice.permille(200) {
            plan.wall_drift_ppm = dice.between(0, 200_000) as i64 - 100_000;
        }
        if dice.permille(200) {
            plan.rows_waiting_max = dice.between(1, 20) as usize;
        }
        if dice.permille(300) {
            plan.duplicate_window = dice.millis(1, 20_000);
        }
        if dice.permille(300) {
            plan.stops = dice.between(1, 2);
        }
        if dice.permille(300) {
            plan.overflow_permille = *dice.pick(&[30, 200, 700]);
        }
        if dice.permille(400) {
            plan.entries_max = dice.between(2, 12) as usize;
        }
        if dice.permille(300) {
            plan.ring_slots = dice.between(4, 40) as usize;
        }
        if dice.permille(400) {
            plan.read_events = dice.between(1, 9) as usize;
        }
        if dice.permille(300) {
            plan.hot_bytes_max = dice.between(1_000, 10_000) as usize;
        }
        if dice.permille(250) {
            plan.generation_events = dice.between(3, 20) as usize;
            plan.retention_bytes = dice.between(2_000, 20_000);
            plan.unread = if dice.permille(300) { Unread::Refuse } else { Unread::Expire };
        }
        plan
    }

    /// Whether endpoints are sent what they lack. A part of the runs, by their seeds and without a
    /// throw: the others stay what they were.
    pub fn seeks(&self) -> bool {
        self.seed % 4 == 2 && !self.has_damage
    }

    /// Whether some events are for one endpoint alone; in the same way.
    pub fn addresses(&self) -> bool {
        self.seed % 4 == 3
    }

    /// Whether endpoints have one filter between them, with conditions of their own before it; in
    /// the same way.
    pub fn shares(&self) -> bool {
        self.seed % 7 == 5
    }

    pub fn writer_options(&self, shards: u32) -> WriterOptions {
        WriterOptions {
            durability: self.durability,
            group_bytes_max: 1 << 20,
            group_events_max: 1000,
            duplicate_window: self.duplicate_window,
            retention: Retention {
                age: Duration::from_secs(30 * 24 * 3600),
                bytes: self.retention_bytes,
                unread: self.unread,
            },
            shards,
            hot_bytes_max: self.hot_bytes_max,
            seed: self.seed,
            sealing: None,
        }
    }
}
