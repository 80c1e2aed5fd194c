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
    /// Of lanes whose time has come at once, only the first is woken.
    LostWakeUp,
    /// Retention takes retry rows with the generation of their events.
    RetryLostAtRotation,
    /// A duplicate row comes one commit after its event.
    DuplicateRowLate,
    /// Retention takes what a lane had not read, and no row says so.
    GapRowMissing,
    /// A lane that joins reads on where the router feeds it already.
    DoubleJoin,
    /// A half-open breaker lets more than one probe through.
    ProbeUncounted,
    /// The bytes of a delivery go with its second failure.
    ParcelDroppedEarly,
    /// In strict order, what is in trouble is overtaken.
    FifoOvertakes,
    /// In key order, what is in trouble is overtaken.
    KeyOvertakes,
    /// A retry comes after half of its pause.
    RetryEarly,
    /// A retry row says that nothing was attempted.
    AttemptsForgotten,
    /// A lane's row names where it reads next, not the first that has not ended.
    CursorAhead,
    /// Retention does not ask what the road still keeps.
    FloorTooHigh,
    /// A restart does not look at what had begun.
    NotRemembered,
    /// A lane that reads the log takes what is another tenant's.
    StrangersEvents,
    /// A process that stops does not wait for its last report.
    StopUnreported,
    /// What was given up on is overtaken before that is on disk.
    GraveForgotten,
    /// Attempts begin though the rate of their endpoint is spent.
    RateForgotten,
    /// What is in memory of an erased event is sent all the same.
    ErasedStillSent,
    /// A delivery that fails after its event was erased keeps the bytes.
    ErasedStillKept,
    /// A search looks where the endpoint's lane has still something to do.
    SearchAhead,
    /// The router does not look whom an event is for.
    AddressForgotten,
    /// What a filter made for others goes to an endpoint whose condition does not match.
    UnmetForgotten,
}

pub const ALL: [Bug; 31] = [
    Bug::AckBeforeSync,
    Bug::DemoteWithoutRow,
    Bug::WatermarkAhead,
    Bug::JoinLate,
    Bug::RowGoneEarly,
    Bug::RetryRowStays,
    Bug::SinceOff,
    Bug::StaleAnswer,
    Bug::LostWakeUp,
    Bug::RetryLostAtRotation,
    Bug::DuplicateRowLate,
    Bug::GapRowMissing,
    Bug::DoubleJoin,
    Bug::ProbeUncounted,
    Bug::ParcelDroppedEarly,
    Bug::FifoOvertakes,
    Bug::KeyOvertakes,
    Bug::RetryEarly,
    Bug::AttemptsForgotten,
    Bug::CursorAhead,
    Bug::FloorTooHigh,
    Bug::NotRemembered,
    Bug::StrangersEvents,
    Bug::StopUnreported,
    Bug::GraveForgotten,
    Bug::RateForgotten,
    Bug::ErasedStillSent,
    Bug::ErasedStillKept,
    Bug::SearchAhead,
    Bug::AddressForgotten,
    Bug::UnmetForgotten,
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
