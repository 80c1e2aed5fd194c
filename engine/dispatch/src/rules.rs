use crate::RetrySchedule;
use event::Offset;
use std::time::Duration;

/// How an endpoint wants to be served, from its newest version.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// From which offset on this version is in force.
    pub since: Offset,
    pub ordering: Ordering,
    pub schedule: RetrySchedule,
    /// Attempts in flight at once: at first, and at most.
    pub window_start: u32,
    pub window_max: u32,
    /// Attempts that may begin in a second; none for no limit.
    pub rate: Option<u32>,
    /// An endpoint that only failed for this long is paused.
    pub disable_after: Duration,
    pub is_disabled: bool,
    /// Entries that a lane holds at most; one more and it is behind.
    pub entries_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordering {
    /// Attempts start in log order; failures are overtaken.
    None,
    /// As above, and deliveries of one key end in log order.
    Key,
    /// Every delivery ends before the next one starts.
    Fifo,
}
