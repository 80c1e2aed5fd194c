use crate::adapters::deliver::Outbound;
use crate::adapters::guests::{Chains, Desk};
use crate::backup::Backup;
use crate::changes::Changes;
use crate::closures::{Closure, Closures, SCHEME};
use crate::keeper::Keeper;
use crate::modules::{Modules, key_at};
use crate::server::{Listening, WayIn};
use crate::tables::Tables;
use crate::{ChangeError, OpenError, Plan, PublishError, Reloaded};
use control::{FilterWatch, Health, Metrics, Phase, Stats};
use delivery::{Client, ClientOptions, Guard};
use event::{Arrival, EndpointId, EventId, LaneId, Offset, TenantId};
use filter::{FilterEngine, Runner};
use log::{Failure, Log};
use pipeline::Writer;
use pipeline::pump::{DeliverMaker, GuestMaker, OnCommit, PumpOptions, Pumps, Refused, Road};
use pipeline::shard::EVERY_LANE;
use pipeline::writer::{Loss, Receipt, StartError, Started, WriterOptions};
use registry::{Declared, DeclaredEndpoint, SealingKey};
use runtime::{Clock, Entropy, OsClock, OsEntropy, OsNet, spawn_thread};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreOptions};
use tokio::sync::{oneshot, watch};

/// A running engine. Several can live in one process, each on a data directory of its own.
pub struct Engine {
    changes: Changes,
    pumps: Option<Pumps>,
    listening: Option<Listening>,
    keeper: Keeper,
    log: Arc<dyn Log>,
    store: Arc<Store>,
    data: PathBuf,
    health: Arc<Health>,
    closures: Arc<Closures>,
    clock: Arc<dyn Clock>,
    failed: watch::Receiver<Option<Arc<Failure>>>,
}

impl Engine {
    /// Takes the data directory, brings back what the last process left, and starts. Blocks while
    /// it recovers; from the moment it returns, what was under way goes on.
    pub fn open(plan: Plan) -> Result<Engine, OpenError> {
        Engine::start(plan, &|guests| guests)
    }

    /// The same with what `wrap` puts around the guests of a thread.
    fn start(plan: Plan, wrap: &dyn Fn(GuestMaker) -> GuestMaker) -> Result<Engine, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(OsClock::new());
        let store = Arc::new(open_store(&plan)?);
        let log: Arc<dyn Log> = store.clone();
        let modules = Arc::new(open_modules(&plan)?);
        let tables = Arc::new(open_tables(&plan)?);
        let (started, sealing) = start_writer(&plan, log.clone(), &*clock)?;
        tables.start_with(started.writer.history().latest());
        let closures: Arc<Closures> = Arc::default();
        let (metrics, health, watch) = (Metrics::new(), Health::new(), FilterWatch::new());
        let (fatal, failed) = tokio::sync::watch::channel(None);
        let (gaps, refusing) = (metrics.clone(), health.clone());
        let stats = Stats::new();
        let options = PumpOptions {
            clock: clock.clone(),
            guest_threads: plan.guest_threads,
            queued_bytes_max: plan.queued_bytes_max,
            guests: wrap(guest_maker(
                modules.clone(),
                tables.clone(),
                metrics.clone(),
                watch.clone(),
                clock.clone(),
            )),
            deliver: deliver_maker(
                &plan,
                clock.clone(),
                closures.clone(),
                (metrics.clone(), stats.clone()),
            )?,
            on_loss: Box::new(move |loss, lane, from, until| {
                gaps.gap(loss == Loss::Damage, until.distance_from(from));
                tell_loss(loss, lane, from, until);
            }),
            on_commit: counting(metrics.clone(), &stats),
            on_fatal: Box::new(move |failure| {
                refusing.storage_refuses(true);
                drop(fatal.send(Some(Arc::new(failure))));
            }),
        };
        let keeper = Keeper::start(&plan.data, stats.clone(), clock.clone())?;
        let pumps = start_pumps(log.clone(), started, options)?;
        let changes = Changes::new(pumps.publisher.clone(), modules, tables, &plan)?;
        let listening = match plan.listen {
            None => None,
            Some(at) => {
                let (changes, clock, log) = (changes.clone(), clock.clone(), log.clone());
                let (health, store) = (health.clone(), store.clone());
                let way_in =
                    WayIn { changes, sealing, clock, log, store, metrics, stats, health, watch };
                Some(Listening::start(at, &plan, way_in)?)
            }
        };
        health.enter(Phase::Serving);
        let pumps = Some(pumps);
        let data = plan.data;
        Ok(Engine {
            changes,
            pumps,
            listening,
            keeper,
            log,
            store,
            data,
            health,
            closures,
            clock,
            failed,
        })
    }

    /// Where it listens, when it does; with port 0 the port that was given.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.listening.as_ref().map(Listening::addr)
    }

    /// Resolves when the event is durable. A busy road is an error at once, not a wait.
    pub async fn publish(&self, arrival: Arrival) -> Result<Published, PublishError> {
        match self.changes.publisher.publish(arrival).await {
            Ok(Receipt::Accepted { id, is_duplicate, .. }) => Ok(Published { id, is_duplicate }),
            Ok(Receipt::Conflict { id }) => Err(PublishError::Conflict(id)),
            Ok(Receipt::Full) => Err(PublishError::DiskFull),
            Err(Refused::Busy) => Err(PublishError::Busy),
            Err(Refused::Stopping) => Err(PublishError::Stopping),
        }
    }

    /// Hands every event of `tenant` whose type matches `pattern` to a closure, on the thread
    /// that delivers: a closure that takes long holds others up. An error is tried again as for
    /// any endpoint.
    ///
    /// `name` stands for the closure across restarts: its events are kept until it is there
    /// again. Resolves when the endpoint is durable.
    pub async fn on(
        &self,
        tenant: &TenantId,
        name: &str,
        pattern: &str,
        closure: impl Fn(&event::Event) -> Result<(), String> + Send + Sync + 'static,
    ) -> Result<(), ChangeError> {
        let key = format!("{}/{name}", tenant.as_str());
        let closure: Closure = Arc::new(closure);
        self.closures.set(&key, closure);
        let mut endpoint = DeclaredEndpoint::new(tenant.clone(), name, &format!("{SCHEME}{key}"));
        endpoint.types = vec![pattern.to_owned()];
        let managed = Declared { endpoints: vec![endpoint], ..Declared::default() };
        self.changes.change(|history| history.latest().put(&managed)).await.map(drop)
    }

    /// Makes what a plan declares true, whole or not at all: endpoints, filters, sources. What
    /// else the plan says counts from the next start. Gives how many of them changed.
    pub async fn apply(&self, plan: &Plan) -> Result<usize, ChangeError> {
        self.changes.apply(plan).await
    }

    /// Reads the configuration again by the plan's recipe and applies it, whole or not at all.
    pub async fn reload(&self) -> Result<Reloaded, ChangeError> {
        self.changes.reload().await
    }

    /// Resolves when the log has failed: nothing is accepted any more, and the process is to end
    /// with the failure's exit code.
    pub async fn failed(&self) -> Arc<Failure> {
        let mut failed = self.failed.clone();
        let found = failed.wait_for(Option::is_some).await;
        match found {
            Ok(failure) => failure.clone().expect("it was waited for"),
            Err(_) => std::future::pending().await,
        }
    }

    /// The endpoints that are configured now, by the names that they have in their tenants.
    pub fn endpoints(&self) -> Vec<(EndpointId, Arc<str>)> {
        let history = self.changes.publisher.history();
        let endpoints = history.latest().endpoints().into_iter();
        endpoints.map(|endpoint| (endpoint.id, endpoint.name.clone())).collect()
    }

    /// The log itself, to read what became of events.
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// Holds all that the engine has now, to be written as an archive whenever it suits. Blocks:
    /// for minutes where something was erased just before, which is not to be in it; commits wait
    /// some milliseconds. Without keys nobody reads the secrets in it who has not `secrets.key`.
    ///
    /// Errors: `Unusable` when there are more files than may be open, and when what was erased does
    /// not leave the disk in four minutes; `Disk`.
    pub fn backup(&self, with_keys: bool) -> Result<Backup, Failure> {
        let place = (&*self.store, &*self.data);
        Backup::hold(place, with_keys, self.clock.wall(), &mut || Ok(()))
    }

    /// Follows the road: stop accepting, commit what was accepted, let what is in flight finish
    /// within `grace`, commit its outcomes, close. No thread is left.
    ///
    /// True when all that was in flight ended in time; the rest is tried again after the next
    /// start.
    pub async fn shutdown(mut self, grace: Duration) -> bool {
        self.health.enter(Phase::Stopping);
        let (done, ended) = oneshot::channel();
        let (listening, pumps) = (self.listening.take(), self.pumps.take());
        let (clock, keeper) = (self.clock.clone(), self.keeper);
        let work = move || {
            let deadline = clock.now() + grace;
            if let Some(listening) = listening {
                listening.stop(&*clock, deadline);
            }
            let left = deadline.since(clock.now());
            let all_ended = pumps.is_none_or(|pumps| pumps.shut_down(&*clock, left));
            // Nothing more is counted.
            keeper.stop();
            // Whoever asked may have gone; there is nobody else to tell.
            let _ = done.send(all_ended);
        };
        let thread = spawn_thread("shutdown", 0, work);
        let all_ended = ended.await.unwrap_or(false);
        // Nothing is left in the thread but its end.
        drop(thread.map(std::thread::JoinHandle::join));
        all_ended
    }
}

/// What `publish` promises once it resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub id: EventId,
    /// The event was there already, under this id.
    pub is_duplicate: bool,
}

fn open_store(plan: &Plan) -> Result<Store, OpenError> {
    let durability = match plan.durability {
        pipeline::writer::Durability::Fsync => store::Durability::Fsync,
        pipeline::writer::Durability::Os => store::Durability::Os,
    };
    let options = StoreOptions {
        durability,
        generation_bytes: plan.generation_bytes(),
        disk_floor_bytes: plan.disk_floor_bytes,
        ballast_bytes: plan.ballast_bytes,
        duplicate_window: plan.duplicate_window,
        duplicates_max: plan.duplicates_max,
        spawn: Some(|name, work| spawn_thread(name, 0, work)),
        tell: Some(|what| tracing::error!("{what}")),
        ..StoreOptions::new(&plan.data)
    };
    let (store, recovered) = Store::open(options)?;
    if let Some(torn) = &recovered.torn {
        tracing::warn!(
            journal = %torn.journal.display(), at = torn.at, bytes = torn.bytes,
            aside = %torn.aside.display(),
            "a torn tail, which nobody was promised, was cut off and set aside"
        );
    }
    if !recovered.damaged.is_empty() {
        let offsets = format!("{:?}", &recovered.damaged[..recovered.damaged.len().min(20)]);
        let count = recovered.damaged.len();
        tracing::error!(count, offsets, "events are damaged in their tables; the others go on");
    }
    tracing::info!(
        head = %recovered.head, floor = %recovered.floor, clean = recovered.was_clean,
        "the log is open"
    );
    Ok(store)
}

/// Starts the writer with the key that seals the secrets in registry rows. It is not a part of the
/// log, so a copy of the log without it gives no secret away. One that is missing is made, unless
/// something is sealed already: another key would open nothing.
fn start_writer(
    plan: &Plan,
    log: Arc<dyn Log>,
    clock: &dyn Clock,
) -> Result<(Started, Arc<SealingKey>), OpenError> {
    let path = plan.data.join("secrets.key");
    let read = || {
        let key = key_at(&path, &OsEntropy).map(|key| Arc::new(SealingKey::new(&key)));
        key.map_err(|source| OpenError::Key { path: path.clone(), source })
    };
    let known = if path.exists() { Some(read()?) } else { None };
    let options = writer_options(plan, known.clone());
    let started = Writer::start(log, options, &plan.declared, clock.now());
    match (started, known) {
        (Ok(started), Some(key)) => Ok((started, key)),
        (Ok(started), None) => Ok((started, read()?)),
        (Err(StartError::Registry(error)), None) => {
            let source = io::Error::new(io::ErrorKind::NotFound, format!("it is missing: {error}"));
            Err(OpenError::Key { path, source })
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn open_modules(plan: &Plan) -> Result<Modules, OpenError> {
    let engine = FilterEngine::new().map_err(|failure| OpenError::Guests(failure.to_string()))?;
    let modules = Modules::open(engine, plan, &OsEntropy)
        .map_err(|source| OpenError::Modules { path: plan.data.join("modules"), source })?;
    for (digest, wasm) in &plan.modules {
        modules.admit(*digest, wasm).map_err(|why| {
            let mut filters = plan.declared.filters.iter();
            let declared = filters.find(|filter| {
                let tried = filter.candidate.as_ref().map(|candidate| candidate.module);
                filter.module == *digest || tried == Some(*digest)
            });
            let name = declared.map_or_else(|| digest.to_string(), |filter| filter.name.clone());
            OpenError::Module { name, why: why.to_string() }
        })?;
    }
    Ok(modules)
}

fn writer_options(plan: &Plan, sealing: Option<Arc<SealingKey>>) -> WriterOptions {
    WriterOptions {
        durability: plan.durability,
        group_bytes_max: plan.group_bytes_max,
        group_events_max: plan.group_events_max,
        duplicate_window: plan.duplicate_window,
        retention: plan.retention.clone(),
        shards: plan.shards,
        hot_bytes_max: plan.hot_bytes_max,
        seed: OsEntropy.rng().u64(),
        sealing,
    }
}

/// Before the registry names what is declared.
fn open_tables(plan: &Plan) -> Result<Tables, OpenError> {
    let failed = |source| OpenError::Tables { path: plan.data.join("tables"), source };
    let tables = Tables::open(&plan.data).map_err(failed)?;
    for table in plan.tables.values() {
        tables.keep(table.clone()).map_err(failed)?;
    }
    Ok(tables)
}

/// Counts what was committed, and what comes in over time.
fn counting(metrics: Arc<Metrics>, stats: &Arc<Stats>) -> OnCommit {
    let mut arrivals = stats.tally();
    Box::new(move |events, took| {
        metrics.committed(events.len(), Some(took));
        for event in events {
            let envelope = &event.envelope;
            let counts = arrivals.of_type(&envelope.tenant, &envelope.event_type);
            counts.accepted(event.body.len());
        }
    })
}

fn guest_maker(
    modules: Arc<Modules>,
    tables: Arc<Tables>,
    metrics: Arc<Metrics>,
    watch: Arc<FilterWatch>,
    clock: Arc<dyn Clock>,
) -> GuestMaker {
    Arc::new(move || {
        Box::new(Chains::new(Desk {
            runner: Runner::new(modules.engine().clone()),
            modules: modules.clone(),
            tables: tables.clone(),
            metrics: metrics.clone(),
            watch: watch.clone(),
            clock: clock.clone(),
        }))
    })
}

/// A client is made here once, so that options that cannot work are told at the start; each shard
/// then makes one of its own.
fn deliver_maker(
    plan: &Plan,
    clock: Arc<dyn Clock>,
    closures: Arc<Closures>,
    (metrics, stats): (Arc<Metrics>, Arc<Stats>),
) -> Result<DeliverMaker, OpenError> {
    let (guard, ca_pem, family) = (plan.guard.clone(), plan.ca_pem.clone(), plan.family);
    let make_client = move |clock: Arc<dyn Clock>| {
        Client::new(ClientOptions {
            guard: Guard::new(guard.clone()),
            net: Rc::new(OsNet),
            clock,
            ca_pem: ca_pem.clone(),
            dns_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(5),
        })
    };
    make_client(clock.clone()).map_err(|unusable| OpenError::Delivery(unusable.to_string()))?;
    Ok(Arc::new(move || {
        let client = make_client(clock.clone()).expect("the same options worked at the start");
        Rc::new(Outbound {
            client: Rc::new(client),
            family,
            closures: closures.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            tally: stats.tally().into(),
            targets: Default::default(),
        })
    }))
}

fn start_pumps(
    log: Arc<dyn Log>,
    started: Started,
    options: PumpOptions,
) -> Result<Pumps, OpenError> {
    Pumps::start(Road { log, started }, options).map_err(OpenError::Threads)
}

fn tell_loss(loss: Loss, lane: LaneId, from: Offset, until: Offset) {
    let endpoint = match lane {
        EVERY_LANE => "every".to_owned(),
        lane => lane.endpoint.to_string(),
    };
    match loss {
        Loss::Retention => tracing::error!(
            endpoint, %from, %until,
            "retention took events that this endpoint had not read; a gap is on record"
        ),
        Loss::Damage => tracing::error!(
            endpoint, %from, %until,
            "events are damaged and cannot be delivered; a gap is on record, the others go on"
        ),
    }
}

#[cfg(test)]
mod tests;
