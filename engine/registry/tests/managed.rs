//! What the management API makes: tenants, endpoints by id, records, secrets that rows keep.

#![allow(clippy::unwrap_used, reason = "tests")]

use event::{EndpointId, Offset, TenantId, Time};
use registry::{
    Declared, DeclaredEndpoint, DeclaredTable, DeclaredTenant, Edit, History, Kind, Origin,
    RecordKind, Rejected, Row, SealingKey, Secret, Secrets, TableContent, TableDigest, Wrong,
};
use std::sync::Arc;

const KEY: [u8; 32] = [7; 32];

/// A history and the rows that a log would hold for it.
#[derive(Default)]
struct Table {
    history: History,
    rows: Vec<Row>,
}

impl Table {
    fn with_acme() -> Table {
        let mut table = Table::default();
        table.edit(0, |edit| edit.put_tenant(&tenant("app_1", None))).unwrap();
        table
    }

    fn edit<T>(&mut self, since: u64, edit: impl Fn(&mut Edit<'_>) -> T) -> Result<(), Rejected> {
        let base = self.history.latest().clone();
        let mut change = base.edit();
        edit(&mut change);
        self.rows.extend(self.history.apply(change.finish()?, Offset(since)).unwrap());
        Ok(())
    }

    fn read_again(&self) -> History {
        let key = SealingKey::new(&KEY);
        History::from_rows(self.rows.clone(), &Declared::default(), Some(&key)).unwrap()
    }
}

fn acme() -> TenantId {
    TenantId::new("app_1")
}

fn tenant(id: &str, uid: Option<&str>) -> DeclaredTenant {
    let about = "{\"name\":\"Acme\"}".to_owned();
    DeclaredTenant { id: TenantId::new(id), uid: uid.map(str::to_owned), rate: None, about }
}

fn endpoint(name: &str) -> DeclaredEndpoint {
    let key = SealingKey::new(&KEY);
    let retiring = Secret::kept("marker-old", &key).until(Time::from_millis(5_000));
    let secrets = Secrets::new(vec![Secret::kept("marker-new", &key), retiring]);
    DeclaredEndpoint {
        secrets,
        about: "{\"description\":\"d\"}".into(),
        ..DeclaredEndpoint::new(acme(), name, "https://example.com/hook")
    }
}

fn wrong(refused: Result<(), Rejected>) -> (Wrong, &'static str) {
    let errors = refused.unwrap_err().0;
    (errors[0].wrong, errors[0].field)
}

#[test]
fn tenants_are_found_by_their_uids() {
    let mut table = Table::default();
    table.edit(1, |edit| edit.put_tenant(&tenant("app_1", Some("acme")))).unwrap();
    table.edit(2, |edit| edit.put_tenant(&tenant("app_2", None))).unwrap();
    let taken = (Wrong::Taken, "uid");
    assert_eq!(wrong(table.edit(3, |e| e.put_tenant(&tenant("app_2", Some("acme"))))), taken);
    assert_eq!(wrong(table.edit(3, |e| e.put_tenant(&tenant("app_2", Some("app_1"))))), taken);
    table.edit(3, |edit| edit.put_tenant(&tenant("app_1", Some("acme-2")))).unwrap();
    for history in [&table.history, &table.read_again()] {
        let latest = history.latest();
        assert!(latest.tenant_with_uid("acme").is_none());
        assert_eq!(latest.tenant_with_uid("acme-2").unwrap().id, acme());
        assert_eq!(&*latest.tenant(&acme()).unwrap().about, "{\"name\":\"Acme\"}");
        assert_eq!(latest.tenants(), [acme(), TenantId::new("app_2")]);
    }
    let file = Declared { tenants: vec![TenantId::new("acme-2")], ..Declared::default() };
    let refused = table.history.latest().diff(&file).unwrap_err();
    assert!(refused.to_string().contains("the uid of tenant `app_1`, which is managed"));
}

#[test]
fn endpoints_are_changed_by_id_and_may_be_renamed() {
    let mut table = Table::default();
    table.edit(1, |edit| edit.put_tenant(&tenant("app_1", None))).unwrap();
    table.edit(2, |edit| edit.create_endpoint(&endpoint(""))).unwrap();
    table.edit(3, |edit| edit.create_endpoint(&endpoint("two"))).unwrap();
    let (one, two) = (EndpointId(1), EndpointId(2));
    assert_eq!(&*table.history.latest().endpoint(one).unwrap().name, "ep_1");
    let taken = (Wrong::Taken, "uid");
    assert_eq!(wrong(table.edit(4, |e| e.create_endpoint(&endpoint("two")))), taken);
    assert_eq!(wrong(table.edit(4, |e| e.update_endpoint(one, &endpoint("two")))), taken);
    let odd = (Wrong::Invalid, "uid");
    assert_eq!(wrong(table.edit(4, |e| e.update_endpoint(one, &endpoint("ep_2")))), odd);
    table.edit(4, |edit| edit.update_endpoint(one, &endpoint("renamed"))).unwrap();
    for history in [&table.history, &table.read_again()] {
        let latest = history.latest();
        assert!(latest.endpoint_named(&acme(), "ep_1").is_none());
        assert_eq!(latest.endpoint_named(&acme(), "renamed").unwrap().id, one);
        assert_eq!(&*history.endpoint_at(one, Offset(3)).unwrap().name, "ep_1");
        assert_eq!(&*latest.endpoint(one).unwrap().about, "{\"description\":\"d\"}");
        assert_eq!(latest.endpoint_ids_of(&acme()), [one, two]);
    }
    let elsewhere = DeclaredEndpoint { tenant: TenantId::new("app_9"), ..endpoint("two") };
    let missing = (Wrong::Missing, "name");
    assert_eq!(wrong(table.edit(5, |e| e.update_endpoint(two, &elsewhere))), missing);
    assert_eq!(wrong(table.edit(5, |e| e.update_endpoint(EndpointId(9), &elsewhere))), missing);
    let other = |edit: &mut Edit<'_>| edit.remove_endpoint(&elsewhere.tenant, two);
    table.edit(5, other).unwrap();
    assert!(table.history.latest().endpoint(two).is_some(), "it is not that tenant's");
    table.edit(5, |edit| edit.remove_endpoint(&acme(), two)).unwrap();
    assert!(table.history.latest().endpoint(two).is_none());
}

#[test]
fn secrets_in_rows_are_sealed_and_come_back() {
    let mut table = Table::with_acme();
    table.edit(1, |edit| edit.create_endpoint(&endpoint("one"))).unwrap();
    let written: Vec<u8> = table.rows.iter().flat_map(|row| row.value.clone()).collect();
    assert!(!String::from_utf8(written).unwrap().contains("marker"));
    let again = table.read_again();
    let secrets = again.latest().endpoint(EndpointId(1)).unwrap().secrets.clone();
    let at = |ms| -> Vec<String> {
        secrets.at(Time::from_millis(ms)).map(|secret| secret.expose().to_owned()).collect()
    };
    assert_eq!(at(4_999), ["marker-new", "marker-old"]);
    assert_eq!(at(5_000), ["marker-new"]);
    let same = table.edit(2, |edit| edit.update_endpoint(EndpointId(1), &endpoint("one")));
    same.unwrap();
    assert_eq!(table.history.endpoint_at(EndpointId(1), Offset(9)).unwrap().since, Offset(1));

    let read = |key: Option<&SealingKey>| {
        History::from_rows(table.rows.clone(), &Declared::default(), key).unwrap_err().to_string()
    };
    assert!(read(None).contains("there is no key that opens them"));
    assert!(read(Some(&SealingKey::new(&[8; 32]))).contains("sealed with another key"));
}

#[test]
fn records_come_and_go_and_are_history_while_it_lasts() {
    let mut table = Table::default();
    table.edit(1, |e| e.put_record(RecordKind::EventType, "order.paid", "{\"n\":1}")).unwrap();
    table.edit(2, |e| e.put_record(RecordKind::Key, "order.paid", "{}")).unwrap();
    table.edit(3, |e| e.put_record(RecordKind::EventType, "order.paid", "{\"n\":2}")).unwrap();
    table.edit(4, |e| e.remove_record(RecordKind::Key, "order.paid")).unwrap();
    let bad = table.edit(5, |e| e.put_record(RecordKind::Key, "k", "{"));
    assert_eq!(wrong(bad), (Wrong::Invalid, "about"));
    for history in [&mut table.read_again(), &mut table.history] {
        let latest = history.latest().clone();
        let found = latest.record(RecordKind::EventType, "order.paid").unwrap();
        assert_eq!((&*found.about, found.origin), ("{\"n\":2}", Origin::Managed));
        assert!(latest.record(RecordKind::Key, "order.paid").is_none());
        assert_eq!(latest.records(RecordKind::EventType).count(), 1);
        let older = history.at(Offset(2));
        assert_eq!(&*older.record(RecordKind::EventType, "order.paid").unwrap().about, "{\"n\":1}");
        let forgotten = history.forget_below(Offset(9));
        assert_eq!(forgotten.len(), 3, "an old version, a removed one and its tombstone");
        assert_eq!(history.latest().records(RecordKind::EventType).count(), 1);
    }
}

#[test]
fn a_tenant_goes_with_all_that_is_its_own() {
    let mut table = Table::default();
    table.edit(1, |edit| edit.put_tenant(&tenant("app_1", Some("acme")))).unwrap();
    table.edit(2, |edit| edit.create_endpoint(&endpoint("one"))).unwrap();
    table.edit(3, |edit| edit.remove_tenant(&acme())).unwrap();
    for history in [&table.history, &table.read_again()] {
        assert!(history.latest().tenants().is_empty());
        assert!(history.latest().tenant_with_uid("acme").is_none());
        assert_eq!(history.latest().endpoint_count(), 0);
        assert_eq!(history.at(Offset(2)).endpoint_count(), 1);
    }

    let mut table = Table::default();
    let declared = DeclaredEndpoint::new(acme(), "declared", "https://example.com");
    let file = Declared { endpoints: vec![declared], ..Declared::default() };
    let set = table.history.latest().diff(&file).unwrap();
    table.history.apply(set, Offset(1)).unwrap();
    assert_eq!(wrong(table.edit(2, |e| e.remove_tenant(&acme()))).0, Wrong::ReadOnly);
    let update = table.edit(2, |e| e.update_endpoint(EndpointId(1), &endpoint("declared")));
    assert_eq!(wrong(update).0, Wrong::ReadOnly);
}

/// Rows as the version before this one wrote them.
#[test]
fn rows_of_the_first_form_read_as_they_did() {
    let row = |kind: u8, id: &[u8], value: &str| Row {
        key: registry::RowKey { kind, id: id.into(), since: Offset(3) },
        value: value.as_bytes().to_vec(),
    };
    let endpoint = r#"{"v":1,"tenant":"a","name":"one","origin":"declared","url":"https://e.com",
        "types":["push"],"where":null,"filters":[],"terms":{"ordering":"none","schedule_ms":[5000],
        "jitter":0.2,"timeout_ms":15000,"concurrency":{"start":8,"max":64},
        "disable_after_ms":432000000},"headers":[],"secret_digests":[],"disabled":false}"#;
    let rows = [
        row(0, b"endpoint", r#"{"v":1,"next_endpoint":8}"#),
        row(1, b"a", r#"{"v":1,"origin":"declared"}"#),
        row(4, &7u64.to_be_bytes(), endpoint),
    ];
    let history = History::from_rows(rows, &Declared::default(), None).unwrap();
    let latest = history.latest();
    let tenant = latest.tenant(&TenantId::new("a")).unwrap();
    assert_eq!((tenant.uid.as_deref(), &*tenant.about), (None, "{}"));
    let endpoint = latest.endpoint(EndpointId(7)).unwrap();
    assert_eq!((&*endpoint.name, &*endpoint.about, endpoint.since), ("one", "{}", Offset(3)));
}

#[test]
fn one_edit_gives_no_name_twice() {
    let mut table = Table::with_acme();
    table.edit(1, |edit| edit.create_endpoint(&endpoint("one"))).unwrap();
    table.edit(2, |edit| edit.create_endpoint(&endpoint("two"))).unwrap();
    let both = |edit: &mut Edit<'_>| {
        edit.update_endpoint(EndpointId(1), &endpoint("both"));
        edit.update_endpoint(EndpointId(2), &endpoint("both"));
    };
    assert_eq!(wrong(table.edit(3, both)), (Wrong::Invalid, "name"));
    let uids = |edit: &mut Edit<'_>| {
        edit.put_tenant(&tenant("app_2", Some("acme")));
        edit.put_tenant(&tenant("app_3", Some("acme")));
    };
    assert_eq!(wrong(table.edit(3, uids)), (Wrong::Taken, "uid"));
}

#[test]
fn an_edit_makes_the_tenants_that_it_is_given() {
    let mut table = Table::default();
    let given = Declared { tenants: vec![acme()], ..Declared::default() };
    table.edit(1, |edit| edit.put(&given)).unwrap();
    assert_eq!(table.history.latest().tenant(&acme()).unwrap().origin, Origin::Managed);
}

#[test]
fn snapshots_that_nobody_holds_go_with_further_changes() {
    let mut table = Table::default();
    let put = |n: u64| {
        move |edit: &mut Edit<'_>| edit.put_record(RecordKind::Key, &format!("k{n}"), "{}")
    };
    let mut early = Vec::new();
    let mut held = None;
    for n in 1..=20 {
        table.edit(n, put(n)).unwrap();
        let latest = table.history.latest();
        early.push(Arc::downgrade(latest));
        held = held.or_else(|| Some(latest.clone()));
    }
    let kept = early.iter().filter(|snapshot| snapshot.upgrade().is_some()).count();
    assert!(kept <= 6, "{kept} of 20: the newest, and the one that is held");
    assert!(Arc::ptr_eq(&table.history.at(Offset(1)), &held.unwrap()), "it is not built again");
    for n in 1..=20 {
        let count = table.history.at(Offset(n)).records(RecordKind::Key).count();
        assert_eq!(count, n as usize, "what is asked for is built again");
    }
}

fn lookup_table(tenant: TenantId, fill: u8, earlier: &[u8]) -> Declared {
    let content = |fill: &u8| {
        let digest = TableDigest([*fill; 32]);
        TableContent { digest, keys: 1, bytes: 10, since_ms: u64::from(*fill) }
    };
    let table = DeclaredTable {
        tenant,
        name: "countries".into(),
        content: content(&fill),
        earlier: earlier.iter().map(content).collect(),
        about: "{}".into(),
    };
    Declared { tables: vec![table], ..Declared::default() }
}

#[test]
fn tables_have_versions_and_go_with_their_tenant() {
    let mut table = Table::with_acme();
    table.edit(2, |edit| edit.put(&lookup_table(acme(), 1, &[]))).unwrap();
    table.edit(4, |edit| edit.put(&lookup_table(acme(), 2, &[1]))).unwrap();
    let rows = table.rows.len();
    table.edit(5, |edit| edit.put(&lookup_table(acme(), 2, &[1]))).unwrap();
    assert_eq!(table.rows.len(), rows, "what is so already is no change");
    for history in [&table.history, &table.read_again()] {
        let at = |offset| history.at(Offset(offset)).table(&acme(), "countries").cloned();
        let fills = |offset| {
            at(offset).map(|table| table.contents().map(|c| c.digest.0[0]).collect::<Vec<_>>())
        };
        assert_eq!([fills(1), fills(3), fills(4)], [None, Some(vec![1]), Some(vec![2, 1])]);
        assert!(history.latest().table(&TenantId::new("default"), "countries").is_none());
    }
    let missing = table.edit(6, |edit| edit.put(&lookup_table(TenantId::new("x"), 1, &[])));
    assert_eq!(wrong(missing).0, Wrong::Missing);
    table.edit(7, |edit| edit.remove_tenant(&acme())).unwrap();
    for history in [&table.history, &table.read_again()] {
        assert!(history.latest().tables().is_empty());
    }
    let forgotten = table.history.forget_below(Offset(8));
    let tables = |row: &registry::RowKey| row.kind == Kind::Table as u8;
    assert_eq!(forgotten.iter().filter(|key| tables(key)).count(), 3, "{forgotten:?}");
}

#[test]
fn what_a_file_declares_is_not_the_management_apis_to_change() {
    let mut table = Table::with_acme();
    let file = lookup_table(TenantId::new("default"), 1, &[]);
    let set = table.history.latest().diff(&file).unwrap();
    table.rows.extend(table.history.apply(set, Offset(2)).unwrap());
    let changed = table.edit(3, |e| e.put(&lookup_table(TenantId::new("default"), 2, &[])));
    assert_eq!(wrong(changed).0, Wrong::ReadOnly);
    let default = TenantId::new("default");
    let removed = table.edit(3, |edit| edit.remove(Kind::Table, &default, "countries"));
    assert_eq!(wrong(removed).0, Wrong::ReadOnly);
    let set = table.history.latest().diff(&Declared::default()).unwrap();
    table.rows.extend(table.history.apply(set, Offset(4)).unwrap());
    assert!(table.read_again().latest().tables().is_empty());
}
