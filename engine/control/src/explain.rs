mod evidence;
mod ruling;
mod story;
mod told;

pub(crate) use evidence::{Found, gather};
pub(crate) use story::{Standing, damaged, standings, tell};
pub(crate) use told::ExplainOut;

use event::Time;

/// A time as RFC 3339, in UTC.
pub(crate) fn time(time: Time) -> String {
    let read = jiff::Timestamp::from_nanosecond(i128::from(time.nanos()));
    read.map_or_else(|_| "never".to_owned(), |read| read.to_string())
}
