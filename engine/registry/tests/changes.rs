//! What a change set holds, what is refused, and what never reaches a row.

#![allow(clippy::unwrap_used, reason = "tests")]

use event::{Offset, TenantId};
use registry::{
    Candidate, Declared, DeclaredEndpoint, DeclaredFilter, DeclaredSource, Ended, FilterLimits,
    FilterVersion, History, How, Kind, ModuleDigest, OnError, Origin, Rejected, Row, RowKey,
    STOP_AFTER_FAULTS, Secret, Secrets, Share, Stale, Wrong,
};

use std::sync::Arc;

fn tenant(name: &str) -> TenantId {
    TenantId::new(name)
}

fn filter(tenant_name: &str, name: &str, module: u8) -> DeclaredFilter {
    DeclaredFilter {
        config: "{\"branch\":\"main\"}".into(),
        ..DeclaredFilter::new(tenant(tenant_name), name, ModuleDigest([module; 32]))
    }
}

fn endpoint(tenant_name: &str, name: &str) -> DeclaredEndpoint {
    DeclaredEndpoint::new(tenant(tenant_name), name, "https://example.com/hook")
}

fn source(name: &str, path: &str) -> DeclaredSource {
    DeclaredSource {
        tenant: tenant("a"),
        name: name.into(),
        path: path.into(),
        scheme: "github".into(),
        settings: "{}".into(),
        secrets: Secrets::new(vec![Secret::new("marker-of-a-source")]),
        about: "{}".into(),
    }
}

fn apply(history: &mut History, declared: &Declared, since: u64) -> Vec<Row> {
    let set = history.latest().diff(declared).unwrap();
    history.apply(set, Offset(since)).unwrap()
}

fn summary(history: &History, declared: &Declared) -> Vec<(Kind, String, How)> {
    let set = history.latest().diff(declared).unwrap();
    let line = |c: &registry::Changed| (c.kind, c.name.to_string(), c.how);
    set.changed().iter().map(line).collect()
}

fn reasons(rejected: Rejected) -> Vec<String> {
    rejected.0.iter().map(|error| error.to_string()).collect()
}

#[test]
fn a_change_set_names_what_changes() {
    let mut history = History::default();
    let mut declared = Declared {
        filters: vec![filter("a", "f", 1)],
        sources: vec![source("github", "/in/github")],
        endpoints: vec![
            DeclaredEndpoint { filters: vec!["f".into()], ..endpoint("a", "one") },
            endpoint("a", "two"),
        ],
        ..Declared::default()
    };
    let created = |kind, name: &str| (kind, name.to_owned(), How::Created);
    let expected = [
        created(Kind::Filter, "f"),
        created(Kind::Source, "github"),
        created(Kind::Endpoint, "one"),
        created(Kind::Endpoint, "two"),
        created(Kind::Tenant, ""),
    ];
    assert_eq!(summary(&history, &declared), expected);
    apply(&mut history, &declared, 5);
    assert_eq!(summary(&history, &declared), []);

    declared.filters[0].limits.fuel += 1;
    let expected = [
        (Kind::Filter, "f".to_owned(), How::Updated),
        (Kind::Endpoint, "one".to_owned(), How::Updated),
    ];
    assert_eq!(summary(&history, &declared), expected, "a filter's change is its endpoints'");
    apply(&mut history, &declared, 9);
    let since = |name| history.latest().endpoint_named(&tenant("a"), name).unwrap().since;
    assert_eq!((since("one"), since("two")), (Offset(9), Offset(5)));

    let removed: Vec<_> = summary(&history, &Declared::default());
    assert_eq!(removed.len(), 5);
    assert!(removed.iter().all(|(_, _, how)| *how == How::Removed));
    apply(&mut history, &Declared::default(), 9);
    assert!(history.latest().tenants().is_empty() && history.latest().sources().is_empty());
    assert_eq!(history.at(Offset(8)).endpoints().len(), 2);
}

#[test]
fn equal_chains_of_one_tenant_are_one() {
    let with = |tenant: &str, name: &str| DeclaredEndpoint {
        condition: Some("data.a = 1".into()),
        filters: vec!["f".into(), "g".into()],
        ..endpoint(tenant, name)
    };
    let turned = DeclaredEndpoint { filters: vec!["g".into(), "f".into()], ..with("a", "turned") };
    let other = DeclaredEndpoint { condition: Some("data.a = 2".into()), ..with("a", "other") };
    let bare = DeclaredEndpoint { condition: None, ..with("a", "bare") };
    let filters = ["a", "b"].into_iter().flat_map(|t| [filter(t, "f", 1), filter(t, "g", 2)]);
    let declared = Declared {
        filters: filters.collect(),
        endpoints: vec![with("a", "one"), with("a", "two"), with("b", "one"), turned, other, bare],
        ..Declared::default()
    };
    let mut history = History::default();
    apply(&mut history, &declared, 1);
    let chain = |t, name| history.latest().endpoint_named(&tenant(t), name).unwrap().chain_id();
    assert_eq!(chain("a", "one"), chain("a", "two"));
    for (t, name) in [("b", "one"), ("a", "turned"), ("a", "other"), ("a", "bare")] {
        assert_ne!(chain("a", "one"), chain(t, name), "{t} {name}");
    }
    let id = chain("a", "one").unwrap();
    assert_eq!(history.latest().chain(id).unwrap().filters.len(), 2);
    apply(&mut history, &Declared::default(), 2);
    assert!(history.latest().chain(id).is_none(), "nobody runs it any more");
}

#[test]
fn managed_resources_live_beside_declared_ones() {
    let mut history = History::default();
    let file = Declared {
        filters: vec![filter("a", "f", 1)],
        endpoints: vec![endpoint("a", "declared")],
        ..Declared::default()
    };
    apply(&mut history, &file, 1);
    let managed = Declared {
        endpoints: vec![DeclaredEndpoint {
            filters: vec!["f".into()],
            condition: Some("data.a = 1".into()),
            ..endpoint("a", "managed")
        }],
        ..Declared::default()
    };
    let set = history.latest().put(&managed).unwrap();
    history.apply(set, Offset(2)).unwrap();
    assert!(history.latest().diff(&file).unwrap().is_empty(), "a file leaves it alone");

    let newer = Declared { filters: vec![filter("a", "f", 2)], ..file.clone() };
    apply(&mut history, &newer, 3);
    let found = history.latest().endpoint_named(&tenant("a"), "managed").unwrap();
    assert_eq!((found.since, found.origin), (Offset(3), Origin::Managed));
    let chain = found.chain.as_ref().unwrap();
    assert_eq!(chain.filters[0].module, ModuleDigest([2; 32]));
    assert_eq!(chain.condition.as_ref().unwrap().text(), "data.a = 1");

    let dropped = Declared { filters: Vec::new(), ..file.clone() };
    let errors = reasons(history.latest().diff(&dropped).unwrap_err());
    let expected =
        "endpoint `managed`, filters: filter `f` cannot be removed: this endpoint needs it";
    assert_eq!(errors, [expected]);

    let remove = |name| history.latest().remove(Kind::Endpoint, &tenant("a"), name);
    let read_only =
        "endpoint `declared`, name: declared in the configuration file: change it there";
    assert_eq!(reasons(remove("declared").unwrap_err()), [read_only]);
    assert!(remove("unknown").unwrap().is_empty());
    let over = Declared { endpoints: vec![endpoint("a", "declared")], ..Declared::default() };
    assert_eq!(reasons(history.latest().put(&over).unwrap_err()), [read_only]);
    let set = remove("managed").unwrap();
    history.apply(set, Offset(4)).unwrap();
    assert_eq!(history.latest().endpoint_count(), 1);
}

#[test]
fn a_file_cannot_declare_a_managed_name() {
    let mut history = History::default();
    let one = Declared { endpoints: vec![endpoint("a", "one")], ..Declared::default() };
    let set = history.latest().put(&one).unwrap();
    history.apply(set, Offset(1)).unwrap();
    let refused = history.latest().diff(&one).unwrap_err();
    assert_eq!(refused.0[0].wrong, Wrong::Taken);
    let told = "endpoint `one`, name: made through the management API, so the file cannot declare \
                it too: remove it there, or name this one otherwise";
    assert_eq!(reasons(refused), [told]);
    let set = history.latest().remove(Kind::Endpoint, &tenant("a"), "one").unwrap();
    history.apply(set, Offset(2)).unwrap();
    apply(&mut history, &one, 3);
    assert_eq!(history.latest().endpoints()[0].origin, Origin::Declared);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut bad = DeclaredEndpoint {
        url: String::new(),
        types: vec!["pull*".into()],
        condition: Some("dta.a = 1".into()),
        filters: vec!["pushes_to_main".into()],
        headers: vec![("x y".into(), "1".into()), ("x".into(), "a\r\nb".into())],
        ..endpoint("a", "ci")
    };
    bad.terms.jitter = f64::NAN;
    let declared = Declared {
        tenants: vec![tenant("")],
        sources: vec![source("one", "/in/x"), source("two", "/in/x")],
        filters: vec![
            filter("a", "pushes-to-main", 1),
            DeclaredFilter { config: "{".into(), ..filter("a", "broken", 1) },
        ],
        endpoints: vec![bad, endpoint("a", "twice"), endpoint("a", "twice"), endpoint("a", " x")],
        ..Declared::default()
    };
    let rejected = History::default().latest().diff(&declared).unwrap_err();
    let place = rejected.0.iter().find_map(|error| error.place.clone()).unwrap();
    assert_eq!((place.line, place.column), (1, 1));
    let expected = [
        "filter `broken`, config: not JSON",
        "endpoint `ci`, url: a URL is needed",
        "endpoint `ci`, headers: `x y` is not a header name",
        "endpoint `ci`, jitter: between 0 and 1",
        "endpoint `ci`, types: `pull*`: a `*` stands alone or last",
        "endpoint `ci`, filters: no filter `pushes_to_main`; did you mean `pushes-to-main`?",
        "endpoint `ci`, where: line 1, column 1: no such name `dta`; did you mean `data`?",
        "endpoint `twice`, name: declared twice",
        "endpoint ` x`, name: no control characters, and no spaces",
        "source `two`, path: `/in/x` is the path of source `one` already",
        "tenant ``, name: a name is needed",
    ];
    let errors = reasons(rejected);
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_change_made_from_an_old_snapshot_is_stale() {
    let mut history = History::default();
    let one = Declared { endpoints: vec![endpoint("a", "one")], ..Declared::default() };
    let first = history.latest().diff(&one).unwrap();
    let second = first.clone();
    history.apply(first, Offset(1)).unwrap();
    assert_eq!(history.apply(second, Offset(2)), Err(Stale));
    let of_history = history.at(Offset(0)).diff(&one).unwrap();
    assert_eq!(history.apply(of_history, Offset(2)), Err(Stale));
    let empty = history.latest().diff(&one).unwrap();
    assert_eq!(history.apply(empty, Offset(2)), Ok(Vec::new()));
}

#[test]
fn secrets_stay_out_of_rows_and_are_lent_at_load() {
    let with = |secret: &str| {
        let secrets = Secrets::new(vec![Secret::new(secret)]);
        Declared {
            sources: vec![source("github", "/in/github")],
            endpoints: vec![DeclaredEndpoint { secrets, ..endpoint("a", "one") }],
            ..Declared::default()
        }
    };
    let mut history = History::default();
    let mut rows = apply(&mut history, &with("marker-old"), 1);
    rows.extend(apply(&mut history, &with("marker-new"), 5));
    for row in &rows {
        assert!(!String::from_utf8_lossy(&row.value).contains("marker"), "{row:?}");
    }
    assert!(!format!("{history:?}").contains("marker"));

    let history = History::from_rows(rows.clone(), &with("marker-new"), None).unwrap();
    let id = history.latest().endpoints()[0].id;
    for offset in [1, 5] {
        let endpoint = history.endpoint_at(id, Offset(offset)).unwrap();
        let secrets: Vec<_> = endpoint.secrets.iter().map(|s| s.expose().to_owned()).collect();
        assert_eq!(secrets, ["marker-new"], "today's, at {offset}");
    }
    assert_eq!(history.latest().sources()[0].secrets.iter().count(), 1);
    assert!(history.latest().diff(&with("marker-new")).unwrap().is_empty());

    let history = History::from_rows(rows, &with("marker-newer"), None).unwrap();
    let set = history.latest().diff(&with("marker-newer")).unwrap();
    assert_eq!(set.changed().len(), 1, "the new secret becomes a version on record");
}

#[test]
fn terms_and_headers_survive_rows() {
    let mut declared = endpoint("a", "one");
    declared.headers = vec![("x-team".into(), "ops".into())];
    declared.terms.ordering = registry::Ordering::Key;
    declared.terms.schedule = vec![std::time::Duration::from_millis(1500)];
    declared.terms.jitter = 0.1;
    declared.is_disabled = true;
    let declared = Declared { endpoints: vec![declared], ..Declared::default() };
    let mut history = History::default();
    let rows = apply(&mut history, &declared, 1);
    let again = History::from_rows(rows, &declared, None).unwrap();
    for history in [&history, &again] {
        let endpoint = history.latest().endpoints()[0];
        assert_eq!(endpoint.terms, declared.endpoints[0].terms);
        assert_eq!(&*endpoint.headers[0].0, "x-team");
        assert!(endpoint.is_disabled);
        assert!(history.latest().matching(&tenant("a"), "push").next().is_some());
        assert!(history.latest().diff(&declared).unwrap().is_empty());
    }
}

#[test]
fn rows_that_cannot_be_read_are_refused() {
    let mut history = History::default();
    let declared = Declared {
        filters: vec![filter("a", "f", 1)],
        endpoints: vec![DeclaredEndpoint { filters: vec!["f".into()], ..endpoint("a", "one") }],
        ..Declared::default()
    };
    let rows = apply(&mut history, &declared, 7);
    let read = |rows: Vec<Row>| History::from_rows(rows, &Declared::default(), None);
    assert!(read(rows.clone()).is_ok());
    let is = |row: &Row, kind: Kind| row.key.kind == kind as u8;
    let spoil = |kind: Kind, from: &str, to: &str| {
        let mut rows = rows.clone();
        let row = rows.iter_mut().find(|row| is(row, kind)).unwrap();
        let text = String::from_utf8(row.value.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        row.value = text.replace(from, to).into_bytes();
        read(rows).map(|_| ()).unwrap_err().to_string()
    };
    for kind in [Kind::Endpoint, Kind::Filter] {
        assert!(spoil(kind, "\"v\":3", "\"v\":4").contains("written in form 4"));
    }
    assert!(spoil(Kind::Endpoint, "{", "[").contains("kind 4 from offset 7"));
    assert!(
        spoil(Kind::Filter, "\"module\":\"01", "\"module\":\"02").contains("filter `f` is gone")
    );
    let no_filter = rows.iter().filter(|row| !is(row, Kind::Filter)).cloned().collect();
    assert!(read(no_filter).is_err());
    let key = RowKey { kind: 99, id: Box::default(), since: Offset(0) };
    let unknown = [rows.clone(), vec![Row { key, value: Vec::new() }]].concat();
    assert!(read(unknown).unwrap_err().to_string().contains("kind 99"));
}

#[test]
fn where_a_filter_stops_at_failures_the_first_one_ends_its_canary() {
    let ends_at = |on_error, share, stop_after_faults| {
        let (module, config) = (ModuleDigest([2; 32]), "{}".to_owned());
        let candidate = Candidate { module, config, share, stop_after_faults, ended: None };
        let declared =
            DeclaredFilter { on_error, candidate: Some(candidate), ..filter("a", "f", 1) };
        let mut history = History::default();
        apply(&mut history, &Declared { filters: vec![declared], ..Declared::default() }, 1);
        let filter = history.latest().filter(&tenant("a"), "f").unwrap();
        filter.canary_circuit().map(|circuit| circuit.faults)
    };
    let canary = Share::Canary(10);
    assert_eq!(ends_at(OnError::Reject, canary, 5), Some(5));
    assert_eq!(ends_at(OnError::Stop, canary, 5), Some(1));
    assert_eq!(ends_at(OnError::Stop, canary, 0), None, "none does");
    assert_eq!(ends_at(OnError::Stop, Share::Shadow, 5), None, "it stops nothing");
}

#[test]
fn a_declared_canary_that_was_ended_stays_so_until_its_filter_is_declared_otherwise() {
    let mut history = History::default();
    let candidate = |percent| Candidate {
        module: ModuleDigest([2; 32]),
        config: "{}".into(),
        share: Share::Canary(percent),
        stop_after_faults: STOP_AFTER_FAULTS,
        ended: None,
    };
    let with = |percent, limits| Declared {
        filters: vec![DeclaredFilter {
            candidate: Some(candidate(percent)),
            limits,
            ..filter("a", "f", 1)
        }],
        endpoints: vec![DeclaredEndpoint { filters: vec!["f".into()], ..endpoint("a", "one") }],
        ..Declared::default()
    };
    let usual = FilterLimits::default();
    apply(&mut history, &with(10, usual), 1);
    let now = |history: &History| -> FilterVersion {
        FilterVersion::clone(history.latest().filter(&tenant("a"), "f").unwrap())
    };
    let begun = now(&history);
    assert_eq!(begun.canary_circuit().unwrap().faults, STOP_AFTER_FAULTS);

    let ended = Ended { at_ms: 7, reason: "it failed".into() };
    let id = tenant("a");
    let end = |history: &History, version| {
        history.latest().end_candidate((&id, "f"), version, &ended).unwrap()
    };
    assert!(end(&history, [0; 16]).is_empty(), "another version is not meant");
    let set = end(&history, begun.digest());
    let changed: Vec<Kind> = set.changed().iter().map(|changed| changed.kind).collect();
    assert_eq!(changed, [Kind::Filter, Kind::Endpoint], "its endpoints run another chain");
    history.apply(set, Offset(2)).unwrap();
    let over = now(&history);
    assert_eq!(over.candidate.as_ref().unwrap().ended, Some(ended.clone()));
    assert!(over.trial().is_none() && over.canary_circuit().is_none());
    assert_ne!(over.digest(), begun.digest());
    assert!(end(&history, over.digest()).is_empty(), "it ends once");
    let one = history.latest().endpoint_named(&tenant("a"), "one").unwrap().id;
    let ruling = |offset| history.endpoint_at(one, Offset(offset)).unwrap().chain.clone().unwrap();
    let (early, late) = (ruling(1), ruling(2));
    assert!(early.filters[0].trial().is_some(), "what came then is ruled by what was in force");
    let mended = history.latest().without_ended(early.clone());
    assert!(mended.filters[0].trial().is_none(), "but the canary judges nothing any more");
    assert_eq!((mended.id, mended.run), (late.id, late.run));
    assert!(Arc::ptr_eq(&history.latest().without_ended(late.clone()), &late));

    assert!(history.latest().diff(&with(10, usual)).unwrap().is_empty(), "the file says the same");
    let more = FilterLimits { fuel: usual.fuel + 1, ..usual };
    for declared in [with(20, usual), with(10, more)] {
        let mut history = history.clone();
        apply(&mut history, &declared, 3);
        assert!(now(&history).trial().is_some(), "it begins anew");
    }
}
