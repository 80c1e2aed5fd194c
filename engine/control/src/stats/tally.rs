use super::{Counts, Live, Series};
use event::{EndpointId, TenantId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// How one thread finds what to count in. A series that it knows costs a look-up, without a lock;
/// a new one is told to the `Stats`.
///
/// It has room for 4,096 series, 1,024 of one application: what finds none is counted under the
/// type `(other)` of its application, without an endpoint.
pub struct Tally {
    known: BTreeMap<EndpointId, BTreeMap<TenantId, Types>>,
    count: usize,
    of_app: BTreeMap<TenantId, usize>,
    /// Since it was last looked for series that are counted no more.
    missed: usize,
    fresh: Sender<Live>,
}

type Types = BTreeMap<Arc<str>, Arc<Counts>>;

const SERIES_MAX: usize = 4096;
const OF_APP_MAX: usize = 1024;
/// No event type has parentheses, nor has an application.
const OTHER: &str = "(other)";
/// Stands for no endpoint.
const NONE: EndpointId = EndpointId(u64::MAX);

impl Tally {
    pub(super) fn new(fresh: Sender<Live>) -> Tally {
        Tally {
            known: BTreeMap::new(),
            count: 0,
            of_app: BTreeMap::new(),
            missed: usize::MAX - 1,
            fresh,
        }
    }

    /// Where to count what comes in.
    pub fn of_type(&mut self, app: &TenantId, event_type: &str) -> Arc<Counts> {
        self.of(NONE, app, event_type)
    }

    /// Where to count what an endpoint does.
    pub fn of_endpoint(
        &mut self,
        endpoint: EndpointId,
        app: &TenantId,
        event_type: &str,
    ) -> Arc<Counts> {
        self.of(endpoint, app, event_type)
    }

    fn of(&mut self, endpoint: EndpointId, app: &TenantId, event_type: &str) -> Arc<Counts> {
        if let Some(counts) = self.find(endpoint, app, event_type) {
            return counts;
        }
        // One that is counted no more has its place still.
        let has_place = self.place(endpoint, app, event_type).is_some();
        if !has_place && !self.has_room(app) && self.is_time_to_look() {
            self.forget_retired();
        }
        if has_place || self.has_room(app) {
            return self.add(endpoint, app, event_type);
        }
        // As many again, so that an application that came late has a place for all of its own.
        let nobody = TenantId::new(OTHER);
        let app = if self.count < 2 * SERIES_MAX { app } else { &nobody };
        self.find(NONE, app, OTHER).unwrap_or_else(|| self.add(NONE, app, OTHER))
    }

    fn has_room(&self, app: &TenantId) -> bool {
        self.count < SERIES_MAX && self.of_app.get(app).is_none_or(|count| *count < OF_APP_MAX)
    }

    /// To look for what makes room takes as long as there are series: once for as many misses.
    fn is_time_to_look(&mut self) -> bool {
        self.missed += 1;
        let is_time = self.missed > self.count;
        if is_time {
            self.missed = 0;
        }
        is_time
    }

    fn find(&self, endpoint: EndpointId, app: &TenantId, event_type: &str) -> Option<Arc<Counts>> {
        let counts = self.place(endpoint, app, event_type)?;
        (!counts.is_retired()).then(|| counts.clone())
    }

    fn place(
        &self,
        endpoint: EndpointId,
        app: &TenantId,
        event_type: &str,
    ) -> Option<&Arc<Counts>> {
        self.known.get(&endpoint)?.get(app)?.get(event_type)
    }

    fn add(&mut self, endpoint: EndpointId, app: &TenantId, event_type: &str) -> Arc<Counts> {
        let (name, counts): (Arc<str>, Arc<Counts>) = (event_type.into(), Arc::default());
        let apps = self.known.entry(endpoint).or_default();
        let types = apps.entry(app.clone()).or_default();
        if types.insert(name.clone(), counts.clone()).is_none() {
            self.count += 1;
            *self.of_app.entry(app.clone()).or_default() += 1;
        }
        let endpoint = (endpoint != NONE).then_some(endpoint);
        let series = Series { app: app.clone(), endpoint, event_type: name };
        // At the end of the process there may be nobody left to gather it.
        let _ = self.fresh.send(Live { series, counts: counts.clone(), used: Time::NEVER });
        counts
    }

    fn forget_retired(&mut self) {
        self.of_app.clear();
        self.count = 0;
        for apps in self.known.values_mut() {
            for (app, types) in apps.iter_mut() {
                types.retain(|_, counts| !counts.is_retired());
                self.count += types.len();
                *self.of_app.entry(app.clone()).or_default() += types.len();
            }
            apps.retain(|_, types| !types.is_empty());
        }
        self.known.retain(|_, apps| !apps.is_empty());
    }
}
