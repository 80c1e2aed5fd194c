use crate::api::{
    self, APP, Access, Answered, Apps, Begun, Call, Captured, Content, Erasures, Failures, Keys,
    Matched, Operation, Places, Principal, Query, Refusals, RepeatKey, Repeats, Role, Scope,
    Staged, Stream, Token, Uses, Whose, Writes,
};
use crate::audit::{self, Change};
use crate::journal::Journal;
use crate::problem::{Form, Problem};
use crate::reply::{self, OfChangeBefore, empty, harden};
use crate::schemas::Schemas;
use crate::{
    AdminKey, Backups, Body, Book, Bookmarks, Build, Commands, Denied, Doors, FilterWatch, Health,
    Heard, Lines, Machine, Metrics, Modules, Reach, Reads, Stats, Tables, host,
};
use bytes::Bytes;
use event::{Rng, TenantId};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use log::{Failure, Log};
use registry::{ChangeSet, FilterLimits, History, SealingKey, Snapshot, Terms};
use runtime::{Clock, Entropy, tasks};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

#[derive(Clone, Debug)]
pub struct ControlOptions {
    pub key: AdminKey,
    /// Whether only this machine can reach the listener.
    pub is_loopback: bool,
    /// Names of this node beside `localhost` and loopback addresses, without a port; counts on a
    /// loopback listener, for a proxy in front of it.
    pub hosts: Vec<String>,
    /// Where people reach this node, for links to it: a URL without a slash at its end.
    pub public_url: String,
    pub build: Build,
    /// Of endpoints that do not say otherwise.
    pub terms: Terms,
    /// The most that a filter is given, and what one is given that does not say otherwise.
    pub filter_limits: FilterLimits,
    pub limits: ControlLimits,
}

#[derive(Clone, Debug)]
pub struct ControlLimits {
    /// Of a whole body.
    pub body_timeout: Duration,
    pub body_bytes_max: usize,
    /// Of a body that brings events.
    pub events_bytes_max: usize,
    /// Of a body that brings a module.
    pub module_bytes_max: usize,
    /// Of a body that brings a table.
    pub table_bytes_max: usize,
    /// Wrong keys from one address in a minute; after that its keys are not looked at.
    pub failures_max: u32,
}

impl Default for ControlLimits {
    fn default() -> ControlLimits {
        ControlLimits {
            body_timeout: Duration::from_secs(30),
            body_bytes_max: 1 << 20,
            events_bytes_max: 1 << 20,
            module_bytes_max: 8 << 20,
            table_bytes_max: 64 << 20,
            failures_max: 10,
        }
    }
}

pub struct Ports {
    pub metrics: Arc<Metrics>,
    pub stats: Arc<Stats>,
    pub health: Arc<Health>,
    pub commands: Rc<dyn Commands>,
    pub reads: Box<dyn Reads>,
    pub machine: Box<dyn Machine>,
    pub book: Box<dyn Book>,
    pub bookmarks: Box<dyn Bookmarks>,
    /// Keys beside the configured one.
    pub keys: Keys,
    pub apps: Apps,
    pub modules: Box<dyn Modules>,
    pub tables: Box<dyn Tables>,
    pub backups: Box<dyn Backups>,
    pub watch: Arc<FilterWatch>,
    pub doors: Doors,
    pub reach: Reach,
    /// Seals the secrets that are made here.
    pub sealing: Arc<SealingKey>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Answers what people and machines ask of a running node.
pub struct Control {
    pub(crate) options: ControlOptions,
    pub(crate) ports: Ports,
    failures: RefCell<Failures>,
    refusals: RefCell<Refusals>,
    request_ids: RefCell<Rng>,
    repeats: RefCell<Repeats>,
    pub(crate) uses: RefCell<Uses>,
    pub(crate) schemas: RefCell<Schemas>,
    readings: RefCell<Places>,
    pub(crate) tails: RefCell<Places>,
    /// Tails read one or two at a time: a long look of theirs holds up no page.
    pub(crate) tail_turns: Semaphore,
    pub(crate) dry_runs: RefCell<Places>,
    pub(crate) erasures: RefCell<Erasures>,
    pub(crate) journal: RefCell<Journal>,
    pub(crate) staged: RefCell<Staged>,
    pub(crate) writes: RefCell<Writes>,
    /// Of bodies that bring tables.
    loads: RefCell<Places>,
}

/// A request that is let in.
struct Admitted {
    operation: &'static Operation,
    captured: Captured,
    tenant: Option<TenantId>,
    principal: Principal,
    query: Query,
}

const REQUEST_ID_BYTES_MAX: usize = 128;
const REPEAT_KEY: &str = "idempotency-key";
const REPEAT_KEY_BYTES_MAX: usize = 256;

impl Control {
    pub fn new(options: ControlOptions, ports: Ports) -> Rc<Control> {
        let failures = RefCell::new(Failures::new(options.limits.failures_max));
        let (repeats, uses) = Default::default();
        let (readings, tails) = (Places::of_readings().into(), Places::of_tails().into());
        let (tail_turns, dry_runs) = (Semaphore::new(2), Places::of_dry_runs().into());
        let loads = Places::of_loads().into();
        // They name requests and guard nothing.
        let request_ids = RefCell::new(ports.entropy.rng());
        Rc::new(Control {
            options,
            ports,
            failures,
            refusals: RefCell::default(),
            request_ids,
            repeats,
            uses,
            schemas: RefCell::default(),
            readings,
            tails,
            tail_turns,
            dry_runs,
            erasures: RefCell::default(),
            journal: RefCell::default(),
            staged: RefCell::default(),
            writes: RefCell::default(),
            loads,
        })
    }

    /// Always answers, and within the time that its ports and the sender's body take. A body is
    /// read once its sender may do what it asks for.
    pub async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let head = Rc::new(head);
        let id = self.request_id(&head);
        let answered = match self.admit(&head, peer) {
            Ok(admitted) => self.serve(admitted, &head, body, &id).await,
            Err(problem) => {
                api::dismiss(body);
                Err(problem)
            }
        };
        let form = Form::of(head.uri.path());
        let (mut response, lines) = match answered {
            Ok(answered) => answered,
            Err(problem) => (problem.response(form), None),
        };
        harden(&mut response, &id);
        match lines {
            Some(lines) => response.map(|_| Body::Stream(lines)),
            None => response.map(Body::Whole),
        }
    }

    fn admit(&self, head: &Parts, peer: IpAddr) -> Result<Admitted, Problem> {
        let (operation, captured) = match api::find(&head.method, head.uri.path()) {
            Matched::Operation(operation, captured) => (operation, captured),
            Matched::OtherMethod(allow) => return Err(Problem::Method(allow)),
            Matched::Nothing => return Err(Problem::NotFound("there is no such path")),
        };
        // What is wrong with a query is told to who may ask.
        let query = Query::of(head.uri.query().unwrap_or_default(), operation.query);
        let query = query.and_then(|query| query.one(APP.name).map(drop).map(|()| query));
        let in_query = query.as_ref().ok().and_then(|query| query.all(APP.name).next());
        let named = captured.app().or(in_query);
        let (principal, tenant) = self.permitted(operation, named, head, peer)?;
        Ok(Admitted { operation, captured, tenant, principal, query: query? })
    }

    /// Who asks, if they may, and for which application.
    fn permitted(
        &self,
        operation: &Operation,
        named: Option<&str>,
        head: &Parts,
        peer: IpAddr,
    ) -> Result<(Principal, Option<TenantId>), Problem> {
        let scope = operation.scope;
        let is_named = !self.options.is_loopback || host::is_ours(head, &self.options.hosts);
        match scope {
            Scope::Page if !is_named => return Err(Problem::Host),
            Scope::Anyone | Scope::Page => return Ok((Principal::nobody(), None)),
            Scope::Local if self.options.is_loopback && is_named => {
                return Ok((Principal::nobody(), None));
            }
            _ => {}
        }
        // With a key the name does not matter: no web page from elsewhere has it.
        let principal = self.principal(head, peer)?;
        let removed = |app: &str| outlives_app(operation, &principal).then(|| TenantId::new(app));
        let tenant = match named {
            Some(app) => (self.ports.apps)(app).or_else(|| removed(app)),
            None => operation.names_app().then(|| own(&principal)),
        };
        let whose = match named.is_some() || operation.names_app() {
            true => Whose::App(tenant.as_ref()),
            false => Whose::Node,
        };
        match api::permits(&principal, scope, whose) {
            Access::Granted => Ok((principal, tenant)),
            Access::Unknown if scope == Scope::Local && !is_named => Err(Problem::Host),
            Access::Unknown => Err(Problem::NoKey),
            Access::Forbidden => Err(Problem::Forbidden),
            Access::Hidden => Err(Problem::NO_APP),
        }
    }

    fn principal(&self, head: &Parts, peer: IpAddr) -> Result<Principal, Problem> {
        if !head.headers.contains_key(AUTHORIZATION) {
            return Ok(Principal::nobody());
        }
        let known = self.bearer_from(bearer(head).unwrap_or_default(), peer);
        known.map(|known| known.unwrap_or(Principal::nobody())).map_err(Problem::TooMany)
    }

    /// Who bears a token that came from this address. `Err` says how long the address has to wait
    /// before wrong ones of it are looked at again: those that nobody can guess are never shut out
    /// by those that others try. Never blocks, but to put a line for a wrong one into the log of
    /// changes now and then.
    pub fn bearer_from(&self, token: &str, peer: IpAddr) -> Result<Option<Principal>, Duration> {
        let is_configured = || self.options.key.verify(token);
        let is_short = self.options.key.is_short();
        if let Some(known) = self.made(token) {
            return Ok(Some(known));
        }
        if !is_short && is_configured() {
            return Ok(Some(Principal::admin()));
        }
        let now = self.ports.clock.now();
        if let Some(wait) = self.failures.borrow().wait(peer, now) {
            return Err(wait);
        }
        if is_short && is_configured() {
            return Ok(Some(Principal::admin()));
        }
        let shuts_out = self.failures.borrow_mut().count(peer, now);
        // Who shows nothing guesses nothing.
        if !token.is_empty()
            && let Some(untold) = self.refusals.borrow_mut().tell(peer, shuts_out, now)
        {
            audit::refused(self, token, peer, shuts_out, untold);
        }
        Ok(None)
    }

    /// Who bears one of the keys that were made.
    fn made(&self, token: &str) -> Option<Principal> {
        let now = self.ports.clock.wall();
        let principal = Token::read(token)?.principal(&self.ports.keys, now)?;
        self.uses.borrow_mut().note(&principal.id, now);
        Some(principal)
    }

    /// Puts a request that came to a source into the source's journal.
    pub fn heard(&self, tenant: &TenantId, source: &Arc<str>, heard: Heard) {
        self.journal.borrow_mut().note(tenant, source, heard);
    }

    /// The sender's own, where it may stand in a log line; else a new one.
    fn request_id(&self, head: &Parts) -> String {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        let given = head.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let is_fit =
            |id: &&str| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain);
        given.filter(is_fit).map(str::to_owned).unwrap_or_else(|| {
            let mut chance = self.request_ids.borrow_mut();
            format!("req_{:016x}{:016x}", chance.u64(), chance.u64())
        })
    }

    async fn serve(
        self: Rc<Self>,
        admitted: Admitted,
        head: &Rc<Parts>,
        body: Incoming,
        id: &str,
    ) -> Result<(Response<Bytes>, Option<Lines>), Problem> {
        let Admitted { operation, captured, tenant, principal, query } = admitted;
        let limits = &self.options.limits;
        let body_bytes_max = match (operation.scope, operation.body) {
            (Scope::Publish, _) => limits.events_bytes_max,
            (_, Content::Binary(_)) => limits.module_bytes_max,
            (_, Content::Texts(_)) => limits.table_bytes_max,
            _ => limits.body_bytes_max,
        };
        let place = match (operation.body, &tenant) {
            (Content::Texts(_), Some(app)) => {
                let place = self.loads.borrow_mut().take(app);
                Some(place.ok_or(Problem::Busy)?)
            }
            _ => None,
        };
        let body = api::read_body(body, body_bytes_max, limits.body_timeout).await?;
        let held = tenant.as_ref().filter(|_| !outlives_app(operation, &principal));
        self.still_holds(&principal, held, head)?;
        let (request_id, whole) = (id.to_owned(), head.clone());
        let stream: Rc<RefCell<Option<Stream>>> = Rc::default();
        let left = stream.clone();
        let call = Call {
            captured,
            tenant,
            query,
            head: whole,
            body,
            principal,
            request_id,
            stream: left,
            place,
        };
        let key = head.headers.get(REPEAT_KEY).filter(|_| operation.is_repeatable());
        let mut response = match key {
            Some(key) => self.clone().once(operation, call, key, head).await?,
            // A change that has begun is carried out whole, also when its sender hangs up.
            None if operation.is_change() => {
                let (control, head) = (self.clone(), head.clone());
                to_its_end(async move { control.run(operation, call, head.uri.path()).await })
                    .await?
            }
            None => self.run(operation, call, head.uri.path()).await?,
        };
        if is_known(head, &response) {
            let tag = response.headers()[ETAG].clone();
            response = empty(304);
            response.headers_mut().insert(ETAG, tag);
        }
        // Whoever asks for the head alone is sent nothing.
        let lines = match stream.take().filter(|_| head.method != Method::HEAD) {
            Some(Stream::Tail(tail)) => Some(api::start_tail(self, tail)?),
            Some(Stream::Lines(lines)) => Some(lines),
            None => None,
        };
        Ok((response, lines))
    }

    /// A body may take its time. What was asked with a key that has ended meanwhile, or about an
    /// application that has, is not done.
    pub(crate) fn still_holds(
        &self,
        principal: &Principal,
        tenant: Option<&TenantId>,
        head: &Parts,
    ) -> Result<(), Problem> {
        let is_made = principal.role != Role::Nobody && principal.id != Principal::admin().id;
        if is_made && bearer(head).and_then(|token| self.made(token)).as_ref() != Some(principal) {
            return Err(Problem::NoKey);
        }
        match tenant {
            Some(id) if (self.ports.apps)(id.as_str()).as_ref() != Some(id) => Err(Problem::NO_APP),
            _ => Ok(()),
        }
    }

    async fn run(&self, operation: &Operation, call: Call, path: &str) -> Answered {
        let (who, request_id) = (call.principal.id.clone(), call.request_id.clone());
        let app = call.tenant.clone();
        let change = match operation.is_audited() {
            true => Some(Change::begin(self, operation, &call, path).await),
            false => None,
        };
        let answered = (operation.run)(self, call).await;
        let is_new =
            |response: &Response<Bytes>| response.extensions().get::<OfChangeBefore>().is_none();
        if let (Ok(response), Some(change)) = (&answered, change)
            && is_new(response)
        {
            let (path, what) = (change.path().to_owned(), change.what(response));
            change.end(self, response).await;
            let (who, path, status) = (&*who, &*path, response.status().as_u16());
            let app = app.as_ref().map(TenantId::as_str);
            tracing::info!(target: "audit", who, what, app, path, status, request_id, "a change");
        }
        answered
    }

    /// Runs a change once for its `Idempotency-Key`. It goes on when its sender hangs up, so that
    /// the next try finds its answer.
    async fn once(
        self: Rc<Self>,
        operation: &'static Operation,
        call: Call,
        key: &HeaderValue,
        head: &Parts,
    ) -> Answered {
        if key.is_empty() || key.len() > REPEAT_KEY_BYTES_MAX {
            return Err(Problem::BadRequest("an Idempotency-Key has 1 to 256 bytes".into()));
        }
        let uri = head.uri.path_and_query().map_or("/", |uri| uri.as_str()).to_owned();
        let whose = [&*call.principal.id, operation.id];
        let request = [uri.as_bytes(), &call.body];
        let now = self.ports.clock.now();
        let begun = self.repeats.borrow_mut().begin(&whose, key.as_bytes(), &request, now);
        let key = match begun {
            Begun::First(key) => key,
            Begun::Answered(answer) => return Ok(*answer),
            Begun::Running => return Err(Problem::Running),
            Begun::Told => return Err(Problem::Told),
            Begun::OtherRequest => return Err(Problem::OtherRequest),
        };
        let mut first = First { control: self.clone(), key: Some(key) };
        to_its_end(async move {
            let path = uri.split('?').next().unwrap_or_default();
            let answered = self.run(operation, call, path).await;
            if let Ok(answer) = &answered {
                first.end(answer);
            }
            answered
        })
        .await
    }

    /// What is in force now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.ports.commands.history().latest().clone()
    }

    /// Makes a change from the newest snapshot, again when another came first, and puts it in
    /// force. Gives what `make` gave beside the change.
    pub(crate) async fn change<T>(
        &self,
        make: impl Fn(&Snapshot) -> Result<(ChangeSet, T), Problem>,
    ) -> Result<T, Problem> {
        loop {
            let history = self.ports.commands.history();
            let (set, made) = make(history.latest())?;
            if set.is_empty() {
                return Ok(made);
            }
            match self.ports.commands.change(set).await {
                Ok(()) => return Ok(made),
                Err(Denied::Stale) => {}
                Err(denied) => return Err(denied.into()),
            }
        }
    }

    /// Runs a reading where it may block. Keys of one application find a few places, so that none
    /// takes those of the others or of the operator: 503 when they are taken.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        who: &Principal,
        read: impl FnOnce(&dyn Log, &History) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = match who.role.tenant() {
            Some(app) => Some(self.readings.borrow_mut().take(app).ok_or(Problem::Busy)?),
            None => None,
        };
        let (tell, told) = oneshot::channel();
        self.ports.reads.read(Box::new(move |log, history| {
            // The asker may have gone; then nobody wants to know.
            let _ = tell.send(read(log, history));
            // With the reading, not with the asker: who hangs up frees none.
            drop(place);
        }));
        match told.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(failure)) => {
                tracing::error!(%failure, "a reading of the log failed");
                Err(Problem::Failed)
            }
            Err(_) => Err(Problem::Busy),
        }
    }
}

/// Goes on when whoever waits for it does not, as when a sender hangs up.
async fn to_its_end(work: impl Future<Output = Answered> + 'static) -> Answered {
    tasks::spawn(work).await.unwrap_or(Err(Problem::Failed))
}

/// The first request with an `Idempotency-Key`. One that comes to nothing, however it ends, may be
/// tried again.
struct First {
    control: Rc<Control>,
    key: Option<RepeatKey>,
}

impl First {
    fn end(&mut self, answer: &Response<Bytes>) {
        let now = self.control.ports.clock.now();
        if let Some(key) = self.key.take() {
            self.control.repeats.borrow_mut().end(key, answer, now);
        }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.control.repeats.borrow_mut().abandon(key);
        }
    }
}

/// Whether the application may have been removed: then what names it is its id.
fn outlives_app(operation: &Operation, principal: &Principal) -> bool {
    operation.outlives_app() && principal.role == Role::Admin
}

/// The application that is meant where none is named.
fn own(principal: &Principal) -> TenantId {
    let bound = principal.role.tenant().cloned();
    bound.unwrap_or_else(|| TenantId::new(TenantId::DEFAULT))
}

/// The token of the one `Authorization` header.
fn bearer(head: &Parts) -> Option<&str> {
    let mut all = head.headers.get_all(AUTHORIZATION).iter();
    let (Some(first), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_ascii())
}

/// Whether the sender has this version of the resource already.
fn is_known(head: &Parts, response: &Response<Bytes>) -> bool {
    let is_read = head.method == Method::GET || head.method == Method::HEAD;
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let (Some(tag), true) = (tag, is_read && response.status() == 200) else { return false };
    head.headers.get_all(IF_NONE_MATCH).iter().any(|list| reply::names(list, tag))
}
