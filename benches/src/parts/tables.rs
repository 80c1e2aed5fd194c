use super::Setting;
use super::filters::chain;
use crate::events::{events, small_body};
use crate::measure::{Case, Contender, compare};
use event::Event;
use filter::{FilterEngine, Purpose, Runner, Table, Tables};
use std::hint::black_box;
use std::sync::Arc;

const BY_KEY: &str = include_str!("../../../engine/filter/tests/guests/by-key.wat");
const ASKED: usize = 8192;
const VALUE: &[u8] = b"a value as long as a name";

/// Events whose keys are looked up in tables of several sizes, and what a look-up itself takes of
/// it. A turn is one event.
pub fn cases(setting: &Setting<'_>) -> anyhow::Result<Vec<Case>> {
    let engine = FilterEngine::new()?;
    let by_key = chain(&engine, &wat::parse_str(BY_KEY)?, "", false)?;
    let mut cases = Vec::new();
    for keys in [100, 10_000, 1_000_000] {
        let table = table(keys);
        let with: Tables = [("countries".into(), table.clone())].into_iter().collect();
        let asked: Vec<Arc<Event>> = scattered(keys).into_iter().map(keyed).collect();
        let runner = Runner::new(engine.clone());
        let run = |tables: &Tables| {
            let setting = filter::Setting { purpose: Purpose::Live, tables, age: 0, runs: &[] };
            let answer = runner.run_in(&by_key, &asked, setting);
            assert!(answer.faults.is_empty(), "{:?}", answer.faults);
            answer.fuel
        };
        let none = Tables::default();
        let fuel = (run(&with) - run(&none)) / asked.len() as u64;
        let wanted = scattered(keys);
        let count = asked.len() as u64;
        let contenders = vec![
            Contender::repeated("a filter that looks each key up", count, || {
                run(&with);
            }),
            Contender::repeated("the same without a table", count, || {
                run(&none);
            }),
            Contender::repeated("the look-up alone", count, || {
                for key in &wanted {
                    let _ = black_box(table.get(key.as_bytes()));
                }
            }),
        ];
        let name = format!("{keys} keys, {fuel} units of fuel a look-up that finds");
        cases.push(compare(name, setting.brief(), contenders)?);
    }
    Ok(cases)
}

fn table(keys: usize) -> Arc<Table> {
    let names: Vec<String> = (0..keys).map(name).collect();
    let entries = names.iter().map(|name| (name.as_bytes(), VALUE));
    Arc::new(Table::pack(entries).expect("numbers of one length are in order"))
}

fn name(n: usize) -> String {
    format!("customer-{n:010}")
}

/// Keys all over the table, more than a processor's caches know the ways to.
fn scattered(keys: usize) -> Vec<String> {
    (0..ASKED).map(|n| name(n.wrapping_mul(0x9e37_79b9) % keys)).collect()
}

fn keyed(key: String) -> Arc<Event> {
    let mut event = Event::clone(&events(1, &small_body())[0]);
    event.envelope.key = Some(key.into());
    Arc::new(event)
}
