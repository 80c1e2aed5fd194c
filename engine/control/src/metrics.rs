mod histogram;
mod known;
mod lag;
mod machine;
mod readings;
mod render;

pub(crate) use lag::{Lag, lags};
pub use machine::{ProcessTexts, ProcessUse};
pub use readings::Readings;
pub use render::Build;
pub(crate) use render::MEDIA_TYPE;

use event::{Cause, Outcome, Verdict};
use histogram::Histogram;
use known::Known;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// All that the engine counts. Shared by every thread; nothing here takes a lock.
///
/// Labels that strangers or tenants could multiply are bounded: 256 sources, 256 filters, and few
/// codes and reasons each. What is beyond shares the label `(other)`; answers to requests that
/// named no source of ours have the label `(none)`. Neither can be a name.
pub struct Metrics {
    sources: Known<String, SourceCounts>,
    ingest: Histogram,
    commits: Histogram,
    fsyncs: Histogram,
    deliveries: [AtomicU64; CodeClass::ALL.len()],
    delivery: Histogram,
    end_to_end: Histogram,
    filters: Known<String, [AtomicU64; VERDICTS.len()]>,
    filter: Histogram,
    traps: Known<String, AtomicU64>,
    circuits: Known<String, AtomicU64>,
    canaries: Known<String, AtomicU64>,
    gaps: [AtomicU64; GAPS.len()],
}

struct SourceCounts {
    answered: Known<u16, AtomicU64>,
    refused: Known<String, AtomicU64>,
    duplicates: AtomicU64,
    conflicts: AtomicU64,
}

const NAMES_MAX: usize = 256;
const CODES_MAX: usize = 32;
const REASONS_MAX: usize = 32;
const OTHER: &str = "(other)";
const NONE: &str = "(none)";
/// What conditions without filters are counted under.
const CONDITIONS: &str = "where";

impl Default for SourceCounts {
    fn default() -> SourceCounts {
        SourceCounts {
            answered: Known::new(CODES_MAX),
            refused: Known::new(REASONS_MAX),
            duplicates: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
        }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            sources: Known::new(NAMES_MAX),
            ingest: Histogram::short(),
            commits: Histogram::counts(),
            fsyncs: Histogram::short(),
            deliveries: Default::default(),
            delivery: Histogram::long(),
            end_to_end: Histogram::long(),
            filters: Known::new(NAMES_MAX),
            filter: Histogram::short(),
            traps: Known::new(REASONS_MAX),
            circuits: Known::new(NAMES_MAX),
            canaries: Known::new(NAMES_MAX),
            gaps: Default::default(),
        }
    }
}

impl Metrics {
    pub fn new() -> Arc<Metrics> {
        Arc::default()
    }

    /// A request to a source was answered. `source` is empty when it named none of ours.
    pub fn ingest_answered(&self, source: &str, code: u16, took: Duration) {
        self.of_source(source, |counts| counts.answered.tell(&code, add_one));
        self.ingest.took(took);
    }

    /// Beside `ingest_answered`: why nothing was accepted, as a stable word.
    pub fn ingest_refused(&self, source: &str, reason: &str) {
        self.of_source(source, |counts| counts.refused.tell(reason, add_one));
    }

    /// Beside `ingest_answered`: the event was known already.
    pub fn ingest_duplicate(&self, source: &str) {
        self.of_source(source, |counts| add_one(&counts.duplicates));
    }

    /// Beside `ingest_answered`: a provider's known id came with another body.
    pub fn ingest_conflict(&self, source: &str) {
        self.of_source(source, |counts| add_one(&counts.conflicts));
    }

    /// A group was committed. `fsync_took` is none when it was not synced for itself.
    pub fn committed(&self, events: usize, fsync_took: Option<Duration>) {
        if events > 0 {
            self.commits.observe(events as u64);
        }
        if let Some(took) = fsync_took {
            self.fsyncs.took(took);
        }
    }

    /// An attempt ended. `end_to_end` is the time from the event's arrival, told once a delivery:
    /// at the attempt that delivered it.
    pub fn attempt_ended(&self, class: CodeClass, took: Duration, end_to_end: Option<Duration>) {
        add_one(&self.deliveries[class as usize]);
        self.delivery.took(took);
        if let Some(span) = end_to_end {
            self.end_to_end.took(span);
        }
    }

    /// Conditions that have no filter behind them said of so many events that they match, and of
    /// so many that they do not.
    pub fn conditions_judged(&self, met: u64, unmet: u64) {
        self.filters.tell(CONDITIONS, |counts| {
            counts[0].fetch_add(unmet, Ordering::Relaxed);
            counts[1].fetch_add(met, Ordering::Relaxed);
        });
    }

    /// A filter said this of one event.
    pub fn filter_judged(&self, filter: &str, verdict: &Verdict) {
        let place = match verdict {
            Verdict::Drop => 0,
            Verdict::Pass => 1,
            Verdict::Emit(_) => 2,
            Verdict::Reject { .. } => 3,
            Verdict::Retry { .. } => 4,
            Verdict::Stop { .. } => 5,
        };
        self.filters.tell(filter, |counts| add_one(&counts[place]));
    }

    /// A batch went through a chain's filters.
    pub fn filter_ran(&self, took: Duration) {
        self.filter.took(took);
    }

    /// A filter failed, with a reason that is one of a few words.
    pub fn filter_trapped(&self, reason: &str) {
        self.traps.tell(reason, add_one);
    }

    /// A filter failed so often that it is not asked for a while.
    pub fn filter_circuit_opened(&self, filter: &str) {
        self.circuits.tell(filter, add_one);
    }

    /// A filter's canary failed so often that it has no say any more.
    pub fn filter_canary_ended(&self, filter: &str) {
        self.canaries.tell(filter, add_one);
    }

    /// So many events came to be in a gap: an endpoint, or every one, does not get them.
    pub fn gap(&self, is_damage: bool, events: u64) {
        self.gaps[usize::from(is_damage)].fetch_add(events, Ordering::Relaxed);
    }

    fn of_source(&self, source: &str, tell: impl FnOnce(&SourceCounts)) {
        self.sources.tell(if source.is_empty() { NONE } else { source }, tell);
    }
}

/// The labels of `filter_judged`, in the order of its places.
const VERDICTS: [&str; 6] = ["drop", "pass", "emit", "reject", "retry", "stop"];

/// Why there are gaps, in the order of `gap`'s places.
const GAPS: [&str; 2] = ["retention", "damage"];

/// How an attempt ended, coarse enough for a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeClass {
    Informational,
    Success,
    Redirect,
    ClientError,
    ServerError,
    Timeout,
    Dns,
    Connection,
    Tls,
    /// The egress guard did not let it out.
    Refused,
}

impl CodeClass {
    const ALL: [CodeClass; 10] = [
        CodeClass::Informational,
        CodeClass::Success,
        CodeClass::Redirect,
        CodeClass::ClientError,
        CodeClass::ServerError,
        CodeClass::Timeout,
        CodeClass::Dns,
        CodeClass::Connection,
        CodeClass::Tls,
        CodeClass::Refused,
    ];

    pub fn of(outcome: &Outcome) -> CodeClass {
        match outcome {
            Outcome::Delivered { status } => CodeClass::of_status(*status),
            Outcome::Gone => CodeClass::ClientError,
            Outcome::Failed { cause, .. } => match cause {
                Cause::Status(status) => CodeClass::of_status(*status),
                Cause::Timeout => CodeClass::Timeout,
                Cause::Dns(_) => CodeClass::Dns,
                Cause::Connection(_) => CodeClass::Connection,
                Cause::Tls(_) => CodeClass::Tls,
                Cause::Refused(_) => CodeClass::Refused,
            },
        }
    }

    fn of_status(status: u16) -> CodeClass {
        match status {
            ..200 => CodeClass::Informational,
            200..300 => CodeClass::Success,
            300..400 => CodeClass::Redirect,
            400..500 => CodeClass::ClientError,
            500.. => CodeClass::ServerError,
        }
    }

    /// The label's value.
    pub fn label(self) -> &'static str {
        match self {
            CodeClass::Informational => "1xx",
            CodeClass::Success => "2xx",
            CodeClass::Redirect => "3xx",
            CodeClass::ClientError => "4xx",
            CodeClass::ServerError => "5xx",
            CodeClass::Timeout => "timeout",
            CodeClass::Dns => "dns",
            CodeClass::Connection => "connection",
            CodeClass::Tls => "tls",
            CodeClass::Refused => "refused",
        }
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
