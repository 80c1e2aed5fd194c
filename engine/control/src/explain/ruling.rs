use super::evidence::Evidence;
use event::{AttemptRow, DeliveryId, EndpointId, LaneId, Offset};
use registry::Endpoint;
use std::sync::Arc;

/// The versions of an endpoint one of which judged an event, or is to judge it; never none.
///
/// A level lane goes by the version in force at the event's offset. One that is behind takes newer
/// versions for what it has not begun, and of what it then delivers or drops there is no row that
/// says so. So where newer ones came in time, and no row tells, each of them may have been the one.
#[derive(Clone)]
pub(super) struct Ruling(Vec<Arc<Endpoint>>);

impl Ruling {
    /// Of what the endpoint's own lane was owed. `matched` is what there is when nothing else is.
    pub fn at(evidence: &Evidence, matched: &Arc<Endpoint>) -> Ruling {
        let (id, offset) = (matched.id, evidence.event.offset());
        let lane = LaneId::main(id);
        let begun = || evidence.begun_by(lane);
        let by_rows = begun().find_map(|(delivery, _)| named_by_row(evidence, *delivery));
        if let Some(named) = by_rows {
            return Ruling(vec![named]);
        }
        let only = match evidence.lanes.get(&lane) {
            // What it has not begun waits for the newest version.
            Some(row) if row.cursor <= offset && offset >= row.high && begun().next().is_none() => {
                evidence.history.latest().endpoint(id).cloned()
            }
            Some(_) => None,
            None if offset >= evidence.level_from && begun().all(|(_, rows)| is_of_road(rows)) => {
                evidence.history.endpoint_at(id, offset)
            }
            None => None,
        };
        match only {
            Some(only) => Ruling(vec![only]),
            None => {
                let begun: Vec<&[AttemptRow]> = begun().map(|(_, rows)| &**rows).collect();
                Ruling::among(evidence, matched, &begun)
            }
        }
    }

    /// Of one delivery to an endpoint at which this is the ruling.
    pub fn of(&self, evidence: &Evidence, delivery: DeliveryId, rows: &[AttemptRow]) -> Ruling {
        if let Some(named) = named_by_row(evidence, delivery) {
            return Ruling(vec![named]);
        }
        if delivery.lane.is_main() && self.0.len() == 1 {
            return self.clone();
        }
        Ruling::among(evidence, self.likeliest(), &[rows])
    }

    /// Of the versions in force at the event's offset and later, those that may have judged what
    /// was begun so.
    fn among(evidence: &Evidence, matched: &Arc<Endpoint>, begun: &[&[AttemptRow]]) -> Ruling {
        let event = &evidence.event;
        let (until, judged) = (latest(evidence, matched.id, begun), judged_by(evidence, begun));
        let in_time = |version: &Endpoint| {
            version.since <= until
                && judged.is_none_or(|judged| !evidence.came_after(version.since, judged))
        };
        let is_late = |version: &Endpoint| version.since > event.offset() && !in_time(version);
        // Those that run the same say the same.
        let mut seen = Vec::new();
        let mut is_unlike = |version: &Endpoint| {
            let wants = version.wants(&event.envelope);
            let what = (version.chain_id(), wants);
            let is_new = !seen.contains(&what);
            seen.push(what);
            is_new && (wants || begun.is_empty())
        };
        let all = evidence.history.endpoints_from(matched.id, event.offset());
        let all = all.filter(|version| !is_late(version) && is_unlike(version));
        let versions: Vec<_> = all.cloned().collect();
        if versions.is_empty() { Ruling(vec![matched.clone()]) } else { Ruling(versions) }
    }

    /// The only one, or the one that ruled unless the lane was behind.
    pub fn likeliest(&self) -> &Arc<Endpoint> {
        &self.0[0]
    }

    /// Those that may have ruled in its place, in the order in which they came into force. Each
    /// runs something else than those before it.
    pub fn others(&self) -> &[Arc<Endpoint>] {
        &self.0[1..]
    }

    pub fn id(&self) -> EndpointId {
        self.likeliest().id
    }
}

/// The version that judged a delivery which is in trouble or dead, or is still to judge it. Of
/// others no row tells.
fn named_by_row(evidence: &Evidence, delivery: DeliveryId) -> Option<Arc<Endpoint>> {
    let retry = evidence.retries.get(&delivery).map(|(_, row)| row.ruled_by);
    let dead = || evidence.dead.get(&delivery)?.as_ref().map(|row| row.ruled_by);
    evidence.history.endpoint_at(delivery.lane.endpoint, retry.or_else(dead)?)
}

/// From where on no version has ruled what a lane that is behind has begun: its row was written
/// when it had.
fn latest(evidence: &Evidence, id: EndpointId, begun: &[&[AttemptRow]]) -> Offset {
    let offset = evidence.event.offset();
    let row = evidence.lanes.get(&LaneId::main(id));
    let row = row.filter(|row| (row.cursor..row.high).contains(&offset));
    let row = row.filter(|_| begun.iter().all(|rows| is_of_road(rows)));
    row.map_or(Offset::MAX, |row| row.since.max(offset))
}

/// Whether nothing but an attempt came of it first: what was parked or postponed, or was looked for
/// later, may have been judged by another version than its lane went by.
fn is_of_road(rows: &[AttemptRow]) -> bool {
    rows.first().is_some_and(|row| row.attempt.is_some() && row.delivery.lane.is_main())
}

/// A time in milliseconds by which all of it had been judged: what is sent has been. None where
/// nothing was, or the clock has gone back since the event came.
fn judged_by(evidence: &Evidence, begun: &[&[AttemptRow]]) -> Option<u64> {
    let mut latest: Option<u64> = None;
    for rows in begun {
        let attempts = rows.iter().filter_map(|row| row.attempt.as_ref());
        let first = attempts.map(|attempt| attempt.at.millis()).min()?;
        latest = latest.max(Some(first));
    }
    latest.filter(|judged| *judged >= evidence.event.id.millis())
}
