use super::*;
use event::Stage;
use log::Change;

/// A gap that holds for every lane: a record that is no longer what was written.
const EVERY_LANE: EndpointId = EndpointId(u64::MAX);

impl Ledger {
    /// Offsets are dense, and a change is in force from where the log then ends.
    pub(super) fn check_offsets(&self, group: &Group) -> Result<(), Violation> {
        let end = Offset(self.head.0 + group.events.len() as u64);
        for change in &group.registry {
            let Change::Put(key, _) = change else { continue };
            if key.since < self.head || key.since > end {
                let words =
                    format!("since {:?}, but the log is {:?}..{end:?}", key.since, self.head);
                return broken("changes at an offset", words);
            }
        }
        let first = group.events.first().map(|event| event.offset());
        if first.is_some_and(|first| first != self.head) {
            return broken("dense offsets", format!("{first:?} after {:?}", self.head));
        }
        Ok(())
    }

    pub(super) fn note_registry(&mut self, group: &Group) {
        if group.registry.is_empty() {
            return;
        }
        for change in &group.registry {
            match change {
                Change::Put(key, value) => self.versions.put(key.clone(), value.clone()),
                Change::Remove(key) => self.versions.forget(key),
            }
        }
        self.versions.build();
    }

    pub(super) fn note_events(&mut self, group: &Group) -> Result<(), Violation> {
        for event in &group.events {
            let offset = event.offset();
            let known = Known { event: event.clone(), commit: self.commits };
            let ids = self.numbers.entry(crate::guests::number_of(event)).or_default();
            if !ids.insert(event.id) {
                return broken("ids are given once", format!("{} was given before", event.id));
            }
            self.events.insert(offset, known);
            self.head = offset.next();
            self.owe(offset);
        }
        Ok(())
    }

    fn owe(&mut self, offset: Offset) {
        let event = &self.events[&offset].event;
        let owed = self.versions.ids().filter(|id| {
            let version = self.versions.at(*id, offset);
            version.is_some_and(|version| versions::wants(version, event))
        });
        self.open.extend(owed.map(|id| (id, offset)));
    }

    /// Answers the pairs whose rows have changed.
    pub(super) fn note_rows(
        &mut self,
        group: &Group,
        client: &Client,
    ) -> Result<BTreeSet<Pair>, Violation> {
        let mut touched = BTreeSet::new();
        self.note_found(group);
        self.note_attempts(group, &mut touched)?;
        self.note_trouble(group, client, &mut touched);
        for change in &group.lanes {
            match change {
                Change::Put(id, row) => {
                    if id.is_main() {
                        self.behind_at.insert(id.endpoint, self.commits);
                    }
                    self.lanes.insert(*id, row.clone())
                }
                Change::Remove(id) => self.lanes.remove(id),
            };
        }
        for id in self.lanes.keys().filter(|id| id.is_main()) {
            self.behind_at.insert(id.endpoint, self.commits);
        }
        self.gaps.extend(group.gaps.iter().cloned());
        self.floor = self.floor.max(group.floor.unwrap_or_default());
        if let Some(watermarks) = &group.watermarks {
            self.least = watermarks.least().max(self.floor);
        }
        Ok(touched)
    }

    /// What a search has found is in one group with where it stands then.
    fn note_found(&mut self, group: &Group) {
        for change in &group.lanes {
            let Change::Put(id, row) = change else { continue };
            let Some(before) = self.lanes.get(id).filter(|_| !id.is_main()) else { continue };
            let seen = before.cursor..row.cursor;
            let rows = group.attempts.iter().map(|row| pair_of(&row.delivery));
            let found = rows.filter(|pair| {
                let is_known = self.attempts.contains_key(pair);
                pair.0 == id.endpoint && seen.contains(&pair.1) && !is_known
            });
            self.found.extend(found);
        }
    }

    fn note_attempts(
        &mut self,
        group: &Group,
        touched: &mut BTreeSet<Pair>,
    ) -> Result<(), Violation> {
        for row in &group.attempts {
            let d = row.delivery;
            touched.insert(pair_of(&d));
            let ended = self.ended(row);
            let is_repeat = self.has_arrived(&d);
            if is_repeat && !self.is_resent(&d) {
                return broken("no repeats", format!("{d:?} was recorded after its delivery"));
            }
            self.attempts.entry(pair_of(&d)).or_default().insert(d.k, ended);
        }
        Ok(())
    }

    fn note_trouble(&mut self, group: &Group, client: &Client, touched: &mut BTreeSet<Pair>) {
        for change in &group.retries {
            match change {
                Change::Put(key, row) => {
                    touched.insert(pair_of(&key.delivery));
                    if row.stage == log::Stage::Input {
                        self.postponed.insert(pair_of(&key.delivery));
                    }
                    if self.is_resend(&key.delivery, client) {
                        self.ever_resent.insert(key.delivery);
                        self.purged.remove(&key.delivery);
                        self.successes.remove(&key.delivery);
                    }
                    self.retries.insert(key.delivery, (*key, *row));
                }
                Change::Remove(key) => {
                    touched.insert(pair_of(&key.delivery));
                    if self.retries.get(&key.delivery).is_some_and(|(old, _)| old == key) {
                        self.retries.remove(&key.delivery);
                    }
                }
            }
        }
        for change in &group.parcels {
            match change {
                Change::Put(delivery, _) => self.parcels.insert(*delivery),
                Change::Remove(delivery) => self.parcels.remove(delivery),
            };
        }
        for change in &group.dead {
            match change {
                Change::Put(delivery, row) => {
                    touched.insert(pair_of(delivery));
                    self.dead.insert(*delivery, row.clone());
                    self.ever_dead.insert(*delivery);
                    if row.stage == Stage::Input {
                        self.dead_inputs.insert(pair_of(delivery));
                    }
                }
                Change::Remove(delivery) => {
                    touched.insert(pair_of(delivery));
                    self.dead.remove(delivery);
                    if client.purges.contains(delivery) && !self.retries.contains_key(delivery) {
                        self.purged.insert(*delivery);
                    }
                }
            }
        }
    }

    /// Whoever went by another version than the one at the offset had to be behind.
    pub(super) fn prove(&mut self, group: &Group) -> Result<(), Violation> {
        for row in &group.attempts {
            let pair = pair_of(&row.delivery);
            if self.unproven.remove(&pair).is_some() && !self.was_behind(pair) {
                let words = format!("{:?} went by another version and never lagged", row.delivery);
                return broken("version rule", words);
            }
        }
        Ok(())
    }

    pub(super) fn has_gap(&self, pair: Pair) -> bool {
        let is_of = |lane: LaneId| lane.endpoint == pair.0 || lane.endpoint == EVERY_LANE;
        self.gaps.iter().any(|gap| is_of(gap.lane) && (gap.from..gap.until).contains(&pair.1))
    }

    pub(super) fn read_back(&mut self, log: &MemLog, lost_commits: u64) {
        self.head = log.head();
        self.floor = log.floor();
        let least = log.watermarks().expect("memory").unwrap_or_default().least();
        self.least = least.max(self.floor);
        self.versions.read_back(log.registry().expect("memory"));
        self.read_back_attempts(log, lost_commits);
        let retries = log.retries(None, usize::MAX).expect("memory");
        self.retries = retries.into_iter().map(|(k, row)| (k.delivery, (k, row))).collect();
        self.dead = log.dead(None, usize::MAX).expect("memory").into_iter().collect();
        let has_parcel = |d: &&DeliveryId| !matches!(log.parcel(**d), Ok(None));
        let rows = self.retries.keys().chain(self.dead.keys());
        self.parcels = rows.filter(has_parcel).copied().collect();
        self.lanes = log.lanes().expect("memory").into_iter().collect();
        self.gaps = log.gaps().expect("memory");
        self.unproven.clear();
        self.waits_for.clear();
        self.successes.clear();
        let head = self.head;
        self.purged.retain(|d| {
            let is_back = self.dead.contains_key(d) || self.retries.contains_key(d);
            let was_begun = self.attempts.get(&pair_of(d)).is_some_and(|r| r.contains_key(&d.k));
            d.offset < head && !is_back && (was_begun || d.offset < self.floor)
        });
        self.ever_dead.retain(|d| d.offset < head);
        self.dead_inputs.retain(|pair| pair.1 < head);
        self.ever_resent.retain(|d| d.offset < head);
        self.postponed.retain(|pair| pair.1 < head);
        self.found.retain(|pair| pair.1 < head);
        self.open.clear();
        let offsets: Vec<_> = self.events.keys().copied().collect();
        offsets.into_iter().for_each(|offset| self.owe(offset));
        let begun: Vec<_> = self.attempts.keys().copied().collect();
        self.open.extend(begun);
        for id in self.lanes.keys().filter(|id| id.is_main()) {
            self.behind_at.insert(id.endpoint, self.commits);
        }
    }

    fn ended(&self, row: &log::AttemptRow) -> Ended {
        let (state, outputs, number) = (row.state, row.outputs, row.number());
        Ended { state, outputs, number, commit: self.commits }
    }

    fn read_back_attempts(&mut self, log: &MemLog, lost_commits: u64) {
        // Rows below the floor are gone from the log, but were there: they still tell.
        let floor = self.floor;
        let survived = self.commits - lost_commits;
        self.attempts.retain(|pair, rows| {
            rows.retain(|_, row| row.commit <= survived);
            pair.1 < floor && !rows.is_empty()
        });
        for row in log.attempts(floor..Offset::MAX).expect("memory") {
            let ended = self.ended(&row);
            let rows = self.attempts.entry(pair_of(&row.delivery)).or_default();
            rows.insert(row.delivery.k, ended);
        }
    }
}

pub(super) fn pair_of(delivery: &DeliveryId) -> Pair {
    (delivery.lane.endpoint, delivery.offset)
}
