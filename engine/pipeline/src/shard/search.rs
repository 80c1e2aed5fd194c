use super::*;
use crate::{Found, ReadRequest, Wish};
use event::{Change, LaneRow, Verdict, Why};

/// Looks through a part of the log for events that an endpoint wants and was never sent, a page at
/// a time, and hands them to the endpoint's lane as deliveries in trouble that are due now.
///
/// It looks only where the lane has nothing to do any more, and only at what is on disk of that:
/// there an event without an attempt row was never begun. Where it stands is a row, written with
/// the rows of what it has found.
pub(super) struct Search {
    cursor: Offset,
    until: Offset,
    /// Grows when a page is forgotten, so that late answers about it are known as such.
    turn: u64,
    page: Option<Page>,
    /// The lane has nothing to do below, by the last report; none before there was one.
    passed: Option<Offset>,
    /// The same, and the report is on disk.
    passed_on_disk: Option<Offset>,
}

enum Page {
    Reading,
    Asked {
        found: BTreeMap<Offset, Missing>,
        /// All below was looked at.
        until: Offset,
    },
}

/// An event that was never sent.
struct Missing {
    event: Arc<Event>,
    ruled_by: Offset,
    verdict: Option<Verdict>,
}

/// Pages that a shard holds at a time, each as large as a read of the log.
const PAGES_MAX: usize = 8;
/// A search waits while so many deliveries of its endpoint are in trouble: what it finds is one.
const TROUBLED_MAX: usize = 1024;

impl Search {
    fn forget_page(&mut self) {
        self.turn += 1;
        self.page = None;
    }

    /// What was read before an erasure may be what was erased: it is read again.
    pub fn erase(&mut self, stubs: &BTreeMap<Offset, Arc<Event>>) {
        let is_concerned = match &self.page {
            None => false,
            Some(Page::Reading) => true,
            Some(Page::Asked { found, .. }) => found.keys().any(|at| stubs.contains_key(at)),
        };
        if is_concerned {
            self.forget_page();
        }
    }

    /// Retention has taken everything below.
    pub fn lose_below(&mut self, floor: Offset) {
        if self.cursor < floor {
            self.forget_page();
            self.cursor = floor;
        }
    }

    fn row(&self) -> LaneRow {
        LaneRow { cursor: self.cursor, high: self.until, since: Offset::ZERO, why: Why::Missing }
    }
}

impl Shard {
    /// The endpoint may be of a history that has still to come, or gone with one that was faster.
    pub(super) fn begin_search(&mut self, lane: LaneId, row: &LaneRow) {
        if self.history.latest().is_gone(lane.endpoint) {
            return self.effects.lanes.push(Change::Remove(lane));
        }
        let search = Search {
            cursor: row.cursor,
            until: row.high,
            turn: 0,
            page: None,
            passed: None,
            passed_on_disk: None,
        };
        self.searches.insert(lane, search);
    }

    /// The endpoint is no more.
    pub(super) fn drop_searches(&mut self) {
        let latest = self.history.latest();
        let effects = &mut self.effects;
        self.searches.retain(|lane, _| {
            let is_gone = latest.is_gone(lane.endpoint);
            if is_gone {
                effects.lanes.push(Change::Remove(*lane));
            }
            !is_gone
        });
    }

    /// All effects so far, and this watermark, are about to be reported.
    pub(super) fn note_passed(&mut self, watermark: Offset) {
        for (lane, search) in &mut self.searches {
            let own = self.lanes.get(&lane.endpoint).and_then(Lane::owes_from);
            search.passed = search.passed.max(Some(own.unwrap_or(watermark)));
        }
    }

    pub(super) fn passed_is_on_disk(&mut self) {
        for search in self.searches.values_mut() {
            search.passed_on_disk = search.passed;
        }
    }

    /// Lets searches read on, one endpoint after the other; of an endpoint's the first alone, for
    /// the next one must see what it has found.
    pub(super) fn pump_searches(&mut self, out: &mut Vec<FromShard>) {
        if self.is_draining || self.searches.is_empty() {
            return;
        }
        let mut last = None;
        let is_first = |lane: &LaneId| last.replace(lane.endpoint) != Some(lane.endpoint);
        let mut first: Vec<LaneId> = self.searches.keys().copied().filter(is_first).collect();
        let had = first.partition_point(|lane| Some(lane.endpoint) <= self.searched);
        first.rotate_left(had);
        let mut pages = first.iter().filter(|lane| self.searches[lane].page.is_some()).count();
        for lane in first {
            if pages >= PAGES_MAX {
                return;
            }
            if self.pump_search(lane, out) {
                self.searched = Some(lane.endpoint);
                pages += 1;
            }
        }
    }

    /// A search that has just begun waits for a report, also where nothing else is to be told.
    pub(super) fn has_new_search(&self) -> bool {
        self.searches.values().any(|search| search.passed.is_none())
    }

    /// True when it asks for a page.
    fn pump_search(&mut self, lane: LaneId, out: &mut Vec<FromShard>) -> bool {
        let search = &self.searches[&lane];
        if search.page.is_some() {
            return false;
        }
        if search.cursor >= search.until {
            self.end_search(lane);
            return false;
        }
        if !self.has_room(lane.endpoint) {
            return false;
        }
        let passed = match bug::is(Bug::SearchAhead) {
            true => self.ring.next(),
            false => search.passed_on_disk.unwrap_or_default(),
        };
        let range = search.cursor..search.until.min(passed);
        let endpoint = self.history.latest().endpoint(lane.endpoint);
        let Some(endpoint) = endpoint.filter(|_| !range.is_empty()) else { return false };
        let wish =
            Wish::Missing { lane, turn: search.turn, range, tenant: endpoint.tenant.clone() };
        out.push(FromShard::Read(ReadRequest { shard: self.id, wish }));
        self.searches.get_mut(&lane).expect("it was found above").page = Some(Page::Reading);
        true
    }

    /// The endpoint's next search waits until all that this one has found is on disk.
    fn end_search(&mut self, lane: LaneId) {
        self.searches.remove(&lane);
        self.effects.lanes.push(Change::Remove(lane));
        for (_, next) in self.searches.iter_mut().filter(|(id, _)| id.endpoint == lane.endpoint) {
            (next.passed, next.passed_on_disk) = (None, None);
        }
    }

    /// Whether the endpoint may be given more to do.
    fn has_room(&self, id: EndpointId) -> bool {
        let is_enabled = self.history.latest().endpoint(id).is_some_and(|e| !e.is_disabled);
        let lane = self.lanes.get(&id);
        is_enabled && lane.is_none_or(|lane| !lane.is_paused() && lane.troubled() < TROUBLED_MAX)
    }

    pub(super) fn take_missing(&mut self, lane: LaneId, turn: u64, found: Found, now: Time) {
        let is_known = |search: &Search| search.turn == turn;
        if !self.searches.get(&lane).is_some_and(is_known) {
            return;
        }
        let (events, until) = match found {
            Found::Events { events, until } => (events, until),
            // Whoever was owed it has a gap on record.
            Found::Damaged { offset } => (Vec::new(), offset.next()),
            Found::Failed(_) | Found::Parcel(_) => {
                return self.searches.get_mut(&lane).expect("it was found").forget_page();
            }
        };
        let Some(endpoint) = self.history.latest().endpoint(lane.endpoint).cloned() else { return };
        let mut missing = BTreeMap::new();
        for event in events {
            if !endpoint.wants(&event.envelope) || self.is_erased(&event) {
                continue;
            }
            let verdict = match &endpoint.chain {
                Some(chain) => {
                    self.questions.ask_for(lane, turn, chain.clone(), event.clone());
                    None
                }
                None => Some(Verdict::Pass),
            };
            let offset = event.offset();
            missing.insert(offset, Missing { event, ruled_by: endpoint.since, verdict });
        }
        let search = self.searches.get_mut(&lane).expect("it was found");
        search.page = Some(Page::Asked { found: missing, until });
        self.take_up(lane, now);
    }

    pub(super) fn judge_missing(
        &mut self,
        lane: LaneId,
        turn: u64,
        offset: Offset,
        verdict: Verdict,
        now: Time,
    ) {
        let search = self.searches.get_mut(&lane).filter(|search| search.turn == turn);
        let Some(Page::Asked { found, .. }) = search.and_then(|search| search.page.as_mut()) else {
            return;
        };
        if let Some(missing) = found.get_mut(&offset) {
            missing.verdict = Some(verdict);
        }
        self.take_up(lane, now);
    }

    /// Hands a page over to the endpoint's lane once all of it is judged. The rows of what was
    /// found, and of where the search stands then, go with one report.
    fn take_up(&mut self, id: LaneId, now: Time) {
        let search = self.searches.get_mut(&id).expect("it has a page");
        let Some(Page::Asked { found, until }) = &mut search.page else { return };
        if found.values().any(|missing| missing.verdict.is_none()) {
            return;
        }
        let newest = self.history.latest().endpoint(id.endpoint).map(|endpoint| endpoint.since);
        if found.values().any(|missing| Some(missing.ruled_by) != newest) {
            // The newest version is asked, also when it came while an older one was.
            return search.forget_page();
        }
        let (found, mut until) = (std::mem::take(found), *until);
        let routed = self.ring.next();
        for (offset, Missing { event, ruled_by, verdict }) in found {
            let verdict = verdict.expect("all are judged");
            self.lane(id.endpoint, now);
            let lane = self.lanes.get_mut(&id.endpoint).expect("it was made just now");
            if !lane.add_missing(&event, ruled_by, verdict, now, routed, &mut self.effects) {
                until = offset;
                break;
            }
        }
        self.release();
        self.dirty.insert(id.endpoint);
        let search = self.searches.get_mut(&id).expect("it was found above");
        search.forget_page();
        search.cursor = search.cursor.max(until);
        self.effects.lanes.push(Change::Put(id, search.row()));
    }
}
