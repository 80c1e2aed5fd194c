//! Histories of random changes: every offset against a naive replay, rows and back, and what may
//! be forgotten.

#![allow(clippy::unwrap_used, reason = "tests")]

use event::{EndpointId, Offset, TenantId};
use proptest::prelude::*;
use registry::{
    Declared, DeclaredEndpoint, DeclaredFilter, History, ModuleDigest, Row, RowKey, Secret,
    Secrets, Snapshot,
};
use std::collections::{BTreeMap, BTreeSet};

/// One thing that a configuration may declare, by small numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    tenant: u8,
    name: u8,
    url: u8,
    types: u8,
    condition: Option<u8>,
    is_filtered: bool,
}

/// A whole configuration: wishes with distinct names, and the version of each tenant's filter.
#[derive(Clone, Debug)]
struct Config {
    wishes: Vec<Wish>,
    filter: u8,
}

const TENANTS: u8 = 3;
const TYPES: [&[&str]; 6] =
    [&[], &["*"], &["push"], &["a.*", "a.b"], &["a.b.*"], &["push", "*", "push"]];
const SEEN: [&str; 8] = ["push", "a", "a.b", "a.b.c", "a.b.c.d", "a.", "ab.c", "other"];

fn wishes() -> impl Strategy<Value = Wish> {
    let condition = proptest::option::of(0..2u8);
    (0..TENANTS, 0..6u8, 0..2u8, 0..6u8, condition, any::<bool>()).prop_map(
        |(tenant, name, url, types, condition, is_filtered)| Wish {
            tenant,
            name,
            url,
            types,
            condition,
            is_filtered,
        },
    )
}

fn configs() -> impl Strategy<Value = Config> {
    (proptest::collection::vec(wishes(), 0..12), 0..2u8).prop_map(|(wishes, filter)| {
        let mut names = BTreeSet::new();
        let wishes = wishes.into_iter().filter(|w| names.insert((w.tenant, w.name))).collect();
        Config { wishes, filter }
    })
}

fn tenant(number: u8) -> TenantId {
    TenantId::new(&format!("tenant-{number}"))
}

fn declared(config: &Config) -> Declared {
    // Filters and tenants come and go with the endpoints that need them.
    let needed = |number: &u8| config.wishes.iter().any(|w| w.is_filtered && w.tenant == *number);
    let module = ModuleDigest([config.filter; 32]);
    let filters =
        (0..TENANTS).filter(needed).map(|number| DeclaredFilter::new(tenant(number), "f", module));
    let endpoints = config.wishes.iter().map(|wish| {
        let name = format!("e{}", wish.name);
        let url = format!("https://example.com/{}", wish.url);
        DeclaredEndpoint {
            types: TYPES[wish.types as usize].iter().map(|t| t.to_string()).collect(),
            condition: wish.condition.map(|n| format!("data.a = {n}")),
            filters: if wish.is_filtered { vec!["f".into()] } else { Vec::new() },
            secrets: Secrets::new(vec![Secret::new(&name)]),
            ..DeclaredEndpoint::new(tenant(wish.tenant), &name, &url)
        }
    });
    Declared { filters: filters.collect(), endpoints: endpoints.collect(), ..Declared::default() }
}

/// All that can be seen of a snapshot, with the versions that rule.
fn view(snapshot: &Snapshot) -> String {
    let mut lines = vec![format!("{:?}", snapshot.tenants())];
    for endpoint in snapshot.endpoints() {
        let chain = endpoint.chain.as_ref().map(|chain| {
            let found = snapshot.chain(chain.id).unwrap();
            assert_eq!(found.tenant, endpoint.tenant);
            let condition = found.condition.as_ref().map(|c| c.text().to_owned());
            let modules: Vec<_> = found.filters.iter().map(|f| f.module).collect();
            format!("{:?} {condition:?} {modules:?}", chain.id)
        });
        let types: Vec<_> = endpoint.types.iter().map(|t| t.to_string()).collect();
        let by_name = snapshot.endpoint_named(&endpoint.tenant, &endpoint.name).unwrap();
        assert_eq!(by_name.id, endpoint.id);
        lines.push(format!("{endpoint:?} {} {types:?} {chain:?}", endpoint.url));
    }
    for number in 0..TENANTS {
        let of_tenant = snapshot.endpoints_of(&tenant(number)).map(|e| e.id);
        lines.push(format!("{:?}", of_tenant.collect::<Vec<_>>()));
        for seen in SEEN {
            let ids = snapshot.matching(&tenant(number), seen).map(|e| e.id);
            lines.push(format!("{seen}: {:?}", ids.collect::<Vec<_>>()));
        }
    }
    lines.join("\n")
}

/// What a snapshot must say of the endpoints, computed from the configuration alone.
fn expected(config: &Config) -> BTreeMap<(String, String), String> {
    let line = |w: &Wish| {
        let url = format!("https://example.com/{}", w.url);
        format!("{url} {:?} {:?} {}", TYPES[w.types as usize], w.condition, w.is_filtered)
    };
    let key = |w: &Wish| (tenant(w.tenant).as_str().to_owned(), format!("e{}", w.name));
    config.wishes.iter().map(|w| (key(w), line(w))).collect()
}

fn actual(snapshot: &Snapshot, config: &Config) -> BTreeMap<(String, String), String> {
    let line = |e: &registry::Endpoint| {
        let condition = e.chain.as_ref().and_then(|c| c.condition.clone());
        let condition = condition.map(|c| c.text()["data.a = ".len()..].parse::<u8>().unwrap());
        let types: Vec<_> = e.types.iter().map(|t| t.to_string()).collect();
        let filters = e.chain.as_ref().map_or(Vec::new(), |c| c.filters.clone());
        assert!(filters.iter().all(|f| f.module == ModuleDigest([config.filter; 32])));
        format!("{} {types:?} {condition:?} {}", e.url, !filters.is_empty())
    };
    let key = |e: &registry::Endpoint| (e.tenant.as_str().to_owned(), e.name.to_string());
    snapshot.endpoints().into_iter().map(|e| (key(e), line(e))).collect()
}

fn matches_by_brute_force(snapshot: &Snapshot) {
    for number in 0..TENANTS {
        for seen in SEEN {
            let all = snapshot.endpoints_of(&tenant(number));
            let wanted: Vec<EndpointId> =
                all.filter(|e| e.wants_type(seen)).map(|e| e.id).collect();
            let found: Vec<EndpointId> =
                snapshot.matching(&tenant(number), seen).map(|e| e.id).collect();
            assert_eq!(found, wanted, "{seen}");
        }
    }
}

/// The log's registry rows.
#[derive(Clone, Default)]
struct Table(BTreeMap<RowKey, Row>);

impl Table {
    fn put(&mut self, rows: Vec<Row>) {
        self.0.extend(rows.into_iter().map(|row| (row.key.clone(), row)));
    }

    fn rows(&self) -> Vec<Row> {
        self.0.values().cloned().collect()
    }
}

/// Changes at offsets that may repeat, with the configuration that each made true.
fn replay(steps: &[(u8, Config)]) -> (History, Table, Vec<(Offset, Config)>) {
    let mut history = History::default();
    let mut table = Table::default();
    let mut truth: Vec<(Offset, Config)> = Vec::new();
    let mut since = Offset(3);
    for (gap, config) in steps {
        since = Offset(since.0 + u64::from(*gap));
        let set = history.latest().diff(&declared(config)).unwrap();
        let before = history.clone();
        let earlier = view(before.latest());
        table.put(history.apply(set, since).unwrap());
        assert_eq!(view(before.latest()), earlier, "a copy does not change");
        if truth.last().is_some_and(|last| last.0 == since) {
            truth.pop();
        }
        truth.push((since, config.clone()));
    }
    (history, table, truth)
}

fn at(truth: &[(Offset, Config)], offset: Offset) -> Config {
    let ruling = truth.iter().rev().find(|(since, _)| *since <= offset);
    ruling.map_or(Config { wishes: Vec::new(), filter: 0 }, |(_, config)| config.clone())
}

fn steps() -> impl Strategy<Value = Vec<(u8, Config)>> {
    proptest::collection::vec((0..4u8, configs()), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_offset_is_ruled_by_its_version(steps in steps()) {
        let (history, table, truth) = replay(&steps);
        let end = truth.last().unwrap().0.0 + 2;
        let again = History::from_rows(table.rows(), &Declared::default(), None).unwrap();
        for offset in (0..end).map(Offset) {
            let config = at(&truth, offset);
            let snapshot = history.at(offset);
            prop_assert_eq!(actual(&snapshot, &config), expected(&config), "at {:?}", offset);
            matches_by_brute_force(&snapshot);
            prop_assert_eq!(view(&snapshot), view(&again.at(offset)), "rows, at {:?}", offset);
            let next = (offset.0 + 1..end).map(Offset).find(|o| history.at(*o).since() == *o);
            prop_assert_eq!(history.next_change(offset), next);
            for id in (0..100).map(EndpointId) {
                let alone = history.endpoint_at(id, offset).map(|e| (e.since, e.chain_id()));
                let within = snapshot.endpoint(id).map(|e| (e.since, e.chain_id()));
                prop_assert_eq!(alone, within);
            }
        }
    }

    #[test]
    fn ids_are_never_given_twice(steps in steps(), restarts in any::<u8>()) {
        let mut history = History::default();
        let mut table = Table::default();
        let mut owners: BTreeMap<EndpointId, (TenantId, Box<str>)> = BTreeMap::new();
        let mut gone: BTreeSet<EndpointId> = BTreeSet::new();
        for (i, (_, config)) in steps.iter().enumerate() {
            let since = Offset(i as u64 * 2);
            let before: BTreeSet<_> = history.latest().endpoints().iter().map(|e| e.id).collect();
            let set = history.latest().diff(&declared(config)).unwrap();
            table.put(history.apply(set, since).unwrap());
            for endpoint in history.latest().endpoints() {
                let owner = (endpoint.tenant.clone(), (*endpoint.name).into());
                prop_assert!(!gone.contains(&endpoint.id), "{endpoint:?} came back");
                prop_assert_eq!(owners.entry(endpoint.id).or_insert(owner.clone()), &owner);
            }
            let after: BTreeSet<_> = history.latest().endpoints().iter().map(|e| e.id).collect();
            gone.extend(before.difference(&after));
            if restarts >> (i % 8) & 1 == 1 {
                for key in history.forget_below(since) {
                    table.0.remove(&key);
                }
                history = History::from_rows(table.rows(), &Declared::default(), None).unwrap();
            }
        }
    }

    #[test]
    fn forgetting_takes_what_no_offset_needs(steps in steps(), trims in any::<[u8; 3]>()) {
        let (mut history, mut table, truth) = replay(&steps);
        let end = truth.last().unwrap().0.0 + 2;
        let mut trims: Vec<u64> = trims.iter().map(|trim| u64::from(*trim) % end).collect();
        trims.sort_unstable();
        for trim in trims.into_iter().map(Offset) {
            for key in history.forget_below(trim) {
                prop_assert!(table.0.remove(&key).is_some(), "{key:?} was never written");
            }
            let again = History::from_rows(table.rows(), &Declared::default(), None).unwrap();
            for offset in (trim.0..end).map(Offset) {
                let config = at(&truth, offset);
                prop_assert_eq!(actual(&history.at(offset), &config), expected(&config));
                prop_assert_eq!(view(&history.at(offset)), view(&again.at(offset)));
            }
            // Nothing is kept that ended before: at most one version of each thing is that old.
            let mut old: BTreeMap<(u8, Box<[u8]>), u32> = BTreeMap::new();
            for row in table.0.values().filter(|row| row.key.since <= trim) {
                *old.entry((row.key.kind, row.key.id.clone())).or_default() += 1;
                prop_assert!(!row.is_tombstone(), "{:?}", row.key);
            }
            prop_assert!(old.values().all(|count| *count == 1));
        }
    }
}

#[test]
fn a_large_change_is_the_sum_of_small_ones() {
    let name = |n: u32| format!("e{n}");
    let endpoint = |n: u32| DeclaredEndpoint {
        types: vec![format!("t{}.*", n % 7)],
        condition: n.is_multiple_of(3).then(|| format!("data.a = {}", n % 5)),
        ..DeclaredEndpoint::new(tenant((n % 2) as u8), &name(n), "https://example.com")
    };
    let all = Declared { endpoints: (0..2000).map(endpoint).collect(), ..Declared::default() };
    let mut whole = History::default();
    let set = whole.latest().diff(&all).unwrap();
    whole.apply(set, Offset(1)).unwrap();
    let mut parts = History::default();
    for n in (0..2000).step_by(100) {
        let some = Declared { endpoints: all.endpoints[..n + 100].to_vec(), ..Declared::default() };
        let set = parts.latest().diff(&some).unwrap();
        assert_eq!(set.changed().len(), if n == 0 { 102 } else { 100 });
        parts.apply(set, Offset(1)).unwrap();
    }
    assert_eq!(view(whole.latest()), view(parts.latest()));
    assert!(whole.latest().diff(&all).unwrap().is_empty());
}
