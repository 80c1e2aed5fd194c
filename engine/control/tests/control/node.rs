mod kept;

use bytes::Bytes;
use control::{
    AdminKey, Apps, Body, Book, BookPage, Bookmarks, Build, Commands, Control, ControlLimits,
    ControlOptions, Denied, FilterWatch, Health, Heard, KeptTable, KeyRing, KeyRow, Machine,
    Metrics, Modules, Pending, Phase, Ports, ProcessUse, Published, Reading, Reads, Reloaded, Role,
    Stats, Token, Trial,
};
use event::{
    Arrival, DeadRow, DeliveryId, Duplicate, EndpointId, Envelope, Event, EventId, Headers, LaneId,
    Offset, Refusal, Stage, TenantId, Time, Verdict, Why,
};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kept::{Copies, Drawer};
use log::{DuplicateRow, Group, Log, MemLog, Sync};
use registry::{
    ChangeSet, Declared, DeclaredEndpoint, DeclaredTenant, FilterLimits, FilterVersion, History,
    ModuleDigest, Row, SealingKey, TableDigest, Terms,
};
use runtime::{ManualClock, OsEntropy, tasks};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const NOW: Time = Time::from_secs(1_700_000_000);

/// Everything that a `Control` is given, and what was asked of it.
pub struct Node {
    pub log: Arc<MemLog>,
    pub history: Rc<RefCell<History>>,
    pub metrics: Arc<Metrics>,
    pub stats: Arc<Stats>,
    pub health: Arc<Health>,
    pub key: String,
    pub is_loopback: bool,
    /// Whether readings are run at all.
    pub reads: bool,
    pub commands: Rc<Orders>,
    /// By their ids.
    pub keys: BTreeMap<String, KeyRow>,
    pub limits: ControlLimits,
    /// Those that were kept, by their digests.
    pub modules: Rc<RefCell<BTreeMap<ModuleDigest, Bytes>>>,
    /// The same of tables.
    pub tables: Rc<RefCell<BTreeMap<TableDigest, KeptTable>>>,
    pub clock: Arc<ManualClock>,
    /// What filters said.
    pub watch: Arc<FilterWatch>,
    /// What came to sources, told to each `Control` anew.
    pub heard: RefCell<Vec<(TenantId, Arc<str>, Heard)>>,
    /// The log of changes.
    pub changes: Rc<RefCell<Vec<String>>>,
    /// Where consumers have come to.
    marks: Rc<RefCell<BTreeMap<(EndpointId, String), Offset>>>,
}

/// What the commands answer, and what was ordered.
#[derive(Default)]
pub struct Orders {
    pub answer: RefCell<Option<Denied>>,
    pub given: RefCell<Vec<String>>,
    /// What changes put into the log.
    pub rows: RefCell<Vec<Row>>,
    pub pauses: RefCell<BTreeMap<EndpointId, Why>>,
}

impl Node {
    pub fn new() -> Node {
        let health = Health::new();
        health.enter(Phase::Serving);
        Node {
            log: Arc::new(MemLog::new(1000)),
            history: Rc::default(),
            metrics: Metrics::new(),
            stats: Stats::new(),
            health,
            key: AdminKey::generate(&OsEntropy).1.to_string(),
            is_loopback: true,
            reads: true,
            commands: Rc::default(),
            watch: FilterWatch::new(),
            heard: RefCell::default(),
            changes: Rc::default(),
            marks: Rc::default(),
            keys: BTreeMap::new(),
            // Tests show more wrong keys than people do.
            limits: ControlLimits { failures_max: 100_000, ..ControlLimits::default() },
            modules: Rc::default(),
            tables: Rc::default(),
            clock: Arc::new(ManualClock::at(NOW)),
        }
    }

    /// Puts endpoints of the tenant `default` in force from the log's head on.
    pub fn declare(&self, endpoints: Vec<DeclaredEndpoint>) {
        let mut history = self.history.borrow_mut();
        let declared = Declared { endpoints, ..Declared::default() };
        let set = history.latest().diff(&declared).unwrap();
        history.apply(set, self.log.head()).unwrap();
    }

    /// An application of this id, for what is made in it.
    pub fn make_app(&self, id: &str) {
        let mut history = self.history.borrow_mut();
        let latest = history.latest().clone();
        let mut edit = latest.edit();
        let (id, about) = (TenantId::new(id), "{}".to_owned());
        edit.put_tenant(&DeclaredTenant { id, uid: None, rate: None, about });
        let set = edit.finish().unwrap();
        history.apply(set, self.log.head()).unwrap();
    }

    pub fn endpoint(&self, name: &str) -> EndpointId {
        let history = self.history.borrow();
        history.latest().endpoint_named(&tenant(), name).unwrap().id
    }

    pub fn commit(&self, group: Group) {
        let lease = self.log.claim().unwrap();
        self.log.commit(lease, &group, Sync::Now).unwrap();
    }

    /// Stores an event and answers its id.
    pub fn publish(&self, event_type: &str, body: &str) -> EventId {
        let id = EventId::new(NOW.millis(), self.log.head());
        let event = Arc::new(event(id, event_type, body));
        self.commit(Group { events: vec![event], ..Group::default() });
        id
    }

    fn control(&self) -> Rc<Control> {
        let options = ControlOptions {
            key: AdminKey::read(&self.key).unwrap(),
            is_loopback: self.is_loopback,
            hosts: vec!["hooks.example.com".into()],
            public_url: "https://hooks.example.com".into(),
            build: Build {
                version: "1.2.3".into(),
                revision: "abc".into(),
                durability: "fsync".into(),
            },
            terms: Terms::default(),
            filter_limits: FilterLimits::default(),
            limits: self.limits.clone(),
        };
        let reads =
            Here { log: self.log.clone(), history: self.history.clone(), is_running: self.reads };
        let ports = Ports {
            watch: self.watch.clone(),
            metrics: self.metrics.clone(),
            stats: self.stats.clone(),
            health: self.health.clone(),
            commands: Rc::new(Desk {
                orders: self.commands.clone(),
                log: self.log.clone(),
                history: self.history.clone(),
            }),
            reads: Box::new(reads),
            machine: Box::new(Small),
            book: Box::new(Lines(self.changes.clone())),
            bookmarks: Box::new(Marks(self.marks.clone())),
            keys: Box::new({
                let (keys, ring) = (self.keys.clone(), KeyRing::default());
                let history = self.history.clone();
                move |id| {
                    let made = ring.find(history.borrow().latest(), id);
                    keys.get(id).cloned().or(made)
                }
            }),
            apps: apps(self.history.clone()),
            modules: Box::new(Rack(self.modules.clone())),
            tables: Box::new(Drawer(self.tables.clone())),
            backups: Box::new(Copies),
            doors: Box::new(|_, source| match &*source.scheme {
                "github" | "none" => Ok(()),
                other => Err(format!("unknown scheme `{other}`")),
            }),
            reach: Box::new(|url| match url.starts_with("http://10.") {
                true => Err(Refusal { rule: "private".into(), allow: "so".into() }),
                false => Ok(()),
            }),
            sealing: Arc::new(SealingKey::new(&[7; 32])),
            clock: self.clock.clone(),
            entropy: Arc::new(OsEntropy),
        };
        let control = Control::new(options, ports);
        for (app, source, heard) in &*self.heard.borrow() {
            control.heard(app, source, heard.clone());
        }
        control
    }

    /// Starts a server, sends it the requests one by one and answers what it answered.
    pub fn ask(&self, requests: &[String]) -> Vec<Reply> {
        let control = self.control();
        let requests = requests.to_vec();
        tasks::run(async move {
            let listener = runtime::listen(([127, 0, 0, 1], 0).into()).unwrap();
            let address = listener.local_addr().unwrap();
            tasks::spawn(async move {
                loop {
                    let (stream, peer) = listener.accept().await.unwrap();
                    let control = control.clone();
                    let answer = service_fn(move |request| {
                        let control = control.clone();
                        async move {
                            let answer = control.answer(request, peer.ip()).await;
                            Ok::<_, Infallible>(answer.map(|body| match body {
                                Body::Whole(bytes) => {
                                    Full::new(bytes).map_err(|none| match none {}).boxed_unsync()
                                }
                                Body::Stream(lines) => lines.boxed_unsync(),
                            }))
                        }
                    });
                    let stream = TokioIo::new(stream);
                    let serving = http1::Builder::new().serve_connection(stream, answer);
                    tasks::spawn(async move { drop(serving.await) });
                }
            });
            let mut replies = Vec::new();
            for request in requests {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).await.unwrap();
                replies.push(Reply::of(&bytes));
            }
            replies
        })
        .unwrap()
    }

    pub fn one(&self, request: String) -> Reply {
        self.ask(&[request]).remove(0)
    }

    /// Asks with the right key.
    pub fn get(&self, path: &str) -> Reply {
        self.one(request("GET", path, &[&self.bearer()]))
    }

    pub fn post(&self, path: &str) -> Reply {
        self.one(request("POST", path, &[&self.bearer(), "content-length: 0"]))
    }

    /// Sends a JSON body with the right key, and maybe more header lines.
    pub fn send(&self, method: &str, path: &str, body: &str, more: &[&str]) -> Reply {
        self.one(with_body(method, path, body, &[&[&*self.bearer()][..], more].concat()))
    }

    pub fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.key)
    }
}

/// A request of a client on this machine. A `host:` among the headers takes the usual one's place.
pub fn request(method: &str, path: &str, headers: &[&str]) -> String {
    let names_host = headers.iter().any(|line| line.starts_with("host:"));
    let host = if names_host { "" } else { "host: localhost\r\n" };
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\n{host}connection: close\r\n{lines}\r\n")
}

/// The same, with a JSON body.
pub fn with_body(method: &str, path: &str, body: &str, headers: &[&str]) -> String {
    let length = format!("content-length: {}", body.len());
    let own = ["content-type: application/json", &length];
    request(method, path, &[&own[..], headers].concat()) + body
}

pub struct Reply {
    /// 0 when the connection ended before there was one.
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Reply {
    fn of(bytes: &[u8]) -> Reply {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return Reply { status: 0, headers: BTreeMap::new(), body: text };
        };
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Reply { status, headers: headers.collect(), body: body.to_owned() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Gives the node a key of this role that ends at a second, and answers its token.
pub fn key(node: &mut Node, role: Role, expires_secs: u64) -> String {
    let id = format!("{:010}", node.keys.len());
    let text = format!("fbk_{id}_{}", "s".repeat(43));
    let digest = Token::read(&text).unwrap().digest();
    let expires = (expires_secs != u64::MAX).then(|| Time::from_secs(expires_secs));
    node.keys.insert(id, KeyRow { digest, previous: None, role, expires });
    text
}

/// There are `default` and `other`, and what was made.
fn apps(history: Rc<RefCell<History>>) -> Apps {
    let known = [tenant(), TenantId::new("other")];
    Box::new(move |app| {
        let history = history.borrow();
        let made = history.latest().tenant(&TenantId::new(app));
        let made = made.or_else(|| history.latest().tenant_with_uid(app));
        let known = known.iter().find(|known| known.as_str() == app);
        made.map(|tenant| tenant.id.clone()).or(known.cloned())
    })
}

pub fn tenant() -> TenantId {
    TenantId::new("default")
}

/// The row of a dead letter whose bytes are what would be sent.
pub fn dead(reason: &str, attempts: u32) -> DeadRow {
    DeadRow {
        reason: reason.into(),
        at: NOW,
        attempts,
        stage: Stage::Output,
        outputs: 1,
        ruled_by: Offset::ZERO,
        key_hash: None,
    }
}

pub fn delivery(endpoint: EndpointId, offset: Offset) -> DeliveryId {
    DeliveryId { lane: LaneId::main(endpoint), offset, k: 0 }
}

pub fn event(id: EventId, event_type: &str, body: &str) -> Event {
    let envelope = Envelope {
        headers: Headers::from_iter([("content-type", &b"application/json"[..])]),
        ..Envelope::new(tenant(), "shop", event_type, NOW)
    };
    Arrival { envelope, body: Bytes::copy_from_slice(body.as_bytes()), duplicate: None }.at(id)
}

struct Desk {
    orders: Rc<Orders>,
    log: Arc<MemLog>,
    history: Rc<RefCell<History>>,
}

impl Desk {
    fn order(&self, what: String) -> Result<(), Denied> {
        self.orders.given.borrow_mut().push(what);
        self.orders.answer.borrow().clone().map_or(Ok(()), Err)
    }
}

impl Commands for Desk {
    fn history(&self) -> Arc<History> {
        Arc::new(self.history.borrow().clone())
    }

    fn change(&self, set: ChangeSet) -> Pending<Result<(), Denied>> {
        let applied = self.history.borrow_mut().apply(set, self.log.head());
        let applied = applied.map(|rows| self.orders.rows.borrow_mut().extend(rows));
        Box::pin(async move { applied.map_err(|_| Denied::Stale) })
    }

    fn pauses(&self) -> Arc<BTreeMap<EndpointId, Why>> {
        Arc::new(self.orders.pauses.borrow().clone())
    }

    /// Keys are looked up in the log; a repeat is told as such.
    fn publish(&self, arrival: Arrival) -> Pending<Result<Published, Denied>> {
        let published = publish(&self.log, arrival);
        Box::pin(async move { published })
    }

    fn reload(&self) -> Pending<Result<Reloaded, Denied>> {
        let done = self.order("reload".into());
        let restart = vec!["server.listen".to_owned()];
        Box::pin(async move { done.map(|()| Reloaded { changes: 3, restart }) })
    }

    fn redrive(&self, letter: DeliveryId) -> Pending<Result<(), Denied>> {
        let done = self.order(format!("redrive {letter:?}"));
        Box::pin(async move { done })
    }

    fn resend(&self, endpoint: EndpointId, event: EventId) -> Pending<Result<(), Denied>> {
        let done = self.order(format!("resend @{} to {endpoint:?}", event.offset()));
        Box::pin(async move { done })
    }

    fn search(&self, endpoint: EndpointId, range: Range<Offset>) -> Pending<Result<(), Denied>> {
        let done = self.order(format!("search {range:?} for {endpoint:?}"));
        Box::pin(async move { done })
    }

    fn purge(&self, letter: DeliveryId) -> Pending<Result<(), Denied>> {
        let done = self.order(format!("purge {letter:?}"));
        Box::pin(async move { done })
    }

    /// As the writer does it, dead letters left aside.
    fn erase(
        &self,
        erased: Vec<Arc<Event>>,
        deliveries: Vec<DeliveryId>,
    ) -> Pending<Result<(), Denied>> {
        let offsets: Vec<_> = erased.iter().map(|stub| stub.offset().0).collect();
        let done = self.order(format!("erase {offsets:?} {deliveries:?}"));
        let group = Group { erased, ..Group::default() };
        self.log.commit(self.log.claim().unwrap(), &group, Sync::Now).unwrap();
        Box::pin(async move { done })
    }
}

fn publish(log: &MemLog, arrival: Arrival) -> Result<Published, Denied> {
    let (tenant, source) = (arrival.envelope.tenant.clone(), arrival.envelope.source.clone());
    let id = EventId::new(NOW.millis(), log.head());
    let mut group = Group::default();
    if let Some(Duplicate { key, digest, .. }) = arrival.duplicate.clone() {
        if let Some(known) = log.duplicate(&tenant, &source, &key).unwrap() {
            return match known.digest == digest {
                true => Ok(Published { id: known.id, is_duplicate: true }),
                false => Err(Denied::Conflict(known.id)),
            };
        }
        group.duplicates.push(DuplicateRow { tenant, source, key, digest, id });
    }
    group.events.push(Arc::new(arrival.at(id)));
    log.commit(log.claim().unwrap(), &group, Sync::Now).unwrap();
    Ok(Published { id, is_duplicate: false })
}

struct Here {
    log: Arc<MemLog>,
    history: Rc<RefCell<History>>,
    is_running: bool,
}

impl Reads for Here {
    fn head(&self) -> Offset {
        self.log.head()
    }

    fn read(&self, reading: Reading) {
        if self.is_running {
            let (log, history) = (&*self.log, self.history.borrow());
            let history: &History = &history;
            // As on a node: not by the thread that answers.
            std::thread::scope(|scope| {
                scope.spawn(move || reading(log, history));
            });
        }
    }
}

/// The log of changes, in memory.
struct Lines(Rc<RefCell<Vec<String>>>);

impl Book for Lines {
    fn keep(&self, line: &str) {
        self.0.borrow_mut().push(line.to_owned());
    }

    fn page(&self, from: Option<String>, count: usize) -> Pending<Result<BookPage, Denied>> {
        let all = self.0.borrow();
        let page = from.map_or(Ok(all.len()), |from| from.parse()).map(|end: usize| {
            let page: Vec<_> = all[..end].iter().rev().take(count).cloned().collect();
            let next = end - page.len();
            (page, (next > 0).then(|| next.to_string()))
        });
        Box::pin(async move { page.map_err(|_| Denied::NotFound) })
    }
}

struct Marks(Rc<RefCell<BTreeMap<(EndpointId, String), Offset>>>);

impl Bookmarks for Marks {
    fn find(&self, endpoint: EndpointId, consumer: &str) -> Option<Offset> {
        self.0.borrow().get(&(endpoint, consumer.to_owned())).copied()
    }

    fn put(&self, endpoint: EndpointId, consumer: &str, next: Offset) -> Result<(), Denied> {
        self.0.borrow_mut().insert((endpoint, consumer.to_owned()), next);
        Ok(())
    }
}

struct Small;

impl Machine for Small {
    fn usage(&self) -> ProcessUse {
        ProcessUse { resident_bytes: Some(4096), cpu_seconds: Some(1.5), ..ProcessUse::default() }
    }
}

/// Keeps what begins as a module does, and has one on board.
struct Rack(Rc<RefCell<BTreeMap<ModuleDigest, Bytes>>>);

impl Modules for Rack {
    fn keep(&self, wasm: Bytes) -> Pending<Result<ModuleDigest, Denied>> {
        let digest = ModuleDigest(Sha256::digest(&wasm).into());
        let kept = match wasm.starts_with(b"\0asm") {
            true => Ok(digest),
            false => Err(Denied::Rejected("not a module".into())),
        };
        if kept.is_ok() {
            self.0.borrow_mut().insert(digest, wasm);
        }
        Box::pin(async move { kept })
    }

    fn try_out(&self, filter: FilterVersion) -> Pending<Result<(), Denied>> {
        let starts = !filter.config.contains("no-start");
        let tried = starts.then_some(()).ok_or(Denied::Rejected("it does not start".into()));
        Box::pin(async move { tried })
    }

    /// Drops what has the configuration's word `drop` in it, and takes all its memory.
    fn dry_run(
        &self,
        filters: Vec<FilterVersion>,
        events: Vec<Arc<Event>>,
    ) -> Pending<Result<Vec<Trial>, Denied>> {
        let trial = |filter: FilterVersion| {
            let config: Value = serde_json::from_str(&filter.config).unwrap();
            let word = config["drop"].as_str().unwrap_or("\0").to_owned();
            let judged = events.iter().map(|event| {
                let has_word = String::from_utf8_lossy(&event.body).contains(&word);
                if has_word { Verdict::Drop } else { Verdict::Pass }
            });
            let memory_bytes = filter.limits.memory_bytes as usize;
            Trial { verdicts: judged.collect(), memory_bytes, ..Trial::default() }
        };
        let trials = filters.into_iter().map(trial).collect();
        Box::pin(async move { Ok(trials) })
    }

    fn has(&self, digest: &ModuleDigest) -> bool {
        self.0.borrow().contains_key(digest)
    }

    fn shipped(&self, name: &str) -> Option<Bytes> {
        ["forebay/redact", "forebay/javascript"]
            .contains(&name)
            .then(|| Bytes::from_static(b"\0asm-redact"))
    }

    fn unshipped(&self, name: &str) -> String {
        format!("{name:?} does not come with the engine")
    }
}
