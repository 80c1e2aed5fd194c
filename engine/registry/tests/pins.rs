//! Endpoints that pin a version of a filter: what comes into force later does not touch them.

#![allow(clippy::unwrap_used, reason = "tests")]

use event::{Offset, TenantId};
use registry::{
    Candidate, Chain, Circuit, Declared, DeclaredEndpoint, DeclaredFilter, Endpoint, FilterVersion,
    History, Kind, ModuleDigest, Rejected, Row, STOP_AFTER_FAULTS, Share, Wrong,
};
use std::sync::Arc;

/// A history and the rows that a log would hold for it.
#[derive(Default)]
struct Table {
    history: History,
    rows: Vec<Row>,
}

impl Table {
    fn put(&mut self, since: u64, managed: Declared) -> Result<(), Rejected> {
        let set = self.history.latest().put(&managed)?;
        self.rows.extend(self.history.apply(set, Offset(since)).unwrap());
        Ok(())
    }

    fn put_filter(&mut self, since: u64, filter: DeclaredFilter) {
        self.put(since, Declared { filters: vec![filter], ..Declared::default() }).unwrap();
    }

    fn put_endpoint(&mut self, since: u64, endpoint: DeclaredEndpoint) -> Result<(), Rejected> {
        self.put(since, Declared { endpoints: vec![endpoint], ..Declared::default() })
    }

    fn read_again(&self) -> History {
        History::from_rows(self.rows.clone(), &Declared::default(), None).unwrap()
    }
}

fn tenant() -> TenantId {
    TenantId::new("a")
}

fn filter(name: &str, module: u8) -> DeclaredFilter {
    DeclaredFilter::new(tenant(), name, ModuleDigest([module; 32]))
}

fn endpoint(name: &str, filters: &[&str]) -> DeclaredEndpoint {
    DeclaredEndpoint {
        filters: filters.iter().map(|entry| (*entry).to_owned()).collect(),
        ..DeclaredEndpoint::new(tenant(), name, "https://example.com/hook")
    }
}

fn found(history: &History, name: &str) -> Arc<Endpoint> {
    history.latest().endpoint_named(&tenant(), name).unwrap().clone()
}

fn chain(history: &History, name: &str) -> Arc<Chain> {
    found(history, name).chain.clone().unwrap()
}

/// The modules that an endpoint runs, by their bytes.
fn modules(history: &History, name: &str) -> Vec<u8> {
    chain(history, name).filters.iter().map(|filter| filter.module.0[0]).collect()
}

fn refusal(refused: Result<(), Rejected>) -> (Wrong, String) {
    let error = refused.unwrap_err().0.remove(0);
    (error.wrong, error.to_string())
}

const PIN: &str = "f@01010101";

#[test]
fn what_comes_into_force_later_does_not_touch_a_pinned_endpoint() {
    let mut table = Table::default();
    table.put_filter(1, filter("f", 1));
    table.put_endpoint(2, endpoint("pinned", &[PIN])).unwrap();
    table.put_endpoint(2, endpoint("other", &["f"])).unwrap();
    let [pinned, other] = ["pinned", "other"].map(|name| chain(&table.history, name));
    assert!(Arc::ptr_eq(&pinned, &other), "equal ones share a run");

    table.put_filter(3, filter("f", 2));
    let candidate = Candidate {
        module: ModuleDigest([3; 32]),
        config: "{}".into(),
        share: Share::Canary(50),
        stop_after_faults: STOP_AFTER_FAULTS,
        ended: None,
    };
    table.put_filter(4, DeclaredFilter { candidate: Some(candidate), ..filter("f", 2) });
    for history in [&table.history, &table.read_again()] {
        assert_eq!((modules(history, "pinned"), modules(history, "other")), (vec![1], vec![2]));
        assert_eq!(found(history, "pinned").since, Offset(2), "it has no new version");
        assert_eq!(found(history, "other").since, Offset(4));
        assert_eq!(&*found(history, "pinned").filters[0], PIN, "as it was written");
        assert!(chain(history, "pinned").filters[0].trial().is_none());
        assert!(chain(history, "other").filters[0].trial().is_some());
        let pins = history.latest().pins_of(&tenant(), "f");
        let pins: Vec<_> = pins.map(|(by, version)| (by.id, version.module.0[0])).collect();
        assert_eq!(pins, [(found(history, "pinned").id, 1)]);
    }

    // What is in force is pinned without what is tried beside it.
    table.put_endpoint(5, endpoint("late", &["f@02020202"])).unwrap();
    assert!(chain(&table.history, "late").filters[0].trial().is_none());
    assert_ne!(chain(&table.history, "late").id, chain(&table.history, "other").id);
}

#[test]
fn what_is_pinned_outlives_all_else_that_knows_it() {
    let mut table = Table::default();
    table.put_filter(1, filter("f", 1));
    table.put_endpoint(2, endpoint("one", &[PIN])).unwrap();
    let other = DeclaredFilter { config: "[1]".into(), ..filter("f", 1) };
    table.put_filter(3, other);
    table.put_filter(4, filter("f", 4));
    let gone = table.history.forget_below(Offset(9));
    table.rows.retain(|row| !gone.contains(&row.key));
    assert_eq!(table.history.filters().count(), 1);
    assert_eq!(table.history.pins().count(), 1);
    table.history = table.read_again();
    assert_eq!(modules(&table.history, "one"), [1]);
    assert_eq!(table.history.pins().next().unwrap().module, ModuleDigest([1; 32]));

    // Another of its members changes: the same words mean what they meant.
    let elsewhere = DeclaredEndpoint { url: "https://x.example".into(), ..endpoint("one", &[PIN]) };
    table.put_endpoint(10, elsewhere).unwrap();
    assert_eq!(&*chain(&table.history, "one").filters[0].config, "{}");
    table.put_endpoint(11, endpoint("two", &["f@sha256:01010101"])).unwrap();
    assert_eq!(modules(&table.history, "two"), [1], "what one pins others may");
    table.put_endpoint(12, endpoint("one", &["f"])).unwrap();
    table.put_endpoint(12, endpoint("two", &["f"])).unwrap();
    assert_eq!(table.history.latest().pins_of(&tenant(), "f").count(), 0);
    let (wrong, told) = refusal(table.put_endpoint(13, endpoint("one", &[PIN])));
    assert_eq!(wrong, Wrong::Invalid);
    let begin =
        "endpoint `one`, filters: no version of filter `f` begins with `01010101`; kept are";
    assert!(told.starts_with(begin) && told.contains("module 040404040404"), "{told}");
}

#[test]
fn versions_that_were_replaced_are_pinned_the_newest_first() {
    let mut table = Table::default();
    let version = |table: &Table| -> Arc<FilterVersion> {
        table.history.latest().filter(&tenant(), "f").unwrap().clone()
    };
    let mut kept = Vec::new();
    for (n, config) in ["[1]", "[2]"].into_iter().enumerate() {
        let filter = DeclaredFilter { config: config.into(), ..filter("f", 1) };
        table.put_filter(n as u64, filter);
        kept.insert(0, version(&table));
    }
    table.put_filter(3, filter("f", 2));
    let with = |entry: &str| DeclaredEndpoint { kept: kept.clone(), ..endpoint("one", &[entry]) };
    table.put_endpoint(4, with(PIN)).unwrap();
    assert_eq!(&*chain(&table.history, "one").filters[0].config, "[2]");
    let own = hex::encode(kept[1].digest());
    table.put_endpoint(5, with(&format!("f@{own}"))).unwrap();
    assert_eq!(&*chain(&table.history, "one").filters[0].config, "[1]", "one of two of a module");
}

#[test]
fn one_change_replaces_a_filter_and_pins_what_it_replaces() {
    let mut history = History::default();
    let file = |module, entry: &str| Declared {
        filters: vec![filter("f", module), filter("g", module)],
        endpoints: vec![endpoint("one", &[entry, "g"])],
        ..Declared::default()
    };
    for (since, declared) in [(1, file(1, "f")), (2, file(2, PIN)), (3, file(3, PIN))] {
        let set = history.latest().diff(&declared).unwrap();
        history.apply(set, Offset(since)).unwrap();
        assert!(history.latest().diff(&declared).unwrap().is_empty(), "the file says the same");
    }
    assert_eq!(modules(&history, "one"), [1, 3], "its other filter is as it is in force");
}

#[test]
fn what_cannot_be_pinned_is_refused_and_a_filter_that_is_stays() {
    let mut table = Table::default();
    table.put_filter(1, filter("f", 1));
    let refused: [(&[&str], &str); 5] = [
        (&["f@ffffffff"], "no version of filter `f` begins with `ffffffff`"),
        (&["f@0101"], "`f@` and 8 to 64 hexadecimal digits"),
        (&["g@01010101"], "no filter `g`; did you mean `f`?"),
        (&["f", PIN], "`f` and `f@01010101` are one filter"),
        (&[PIN, "f@sha256:01010101"], "are one filter"),
    ];
    for (filters, why) in refused {
        let (wrong, told) = refusal(table.put_endpoint(2, endpoint("one", filters)));
        assert!(wrong == Wrong::Invalid && told.contains(why), "{told}");
    }
    table.put_endpoint(2, endpoint("one", &[PIN, PIN])).unwrap();
    table.put_filter(3, filter("f", 2));
    let removed = table.history.latest().remove(Kind::Filter, &tenant(), "f").map(drop);
    let needed = "endpoint `one`, filters: filter `f` cannot be removed: this endpoint needs it";
    assert_eq!(refusal(removed), (Wrong::Needed, needed.to_owned()));

    let row = table.rows.iter_mut().find(|row| row.key.kind == Kind::Endpoint as u8).unwrap();
    let text = String::from_utf8(row.value.clone()).unwrap();
    row.value = text.replace("\"module\":\"01", "\"module\":\"02").into_bytes();
    let spoilt = History::from_rows(table.rows, &Declared::default(), None).unwrap_err();
    assert!(spoilt.to_string().contains("its version of filter `f@01010101` is gone"), "{spoilt}");
}

/// As the rows have them that are on disk already.
#[test]
fn a_filter_and_its_pin_are_written_by_the_same_members_in_one_order() {
    let mut table = Table::default();
    let candidate = Candidate {
        module: ModuleDigest([2; 32]),
        config: "{}".into(),
        share: Share::Shadow,
        stop_after_faults: STOP_AFTER_FAULTS,
        ended: None,
    };
    let circuit = Some(Circuit { faults: 3, within_ms: 500 });
    table.put_filter(1, DeclaredFilter { circuit, candidate: Some(candidate), ..filter("f", 1) });
    table.put_endpoint(2, endpoint("one", &[PIN])).unwrap();
    let text = |kind: Kind| {
        let row = table.rows.iter().find(|row| row.key.kind == kind as u8).unwrap();
        String::from_utf8(row.value.clone()).unwrap()
    };
    let [module, tried] = ["01", "02"].map(|byte| byte.repeat(32));
    let begin = format!(r#""module":"{module}","config":"{{}}""#);
    let settings = [
        begin.as_str(),
        r#""limits":{"fuel":100000000,"memory_bytes":33554432},"on_error":"reject""#,
        r#""isolate":false,"circuit":{"faults":3,"within_ms":500}"#,
    ];
    let settings = settings.join(",");
    let tried = format!(r#"{{"module":"{tried}","config":"{{}}","share":"shadow"}}"#);
    let begin = format!(r#"{{"v":3,"origin":"managed",{settings}"#);
    assert_eq!(text(Kind::Filter), format!(r#"{begin},"candidate":{tried},"about":"{{}}"}}"#));
    let pinned = format!(r#""pinned":{{"filter":"f",{settings}}}}}]"#);
    assert!(text(Kind::Endpoint).contains(&pinned), "{}", text(Kind::Endpoint));

    let again = table.read_again();
    let version = |history: &History| history.latest().filter(&tenant(), "f").unwrap().clone();
    assert_eq!(version(&again), version(&table.history));
    assert_eq!(chain(&again, "one").filters, chain(&table.history, "one").filters);
}

#[test]
fn a_name_that_reads_like_a_pin_is_a_name() {
    let mut table = Table::default();
    table.put_filter(1, filter("f", 1));
    table.put_filter(1, filter(PIN, 5));
    table.put_endpoint(2, endpoint("one", &[PIN])).unwrap();
    table.put_filter(3, filter(PIN, 6));
    assert_eq!(modules(&table.history, "one"), [6]);
    assert_eq!(modules(&table.read_again(), "one"), [6]);
}
