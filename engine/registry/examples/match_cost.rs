//! What a match costs: nanoseconds an event at 10, 1,000 and 100,000 endpoints, of which 10 match;
//! and what loading and changing a registry of that size takes.
//!
//! `cargo run --release -p registry --example match_cost`

#![allow(clippy::disallowed_methods, reason = "it measures by the machine's clock")]

use event::{Offset, TenantId};
use registry::{Declared, DeclaredEndpoint, History, Rejected, RowError, Stale};
use std::hint::black_box;
use std::time::{Duration, Instant};

const MATCHING: usize = 10;
const CHANGES: u32 = 100;
const ROUNDS: u32 = 200_000;

fn main() -> Result<(), Failure> {
    println!("endpoints  tenants  ns/event  diff ms  apply ms  load ms  one change us");
    for endpoints in [10, 1_000, 100_000] {
        for tenants in [1, endpoints / MATCHING] {
            measure(endpoints, tenants)?;
        }
    }
    Ok(())
}

fn measure(endpoints: usize, tenants: usize) -> Result<(), Failure> {
    let declared = declared(endpoints, tenants);
    let mut history = History::default();
    let (set, diff) = timed(|| history.latest().diff(&declared));
    let set = set?;
    let (rows, apply) = timed(|| history.apply(set, Offset(1)));
    let rows = rows?;
    let (loaded, load) = timed(|| History::from_rows(rows, &declared));
    let mut history = loaded?;

    let snapshot = history.latest().clone();
    let tenant = TenantId::new("tenant-0");
    let found = snapshot.matching(&tenant, "order.paid").count();
    assert_eq!(found, MATCHING, "of {endpoints} in {tenants} tenants");
    let ((), matching) = timed(|| {
        for _ in 0..ROUNDS {
            let found = snapshot.matching(black_box(&tenant), black_box("order.paid"));
            found.for_each(|endpoint| assert!(black_box(endpoint).id.0 > 0));
        }
    });

    let one = mean_change(&mut history, &tenant)?;
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    println!(
        "{endpoints:9}  {tenants:7}  {:8.0}  {:7.1}  {:8.1}  {:7.1}  {:13.0}",
        matching.as_nanos() as f64 / f64::from(ROUNDS),
        ms(diff),
        ms(apply),
        ms(load),
        one.as_secs_f64() * 1e6,
    );
    Ok(())
}

/// Of adding one endpoint, while somebody still holds the history before.
fn mean_change(history: &mut History, tenant: &TenantId) -> Result<Duration, Failure> {
    let mut total = Duration::ZERO;
    for n in 0..CHANGES {
        let name = format!("managed-{n}");
        let endpoint = DeclaredEndpoint::new(tenant.clone(), &name, "https://example.com");
        let change = Declared { endpoints: vec![endpoint], ..Declared::default() };
        let set = history.latest().put(&change)?;
        let before = history.clone();
        let (rows, span) = timed(|| history.apply(set, Offset(2 + u64::from(n))));
        assert!(!rows?.is_empty() && before.latest().endpoint_named(tenant, &name).is_none());
        total += span;
    }
    Ok(total / CHANGES)
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

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let answer = work();
    (answer, started.elapsed())
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error(transparent)]
    Row(#[from] RowError),
    #[error(transparent)]
    Stale(#[from] Stale),
}
