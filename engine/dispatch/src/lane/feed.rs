use super::*;
use crate::bug::{self, Bug};
use event::Verdict;

impl Lane {
    /// Takes an owed event from the router; false when it had ended before a restart. Gives it
    /// back when the lane is full: it must then be demoted, `routed` being the offset of this
    /// offer.
    pub fn push(&mut self, offer: Offer, now: Time) -> Result<bool, Offer> {
        assert!(self.takes_pushes(), "the router pushes to lanes that are level or joining");
        let offset = offer.event.offset();
        if self.has_ended_before(offset) {
            self.pushed = offset.next();
            return Ok(false);
        }
        if self.entries.len() >= self.rules.entries_max {
            return Err(offer);
        }
        let last = self.entries.back().map(Entry::offset);
        assert!(last < Some(offset), "pushes come in offset order");
        let entry = self.entry(offer, true, now);
        self.entries.push_back(entry);
        self.pushed = offset.next();
        Ok(true)
    }

    /// Entries whose chain is to be asked. Each is told once a turn.
    pub fn asks(&mut self) -> Vec<Order> {
        let turn = self.turn;
        let matched = self.entries.iter_mut().skip(self.taken);
        matched
            .filter(|entry| matches!(entry.stage, Stage::Matched))
            .map(|entry| {
                entry.stage = Stage::Asked;
                Order::Ask { turn, event: entry.event.clone(), ruled_by: entry.ruled_by }
            })
            .collect()
    }

    /// The chain's answer. One of an ended turn is thrown away: the entry was forgotten, and will
    /// be asked about again.
    pub fn judge(&mut self, turn: u64, offset: Offset, verdict: Verdict) {
        if turn != self.turn && !bug::is(Bug::StaleAnswer) {
            return;
        }
        let at = self.find(offset).expect("an entry that was asked about is kept for its turn");
        let stage = &mut self.entries[at].stage;
        assert!(matches!(stage, Stage::Asked), "an entry is judged once a turn");
        *stage = Stage::Judged(verdict);
    }

    pub(super) fn entry(&mut self, offer: Offer, is_hot: bool, now: Time) -> Entry {
        self.last_used = now;
        let stage = if offer.has_chain { Stage::Matched } else { Stage::Judged(Verdict::Pass) };
        Entry { event: offer.event, ruled_by: offer.ruled_by, is_hot, matched_at: now, stage }
    }
}
