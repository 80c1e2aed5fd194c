use super::start::input_row;
use super::*;
use event::{Due, Verdict};

impl Lane {
    /// Where what it owes by itself begins; none for a lane that is level.
    pub fn owes_from(&self) -> Option<Offset> {
        self.behind().map(|behind| self.cursor(behind))
    }

    /// Takes on an event from below all that it owes, of which nothing was ever begun here, with
    /// what its chain says of it: outputs are in trouble from now on, and due.
    ///
    /// False when the chain stops the lane: then it was not taken on.
    pub fn add_missing(
        &mut self,
        event: &Arc<Event>,
        ruled_by: Offset,
        verdict: Verdict,
        now: Time,
        routed: Offset,
        effects: &mut Effects,
    ) -> bool {
        let delivery = DeliveryId { lane: self.id, offset: event.offset(), k: 0 };
        let input = input_row(event, ruled_by, now);
        match verdict {
            Verdict::Drop => {}
            Verdict::Pass => self.expand(delivery, &input, vec![event.clone()], now, effects),
            Verdict::Emit(outputs) => self.expand(delivery, &input, outputs, now, effects),
            Verdict::Retry { delay, .. } => {
                self.keep(event, 0, input, Due::At(now + delay), None, effects);
            }
            Verdict::Reject { reason } => self.reject(event, &input, reason, now, effects),
            Verdict::Stop { .. } => {
                // A newer version than the one that stops is asked instead.
                if self.rules.since <= ruled_by {
                    self.demote(Why::FilterStopped, routed, effects);
                }
                return false;
            }
        }
        self.last_used = now;
        true
    }
}
