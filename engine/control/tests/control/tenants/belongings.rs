//! One of everything that an application can have, with the same word in every text of it.

use crate::node::{NOW, Node, dead, delivery, request};
use control::{Compared, Heard, SaidLine};
use event::{
    AttemptRow, AttemptState, Attempted, Cause, Change, EndpointId, EventId, Offset, Outcome,
    Parcel, Stage, TenantId, Verdict,
};
use log::{Group, Log};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a thing is named in a request.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    Id,
    /// As whoever made it calls it, where that is something else.
    OwnName,
}

/// What an application has, by the names that the document gives to its places.
pub struct Belongings(BTreeMap<&'static str, [String; 2]>);

/// A type is the node's, and every key sees it.
const SHARED_TYPE: &str = "shared.type";
const EPOCH: &str = "1970-01-01T00:00:00Z";

impl Belongings {
    pub fn app(&self) -> TenantId {
        TenantId::new(&self.0["app_id"][0])
    }

    pub fn message(&self) -> &str {
        &self.0["event_id"][0]
    }

    /// As an answer would name it, told from those that begin like it.
    pub fn endpoint_in_json(&self) -> String {
        format!("\"{}\"", self.0["endpoint_id"][0])
    }

    /// What stands at a place of this path or of its query.
    pub fn named(&self, path: &str, place: &str, form: Form) -> &str {
        let place = match place {
            "app" => "app_id",
            "endpoint" => "endpoint_id",
            "version" if path.starts_with("/v1/table/") => "table version",
            place => place,
        };
        let found = self.0.get(place);
        let names = found.unwrap_or_else(|| panic!("`{place}` of {path}: make one in `fill`"));
        match form {
            Form::Id => &names[0],
            Form::OwnName => &names[1],
        }
    }

    /// Of things that there are not.
    pub fn absent() -> Belongings {
        let event = EventId::new(NOW.millis(), Offset(999)).to_string();
        let both = |name: &str| [name.to_owned(), name.to_owned()];
        Belongings(BTreeMap::from([
            ("app_id", ["app_absent".to_owned(), "absent".to_owned()]),
            ("endpoint_id", ["ep_999".to_owned(), "absent-endpoint".to_owned()]),
            ("sink_id", ["ep_998".to_owned(), "absent-sink".to_owned()]),
            ("consumer_id", both("absent-consumer")),
            ("event_type_name", both(SHARED_TYPE)),
            ("msg_id", [event.clone(), "absent-event".to_owned()]),
            ("event_id", both(&event)),
            ("attempt_id", both("atmpt_999-0-999-0-1")),
            ("filter_name", both("absent-filter")),
            ("table_name", both("absent-table")),
            ("source_name", both("absent-source")),
            ("version", both(&"0".repeat(32))),
            ("table version", both(&"0".repeat(32))),
            ("key_id", both("k000000000")),
            ("letter_id", both("dl_999-0-999-0")),
        ]))
    }

    /// Makes an application of this word, and all that it has.
    pub fn fill(node: &Node, word: &str) -> Belongings {
        let mark = mark(word);
        let new = json!({ "name": mark, "uid": word, "metadata": { "note": mark } });
        let made = asked(node, "POST", "/api/v1/app", &new);
        let app = text(&made["id"]);
        let (filter, table, source) =
            (format!("{word}-filter"), format!("{word}-table"), format!("{word}-source"));
        let version = filter_of(node, &app, &filter, &mark);
        let table_version = table_of(node, &app, &table, &mark);
        source_of(node, &app, &source, &mark);
        let (endpoint, sink, consumer) = endpoints_of(node, &app, word);
        let event = messages_of(node, &app, word);
        let id: EventId = event.parse().unwrap();
        let at = EndpointId::read(&endpoint).unwrap();
        deliver(node, at, id, &mark);
        watch(node, &TenantId::new(&app), &filter, id, &mark);
        count(node, &TenantId::new(&app), at, &mark);
        let key = json!({ "name": mark, "role": "manager", "app": app });
        let key = text(&asked(node, "POST", "/v1/key", &key)["id"]);
        let session = format!("/api/v1/auth/app-portal-access/{app}");
        asked(node, "POST", &session, &json!({ "sessionId": mark }));
        let both = |name: String| [name.clone(), name];
        let (lane, offset) = (at.0, id.offset().0);
        Belongings(BTreeMap::from([
            ("app_id", [app, word.to_owned()]),
            ("endpoint_id", [endpoint, format!("{word}-endpoint")]),
            ("sink_id", [sink, format!("{word}-sink")]),
            ("consumer_id", both(consumer)),
            ("event_type_name", both(SHARED_TYPE.to_owned())),
            ("msg_id", [event.clone(), format!("{word}-event")]),
            ("event_id", both(event)),
            ("attempt_id", both(format!("atmpt_{lane}-0-{offset}-0-1"))),
            ("filter_name", both(filter)),
            ("table_name", both(table)),
            ("source_name", both(source)),
            ("version", both(version)),
            ("table version", both(table_version)),
            ("key_id", both(key)),
            ("letter_id", both(format!("dl_{lane}-0-{offset}-0"))),
        ]))
    }
}

/// What stands in every text of an application's things; their names alone begin with the word and
/// are without it, since whoever guesses a name may say it.
pub fn mark(word: &str) -> String {
    format!("{word}-mark")
}

/// The event type that all see.
pub fn make_shared_type(node: &Node) {
    let new = json!({ "name": SHARED_TYPE, "description": "" });
    asked(node, "POST", "/api/v1/event-type", &new);
}

fn asked(node: &Node, method: &str, path: &str, body: &Value) -> Value {
    let reply = node.send(method, path, &body.to_string(), &[]);
    assert!((200..300).contains(&reply.status), "{method} {path}: {} {}", reply.status, reply.body);
    serde_json::from_str(&reply.body).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Two versions and a candidate; gives the version that is not in force any more.
fn filter_of(node: &Node, app: &str, filter: &str, mark: &str) -> String {
    let path = format!("/v1/filter/{filter}");
    let with_app = format!("{path}?app={app}");
    let first = json!({ "module": "forebay/redact", "config": { "first": mark } });
    asked(node, "PUT", &with_app, &first);
    asked(node, "PATCH", &with_app, &json!({ "config": { "second": mark } }));
    let candidate = json!({ "config": { "third": mark } });
    asked(node, "PUT", &format!("{path}/candidate?app={app}"), &candidate);
    text(&node.get(&format!("{path}/version?app={app}")).json()["data"][1]["version"])
}

fn table_of(node: &Node, app: &str, table: &str, mark: &str) -> String {
    let path = format!("/v1/table/{table}");
    for bytes in [10, 20] {
        let content = format!("{bytes} {mark}");
        let length = format!("content-length: {}", content.len());
        let lines = [&*node.bearer(), &length, "content-type: text/csv"].map(str::to_owned);
        let lines: Vec<&str> = lines.iter().map(|line| &**line).collect();
        let loaded = node.one(request("PUT", &format!("{path}?app={app}"), &lines) + &content);
        assert!((200..300).contains(&loaded.status), "{}", loaded.body);
    }
    text(&node.get(&format!("{path}/version?app={app}")).json()["data"][1]["version"])
}

fn source_of(node: &Node, app: &str, source: &str, mark: &str) {
    let settings = json!({ "headers": [format!("x-{mark}")] });
    let new = json!({ "name": source, "scheme": "github", "secret": mark, "settings": settings });
    asked(node, "POST", &format!("/v1/source?app={app}"), &new);
    let heard = Heard {
        at: NOW,
        took: Duration::from_millis(1),
        peer: [192, 0, 2, 1].into(),
        method: "POST".into(),
        status: 202,
        refused: None,
        id: None,
        is_duplicate: false,
        is_conflict: false,
        bytes: Some(7),
        content_type: Some(format!("text/{mark}")),
        user_agent: Some(mark.to_owned()),
        headers: vec![format!("x-{mark}")],
    };
    node.heard.borrow_mut().push((TenantId::new(app), source.into(), heard));
}

/// One that is sent to, one that is polled, and a consumer of it.
fn endpoints_of(node: &Node, app: &str, word: &str) -> (String, String, String) {
    let (mark, path) = (mark(word), format!("/api/v1/app/{app}/endpoint"));
    let new = |uid: &str, url: &str| {
        let note = json!({ "note": mark });
        json!({ "url": url, "uid": uid, "description": mark, "metadata": note })
    };
    let mut sent_to = new(&format!("{word}-endpoint"), &format!("https://example.com/{mark}"));
    sent_to["headers"] = json!({ "x-note": mark });
    let endpoint = text(&asked(node, "POST", &path, &sent_to)["id"]);
    let code = format!("function handler(webhook) {{ return webhook; }} // {mark}");
    let script = json!({ "code": code, "enabled": true, "variables": { "note": mark } });
    asked(node, "PATCH", &format!("{path}/{endpoint}/transformation"), &script);
    let sink = new(&format!("{word}-sink"), "poll:");
    let sink = text(&asked(node, "POST", &path, &sink)["id"]);
    let consumer = format!("{word}-consumer");
    let seek = format!("/api/v1/app/{app}/poller/{sink}/consumer/{consumer}/seek");
    asked(node, "POST", &seek, &json!({ "after": EPOCH }));
    (endpoint, sink, consumer)
}

/// Two, of which the first is named.
fn messages_of(node: &Node, app: &str, word: &str) -> String {
    let (mark, path) = (mark(word), format!("/api/v1/app/{app}/msg"));
    let event_type = format!("{mark}.paid");
    let mut new = json!({ "eventType": event_type, "payload": { "note": mark }, "key": mark });
    new["channels"] = json!([mark]);
    asked(node, "POST", &path, &new);
    new["eventId"] = format!("{word}-event").into();
    text(&asked(node, "POST", &path, &new)["id"])
}

/// Two attempts, and the letter that came of them.
fn deliver(node: &Node, endpoint: EndpointId, id: EventId, mark: &str) {
    let sent = delivery(endpoint, id.offset());
    let row = |number, state| {
        let cause = Cause::Connection(mark.into());
        let outcome = Outcome::Failed { cause, retry_after: None };
        let attempt = Attempted { number, at: NOW, took: Duration::from_millis(7), outcome };
        AttemptRow { delivery: sent, outputs: 1, attempt: Some(attempt), state }
    };
    let event = node.log.event(id.offset()).unwrap().unwrap();
    node.commit(Group {
        attempts: vec![row(1, AttemptState::Trouble), row(2, AttemptState::Dead)],
        dead: vec![Change::Put(sent, dead(mark, 2))],
        parcels: vec![Change::Put(sent, Parcel { stage: Stage::Output, event, input_key: None })],
        ..Group::default()
    });
}

/// A line of the filter, and an event of which its candidate said something else.
fn watch(node: &Node, app: &TenantId, filter: &str, id: EventId, mark: &str) {
    let line = SaidLine { filter, event: None, level: 3, fault: None, text: mark };
    node.watch.said(app, &[], NOW, [line].into_iter());
    let event = node.log.event(id.offset()).unwrap().unwrap();
    let history = node.history.borrow();
    let version = history.latest().filter(app, filter).unwrap();
    let examples = vec![(event, Verdict::Pass, Verdict::Drop)];
    let compared = Compared { judged: 1, differing: 1, examples, ..Compared::default() };
    node.watch.compared(version, NOW, compared);
}

fn count(node: &Node, app: &TenantId, endpoint: EndpointId, mark: &str) {
    let event_type = format!("{mark}.paid");
    let mut tally = node.stats.tally();
    tally.of_type(app, &event_type).accepted(100);
    tally.of_endpoint(endpoint, app, &event_type).matched();
}
