use super::*;
use crate::bug::{self, Bug};

/// A lane that feeds itself from the log.
#[derive(Clone, Debug)]
pub(super) struct Behind {
    /// Where its next read begins. Nothing at or above was begun, save what a restart found.
    pub next: Offset,
    /// One past the last entry that was begun.
    pub high: Offset,
    pub since: Offset,
    pub why: Why,
    pub is_reading: bool,
    /// All that the router has offered was read.
    pub is_current: bool,
    /// A new version waits until all that was begun has ended.
    pub new_version: Option<Offset>,
    written: Option<LaneRow>,
}

impl Behind {
    pub fn resume(row: LaneRow) -> Behind {
        Behind {
            next: row.cursor,
            high: row.high,
            since: row.since,
            why: row.why,
            is_reading: false,
            is_current: false,
            new_version: None,
            written: Some(row),
        }
    }

    /// What it has still to read is owed to it just where the router says so.
    fn is_ruled_as_routed(&self) -> bool {
        self.since <= self.next && self.new_version.is_none()
    }
}

impl Lane {
    /// Leaves the road: the lane's row keeps all that it owes from its first entry on. What was
    /// not begun is forgotten and will be read again; what was begun goes on.
    ///
    /// `routed` is one past the last offset that the router has offered to this lane.
    pub fn demote(&mut self, why: Why, routed: Offset, effects: &mut Effects) {
        if why.is_pause() {
            self.place_in_line = None;
        }
        let high = self.high();
        let next = self.forget(routed, effects);
        let newest = self.rules.since;
        match &mut self.place {
            Place::Level => {
                let front = self.entries.front().map_or(next, |front| front.offset().min(next));
                // All that it owes came under the newest version: a restart sees no other in it.
                let since = if newest <= front { newest } else { Offset::ZERO };
                self.place = Place::Behind(Behind {
                    next,
                    high,
                    since,
                    why,
                    is_reading: false,
                    is_current: false,
                    // It may have come while the router still went by the one before.
                    new_version: (newest > next).then_some(newest),
                    written: None,
                });
            }
            Place::Behind(behind) => {
                behind.next = behind.next.min(next);
                behind.why = why;
            }
            Place::Joining { behind, .. } => {
                let mut behind = behind.clone();
                behind.next = next;
                behind.why = why;
                self.place = Place::Behind(behind);
            }
        }
        self.rise(effects);
        if bug::is(Bug::DemoteWithoutRow) {
            return self.write_row(&mut Effects::default());
        }
        self.write_row(effects);
    }

    /// The chain of a version wants the lane to stop. Where a newer version has come already, that
    /// one is asked instead, whatever the other had begun.
    pub(super) fn stop(&mut self, ruled_by: Offset, routed: Offset, effects: &mut Effects) {
        let newest = self.rules.since;
        if newest <= ruled_by {
            return self.demote(Why::FilterStopped, routed, effects);
        }
        let calm = self.calm();
        self.demote(calm, routed, effects);
        let behind = self.behind_mut().expect("it was demoted");
        behind.new_version = None;
        behind.since = behind.since.max(newest);
        self.write_row(effects);
    }

    /// Ends a pause.
    pub fn resume_work(&mut self, effects: &mut Effects) {
        self.calm_down();
        let calm = if self.rules.is_disabled { Why::Disabled } else { self.calm() };
        if let Some(behind) = self.behind_mut().filter(|behind| behind.why.is_pause()) {
            behind.why = calm;
            self.write_row(effects);
        }
    }

    /// The endpoint has a new version, in force from `since` on.
    ///
    /// A level lane goes on: the router hands it entries with the version that rules them. One
    /// that is behind finishes what it has begun, then takes the new version for all the rest.
    pub fn take_version(
        &mut self,
        rules: Rules,
        since: Offset,
        routed: Offset,
        effects: &mut Effects,
    ) {
        self.trouble.set_ordering(rules.ordering);
        self.window.limit(rules.window_max);
        self.rate.limit(rules.rate);
        self.rules = rules;
        if let Some(behind) = self.behind() {
            let was_stopped = behind.why == Why::FilterStopped;
            let why = self.why_after_change();
            self.demote(why, routed, effects);
            let behind = self.behind_mut().expect("it was demoted");
            behind.new_version = Some(since);
            if was_stopped {
                // The version that stopped must not be asked again, whatever it had begun.
                behind.since = behind.since.max(since);
            }
            self.rise(effects);
        } else if self.rules.is_disabled || self.rules.ordering == Ordering::Fifo {
            let why = self.why_after_change();
            self.demote(why, routed, effects);
        }
    }

    fn why_after_change(&mut self) -> Why {
        if self.rules.is_disabled {
            return Why::Disabled;
        }
        if self.is_paused() {
            self.calm_down();
        }
        self.calm()
    }

    /// Forgets failures: a person says that the endpoint is well.
    fn calm_down(&mut self) {
        self.failing_since = None;
        self.breaker = Breaker::default();
        self.probe = None;
    }

    /// The reason that is left when nothing is wrong with the lane.
    pub(super) fn calm(&self) -> Why {
        match self.rules.ordering {
            Ordering::Fifo => Why::Fifo,
            _ if !self.breaker.is_closed() => Why::Breaker,
            _ => Why::Slow,
        }
    }

    /// Retention has taken everything below `floor`; the writer has put the gap on record.
    pub fn lose_below(&mut self, floor: Offset, routed: Offset, effects: &mut Effects) {
        let Some(behind) = self.behind() else { return };
        if self.cursor(behind) >= floor {
            return;
        }
        self.demote(behind.why, routed, effects);
        self.remembered = self.remembered.split_off(&floor);
        let behind = self.behind_mut().expect("it was demoted");
        behind.next = behind.next.max(floor);
        self.write_row(effects);
    }

    /// The endpoint is no more: nothing is owed to it. Its retry rows go with it.
    pub fn delete(&mut self, effects: &mut Effects) {
        self.end_turn();
        let hot = self.entries.iter().filter(|entry| entry.is_hot);
        effects.released.extend(hot.map(Entry::offset));
        self.entries.clear();
        self.taken = 0;
        if !self.is_level() {
            effects.lanes.push(Change::Remove(self.id));
        }
        for key in self.trouble.drain() {
            effects.retries.push(Change::Remove(key));
            effects.parcels.push(Change::Remove(key.delivery));
        }
    }

    /// Where the lane wants to read next, when it wants to. The caller brings what matches with
    /// `read`, and says there how far it has looked.
    pub fn wants_read(&mut self, now: Time, routed: Offset) -> Option<Range<Offset>> {
        let (in_place, entries) = (self.breaker.is_closed(), self.entries.len());
        let may_probe = self.breaker.allows(now) && entries == 0 && !self.trouble.has_due(now);
        let until = match &self.place {
            Place::Level => return None,
            Place::Behind(_) => routed,
            Place::Joining { .. } if bug::is(Bug::DoubleJoin) => routed,
            Place::Joining { from, .. } => *from,
        };
        let behind = self.behind_mut()?;
        // What was begun before a restart is finished under the version that began it.
        let until = behind.new_version.map_or(until, |_| until.min(behind.high));
        behind.is_current |= behind.next >= routed && !behind.is_reading;
        let may_read = !behind.is_reading
            && !behind.why.is_pause()
            && behind.next < until
            && entries < ENTRIES_LOW
            && (in_place || may_probe);
        if !may_read {
            return None;
        }
        behind.is_reading = true;
        Some(behind.next..until)
    }

    /// The router has an event for the lane, which it is to read in its own time. True when the
    /// lane waits for nothing else.
    pub fn note_owed(&mut self) -> bool {
        let behind = self.behind_mut().expect("the router pushes to the others");
        std::mem::take(&mut behind.is_current)
    }

    /// Nothing that was routed since the lane had read all was for it: it need not look there.
    /// True when a lane that stood below `until` has moved on.
    pub fn keep_up(&mut self, routed: Offset, until: Offset) -> bool {
        let Place::Behind(behind) = &mut self.place else { return false };
        let may_move = behind.is_current && behind.is_ruled_as_routed() && !behind.why.is_pause();
        if !may_move || behind.next >= routed.min(until) {
            return false;
        }
        behind.next = routed;
        true
    }

    /// The router said nothing of what it passed, but went by other versions than this lane: it
    /// has to look for itself. True when it is to do so now.
    pub fn must_look(&mut self, routed: Offset) -> bool {
        let Place::Behind(behind) = &mut self.place else { return false };
        let is_unlike = behind.next < routed && !behind.is_ruled_as_routed();
        is_unlike && !behind.why.is_pause() && std::mem::take(&mut behind.is_current)
    }

    /// Which turn a read belongs to: what was read in an ended turn is thrown away.
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// Dropped as soon as the turn has ended: nobody waits for answers to what was asked in it.
    pub fn waits(&self) -> &Arc<()> {
        &self.waits
    }

    fn end_turn(&mut self) {
        self.turn += 1;
        self.waits = Arc::default();
    }

    /// The later of the lane's and the event's own offset names the version that rules it.
    pub fn rule_offset(&self, offset: Offset) -> Offset {
        self.behind().map_or(offset, |behind| behind.since.max(offset))
    }

    /// Brings owed events that a read found, having looked at everything below `until`.
    pub fn read(
        &mut self,
        turn: u64,
        offers: Vec<Offer>,
        until: Offset,
        now: Time,
        effects: &mut Effects,
    ) {
        if turn != self.turn {
            return;
        }
        let Some(behind) = self.behind_mut() else { return };
        behind.is_reading = false;
        behind.next = behind.next.max(until);
        let cold = self.entries.iter().take_while(|entry| !entry.is_hot).count();
        let offers: Vec<_> =
            offers.into_iter().filter(|o| !self.has_ended_before(o.event.offset())).collect();
        for (i, offer) in offers.into_iter().enumerate() {
            let entry = self.entry(offer, false, now);
            self.entries.insert(cold + i, entry);
        }
        self.sweep(effects);
    }

    /// From where on it waits for a read, if it does.
    pub fn reads_from(&self) -> Option<Offset> {
        self.behind().filter(|behind| behind.is_reading).map(|behind| behind.next)
    }

    /// A read that could not be served: the lane will ask again.
    pub fn read_failed(&mut self, turn: u64) {
        if turn == self.turn
            && let Some(behind) = self.behind_mut()
        {
            behind.is_reading = false;
        }
    }

    /// Whether the lane is near enough to the road to be fed by it again. Lanes that probe, are
    /// paused, in fifo order, or about to take a new version stay behind.
    ///
    /// `least`: no restart routes again below it. One that does goes by the versions at the
    /// offsets, so the row of a lane under a later version stays until then: what that version
    /// dropped has left no other trace.
    pub fn may_join(&self, routed: Offset, least: Offset) -> bool {
        let Place::Behind(behind) = &self.place else { return false };
        behind.why == Why::Slow
            && behind.new_version.is_none()
            && self.breaker.is_closed()
            && self.entries.len() < ENTRIES_LOW.min(self.rules.entries_max)
            && least >= behind.since
            // A router that walks the log again after a restart may be behind the lane.
            && routed >= behind.next
            && routed.distance_from(behind.next) <= ENTRIES_LOW as u64
    }

    /// From `from` on, where the router's next batch starts, the road feeds the lane too.
    pub fn join(&mut self, from: Offset, effects: &mut Effects) {
        let Place::Behind(behind) = &self.place else { return };
        let from = if bug::is(Bug::JoinLate) { from.next() } else { from };
        self.place = Place::Joining { behind: behind.clone(), from };
        self.rise(effects);
    }

    /// Takes the steps up that the end of entries allows: a new version, or the road itself.
    pub(super) fn rise(&mut self, effects: &mut Effects) {
        let has_entries = !self.entries.is_empty();
        let front = self.entries.front().map(Entry::offset);
        match &mut self.place {
            Place::Level => {}
            Place::Behind(behind) => {
                let has_begun = has_entries || behind.next < behind.high;
                if !has_begun && let Some(version) = behind.new_version.take() {
                    behind.since = behind.since.max(version);
                    self.write_row(effects);
                }
            }
            Place::Joining { behind, from } => {
                let has_read_all = behind.next >= *from;
                let has_ended = front.is_none_or(|front| front >= *from);
                if has_read_all && (has_ended || bug::is(Bug::RowGoneEarly)) {
                    self.place = Place::Level;
                    effects.lanes.push(Change::Remove(self.id));
                }
            }
        }
    }

    /// The row that keeps what the lane owes, when it differs from the one last written.
    pub fn write_row(&mut self, effects: &mut Effects) {
        let high = self.high();
        let id = self.id;
        let Some(cursor) = self.behind().map(|behind| self.cursor(behind)) else { return };
        let behind = self.behind_mut().expect("it is behind");
        behind.high = behind.high.max(high);
        let row = LaneRow { cursor, high: behind.high, since: behind.since, why: behind.why };
        if behind.written.as_ref() != Some(&row) {
            behind.written = Some(row.clone());
            effects.lanes.push(Change::Put(id, row));
        }
    }

    /// Forgets entries that were not begun. Gives where they are to be read again.
    fn forget(&mut self, routed: Offset, effects: &mut Effects) -> Offset {
        self.end_turn();
        let resume = match &self.place {
            Place::Level => routed,
            Place::Behind(behind) => behind.next,
            Place::Joining { behind, from } if behind.next < *from => behind.next,
            Place::Joining { .. } => routed,
        };
        let first = self.entries.iter().find(|entry| !entry.is_begun()).map(Entry::offset);
        for entry in self.entries.iter_mut().filter(|entry| entry.is_hot) {
            entry.is_hot = false;
            effects.released.push(entry.offset());
        }
        self.entries.retain(Entry::is_begun);
        self.taken = self.taken.min(self.entries.len());
        if let Some(behind) = self.behind_mut() {
            behind.is_reading = false;
            behind.is_current = false;
        }
        first.map_or(resume, |first| first.min(resume))
    }

    /// The first entry that has not ended.
    pub(super) fn cursor(&self, behind: &Behind) -> Offset {
        let front = self.entries.front().filter(|_| !bug::is(Bug::CursorAhead)).map(Entry::offset);
        front.map_or(behind.next, |front| front.min(behind.next))
    }

    /// One past the last entry that was begun, by this process or the one before.
    fn high(&self) -> Offset {
        let begun = self.entries.iter().rev().find(|entry| entry.is_begun()).map(Entry::offset);
        let last = begun.max(self.remembered.keys().next_back().copied());
        last.map_or(Offset::ZERO, Offset::next)
    }
}
