//! Endpoints with equal chains are judged once for all of them, those of unequal ones apart.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use event::{
    EndpointId, Envelope, Event, EventId, Headers, Offset, StreamId, TenantId, Time, Verdict,
};
use pipeline::shard::{ShardLimits, shard_of};
use pipeline::{Answer, Batch, FromShard, Question, Shard, ShardStart, ToShard};
use registry::{
    ChainId, Declared, DeclaredEndpoint, DeclaredFilter, FilterLimits, History, ModuleDigest,
    OnError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NOW: Time = Time::from_secs(1_000);

fn filter(name: &str, config: &str) -> DeclaredFilter {
    DeclaredFilter {
        tenant: TenantId::new("acme"),
        name: name.into(),
        module: ModuleDigest([7; 32]),
        config: config.into(),
        limits: FilterLimits::default(),
        on_error: OnError::Reject,
        isolate: false,
        circuit: None,
        candidate: None,
        about: "{}".into(),
    }
}

fn endpoint(n: usize, condition: Option<&str>, filters: &[&str]) -> DeclaredEndpoint {
    let url = format!("https://example.com/{n}");
    DeclaredEndpoint {
        condition: condition.map(Into::into),
        filters: filters.iter().map(|name| (*name).into()).collect(),
        ..DeclaredEndpoint::new(TenantId::new("acme"), &format!("e{n}"), &url)
    }
}

fn history(filters: Vec<DeclaredFilter>, endpoints: Vec<DeclaredEndpoint>) -> Arc<History> {
    let declared = Declared { filters, endpoints, ..Declared::default() };
    let mut history = History::default();
    let set = history.latest().diff(&declared).unwrap();
    history.apply(set, Offset::ZERO).unwrap();
    Arc::new(history)
}

fn event(offset: u64) -> Arc<Event> {
    Arc::new(Event {
        id: EventId::new(1_790_000_000_000, Offset(offset)),
        envelope: Envelope {
            tenant: TenantId::new("acme"),
            stream: StreamId(0),
            source: "shop".into(),
            event_type: "order.paid".into(),
            key: None,
            time: Time::from_millis(1_790_000_000_000),
            headers: Headers::new(),
        },
        body: Bytes::from_static(b"{}"),
    })
}

fn shard(id: u32, shards: u32, history: &Arc<History>) -> Shard {
    let start = ShardStart {
        shard: id,
        shards,
        history: history.clone(),
        least: Offset::ZERO,
        head: Offset::ZERO,
        lanes: Vec::new(),
        retries: Vec::new(),
        begun: Vec::new(),
        hot_bytes_max: 64 << 20,
        limits: ShardLimits::default(),
        seed: 1,
    };
    Shard::start(start, NOW)
}

/// Tells a shard of events, and answers what it asks about them.
fn questions(shard: &mut Shard, events: u64, history: &Arc<History>) -> Vec<Question> {
    let batch = Batch {
        events: (0..events).map(event).collect(),
        head: Offset(events),
        history: history.clone(),
    };
    let mut out = Vec::new();
    shard.step(NOW, vec![ToShard::Committed(Arc::new(batch))], &mut out);
    let asked = out.into_iter().filter_map(|told| match told {
        FromShard::Ask(question) => Some(question),
        _ => None,
    });
    asked.collect()
}

/// To whom what goes, once the guests have let everything pass.
fn attempts(shard: &mut Shard, asked: &[Question]) -> Vec<(EndpointId, Offset)> {
    let pass = |question: &Question| {
        let verdicts = question.events.iter().map(|_| Verdict::Pass).collect();
        ToShard::Answer(Answer { id: question.id, shard: question.shard, verdicts, fuel: 0 })
    };
    let mut out = Vec::new();
    shard.step(NOW, asked.iter().map(pass).collect(), &mut out);
    let tried = out.into_iter().filter_map(|told| match told {
        FromShard::Attempt(attempt) => {
            Some((attempt.delivery.lane.endpoint, attempt.event.offset()))
        }
        FromShard::Ask(question) => panic!("it asks again: {question:?}"),
        _ => None,
    });
    tried.collect()
}

#[test]
fn a_thousand_endpoints_with_one_filter_are_judged_once_an_event_and_shard() {
    const ENDPOINTS: usize = 1000;
    const EVENTS: u64 = 3;
    const SHARDS: u32 = 2;
    let endpoints = (0..ENDPOINTS).map(|n| endpoint(n, None, &["f"])).collect();
    let history = history(vec![filter("f", "{}")], endpoints);
    let mut got = BTreeSet::new();
    for id in 0..SHARDS {
        let mut shard = shard(id, SHARDS, &history);
        let asked = questions(&mut shard, EVENTS, &history);
        let shown = asked.iter().flat_map(|question| &question.events);
        let shown: Vec<u64> = shown.map(|event| event.offset().0).collect();
        assert_eq!(shown, [0, 1, 2], "each event once, in shard {id}");
        for (endpoint, offset) in attempts(&mut shard, &asked) {
            assert_eq!(shard_of(endpoint, SHARDS), id);
            assert!(got.insert((endpoint, offset)), "{endpoint:?} has {offset:?} twice");
        }
    }
    assert_eq!(got.len(), ENDPOINTS * EVENTS as usize, "and all of them get all");
}

fn chain_of(filter: DeclaredFilter) -> ChainId {
    let history = history(vec![filter], vec![endpoint(0, None, &["f"])]);
    let asked = questions(&mut shard(0, 1, &history), 1, &history);
    asked[0].chain.id
}

#[test]
fn filters_that_differ_in_anything_that_counts_are_not_the_same_chain() {
    let one = || filter("f", "{}");
    let limits = FilterLimits { fuel: 7, ..FilterLimits::default() };
    let others = [
        filter("f", "{\"min\":1}"),
        DeclaredFilter { module: ModuleDigest([8; 32]), ..one() },
        DeclaredFilter { limits, ..one() },
        DeclaredFilter { on_error: OnError::Drop, ..one() },
        DeclaredFilter { isolate: true, ..one() },
    ];
    let mut chains = BTreeSet::from([chain_of(one())]);
    assert!(!chains.insert(chain_of(one())));
    for other in others {
        let told = format!("{other:?}");
        assert!(chains.insert(chain_of(other)), "{told}");
    }
}

#[test]
fn only_the_same_condition_and_filters_in_the_same_order_are_the_same_chain() {
    let kinds: [(Option<&str>, &[&str]); 6] = [
        (None, &["f"]),
        (Some("data.a = 1"), &["f"]),
        (Some("data.a = 2"), &["f"]),
        (None, &["other-name"]),
        (None, &["f", "other-name"]),
        (None, &["other-name", "f"]),
    ];
    let twice = kinds.iter().chain(&kinds).enumerate();
    let endpoints: Vec<_> =
        twice.map(|(n, (condition, filters))| endpoint(n, *condition, filters)).collect();
    let filters = vec![filter("f", "{}"), filter("other-name", "{}")];
    let expected = endpoints.len();
    let history = history(filters, endpoints);
    let mut shard = shard(0, 1, &history);
    let asked = questions(&mut shard, 1, &history);
    let mut by_chain = BTreeMap::new();
    for question in &asked {
        *by_chain.entry(question.chain.id).or_insert(0) += question.events.len();
    }
    assert_eq!(by_chain.len(), kinds.len(), "{by_chain:?}");
    assert!(by_chain.values().all(|shown| *shown == 1), "{by_chain:?}");
    assert_eq!(attempts(&mut shard, &asked).len(), expected);
}
