use crate::kept::{is_key, is_type};
use crate::reply::{Refusal, Reply, accepted, item, receipt, with_type};
use crate::server::dismiss;
use crate::webhook::{header, parameter};
use crate::{Accept, NoProducer, Producer, Respond, RespondBody, Server};
use bytes::Bytes;
use event::{Arrival, Duplicate, Envelope, Headers, OnConflict, StreamId, Time, limits};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::http::request::Parts;
use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;

pub(crate) mod cloud;
mod lines;
pub(crate) mod plain;

const RESPOND: Respond = Respond { status: 202, duplicate: 202, body: RespondBody::Receipt };

/// One event as a producer wrote it, in whatever form.
pub(crate) struct Item {
    event_type: Box<str>,
    key: Option<Box<str>>,
    headers: Headers,
    body: Bytes,
    /// Where its own id comes from, and the id.
    id: Option<(&'static str, Box<[u8]>)>,
}

pub(crate) type Malformed = Cow<'static, str>;

impl<A: Accept + 'static> Server<A> {
    /// Events of producers that are trusted by their key.
    pub(crate) async fn events(
        self: &Rc<Self>,
        head: &Parts,
        body: Incoming,
        peer: IpAddr,
    ) -> Result<Reply, Refusal> {
        let producer = match self.producer(head, peer) {
            Ok(producer) => producer,
            Err(why) => {
                dismiss(body);
                return Err(match why {
                    NoProducer::Key => Refusal::NoKey,
                    NoProducer::App => Refusal::NoApp,
                });
            }
        };
        let form = header(&head.headers, CONTENT_TYPE.as_str()).unwrap_or("application/json");
        let form = form.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if matches!(&*form, "application/x-ndjson" | "application/ndjson" | "application/jsonl") {
            return Ok(self.lines(head, body, producer));
        }
        let is_binary = head.headers.contains_key("ce-specversion");
        let is_known = matches!(
            &*form,
            "application/json"
                | "application/cloudevents+json"
                | "application/cloudevents-batch+json"
        );
        if !is_binary && !is_known {
            dismiss(body);
            return Err(Refusal::MediaType);
        }
        let body = self.read(body, self.limits.body_bytes_max).await?;
        let item = match &*form {
            "application/cloudevents-batch+json" => {
                return self.batch(&producer, head, &body).await;
            }
            "application/cloudevents+json" => cloud::structured(&body),
            _ if is_binary => cloud::binary(&head.headers, body),
            _ => plain::read(&body),
        };
        let item = item.map_err(Refusal::Malformed)?;
        let arrival = self.arrival(&producer, head, item).map_err(Refusal::Malformed)?;
        let mut arrival = self.permitted(&producer, arrival)?;
        if let Some(key) = head.headers.get("idempotency-key") {
            arrival.duplicate = Some(duplicate(&arrival, "key", key.as_bytes()));
        }
        receipt(self.ports.accept.offer(arrival).await, &RESPOND)
    }

    fn producer(&self, head: &Parts, peer: IpAddr) -> Result<Producer, NoProducer> {
        let given = header(&head.headers, AUTHORIZATION.as_str());
        let (kind, key) = given.and_then(|given| given.split_once(' ')).ok_or(NoProducer::Key)?;
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(NoProducer::Key);
        }
        let app = head.uri.query().and_then(|query| parameter(query, "app"));
        (self.ports.producer)(key.trim(), peer, app)
    }

    /// All or nothing is well-formed; then each event has an answer of its own, in order, and the
    /// whole the status of the first that was refused.
    async fn batch(
        &self,
        producer: &Producer,
        head: &Parts,
        body: &Bytes,
    ) -> Result<Reply, Refusal> {
        let items = cloud::batch(body).map_err(Refusal::Malformed)?;
        let arrivals = items.into_iter().map(|item| self.arrival(producer, head, item));
        let arrivals: Vec<_> = arrivals.collect::<Result<_, _>>().map_err(Refusal::Malformed)?;
        let offer = |arrival| {
            self.permitted(producer, arrival).map(|arrival| self.ports.accept.offer(arrival))
        };
        let waiting: Vec<_> = arrivals.into_iter().map(offer).collect();
        let (mut answers, mut refusal) = (Vec::new(), None);
        for answer in waiting {
            let answer = match answer {
                Ok(answer) => accepted(answer.await),
                Err(why) => Err(why),
            };
            answers.push(match answer {
                Ok((id, is_duplicate, _)) => item(id, is_duplicate),
                Err(why) => {
                    let line = why.item().into();
                    refusal.get_or_insert(why);
                    line
                }
            });
        }
        let status = refusal.as_ref().map_or(RESPOND.status, Refusal::status);
        let body = [b"[", &answers.join(&b","[..])[..], b"]"].concat();
        let response = with_type(status, "application/json", body.into());
        let refused = refusal.and_then(|refusal| refusal.reply().refused);
        Ok(Reply { response, refused, is_duplicate: false, is_conflict: false, id: None })
    }

    /// Lets an event pass that its producer may publish, and that is what its type asks for.
    fn permitted(&self, producer: &Producer, arrival: Arrival) -> Result<Arrival, Refusal> {
        let event_type = &arrival.envelope.event_type;
        if !producer.may_publish(event_type) {
            return Err(Refusal::EventType(event_type.clone()));
        }
        match (self.ports.unfit)(event_type, &arrival.body) {
            None => Ok(arrival),
            Some(why) => Err(Refusal::Unfit(why)),
        }
    }

    fn arrival(&self, producer: &Producer, head: &Parts, item: Item) -> Result<Arrival, Malformed> {
        let trace = head.headers.get("traceparent");
        arrival(producer, trace.map(|t| t.as_bytes()), item, self.ports.clock.wall())
    }
}

/// Checks what no form of an event may break.
pub(crate) fn arrival(
    producer: &Producer,
    trace: Option<&[u8]>,
    item: Item,
    time: Time,
) -> Result<Arrival, Malformed> {
    if !is_type(&item.event_type) {
        return Err("`type` must be 1 to 256 bytes without control characters".into());
    }
    if item.key.as_deref().is_some_and(|key| !is_key(key)) {
        return Err("`key` must be 1 to 1024 bytes without control characters".into());
    }
    let mut headers = item.headers;
    if let (Some(trace), None) = (trace, headers.first("traceparent")) {
        headers.push("traceparent", trace);
    }
    let weight: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > limits::HEADERS_MAX || weight > limits::HEADERS_BYTES_MAX {
        return Err("an event's attributes may be 128 and 64 KiB at most".into());
    }
    let envelope = Envelope {
        tenant: producer.tenant.clone(),
        stream: StreamId(0),
        source: producer.source.clone(),
        event_type: (*item.event_type).into(),
        key: item.key,
        time,
        headers,
    };
    let mut arrival = Arrival { envelope, body: item.body, duplicate: None };
    arrival.duplicate = item.id.map(|(kind, id)| duplicate(&arrival, kind, &id));
    Ok(arrival)
}

/// A producer that chose the key of an event is told when it chose twice.
fn duplicate(arrival: &Arrival, kind: &str, id: &[u8]) -> Duplicate {
    let key = arrival.envelope.key.as_deref().unwrap_or_default();
    let parts: [&[u8]; 3] = [arrival.envelope.event_type.as_bytes(), key.as_bytes(), &arrival.body];
    crate::duplicate::duplicate(kind, id, &parts, OnConflict::Refuse)
}
