//! Endpoints with equal filters are judged once for all of them, each by its own condition; those
//! of unequal ones apart.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use event::{
    EndpointId, Envelope, Event, EventId, Headers, Offset, StreamId, TenantId, Time, Verdict,
};
use pipeline::shard::{ShardLimits, shard_of};
use pipeline::{Answer, Batch, FromShard, Pairs, Question, Ruling, Shard, ShardStart, ToShard};
use registry::{
    Chain, ChainId, Declared, DeclaredEndpoint, DeclaredFilter, FilterLimits, History,
    ModuleDigest, OnError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

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
    event_of("acme", offset)
}

fn event_of(tenant: &str, offset: u64) -> Arc<Event> {
    Arc::new(Event {
        id: EventId::new(1_790_000_000_000, Offset(offset)),
        envelope: Envelope {
            tenant: TenantId::new(tenant),
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

/// Tells a shard of events: what it asks about them.
fn questions(shard: &mut Shard, events: Vec<Arc<Event>>, history: &Arc<History>) -> Vec<Question> {
    let head = Offset(events.len() as u64);
    let batch = Batch { events, head, history: history.clone() };
    let mut out = Vec::new();
    shard.step(NOW, vec![ToShard::Committed(Arc::new(batch))], &mut out);
    let asked = out.into_iter().filter_map(|told| match told {
        FromShard::Ask(question) => Some(question),
        _ => None,
    });
    asked.collect()
}

/// What the filters say of an event, and whether a condition lets it on to them.
struct Guests<V, M> {
    verdict: V,
    is_met: M,
}

impl<V: Fn(&Event) -> Verdict, M: Fn(&Chain, &Event) -> bool> Guests<V, M> {
    fn answer(&self, question: &Question) -> ToShard {
        let mut unmet = Pairs::new(question.events.len(), question.chains.len());
        for (row, event) in question.events.iter().enumerate() {
            for column in question.asking.of(row) {
                if !(self.is_met)(&question.chains[column], event) {
                    unmet.add(row, column);
                }
            }
        }
        let verdicts = question.events.iter().map(|event| (self.verdict)(event)).collect();
        let (id, shard) = (question.id, question.shard);
        ToShard::Answer(Answer { id, shard, verdicts, unmet, fuel: 0 })
    }

    /// What the shard does once they have answered.
    fn answer_all(&self, shard: &mut Shard, asked: &[Question]) -> Vec<FromShard> {
        let mut out = Vec::new();
        shard.step(NOW, asked.iter().map(|question| self.answer(question)).collect(), &mut out);
        out
    }
}

/// To whom what goes, once the guests have let everything pass.
fn attempts(shard: &mut Shard, asked: &[Question]) -> Vec<(EndpointId, Offset)> {
    let all = Guests { verdict: |_: &Event| Verdict::Pass, is_met: |_: &Chain, _: &Event| true };
    let tried = all.answer_all(shard, asked).into_iter().filter_map(|told| match told {
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
        let asked = questions(&mut shard, (0..EVENTS).map(event).collect(), &history);
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

/// The number that a chain's condition asks for.
fn number_of(chain: &Chain) -> Option<u64> {
    let text = chain.condition.as_ref()?.text().to_owned();
    Some(text.strip_prefix("data.n = ").unwrap().parse().unwrap())
}

#[test]
fn a_thousand_conditions_before_one_filter_are_one_question_and_each_has_its_own_verdict() {
    const ENDPOINTS: usize = 1000;
    const EVENTS: u64 = 5;
    const SHARDS: u32 = 2;
    // Every tenth has no condition.
    let condition = |n: usize| (!n.is_multiple_of(10)).then(|| format!("data.n = {n}"));
    let endpoints = (0..ENDPOINTS).map(|n| endpoint(n, condition(n).as_deref(), &["f"])).collect();
    let history = history(vec![filter("f", "{}")], endpoints);
    let guests = Guests {
        verdict: |event: &Event| match event.offset().0 {
            0 => Verdict::Pass,
            1 => Verdict::Emit(vec![Arc::new(event.clone())]),
            2 => Verdict::Drop,
            3 => Verdict::Reject { reason: "no".into() },
            _ => Verdict::Retry { delay: Duration::from_secs(9), reason: "later".into() },
        },
        is_met: |chain: &Chain, event: &Event| {
            number_of(chain).is_none_or(|number| number % 3 == event.offset().0 % 3)
        },
    };
    let rulings =
        [Ruling::Sent, Ruling::Sent, Ruling::Dropped, Ruling::Rejected, Ruling::Postponed];
    let mut heard = BTreeSet::new();
    for id in 0..SHARDS {
        let mut shard = shard(id, SHARDS, &history);
        let asked = questions(&mut shard, (0..EVENTS).map(event).collect(), &history);
        assert_eq!(asked.len(), 1, "in shard {id}");
        let shown: Vec<u64> = asked[0].events.iter().map(|event| event.offset().0).collect();
        assert_eq!(shown, [0, 1, 2, 3, 4]);
        for told in guests.answer_all(&mut shard, &asked) {
            let FromShard::Judged { endpoint, event, ruling, .. } = told else { continue };
            let of_it = history.latest().endpoint(endpoint).unwrap();
            let is_met = (guests.is_met)(of_it.chain.as_ref().unwrap(), &event);
            let offset = event.offset().0;
            let wanted = if is_met { rulings[offset as usize] } else { Ruling::Dropped };
            assert_eq!(ruling, wanted, "{} and event {offset}", of_it.name);
            assert!(heard.insert((endpoint, offset)), "{} hears twice of {offset}", of_it.name);
        }
    }
    assert_eq!(heard.len(), ENDPOINTS * EVENTS as usize, "and all hear of all");
}

#[test]
fn a_question_is_no_larger_than_a_batch_and_names_those_alone_who_ask() {
    let mut endpoints: Vec<_> =
        (0..3).map(|n| endpoint(n, Some(format!("data.n = {n}").as_str()), &[])).collect();
    endpoints[2].types = vec!["order.late".into()];
    let history = history(Vec::new(), endpoints);
    let mut events: Vec<_> = (0..300).map(event).collect();
    let late = Arc::make_mut(&mut events[290]);
    late.envelope.event_type = "order.late".into();
    let asked = questions(&mut shard(0, 1, &history), events, &history);
    let sizes: Vec<_> =
        asked.iter().map(|asked| (asked.events.len(), asked.chains.len())).collect();
    assert_eq!(sizes, [(256, 2), (44, 3)]);
    let late = asked[1].asking.of(290 - 256).map(|column| number_of(&asked[1].chains[column]));
    assert_eq!(BTreeSet::from_iter(late), BTreeSet::from([Some(0), Some(1), Some(2)]));
    for (row, event) in asked[1].events.iter().enumerate() {
        assert_eq!(asked[1].asking.of(row).count(), if event.offset().0 == 290 { 3 } else { 2 });
    }
    assert!(asked.iter().all(|asked| asked.filters().is_empty()));
}

#[test]
fn tenants_share_no_question() {
    let tenants = ["acme", "other"];
    let of = |tenant: &str, n| DeclaredEndpoint {
        tenant: TenantId::new(tenant),
        ..endpoint(n, (n % 2 == 0).then_some("data.n = 1"), &["f"])
    };
    let endpoints = (0..8).map(|n| of(tenants[n / 4], n)).collect();
    let filters =
        tenants.map(|tenant| DeclaredFilter { tenant: TenantId::new(tenant), ..filter("f", "{}") });
    let history = history(filters.into(), endpoints);
    let events = vec![event_of("acme", 0), event_of("other", 1)];
    let asked = questions(&mut shard(0, 1, &history), events, &history);
    let of_whom: BTreeSet<_> =
        asked.iter().map(|asked| (asked.tenant().as_str().to_owned(), asked.run())).collect();
    assert_eq!((asked.len(), of_whom.len()), (2, 2));
    for question in &asked {
        assert_eq!((question.events.len(), question.chains.len()), (1, 2));
        assert_eq!(question.events[0].envelope.tenant, *question.tenant());
        assert!(question.chains.iter().all(|chain| chain.tenant == *question.tenant()));
    }
}

fn run_of(filter: DeclaredFilter) -> ChainId {
    let history = history(vec![filter], vec![endpoint(0, Some("data.n = 1"), &["f"])]);
    let asked = questions(&mut shard(0, 1, &history), vec![event(0)], &history);
    asked[0].run()
}

#[test]
fn filters_that_differ_in_anything_that_counts_are_not_the_same_run() {
    let one = || filter("f", "{}");
    let limits = FilterLimits { fuel: 7, ..FilterLimits::default() };
    let others = [
        filter("f", "{\"min\":1}"),
        DeclaredFilter { module: ModuleDigest([8; 32]), ..one() },
        DeclaredFilter { limits, ..one() },
        DeclaredFilter { on_error: OnError::Drop, ..one() },
        DeclaredFilter { isolate: true, ..one() },
    ];
    let mut runs = BTreeSet::from([run_of(one())]);
    assert!(!runs.insert(run_of(one())));
    for other in others {
        let told = format!("{other:?}");
        assert!(runs.insert(run_of(other)), "{told}");
    }
}

#[test]
fn only_the_same_filters_in_the_same_order_are_the_same_run() {
    let kinds: [(Option<&str>, &[&str]); 8] = [
        (None, &["f"]),
        (Some("data.n = 1"), &["f"]),
        (Some("data.n = 2"), &["f"]),
        (Some("data.n = 1"), &[]),
        (Some("data.n = 2"), &[]),
        (None, &["other-name"]),
        (None, &["f", "other-name"]),
        (Some("data.n = 1"), &["other-name", "f"]),
    ];
    let twice = kinds.iter().chain(&kinds).enumerate();
    let endpoints: Vec<_> =
        twice.map(|(n, (condition, filters))| endpoint(n, *condition, filters)).collect();
    let filters = vec![filter("f", "{}"), filter("other-name", "{}")];
    let expected = endpoints.len();
    let history = history(filters, endpoints);
    let mut shard = shard(0, 1, &history);
    let asked = questions(&mut shard, vec![event(0)], &history);
    let mut conditions = BTreeMap::new();
    for question in &asked {
        let names: Vec<_> = question.filters().iter().map(|filter| &*filter.name).collect();
        let ids: BTreeSet<_> = question.chains.iter().map(|chain| chain.id).collect();
        assert_eq!(ids.len(), question.chains.len(), "each condition once");
        let before = conditions.insert(names.clone(), ids.len());
        assert_eq!(before, None, "{names:?} run twice");
    }
    let wanted = [(vec![], 2), (vec!["f"], 3), (vec!["f", "other-name"], 1)];
    let more = [(vec!["other-name"], 1), (vec!["other-name", "f"], 1)];
    assert_eq!(conditions, wanted.into_iter().chain(more).collect::<BTreeMap<_, _>>());
    assert_eq!(attempts(&mut shard, &asked).len(), expected);
}
