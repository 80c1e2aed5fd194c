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
