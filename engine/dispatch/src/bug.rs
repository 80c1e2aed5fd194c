//! Bugs on purpose. Whoever says that a simulator finds bugs has to show some that it found.
//!
//! Without the feature `bugs` nothing of this is left in a build: `is` is constantly false.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Events are acknowledged before they are synced.
    AckBeforeSync,
    /// A lane leaves the road and no row says so.
    DemoteWithoutRow,
    /// The watermark lies one past what has ended.
    WatermarkAhead,
    /// A lane joins one past where the router feeds it from.
    JoinLate,
    /// A lane's row goes before all below the join has ended.
    RowGoneEarly,
    /// A delivery in trouble succeeds and its retry row stays.
    RetryRowStays,
    /// A change rules from one past its offset.
    SinceOff,
    /// A guest's answer of an ended turn is taken for one of this turn.
    StaleAnswer,
}

pub const ALL: [Bug; 8] = [
    Bug::AckBeforeSync,
    Bug::DemoteWithoutRow,
    Bug::WatermarkAhead,
    Bug::JoinLate,
    Bug::RowGoneEarly,
    Bug::RetryRowStays,
    Bug::SinceOff,
    Bug::StaleAnswer,
];

#[cfg(feature = "bugs")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Switches one bug on, or all off, for this thread.
#[cfg(feature = "bugs")]
pub fn set(bug: Option<Bug>) {
    ACTIVE.set(bug);
}

#[cfg(feature = "bugs")]
pub fn is(bug: Bug) -> bool {
    ACTIVE.get() == Some(bug)
}

#[cfg(not(feature = "bugs"))]
pub const fn is(_: Bug) -> bool {
    false
}
