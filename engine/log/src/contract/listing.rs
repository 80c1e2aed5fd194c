use super::random::{deliveries, duplicate_keys};
use super::{ALL, duplicate_source, duplicate_tenant};
use crate::{Failure, Log, Parcel};
use event::Offset;
use std::fmt::{Debug, Write};

/// Everything in a log that random groups were written to, a row a line.
pub fn listing(log: &impl Log) -> Result<String, Failure> {
    let mut text = String::new();
    put(&mut text, "head", [log.head()]);
    put(&mut text, "floor", [log.floor()]);
    put(&mut text, "event", log.read(Offset::ZERO..Offset::MAX, ALL)?);
    put(&mut text, "attempt", log.attempts(Offset::ZERO..Offset::MAX)?);
    put(&mut text, "retry", log.retries(None, usize::MAX)?);
    put(&mut text, "dead", log.dead(None, usize::MAX)?);
    put(&mut text, "lane", log.lanes()?);
    put(&mut text, "gap", log.gaps()?);
    put(&mut text, "registry", log.registry()?);
    put(&mut text, "watermarks", log.watermarks()?);
    put(&mut text, "generation", log.generations()?);
    for delivery in deliveries(log.head()) {
        if let Some(Parcel { stage, event, input_key }) = log.parcel(delivery)? {
            // Told where there is one alone: listings of before there were any are kept.
            let key = input_key.map(|hash| format!(", input_key: {hash}")).unwrap_or_default();
            writeln!(text, "parcel Parcel {{ stage: {stage:?}, event: {event:?}{key} }}")
                .expect("a string takes everything");
        }
    }
    for key in duplicate_keys() {
        put(&mut text, "duplicate", log.duplicate(&duplicate_tenant(), duplicate_source(), &key)?);
    }
    Ok(text)
}

fn put<T: Debug>(text: &mut String, kind: &str, rows: impl IntoIterator<Item = T>) {
    for row in rows {
        writeln!(text, "{kind} {row:?}").expect("a string takes everything");
    }
}
