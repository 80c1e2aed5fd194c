use event::{Arrival, DuplicateRow, EventId, OnConflict, Time};
use log::{Failure, Log};
use std::collections::BTreeMap;
use std::time::Duration;

/// Knows which keys have named an event: those of the group under way, and those of the log.
pub(super) struct Duplicates {
    window: Duration,
    group: BTreeMap<Name, DuplicateRow>,
}

type Name = (event::TenantId, std::sync::Arc<str>, Box<[u8]>);

/// What the log knows of an arrival.
pub(super) enum Known {
    New,
    /// The same event, sent again.
    Repeat(EventId),
    /// The key names an event with another body, and the sender is to be told.
    Conflict(EventId),
    /// The same, but a provider chose the key: it is stored as a new event.
    OtherBodyStored,
}

impl Duplicates {
    pub fn new(window: Duration) -> Duplicates {
        Duplicates { window, group: BTreeMap::new() }
    }

    pub fn find(&self, arrival: &Arrival, log: &dyn Log, wall: Time) -> Result<Known, Failure> {
        let Some(duplicate) = &arrival.duplicate else { return Ok(Known::New) };
        let row = match self.group.get(&name_of(arrival, &duplicate.key)) {
            Some(row) => Some(row.clone()),
            None => {
                let envelope = &arrival.envelope;
                log.duplicate(&envelope.tenant, &envelope.source, &duplicate.key)?
            }
        };
        let oldest = (wall - self.window).millis();
        let Some(row) = row.filter(|row| row.id.millis() >= oldest) else {
            return Ok(Known::New);
        };
        Ok(match duplicate.on_conflict {
            _ if row.digest == duplicate.digest => Known::Repeat(row.id),
            OnConflict::Refuse => Known::Conflict(row.id),
            OnConflict::Store => Known::OtherBodyStored,
        })
    }

    /// The row that is to be committed with the event.
    pub fn note(&mut self, arrival: &Arrival, id: EventId) -> Option<DuplicateRow> {
        let duplicate = arrival.duplicate.as_ref()?;
        let row = DuplicateRow {
            tenant: arrival.envelope.tenant.clone(),
            source: arrival.envelope.source.clone(),
            key: duplicate.key.clone(),
            digest: duplicate.digest,
            id,
        };
        self.group.insert(name_of(arrival, &duplicate.key), row.clone());
        Some(row)
    }

    pub fn is_in_group(&self, id: EventId) -> bool {
        self.group.values().any(|row| row.id == id)
    }

    pub fn group_committed(&mut self) {
        self.group.clear();
    }

    pub fn group_refused(&mut self) {
        self.group.clear();
    }

    pub fn window(&self) -> Duration {
        self.window
    }
}

fn name_of(arrival: &Arrival, key: &[u8]) -> Name {
    (arrival.envelope.tenant.clone(), arrival.envelope.source.clone(), key.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Duplicate, Envelope, Event, Offset, TenantId};
    use log::{Group, MemLog, Sync};
    use proptest::prelude::*;
    use std::sync::Arc;

    const WINDOW: Duration = Duration::from_secs(10);

    #[derive(Clone, Debug)]
    enum Step {
        Arrive { tenant: u8, source: u8, key: Option<u8>, digest: u8, is_refused: bool },
        Commit,
        Refuse,
        Pass(u64),
        Expire,
    }

    fn steps() -> impl Strategy<Value = Step> {
        let arrive = (0..2u8, 0..2u8, prop::option::weighted(0.9, 0..3u8), 0..2u8, any::<bool>());
        prop_oneof![
            8 => arrive.prop_map(|(tenant, source, key, digest, is_refused)| {
                Step::Arrive { tenant, source, key, digest, is_refused }
            }),
            3 => Just(Step::Commit),
            1 => Just(Step::Refuse),
            2 => (0..8_000u64).prop_map(Step::Pass),
            1 => Just(Step::Expire),
        ]
    }

    fn arrival(tenant: u8, source: u8, key: Option<u8>, digest: u8, is_refused: bool) -> Arrival {
        let on_conflict = if is_refused { OnConflict::Refuse } else { OnConflict::Store };
        let tenant = TenantId::new(&tenant.to_string());
        let envelope = Envelope::new(tenant, &source.to_string(), "order.paid", Time::ZERO);
        let duplicate =
            key.map(|key| Duplicate { key: Box::new([key]), digest: [digest; 16], on_conflict });
        Arrival { envelope, body: bytes::Bytes::new(), duplicate }
    }

    /// What named an event last: (digest, id), as long as the window is open.
    type Model = BTreeMap<(u8, u8, u8), (u8, EventId)>;

    proptest! {
        #[test]
        fn a_key_names_one_event_for_the_window_and_a_refused_group_names_none(
            steps in prop::collection::vec(steps(), 1..120),
        ) {
            let log = MemLog::new(1_000);
            let lease = log.claim().unwrap();
            let mut duplicates = Duplicates::new(WINDOW);
            let (mut ms, mut next) = (100_000, 0);
            let (mut group, mut committed) = (Group::default(), Model::new());
            let mut named = Model::new();
            for step in steps {
                match step {
                    Step::Arrive { tenant, source, key, digest, is_refused } => {
                        let arrival = arrival(tenant, source, key, digest, is_refused);
                        let wall = Time::from_millis(ms);
                        let found = duplicates.find(&arrival, &log, wall).unwrap();
                        let known = key.and_then(|key| named.get(&(tenant, source, key)));
                        let known = known.filter(|(_, id)| id.millis() + 10_000 >= ms);
                        let is_new = match (known, found) {
                            (None, Known::New) => true,
                            (Some((same, id)), Known::Repeat(other)) => {
                                prop_assert_eq!((*same, *id), (digest, other));
                                false
                            }
                            (Some((was, id)), Known::Conflict(other)) => {
                                prop_assert!(*was != digest && *id == other && is_refused);
                                false
                            }
                            (Some((was, _)), Known::OtherBodyStored) => {
                                prop_assert!(*was != digest && !is_refused);
                                true
                            }
                            (known, _) => panic!("{known:?} was found to be another"),
                        };
                        if !is_new {
                            continue;
                        }
                        let id = EventId::new(ms, Offset(next));
                        next += 1;
                        group.events.push(Arc::new(arrival.clone().at(id)) as Arc<Event>);
                        group.duplicates.extend(duplicates.note(&arrival, id));
                        prop_assert_eq!(duplicates.is_in_group(id), key.is_some());
                        if let Some(key) = key {
                            named.insert((tenant, source, key), (digest, id));
                        }
                    }
                    Step::Commit => {
                        log.commit(lease, &std::mem::take(&mut group), Sync::Now).unwrap();
                        duplicates.group_committed();
                        committed = named.clone();
                    }
                    Step::Refuse => {
                        next -= group.events.len() as u64;
                        group = Group::default();
                        duplicates.group_refused();
                        named = committed.clone();
                    }
                    Step::Pass(span) => ms += span,
                    Step::Expire => {
                        let before = Time::from_millis(ms) - duplicates.window();
                        log.expire_duplicates(lease, before).unwrap();
                    }
                }
            }
        }
    }
}
