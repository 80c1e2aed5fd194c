use super::Setting;
use crate::measure::{Case, Contender, compare};
use event::{Offset, TenantId};
use registry::{Declared, DeclaredEndpoint, History};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

const MATCHING: usize = 10;
const SIZES: [usize; 3] = [10, 1_000, 100_000];

pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for endpoints in SIZES {
        let mut tenants = vec![1, endpoints / MATCHING];
        tenants.dedup();
        for tenants in tenants {
            cases.extend(of_size(setting, endpoints, tenants)?);
        }
    }
    Ok(cases)
}

fn of_size(setting: &Setting<'_>, endpoints: usize, tenants: usize) -> anyhow::Result<[Case; 2]> {
    let declared = declared(endpoints, tenants);
    let mut history = History::default();
    let set = history.latest().diff(&declared)?;
    let rows = history.apply(set, Offset(1))?;
    let start = Instant::now();
    let history = History::from_rows(rows, &declared, None)?;
    let loading = start.elapsed();

    let snapshot = history.latest().clone();
    let tenant = TenantId::new("tenant-0");
    let found = snapshot.matching(&tenant, "order.paid").count();
    anyhow::ensure!(found == MATCHING, "{found} of {endpoints} endpoints match, not {MATCHING}");
    let ours = Contender::repeated("Snapshot::matching", 1, || {
        let found = snapshot.matching(black_box(&tenant), black_box("order.paid"));
        found.for_each(|endpoint| assert!(black_box(endpoint).id.0 > 0));
    });
    // Whole types alone, without patterns or tenants.
    let mut by_type: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for n in 0..endpoints as u64 {
        by_type.entry(format!("type-{}.changed", n % 1_000)).or_default().push(n);
    }
    by_type.insert("order.paid".to_owned(), (1..=MATCHING as u64).collect());
    let bare = Contender::repeated("a BTreeMap from type to ten numbers", 1, || {
        let found = &by_type[black_box("order.paid")];
        found.iter().for_each(|endpoint| assert!(*black_box(endpoint) > 0));
    });
    let name = format!("{endpoints} endpoints, tenants: {tenants}");
    let matching = compare(name.as_str(), setting.brief(), vec![ours, bare])?;
    let mut changing = compare(name, setting.brief(), vec![adding(history, &tenant)])?;
    changing.note = format!(" (loaded in {:.1} ms)", loading.as_secs_f64() * 1e3);
    Ok([matching, changing])
}

/// Adds one endpoint after another, while somebody still holds the history before.
fn adding(mut history: History, tenant: &TenantId) -> Contender<'_> {
    let mut n = 0u64;
    Contender::repeated("adding one endpoint", 1, move || {
        n += 1;
        let name = format!("managed-{n}");
        let endpoint = DeclaredEndpoint::new(tenant.clone(), &name, "https://example.com");
        let change = Declared { endpoints: vec![endpoint], ..Declared::default() };
        let set = history.latest().put(&change).expect("it is well-formed");
        let before = history.clone();
        let rows = history.apply(set, Offset(1 + n)).expect("it is made of the latest");
        assert!(!rows.is_empty() && before.latest().endpoint_named(tenant, &name).is_none());
    })
}

/// Ten endpoints want `order.paid`, by all three forms of a pattern; the others want other types,
/// or are of other tenants. Every tenth has a condition of its own.
fn declared(endpoints: usize, tenants: usize) -> Declared {
    let wanted = ["order.paid", "order.*", "*"];
    let each = endpoints / tenants;
    let one = |n: usize| {
        let tenant = TenantId::new(&format!("tenant-{}", n / each));
        let is_wanted = n % each < MATCHING;
        let other = format!("type-{}.changed", n % 1_000);
        let types = if is_wanted { wanted[n % 3].to_owned() } else { other };
        DeclaredEndpoint {
            types: vec![types],
            condition: n.is_multiple_of(10).then(|| format!("data.amount > {n}")),
            ..DeclaredEndpoint::new(tenant, &format!("endpoint-{n}"), "https://example.com/hook")
        }
    };
    Declared { endpoints: (0..endpoints).map(one).collect(), ..Declared::default() }
}
