use crate::adapters::accept::Road;
use crate::adapters::backup::Vault;
use crate::adapters::book::Book;
use crate::adapters::bookmarks::Bookmarks;
use crate::adapters::control::{Desk, Proc, Shelf};
use crate::adapters::tables::Loading;
use crate::changes::Changes;
use crate::config::vetted;
use crate::intake::Intake;
use crate::modules::write_whole;
use crate::ways::Ways;
use crate::{OpenError, Plan};
use control::{
    AdminKey, Apps, Build, Control, ControlLimits, ControlOptions, Doors, FilterWatch, Health,
    Heard, KeyRing, Keys, Metrics, Reach, Role, Stats,
};
use delivery::{Guard, GuardOptions};
use event::{TenantId, Time};
use http_body_util::BodyExt;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, USER_AGENT};
use ingest::{Body, Fallback, NoProducer, Observed, Peer, Ports, Producer, Server};
use log::Log;
use pipeline::pump::Publisher;
use pipeline::writer::Durability;
use registry::SealingKey;
use runtime::{Clock, OsEntropy, descriptors_max, spawn_thread, tasks};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use store::Store;
use tokio::sync::oneshot;

/// What the thread that lets events in stands on.
pub struct WayIn {
    pub changes: Changes,
    pub sealing: Arc<SealingKey>,
    pub clock: Arc<dyn Clock>,
    pub log: Arc<dyn Log>,
    pub store: Arc<Store>,
    pub metrics: Arc<Metrics>,
    pub stats: Arc<Stats>,
    pub health: Arc<Health>,
    pub watch: Arc<FilterWatch>,
}

/// The thread that lets events in.
pub struct Listening {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: JoinHandle<()>,
}

/// The file in the data directory that holds the admin key when none is configured.
const KEY_FILE: &str = "admin.key";

impl Listening {
    pub fn start(at: SocketAddr, plan: &Plan, way_in: WayIn) -> Result<Listening, OpenError> {
        let mut options = ControlOptions {
            key: admin_key(plan)?,
            is_loopback: at.ip().is_loopback(),
            hosts: host_of(&plan.public_url).into_iter().collect(),
            public_url: plan.public_url.clone(),
            build: build(plan),
            terms: plan.terms.clone(),
            filter_limits: plan.filter_limits,
            limits: ControlLimits {
                body_timeout: plan.ingest.body_timeout,
                events_bytes_max: plan.ingest.body_bytes_max,
                module_bytes_max: plan.module_limits.module_bytes,
                ..ControlLimits::default()
            },
        };
        let (mut limits, guard) = (plan.ingest.clone(), plan.guard.clone());
        let (book, data) = (Book::new(&plan.data), plan.data.clone());
        limits.connections_max = connections_max(limits.connections_max, descriptors_max());
        let (stop, stopped) = oneshot::channel();
        let (bound, binding) = mpsc::channel();
        let mut way_in = way_in;
        let serve = move || async move {
            let (publisher, handing_out) = way_in.changes.publisher.at_home();
            way_in.changes.publisher = publisher;
            tasks::spawn(handing_out);
            let listener = match runtime::listen(at) {
                Ok(listener) => listener,
                Err(err) => return drop(bound.send(Err(err))),
            };
            let addr = listener.local_addr();
            if let (Ok(addr), true) = (&addr, options.public_url.is_empty()) {
                options.public_url = own_url(*addr);
            }
            drop(bound.send(addr));
            let stopped = async { drop(stopped.await) };
            let bookmarks = bookmarks(&data, way_in.changes.publisher.clone());
            Server::new(ports(way_in, options, guard, (book, bookmarks), data), limits)
                .serve(listener, stopped)
                .await;
        };
        let run = move || tasks::run(serve()).expect("a thread of its own can have a runtime");
        let thread = spawn_thread("ingest", 0, run).map_err(OpenError::Threads)?;
        let addr = binding.recv().expect("the thread tells how it went");
        let addr = addr.map_err(|source| OpenError::Listen { at, source })?;
        Ok(Listening { addr, stop: Some(stop), thread })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Accepts nothing more, and waits for what has begun until `deadline`.
    pub fn stop(mut self, clock: &dyn Clock, deadline: Time) {
        drop(self.stop.take());
        while !self.thread.is_finished() && clock.now() < deadline {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        if self.thread.is_finished() {
            drop(self.thread.join());
        }
    }
}

/// Senders may not use up the descriptors that the log and the deliveries need: a log that cannot
/// open its next file ends the process. Who finds no place waits in the backlog of the listener.
fn connections_max(wanted: usize, descriptors: Option<u64>) -> usize {
    const RESERVED: u64 = 48;
    let Some(descriptors) = descriptors else { return wanted };
    let spare = descriptors.saturating_sub(RESERVED) / 2;
    wanted.min(usize::try_from(spare).unwrap_or(usize::MAX)).max(1)
}

/// The name, without a port, under which others reach this node.
fn host_of(public_url: &str) -> Option<String> {
    let url: hyper::Uri = public_url.parse().ok()?;
    let host = url.host()?;
    Some(host.trim_matches(['[', ']']).to_owned())
}

/// Where a listener is reached from its own machine.
fn own_url(addr: SocketAddr) -> String {
    match addr.ip().is_unspecified() {
        true => format!("http://localhost:{}", addr.port()),
        false => format!("http://{addr}"),
    }
}

/// Of endpoints that there are.
fn bookmarks(data: &Path, publisher: Publisher) -> Bookmarks {
    let is_there = move |id| publisher.history().latest().endpoint(id).is_some();
    Bookmarks::open(data, Box::new(is_there))
}

fn ports(
    way_in: WayIn,
    options: ControlOptions,
    guard: GuardOptions,
    (book, bookmarks): (Book, Bookmarks),
    data: PathBuf,
) -> Ports<Road> {
    let WayIn { changes, sealing, clock, log, store, metrics, stats, health, watch } = way_in;
    let (is_taken, clock_of, health_of) = (Arc::default(), clock.clone(), health.clone());
    let vault = Vault { store, data, clock: clock_of, health: health_of, is_taken };
    let counted = metrics.clone();
    let control = Control::new(
        options,
        control::Ports {
            metrics,
            stats,
            health: health.clone(),
            commands: Rc::new(Desk(changes.clone())),
            reads: Box::new(Shelf {
                log: log.clone(),
                publisher: changes.publisher.clone(),
                running: Arc::default(),
            }),
            machine: Box::new(Proc),
            book: Box::new(book),
            bookmarks: Box::new(bookmarks),
            keys: keys(changes.publisher.clone()),
            apps: apps(changes.publisher.clone()),
            modules: Box::new(Intake::new(
                changes.modules.clone(),
                changes.tables.clone(),
                clock.clone(),
            )),
            tables: Box::new(Loading::new(changes.tables.clone(), log.clone())),
            backups: Box::new(vault),
            doors: doors(changes.ways.clone()),
            reach: reach(guard),
            watch,
            sealing,
            clock: clock.clone(),
            entropy: Arc::new(OsEntropy),
        },
    );
    tasks::spawn(control.clone().end_failed_canaries());
    let named = apps(changes.publisher.clone());
    let (publishers, checked) = (control.clone(), control.clone());
    let (heard, heard_by) = (control.clone(), clock.clone());
    Ports {
        accept: Road(changes.publisher),
        clock,
        sources: changes.ways.table.clone(),
        producer: Box::new(move |given, peer, app| producer(&publishers, &named, given, peer, app)),
        unfit: Box::new(move |event_type, body| checked.unfit_event(event_type, body)),
        fallback: fallback(control, health, log),
        observe: Box::new(move |observed| {
            count(&counted, observed);
            note(&heard, observed, heard_by.wall());
        }),
    }
}

/// What a key may publish, and for which application: the one that it is bound to, else the one
/// that the request names, else the default one.
fn producer(
    control: &Control,
    apps: &Apps,
    given: &str,
    peer: IpAddr,
    app: Option<&str>,
) -> Result<Producer, NoProducer> {
    let bearer = control.bearer_from(given, peer).ok().flatten().ok_or(NoProducer::Key)?;
    let (own, types) = match bearer.role {
        Role::Admin => (None, None),
        Role::Manager(tenant) => (Some(tenant), None),
        Role::Producer { tenant, types } => (Some(tenant), types),
        Role::Nobody | Role::Reader(_) | Role::Portal { .. } => return Err(NoProducer::Key),
    };
    let named = app.map(|app| apps(app).ok_or(NoProducer::App)).transpose()?;
    let tenant = match (own, named) {
        (Some(own), Some(named)) if own != named => return Err(NoProducer::App),
        (Some(own), _) => own,
        (None, named) => named.unwrap_or_else(|| TenantId::new(TenantId::DEFAULT)),
    };
    Ok(Producer { tenant, source: "api".into(), types })
}

fn keys(publisher: Publisher) -> Keys {
    let ring = KeyRing::default();
    Box::new(move |id| ring.find(publisher.history().latest(), id))
}

/// An application is called by its tenant's id or uid. The default one need not be made before.
fn apps(publisher: Publisher) -> Apps {
    Box::new(move |app| {
        let history = publisher.history();
        let latest = history.latest();
        let tenant = latest.tenant(&TenantId::new(app)).or_else(|| latest.tenant_with_uid(app));
        let made = tenant.map(|tenant| tenant.id.clone());
        made.or_else(|| (app == TenantId::DEFAULT).then(|| TenantId::new(app)))
    })
}

fn reach(options: GuardOptions) -> Reach {
    let guard = Guard::new(options);
    Box::new(move |url| vetted(&guard, url))
}

fn doors(ways: Arc<Ways>) -> Doors {
    Box::new(move |snapshot, source| {
        ways.check(snapshot, source).map_err(|unfit| unfit.to_string())
    })
}

fn fallback(control: Rc<Control>, health: Arc<Health>, log: Arc<dyn Log>) -> Fallback {
    Box::new(move |request| {
        let control = control.clone();
        if request.uri().path() == "/readyz" {
            let is_below = log.room().is_ok_and(|room| room.is_below_floor);
            health.disk_is_below_floor(is_below);
        }
        let peer = request.extensions().get::<Peer>().expect("ingest says where it came from");
        let peer = peer.0.ip();
        Box::pin(async move {
            control.answer(request, peer).await.map(|body| match body {
                control::Body::Whole(bytes) => Body::Whole(bytes),
                control::Body::Stream(lines) => Body::Stream(Box::pin(lines.map_err(Into::into))),
            })
        })
    })
}

fn count(metrics: &Metrics, observed: &Observed<'_>) {
    metrics.ingest_answered(observed.source, observed.status, observed.took);
    if let Some(reason) = observed.refused {
        metrics.ingest_refused(observed.source, reason);
    }
    if observed.is_duplicate {
        metrics.ingest_duplicate(observed.source);
    }
    if observed.is_conflict {
        metrics.ingest_conflict(observed.source);
    }
}

/// Into the source's journal, what it may hold.
fn note(control: &Control, observed: &Observed<'_>, at: Time) {
    let Some((tenant, source)) = observed.of else { return };
    let headers = &observed.head.headers;
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let heard = Heard {
        at,
        took: observed.took,
        peer: observed.peer,
        method: observed.head.method.to_string(),
        status: observed.status,
        refused: observed.refused,
        id: observed.id,
        is_duplicate: observed.is_duplicate,
        is_conflict: observed.is_conflict,
        bytes: text(CONTENT_LENGTH).and_then(|text| text.parse().ok()),
        content_type: text(CONTENT_TYPE),
        user_agent: text(USER_AGENT),
        headers: headers.keys().map(|name| name.as_str().to_owned()).collect(),
    };
    control.heard(tenant, source, heard);
}

/// The configured key, or the one in the data directory, which the first start makes.
fn admin_key(plan: &Plan) -> Result<AdminKey, OpenError> {
    let text = |err: std::io::Error, path: &Path| {
        OpenError::AdminKey(format!("{}: {err}", path.display()))
    };
    let bad = |bad: control::BadKey| OpenError::AdminKey(bad.to_string());
    if let Some(key) = &plan.admin_key {
        return AdminKey::read(key.expose()).map_err(bad);
    }
    let path = plan.data.join(KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(kept) => AdminKey::read(&kept).map_err(bad),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            let (key, fresh) = AdminKey::generate(&OsEntropy);
            write_whole(&path, fresh.as_bytes()).map_err(|err| text(err, &path))?;
            tracing::info!("the admin key was made: it is in {}", path.display());
            Ok(key)
        }
        Err(err) => Err(text(err, &path)),
    }
}

fn build(plan: &Plan) -> Build {
    let durability = match plan.durability {
        Durability::Fsync => "fsync",
        Durability::Os => "os",
    };
    Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: String::new(),
        durability: durability.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{connections_max, host_of, own_url};

    #[test]
    fn a_node_knows_its_names() {
        let host = |url| host_of(url).unwrap_or_default();
        assert_eq!(host("https://in.example.com:8443/hooks"), "in.example.com");
        assert_eq!(host("http://[::1]:8080"), "::1");
        assert_eq!(host(""), "");
        let own = |addr: &str| own_url(addr.parse().unwrap());
        assert_eq!(own("127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(own("[::1]:8080"), "http://[::1]:8080");
        assert_eq!(own("0.0.0.0:8080"), "http://localhost:8080");
        assert_eq!(own("[::]:8080"), "http://localhost:8080");
    }

    #[test]
    fn connections_leave_descriptors_for_the_log_and_the_deliveries() {
        assert_eq!(connections_max(10_000, Some(64)), 8);
        assert_eq!(
            connections_max(10_000, Some(20)),
            1,
            "one sender at a time is better than none"
        );
        assert_eq!(connections_max(10_000, Some(1024)), 488);
        assert_eq!(connections_max(10_000, Some(1 << 20)), 10_000);
        assert_eq!(connections_max(10_000, None), 10_000);
    }
}
