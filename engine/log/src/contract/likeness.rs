use super::random::{deliveries, duplicate_keys};
use super::{ALL, duplicate_source, duplicate_tenant};
use crate::{Failure, Log, MemLog};
use event::{Offset, Time};
use std::fmt::Debug;

/// In what a log differs from the one in memory that was given the same groups.
#[derive(Debug)]
pub enum Unlike {
    /// It says itself that what was written is not what it has.
    Told(Failure),
    /// It gives something else for what was written, or nothing, and says nothing.
    Silent(String),
}

impl From<Failure> for Unlike {
    fn from(failure: Failure) -> Unlike {
        Unlike::Told(failure)
    }
}

/// Whether `log` gives all that `model` gives, in the same order. Duplicate rows older than
/// `expired` may be there or not, and so may attempt rows below floor and watermarks.
pub fn compare(log: &impl Log, model: &MemLog, expired: Time) -> Result<(), Unlike> {
    equal("head", log.head(), model.head())?;
    equal("floor", log.floor(), model.floor())?;
    compare_events(log, model)?;
    compare_rows(log, model, expired)
}

/// The events alone. A damaged one is told by name, and those around it are compared.
pub fn compare_events(log: &impl Log, model: &MemLog) -> Result<(), Unlike> {
    let (mut next, end) = (model.floor(), model.head());
    let mut told = Ok(());
    while next < end {
        match log.read(next..end, ALL) {
            Ok(found) => {
                let until = Offset(next.0 + found.len() as u64);
                equal("events", &found, &model.read(next..until, ALL)?)?;
                if found.is_empty() {
                    return Err(Unlike::Silent(format!("no event at {next}")));
                }
                next = until;
            }
            Err(Failure::Damaged { offset }) if offset >= next && offset < end => {
                told = Err(Unlike::Told(Failure::Damaged { offset }));
                next = offset.next();
            }
            Err(failure) => return Err(Unlike::Told(failure)),
        }
    }
    told
}

/// Every row beside the events.
pub fn compare_rows(log: &impl Log, model: &MemLog, expired: Time) -> Result<(), Unlike> {
    equal("watermarks", log.watermarks()?, model.watermarks()?)?;
    equal("retries", log.retries(None, usize::MAX)?, model.retries(None, usize::MAX)?)?;
    equal("dead", log.dead(None, usize::MAX)?, model.dead(None, usize::MAX)?)?;
    equal("lanes", log.lanes()?, model.lanes()?)?;
    equal("gaps", log.gaps()?, model.gaps()?)?;
    equal("registry", log.registry()?, model.registry()?)?;
    let least = model.watermarks()?.map_or(Offset::MAX, |watermarks| watermarks.least());
    let needed = model.floor().min(least)..Offset::MAX;
    equal("attempts", log.attempts(needed.clone())?, model.attempts(needed)?)?;
    for delivery in deliveries(model.head()) {
        equal("parcel", log.parcel(delivery)?, model.parcel(delivery)?)?;
    }
    for key in duplicate_keys() {
        let found = log.duplicate(&duplicate_tenant(), duplicate_source(), &key)?;
        let known = model.duplicate(&duplicate_tenant(), duplicate_source(), &key)?;
        let is_expired = found.as_ref().is_some_and(|row| row.id.millis() < expired.millis());
        if found != known && !(known.is_none() && is_expired) {
            equal("duplicate", found, known)?;
        }
    }
    Ok(())
}

fn equal<T: PartialEq + Debug>(what: &str, found: T, known: T) -> Result<(), Unlike> {
    if found == known {
        return Ok(());
    }
    let short = |value: &T| format!("{value:?}").chars().take(2000).collect::<String>();
    let (found, known) = (short(&found), short(&known));
    Err(Unlike::Silent(format!("{what}:\n    found {found}\n    known {known}")))
}
