//! What can be asked, as the served document says it.

use super::belongings::{Belongings, Form};
use crate::node::{request, with_body};
use serde_json::Value;

/// One operation of the document, asked in one way.
#[derive(Clone)]
pub struct Row {
    pub id: String,
    verb: String,
    path: String,
    captures: Vec<String>,
    query: Vec<String>,
    /// Of its body: what it may have.
    media: Vec<String>,
    /// What else it is asked with.
    usual: Option<&'static str>,
}

/// Parameters of queries that name something of an application's.
const NAMING: &[&str] = &["endpoint", "endpoint_id"];
/// Captures that name nothing of one application alone: a type is the node's, and a consumer is
/// there as soon as somebody says its name.
const FREE: &[&str] = &["event_type_name", "consumer_id"];
/// The others: none of them names anything that somebody has. One that is new has its place in one
/// of these lists.
const PLAIN: &[&str] = &[
    "after",
    "app",
    "before",
    "by",
    "channel",
    "content",
    "disabled",
    "eventType",
    "event_type",
    "event_types",
    "expanded_statuses",
    "expunge",
    "follow",
    "from",
    "get_if_exists",
    "include_archived",
    "iterator",
    "key",
    "keys",
    "level",
    "limit",
    "order",
    "portal",
    "search",
    "sensitive",
    "since",
    "stage",
    "status",
    "status_code_class",
    "step",
    "to",
    "type",
    "until",
    "value",
    "version",
    "where",
    "with_content",
    "with_msg",
];

/// What operations need in their queries, or else would say nothing; each of several is a row.
const QUERIES: &[(&str, &str)] = &[
    ("tail", "follow=false&content=true&since=2001-01-01T00:00:00Z"),
    ("table.entry", "key=known"),
    ("stats", "by=eventType"),
    ("stats", "by=endpoint"),
    ("v1.message-attempt.list-by-endpoint", "with_msg=true"),
];

const BODIES: &[(&str, &str)] = &[
    ("erase", r#"{"everything":true}"#),
    ("event-type.check", "{}"),
    ("filter.candidate.put", r#"{"config":{"a":1}}"#),
    ("filter.dry-run", "{}"),
    ("filter.patch", r#"{"onError":"drop"}"#),
    ("filter.put", r#"{"module":"forebay/redact"}"#),
    ("key.create", r#"{"name":"n","role":"admin"}"#),
    ("key.rotate", "{}"),
    ("key.update", r#"{"name":"n"}"#),
    ("source.create", r#"{"name":"n","scheme":"none"}"#),
    ("source.patch", r#"{"settings":{}}"#),
    ("source.rotate-secret", "{}"),
    ("v1.application.create", r#"{"name":"n"}"#),
    ("v1.application.patch", r#"{"name":"n"}"#),
    ("v1.application.update", r#"{"name":"n"}"#),
    ("v1.authentication.app-portal-access", "{}"),
    ("v1.authentication.expire-all", "{}"),
    ("v1.endpoint.create", r#"{"url":"https://example.com/in"}"#),
    ("v1.endpoint.patch", r#"{"description":"n"}"#),
    ("v1.endpoint.patch-headers", r#"{"headers":{"x-a":"b"}}"#),
    ("v1.endpoint.patch-transformation", r#"{"variables":{}}"#),
    ("v1.endpoint.recover", r#"{"since":"2020-01-01T00:00:00Z"}"#),
    ("v1.endpoint.replay-missing", r#"{"since":"2020-01-01T00:00:00Z"}"#),
    ("v1.endpoint.rotate-secret", "{}"),
    ("v1.endpoint.send-example", r#"{"eventType":"svix.ping"}"#),
    ("v1.endpoint.update", r#"{"url":"https://example.com/in"}"#),
    ("v1.endpoint.update-headers", r#"{"headers":{"x-a":"b"}}"#),
    ("v1.event-type.create", r#"{"name":"n","description":"n"}"#),
    ("v1.event-type.patch", r#"{"description":"n"}"#),
    ("v1.event-type.update", r#"{"description":"n"}"#),
    ("v1.message.create", r#"{"eventType":"a.b","payload":{}}"#),
    ("v1.message.poller.consumer-seek", r#"{"after":"2020-01-01T00:00:00Z"}"#),
];

/// Every operation that there is, in every way of `QUERIES`.
pub fn rows() -> Vec<Row> {
    let document = control::openapi();
    let mut rows = Vec::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for (verb, told) in verbs.as_object().unwrap() {
            let row = Row::of(path, verb, told);
            let ways = QUERIES.iter().filter(|(id, _)| *id == row.id);
            let ways: Vec<Row> =
                ways.map(|(_, query)| Row { usual: Some(*query), ..row.clone() }).collect();
            match ways.is_empty() {
                true => rows.push(row),
                false => rows.extend(ways),
            }
        }
    }
    rows
}

impl Row {
    fn of(path: &str, verb: &str, told: &Value) -> Row {
        let id = told["operationId"].as_str().unwrap().to_owned();
        let parameters = told["parameters"].as_array().unwrap();
        let those = |place: &str| {
            let there = parameters.iter().filter(|parameter| parameter["in"] == *place);
            let names = there.map(|parameter| parameter["name"].as_str().unwrap().to_owned());
            names.collect::<Vec<_>>()
        };
        let query = those("query");
        for name in &query {
            let is_known = PLAIN.contains(&&**name) || NAMING.contains(&&**name);
            assert!(is_known, "{id}: does `{name}` name what an application has?");
        }
        let media = told["requestBody"]["content"].as_object();
        Row {
            id,
            verb: verb.to_ascii_uppercase(),
            path: path.to_owned(),
            captures: those("path"),
            query,
            media: media.into_iter().flat_map(|media| media.keys().cloned()).collect(),
            usual: None,
        }
    }

    pub fn is_read(&self) -> bool {
        self.verb == "GET"
    }

    /// Whether it makes what is not there yet.
    pub fn may_make(&self) -> bool {
        self.verb == "PUT" || self.id == "filter.push"
    }

    pub fn has(&self, parameter: &str) -> bool {
        self.query.iter().any(|name| name == parameter)
    }

    /// The place of its application, where it has one.
    pub fn app(&self) -> Option<&'static str> {
        let is_in_path = self.captures.iter().any(|capture| capture == "app_id");
        if is_in_path { Some("app_id") } else { self.has("app").then_some("app") }
    }

    /// The places that name what one application has, without the application's own.
    pub fn places(&self) -> Vec<&str> {
        let captures = self.captures.iter().map(|capture| &**capture);
        let captures = captures.filter(|name| *name != "app_id" && !FREE.contains(name));
        let query = self.query.iter().map(|name| &**name).filter(|name| NAMING.contains(name));
        captures.chain(query).collect()
    }

    /// A request for it. `whose` says whose thing is named at each place; without one a parameter
    /// of the query is left out.
    pub fn ask<'a>(
        &self,
        form: Form,
        whose: impl Fn(&str) -> Option<&'a Belongings>,
        lines: &[&str],
        more: &str,
    ) -> String {
        let mut path = self.path.clone();
        for capture in &self.captures {
            let named = whose(capture).expect("every capture has a name");
            let name = named.named(&self.path, capture, form);
            path = path.replace(&format!("{{{capture}}}"), name);
        }
        let naming = self.query.iter().filter(|name| **name == "app" || NAMING.contains(&&***name));
        let named = naming.filter_map(|place| {
            Some(format!("{place}={}", whose(place)?.named(&self.path, place, form)))
        });
        let all = named.chain(self.usual.map(str::to_owned));
        let all: Vec<String> = all.chain(Some(more.to_owned())).collect();
        let query = all.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>();
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        self.with_body(&path, lines)
    }

    fn with_body(&self, path: &str, lines: &[&str]) -> String {
        let accepts = |media: &str| self.media.iter().any(|known| known == media);
        let odd = [("text/csv", "10 n"), ("application/wasm", "\0asm-n")];
        if let Some((media, body)) = odd.iter().find(|(media, _)| accepts(media)) {
            let own = [format!("content-type: {media}"), format!("content-length: {}", body.len())];
            let own = own.iter().map(|line| &**line);
            let lines: Vec<&str> = own.chain(lines.iter().copied()).collect();
            return request(&self.verb, path, &lines) + *body;
        }
        if self.media.is_empty() {
            return request(&self.verb, path, lines);
        }
        let known = BODIES.iter().find(|(id, _)| *id == self.id);
        let (_, body) = known.unwrap_or_else(|| panic!("{}: `BODIES` has no body for it", self.id));
        with_body(&self.verb, path, body, lines)
    }
}
