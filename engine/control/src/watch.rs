//! What filters said and how they failed lately. In memory alone: a restart forgets it.

mod circuit;
mod trial;

pub use circuit::CircuitState;
use trial::Example;
pub(crate) use trial::{DifferenceOut, Seen};

use circuit::Circuits;
use event::{Event, EventId, TenantId, Time, Verdict};
use registry::{CANDIDATE, Ended, FilterVersion};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Shared by the guest threads, which tell it, and the management API, which shows it. Its lock is
/// held to add or copy a few lines, and only for filters that speak, fail or are on trial.
#[derive(Default)]
pub struct FilterWatch {
    state: Mutex<State>,
    has_failed: Notify,
    erasures: AtomicU64,
}

#[derive(Default)]
struct State {
    filters: BTreeMap<(TenantId, Arc<str>), Watched>,
    /// Canaries that nobody has put an end to yet.
    failed: Vec<FailedCanary>,
    /// Lines so far, of all filters.
    lines: u64,
    /// How often events of a tenant were erased, and when last.
    erasures: BTreeMap<TenantId, (u64, Time)>,
    /// The last events that were erased: a guest that had them before may speak of them after.
    erased: VecDeque<EventId>,
}

#[derive(Default)]
struct Watched {
    lines: VecDeque<Line>,
    bytes: usize,
    /// The number of its last line, also when that is not kept any more.
    number: u64,
    /// How many lines there were of all filters when it had said its last.
    spoke: u64,
    circuits: Circuits,
    canaries: Circuits,
    seen: Option<Seen>,
}

/// A canary that failed too often, and is to be ended for good.
pub(crate) struct FailedCanary {
    pub filter: FilterVersion,
    pub ended: Ended,
}

/// A line that a filter logged, or a failure of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Grows by one from a filter's line to its next, so that whoever follows sees a gap.
    pub number: u64,
    pub at: Time,
    pub event: Option<EventId>,
    /// 0 debug, 1 info, 2 warn, 3 error. A failure is an error.
    pub level: u8,
    /// Of a failure: its kind, a stable word.
    pub fault: Option<&'static str>,
    /// Whether its candidate said it.
    pub of_candidate: bool,
    pub text: Box<str>,
}

/// A line that is told to the watch.
#[derive(Clone, Copy, Debug)]
pub struct SaidLine<'a> {
    /// As the engine calls it: the filter's name, or its candidate's.
    pub filter: &'a str,
    pub event: Option<EventId>,
    pub level: u8,
    pub fault: Option<&'static str>,
    pub text: &'a str,
}

/// What a candidate made of some events, beside its filter.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    pub judged: usize,
    pub faults: usize,
    pub fuel: u64,
    pub fuel_in_force: u64,
    pub differing: usize,
    /// The event, what the filter said, what its candidate said.
    pub examples: Vec<(Arc<Event>, Verdict, Verdict)>,
}

/// Filters of which something is remembered; beyond it those that said nothing for longest go.
const FILTERS_MAX: usize = 256;
const LINES_MAX: usize = 500;
const BYTES_MAX: usize = 128 << 10;
/// Of several requests to erase: a guest has an event for seconds at most.
const ERASED_MAX: usize = 4096;
pub(crate) const INFO: u8 = 1;
pub(crate) const ERROR: u8 = 3;

impl FilterWatch {
    pub fn new() -> Arc<FilterWatch> {
        Arc::default()
    }

    /// Lines of one tenant's filters about some events, in their order.
    pub fn said<'a>(
        &self,
        tenant: &TenantId,
        events: &[Arc<Event>],
        now: Time,
        said: impl Iterator<Item = SaidLine<'a>>,
    ) {
        let mut state = self.state();
        let has_erased = events.iter().any(|event| state.erased.contains(&event.id));
        for said in said {
            // A line of no event may be about any of them.
            if said.event.map_or(has_erased, |event| state.erased.contains(&event)) {
                continue;
            }
            let name = said.filter.strip_suffix(CANDIDATE);
            let spoke = state.lines + 1;
            let watched = state.of(tenant, name.unwrap_or(said.filter));
            watched.spoke = spoke;
            watched.number += 1;
            let line = Line {
                number: watched.number,
                at: now,
                event: said.event,
                level: said.level,
                fault: said.fault,
                of_candidate: name.is_some(),
                text: said.text.into(),
            };
            watched.add(line);
            state.lines = spoke;
        }
    }

    /// The circuit of a filter that has one. Each version has its own: one whose turn comes again,
    /// for a lane that is behind, goes on counting.
    pub fn circuit(&self, filter: &FilterVersion) -> Option<Arc<CircuitState>> {
        let settings = filter.circuit?;
        let mut state = self.state();
        let watched = state.of(&filter.tenant, &filter.name);
        Some(watched.circuits.of(filter.digest(), settings))
    }

    /// The circuit of a filter's canary, where its failures end it: open, the canary is not asked.
    pub fn canary(&self, filter: &FilterVersion) -> Option<Arc<CircuitState>> {
        let settings = filter.canary_circuit()?;
        let mut state = self.state();
        let watched = state.of(&filter.tenant, &filter.name);
        Some(watched.canaries.of(filter.digest(), settings))
    }

    /// The canary of this version is to be ended for good. Where nobody does, it has its say again
    /// when its circuit closes.
    pub fn canary_failed(&self, filter: &FilterVersion, ended: Ended) {
        let mut state = self.state();
        if state.failed.len() < FILTERS_MAX {
            state.failed.push(FailedCanary { filter: filter.clone(), ended });
        }
        drop(state);
        self.has_failed.notify_one();
    }

    /// Waits for canaries that are to be ended for good; one waits at a time.
    pub(crate) async fn failed_canaries(&self) -> Vec<FailedCanary> {
        loop {
            let failed = std::mem::take(&mut self.state().failed);
            if !failed.is_empty() {
                return failed;
            }
            self.has_failed.notified().await;
        }
    }

    /// What a filter's candidate made of events. It counts anew for a new candidate.
    pub fn compared(&self, filter: &FilterVersion, now: Time, mut compared: Compared) {
        let Some((candidate, _)) = filter.candidate() else { return };
        // Before the lock: large ones are compared.
        let mut examples: Vec<Example> = compared.examples.drain(..).map(Example::of).collect();
        let mut state = self.state();
        examples.retain(|example| !state.erased.contains(&example.event()));
        let seen = &mut state.of(&filter.tenant, &filter.name).seen;
        let version = candidate.digest();
        if seen.as_ref().is_none_or(|seen| seen.version != version) {
            *seen = Some(Seen::of(version, now));
        }
        seen.as_mut().expect("it is there now").add(&compared, examples);
    }

    /// Lines of this level and above, the oldest first: the first `limit` behind the one of the
    /// number `after`, or the last `limit` of all when that is 0.
    pub(crate) fn lines(
        &self,
        (tenant, name): (&TenantId, &str),
        after: u64,
        level: u8,
        limit: usize,
    ) -> Vec<Line> {
        let state = self.state();
        let Some(watched) = state.find(tenant, name) else { return Vec::new() };
        let wanted = |line: &&Line| line.number > after && line.level >= level;
        let lines = watched.lines.iter().filter(wanted);
        let spare = if after == 0 { lines.clone().count().saturating_sub(limit) } else { 0 };
        lines.skip(spare).take(limit).cloned().collect()
    }

    /// Another number after each erasure. Never blocks.
    pub fn erasures(&self) -> u64 {
        self.erasures.load(Ordering::Acquire)
    }

    /// How often events of this tenant were erased, and when last.
    pub fn erasures_of(&self, tenant: &TenantId) -> Option<(u64, Time)> {
        self.state().erasures.get(tenant).copied()
    }

    /// Lines and examples that are about one of these events go, and lines that are about none;
    /// and what guests of the tenant remember.
    pub(crate) fn forget(&self, tenant: &TenantId, events: &BTreeSet<EventId>, now: Time) {
        let is_kept = |event: &EventId| !events.contains(event);
        let mut state = self.state();
        let (count, at) = state.erasures.entry(tenant.clone()).or_insert((0, now));
        (*count, *at) = (*count + 1, now);
        self.erasures.fetch_add(1, Ordering::Release);
        state.erased.extend(events);
        let spare = state.erased.len().saturating_sub(ERASED_MAX);
        state.erased.drain(..spare);
        for watched in state.filters.values_mut() {
            watched.lines.retain(|line| line.event.as_ref().is_some_and(is_kept));
            watched.bytes = watched.lines.iter().map(|line| line.text.len()).sum();
            if let Some(seen) = &mut watched.seen {
                seen.examples.retain(|example| is_kept(&example.event()));
            }
        }
    }

    /// When the circuit of this very version closes by itself, if it is open or was.
    pub(crate) fn open_until(&self, filter: &FilterVersion) -> Option<Time> {
        let state = self.state();
        let watched = state.find(&filter.tenant, &filter.name)?;
        watched.circuits.find(filter.digest())?.open_until()
    }

    /// What was seen of the candidate of this digest.
    pub(crate) fn seen(&self, tenant: &TenantId, name: &str, version: [u8; 16]) -> Option<Seen> {
        let state = self.state();
        state.find(tenant, name)?.seen.clone().filter(|seen| seen.version == version)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic left behind is whole enough to be shown.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, tenant: &TenantId, name: &str) -> Option<&Watched> {
        self.filters.get(&(tenant.clone(), Arc::from(name)))
    }

    fn of(&mut self, tenant: &TenantId, name: &str) -> &mut Watched {
        let key = (tenant.clone(), Arc::from(name));
        if self.filters.len() >= FILTERS_MAX && !self.filters.contains_key(&key) {
            let quietest = self.filters.iter().min_by_key(|(_, watched)| watched.spoke);
            let quietest = quietest.map(|(key, _)| key.clone());
            quietest.and_then(|key| self.filters.remove(&key));
        }
        // Of one that was forgotten and speaks again, no number comes twice.
        let number = self.lines;
        self.filters.entry(key).or_insert_with(|| Watched { number, ..Watched::default() })
    }
}

impl Watched {
    fn add(&mut self, line: Line) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES_MAX || self.bytes > BYTES_MAX {
            let Some(gone) = self.lines.pop_front() else { break };
            self.bytes -= gone.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry::{Circuit, FilterLimits, ModuleDigest, OnError, Origin};

    fn tenant() -> TenantId {
        TenantId::new("t")
    }

    fn version(module: u8) -> FilterVersion {
        FilterVersion {
            tenant: tenant(),
            name: "f".into(),
            origin: Origin::Managed,
            module: ModuleDigest([module; 32]),
            config: "{}".into(),
            limits: FilterLimits::default(),
            on_error: OnError::Drop,
            isolate: false,
            circuit: Some(Circuit { faults: 3, within_ms: 60_000 }),
            candidate: None,
            about: "".into(),
        }
    }

    fn say(watch: &FilterWatch, filter: &str, level: u8, text: &str) {
        let said = SaidLine { filter, event: None, level, fault: None, text };
        watch.said(&tenant(), &[], Time::from_secs(1), [said].into_iter());
    }

    fn texts(watch: &FilterWatch, after: u64, level: u8, limit: usize) -> Vec<String> {
        let lines = watch.lines((&tenant(), "f"), after, level, limit);
        lines.iter().map(|line| line.text.to_string()).collect()
    }

    fn numbers(watch: &FilterWatch) -> Vec<u64> {
        let lines = watch.lines((&tenant(), "f"), 0, 0, usize::MAX);
        lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn lines_are_the_last_ones_in_their_order_and_of_one_filter() {
        let watch = FilterWatch::default();
        for n in 0..5 {
            say(&watch, "f", n % 2, &n.to_string());
            say(&watch, "other", 3, "no");
        }
        assert_eq!(texts(&watch, 0, 0, 3), ["2", "3", "4"]);
        assert_eq!(texts(&watch, 0, 1, 9), ["1", "3"]);
        let number = watch.lines((&tenant(), "f"), 0, 0, 9)[2].number;
        assert_eq!(texts(&watch, number, 0, 9), ["3", "4"]);
        assert_eq!(texts(&watch, number, 0, 1), ["3"], "who follows misses none");
        assert_eq!(numbers(&watch), Vec::from_iter(number - 2..number + 3), "without a gap");
        assert!(watch.lines((&TenantId::new("u"), "f"), 0, 0, 9).is_empty());
    }

    #[test]
    fn a_candidate_speaks_under_its_filters_name() {
        let watch = FilterWatch::default();
        say(&watch, &format!("f{CANDIDATE}"), 1, "new");
        let lines = watch.lines((&tenant(), "f"), 0, 0, 9);
        assert!(lines[0].of_candidate && &*lines[0].text == "new");
    }

    #[test]
    fn a_version_that_is_asked_in_turns_with_another_opens_its_circuit() {
        let watch = FilterWatch::default();
        let (old, new, now) = (version(1), version(2), Time::from_secs(100));
        let opened = [(); 3].map(|()| {
            watch.circuit(&new).unwrap();
            watch.circuit(&old).unwrap().failed(now)
        });
        assert_eq!(opened, [false, false, true]);
        assert!(watch.circuit(&new).unwrap().is_closed(now), "it did not fail");
        assert_eq!(watch.open_until(&old), Some(Time::from_secs(160)));
        assert_eq!(watch.open_until(&new), None);
    }

    #[test]
    fn what_is_erased_is_not_told_any_more() {
        let watch = FilterWatch::default();
        let ids = [1, 2].map(|n| EventId::new(n, event::Offset(n)));
        let said = |event| SaidLine { filter: "f", event, level: 1, fault: None, text: "x" };
        let all = [Some(ids[0]), Some(ids[1]), None].map(said);
        watch.said(&tenant(), &[], Time::from_secs(1), all.into_iter());
        watch.forget(&tenant(), &BTreeSet::from([ids[0]]), Time::from_secs(1));
        assert_eq!(watch.erasures_of(&tenant()), Some((1, Time::from_secs(1))));
        assert_eq!(watch.erasures_of(&TenantId::new("other")), None);
        let lines = watch.lines((&tenant(), "f"), 0, 0, 9);
        assert_eq!(lines.iter().map(|line| line.event).collect::<Vec<_>>(), [Some(ids[1])]);
        // Its guest had it before, and speaks after.
        watch.said(&tenant(), &[], Time::from_secs(2), [said(Some(ids[0]))].into_iter());
        assert_eq!(watch.lines((&tenant(), "f"), 0, 0, 9).len(), 1);
    }

    #[test]
    fn it_has_an_end_in_lines_bytes_and_filters() {
        let watch = FilterWatch::default();
        for _ in 0..LINES_MAX + 7 {
            say(&watch, "f", 1, "x");
        }
        assert_eq!(texts(&watch, 0, 0, usize::MAX).len(), LINES_MAX);
        for _ in 0..BYTES_MAX / 1000 + 7 {
            say(&watch, "f", 1, &"x".repeat(1000));
        }
        assert_eq!(texts(&watch, 0, 0, usize::MAX).len(), BYTES_MAX / 1000);
        let said = (LINES_MAX + 7 + BYTES_MAX / 1000 + 7) as u64;
        assert_eq!(numbers(&watch).last(), Some(&said), "also those that are gone have numbers");
        for n in 0..FILTERS_MAX {
            say(&watch, &format!("f{n}"), 1, "x");
        }
        assert!(texts(&watch, 0, 0, 1).is_empty(), "it was silent for longest");
        assert_eq!(watch.state().filters.len(), FILTERS_MAX);
        say(&watch, "f", 1, "x");
        assert!(numbers(&watch)[0] > said, "no number comes twice");
    }
}
