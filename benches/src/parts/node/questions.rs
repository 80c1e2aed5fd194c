use super::asked::{Asked, case};
use super::client::{Ask, Client};
use super::fill::{Filled, endpoint};
use super::walk::page;
use super::{Setting, Walks};
use crate::measure::Case;
use event::Rng;
use serde_json::json;
use std::net::SocketAddr;

pub const MESSAGES: &str = "/api/v1/app/default/msg";
pub const ENDPOINTS: &str = "/api/v1/app/default/endpoint";
/// At the endpoint that wants every message.
pub const ATTEMPTS: &str = "/api/v1/app/default/attempt/endpoint/bench-0";
pub const TRIED: &str = "/api/v1/app/default/endpoint/bench-0/msg";
const ATTEMPTS_AT: &str = "/api/v1/app/default/attempt/msg";
/// Those that have a text that none has.
const SEARCHED: &str = "&search=no-such-endpoint";
/// Those that failed for good: there are none.
const FAILED: &str = "&status=2";

/// What one client asks a full node, on one connection.
pub struct Questions<'a> {
    pub setting: &'a Setting<'a>,
    pub client: Client,
    pub filled: &'a Filled,
    pub walks: &'a Walks,
}

impl Questions<'_> {
    pub fn of_messages(&mut self) -> anyhow::Result<Vec<Case>> {
        let walks = self.walks;
        let (iterators, ids) = (&walks.messages.iterators, &walks.messages.ids);
        let (message, attempts) = (one(MESSAGES, ids), one(ATTEMPTS_AT, ids));
        Ok(vec![
            self.case("50 messages", pages(MESSAGES, 50, "", iterators))?,
            self.case("250 messages", pages(MESSAGES, 250, "", iterators))?,
            self.case(
                "5,000 messages looked at in vain, by type",
                pages(MESSAGES, 50, "&event_types=none.such", iterators),
            )?,
            self.case("one message", vec![Asked::new("from anywhere", message)])?,
            self.case("attempts at one message", vec![Asked::new("from anywhere", attempts)])?,
        ])
    }

    pub fn of_attempts(&mut self) -> anyhow::Result<Vec<Case>> {
        let Walks { attempts, tried, .. } = self.walks;
        let (attempts, tried) = (&attempts.iterators, &tried.iterators);
        Ok(vec![
            self.case("50 attempts at an endpoint", pages(ATTEMPTS, 50, "", attempts))?,
            self.case(
                "50 failed attempts at an endpoint that has none",
                pages(ATTEMPTS, 50, FAILED, attempts),
            )?,
            self.case("50 messages that an endpoint was sent", pages(TRIED, 50, "", tried))?,
            self.case(
                "50 messages that failed at an endpoint, of none",
                pages(TRIED, 50, FAILED, tried),
            )?,
        ])
    }

    pub fn of_endpoints(&mut self, sink: SocketAddr) -> anyhow::Result<Vec<Case>> {
        let (walks, filled) = (self.walks, self.filled);
        let (iterators, ids) = (&walks.endpoints.iterators, &filled.endpoints);
        let read = one(ENDPOINTS, ids);
        let mut number = ids.len();
        let create = move || {
            number += 1;
            endpoint(sink, number)
        };
        Ok(vec![
            self.case("50 endpoints", pages(ENDPOINTS, 50, "", iterators))?,
            self.case("endpoints filtered in vain", pages(ENDPOINTS, 50, SEARCHED, iterators))?,
            self.case("one endpoint", vec![Asked::new("from anywhere", read)])?,
            self.case("an endpoint created", vec![Asked::new("with its sync", create)])?,
            self.case("an endpoint changed", vec![Asked::new("with its sync", change(ids))])?,
        ])
    }

    /// Whether what others ask of the API keeps the road waiting.
    pub fn published(&mut self) -> anyhow::Result<Case> {
        let (walks, filled) = (self.walks, self.filled);
        let ids = &filled.endpoints;
        let publish = |name| Asked::new(name, publish());
        let (mut list, mut change) = (listed(&walks.endpoints.iterators), change(ids));
        let mut is_change = false;
        let list_and_change = move || {
            is_change = !is_change;
            if is_change { change() } else { list() }
        };
        let attempts = &walks.attempts.iterators;
        let mut rng = Rng::seeded(7);
        let search = move || Ask::of(page(ATTEMPTS, 50, FAILED, any(attempts, &mut rng)));
        let all = vec![
            publish("beside one who lists and changes endpoints").beside(list_and_change),
            publish("beside one who looks for failures in vain").beside(search),
            publish("alone"),
        ];
        self.case("a message published, with its sync", all)
    }

    fn case(&mut self, name: &str, all: Vec<Asked<'_>>) -> anyhow::Result<Case> {
        case(name, &mut self.client, self.setting, all)
    }
}

fn any<'a>(all: &'a [String], rng: &mut Rng) -> &'a str {
    &all[rng.range(0..all.len() as u64) as usize]
}

/// Pages at any depth, beside the first one.
fn pages<'a>(
    list: &'a str,
    limit: usize,
    more: &'a str,
    iterators: &'a [String],
) -> Vec<Asked<'a>> {
    let mut rng = Rng::seeded(1);
    let anywhere = move || Ask::of(page(list, limit, more, any(iterators, &mut rng)));
    let first = move || Ask::of(page(list, limit, more, ""));
    vec![Asked::new("from anywhere", anywhere), Asked::new("the first page", first)]
}

/// What is found under an id.
fn one(path: &str, ids: &[String]) -> impl FnMut() -> Ask {
    let mut rng = Rng::seeded(2);
    move || Ask::of(format!("{path}/{}", any(ids, &mut rng)))
}

/// Pages of endpoints, as large as they may be.
fn listed(iterators: &[String]) -> impl FnMut() -> Ask + Send {
    let mut rng = Rng::seeded(3);
    move || Ask::of(page(ENDPOINTS, 250, "", any(iterators, &mut rng)))
}

fn change(ids: &[String]) -> impl FnMut() -> Ask + Send {
    let (mut rng, mut number) = (Rng::seeded(4), 0u64);
    move || {
        number += 1;
        let body = json!({ "description": format!("changed as number {number}") });
        Ask::patch(format!("{ENDPOINTS}/{}", any(ids, &mut rng)), body.to_string())
    }
}

fn publish() -> impl FnMut() -> Ask {
    let mut number = 0u64;
    move || {
        number += 1;
        let payload = json!({ "n": number, "pad": "x".repeat(180) });
        let body = json!({ "eventType": "push", "payload": payload });
        Ask::post(format!("{MESSAGES}?with_content=false"), body.to_string())
    }
}
