use crate::reply::{Problem, answer, empty, harden, problem, typed};
use crate::route::{Access, Route};
use crate::{AdminKey, Build, Commands, Health, Machine, Metrics, Readings, Reads};
use crate::{explain, host, letter, letters, page};
use bytes::Bytes;
use event::{DeliveryId, EventId};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use log::{Failure, Log};
use registry::History;
use runtime::{Clock, Entropy};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::oneshot;

#[derive(Clone, Debug)]
pub struct ControlOptions {
    pub key: AdminKey,
    /// Whether only this machine can reach the listener.
    pub is_loopback: bool,
    /// Names of this node beside `localhost` and loopback addresses, without a port; counts on a
    /// loopback listener, for a proxy in front of it.
    pub hosts: Vec<String>,
    pub build: Build,
}

pub struct Ports {
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    pub commands: Box<dyn Commands>,
    pub reads: Box<dyn Reads>,
    pub machine: Box<dyn Machine>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Answers what people and machines ask of a running node.
pub struct Control {
    options: ControlOptions,
    ports: Ports,
}

const REQUEST_ID_BYTES_MAX: usize = 128;
const HTML: &str = "text/html; charset=utf-8";

impl Control {
    pub fn new(options: ControlOptions, ports: Ports) -> Control {
        Control { options, ports }
    }

    /// Always answers, and within the time that its ports take. No request's body is read.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (head, _) = request.into_parts();
        let id = self.request_id(&head);
        let answered = match self.admit(&head) {
            Ok(route) => self.serve(route, &head, &id).await,
            Err(problem) => Err(problem),
        };
        let mut response = answered.unwrap_or_else(|problem| problem.response());
        harden(&mut response, &id);
        response
    }

    fn admit(&self, head: &Parts) -> Result<Route, Problem> {
        let route = Route::of(head.uri.path()).ok_or(Problem::NotFound("there is no such path"))?;
        let is_named = !self.options.is_loopback || host::is_ours(head, &self.options.hosts);
        match route.access() {
            Access::Anyone => {}
            Access::Page if is_named => {}
            Access::Page => return Err(Problem::Host),
            Access::Local if self.options.is_loopback && is_named => {}
            // With the key the name does not matter: no web page from elsewhere has it.
            Access::Local | Access::Key if self.bears_key(head) => {}
            Access::Local if !is_named => return Err(Problem::Host),
            Access::Local | Access::Key => return Err(Problem::NoKey),
        }
        match route.allows(&head.method) {
            true => Ok(route),
            false => Err(Problem::Method(route.methods())),
        }
    }

    fn bears_key(&self, head: &Parts) -> bool {
        let mut all = head.headers.get_all(AUTHORIZATION).iter();
        let (Some(first), None) = (all.next(), all.next()) else { return false };
        let parts = first.to_str().ok().and_then(|text| text.split_once(' '));
        let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|(_, token)| self.options.key.verify(token.trim_ascii()))
    }

    /// The sender's own, where it may stand in a log line; else a new one.
    fn request_id(&self, head: &Parts) -> String {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        let given = head.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let is_fit =
            |id: &&str| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain);
        given.filter(is_fit).map(str::to_owned).unwrap_or_else(|| {
            let mut bytes = [0; 16];
            self.ports.entropy.fill(&mut bytes);
            format!("req_{:032x}", u128::from_be_bytes(bytes))
        })
    }

    async fn serve(
        &self,
        route: Route,
        head: &Parts,
        id: &str,
    ) -> Result<Response<Bytes>, Problem> {
        match route {
            Route::Notice => Ok(self.notice()),
            Route::Live => Ok(answer(200, &json!({ "status": "ok" }))),
            Route::Ready => Ok(self.ready()),
            Route::Metrics => Ok(self.metrics().await),
            Route::Reload => self.reload(id).await,
            Route::Letters => {
                let wish = letters::Wish::of(head.uri.query().unwrap_or_default())?;
                let page = self.ask(move |log, history| letters::list(log, history, wish)).await?;
                Ok(answer(200, &page))
            }
            Route::Letter(delivery) => {
                let read =
                    move |log: &dyn Log, history: &History| letters::show(log, history, delivery);
                let letter = self.ask(read).await?;
                let letter = letter.ok_or(Problem::NotFound("there is no such dead letter"))?;
                Ok(answer(200, &letter))
            }
            Route::Redrive(delivery) => {
                self.ports.commands.redrive(delivery).await?;
                audit("redrive", delivery, id);
                Ok(answer(202, &json!({ "id": letter::name(delivery), "state": "retrying" })))
            }
            Route::Purge(delivery) => {
                self.ports.commands.purge(delivery).await?;
                audit("purge", delivery, id);
                Ok(empty(204))
            }
            Route::Explain(event) => self.explain(event).await,
        }
    }

    fn notice(&self) -> Response<Bytes> {
        let mut response = typed(200, HTML, page::notice(&self.options.build));
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    fn ready(&self) -> Response<Bytes> {
        let reasons = self.ports.health.reasons();
        let durability = &self.options.build.durability;
        if reasons.is_empty() {
            return answer(200, &json!({ "status": "ready", "durability": durability }));
        }
        let texts: Vec<&str> = reasons.iter().map(|reason| reason.text()).collect();
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code()).collect();
        let more = json!({ "reasons": codes, "durability": durability });
        problem(503, "not_ready", "Service Unavailable", &texts.join("; "), more)
    }

    async fn metrics(&self) -> Response<Bytes> {
        let now = self.ports.clock.wall();
        // A scrape that cannot read the log still tells what was counted.
        let readings = self.ask(move |log, _| Readings::of(log, now)).await.ok();
        let process = self.ports.machine.usage();
        let text = self.ports.metrics.render(readings, process, &self.options.build);
        typed(200, crate::metrics::MEDIA_TYPE, text.into())
    }

    async fn reload(&self, id: &str) -> Result<Response<Bytes>, Problem> {
        let reloaded = self.ports.commands.reload().await?;
        tracing::info!(request_id = id, changes = reloaded.changes, "reloaded by the API");
        let body = json!({ "changes": reloaded.changes, "needsRestart": reloaded.restart });
        Ok(answer(200, &body))
    }

    async fn explain(&self, id: EventId) -> Result<Response<Bytes>, Problem> {
        let read = move |log: &dyn Log, history: &History| explain::gather(log, history, id);
        match self.ask(read).await? {
            explain::Found::Event(evidence) => Ok(answer(200, &explain::tell(&evidence))),
            explain::Found::Unknown => Err(Problem::NotFound("there is no such event")),
            explain::Found::Forgotten => Err(Problem::NotFound("retention has taken this event")),
            explain::Found::Damaged => {
                tracing::error!(event = %id, "the event's record is damaged");
                Err(Problem::Failed)
            }
        }
    }

    /// Runs a reading where it may block.
    async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Log, &History) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Problem> {
        let (tell, told) = oneshot::channel();
        self.ports.reads.read(Box::new(move |log, history| {
            // The asker may have gone; then nobody wants to know.
            let _ = tell.send(read(log, history));
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

fn audit(command: &str, delivery: DeliveryId, request_id: &str) {
    tracing::info!(command, letter = letter::name(delivery), request_id, "a dead letter's command");
}
