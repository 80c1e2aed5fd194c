use crate::host::{Host, SECRET, post, run, secret, signed, source};
use event::OnConflict;
use ingest::{BadTable, KeyFrom, Source, SourceTable};
use signature::{IdFrom, TypeFrom};

/// (preset, headers, body) and the type and the sender's id that follow from them.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
    &'static str,
);

const CASES: &[Case] = &[
    (
        "github",
        &[("x-github-event", "pull_request"), ("x-github-delivery", "72d3162e-cc78")],
        r#"{"action":"opened","number":1}"#,
        "pull_request.opened",
        "72d3162e-cc78",
    ),
    (
        "github",
        &[("x-github-event", "push"), ("x-github-delivery", "d1")],
        r#"{"ref":"refs/heads/main"}"#,
        "push",
        "d1",
    ),
    (
        "stripe",
        &[],
        r#"{"id":"evt_1NG8","object":"event","type":"invoice.paid","data":{"type":"x"}}"#,
        "invoice.paid",
        "evt_1NG8",
    ),
    (
        "slack",
        &[],
        r#"{"type":"event_callback","event":{"type":"app_mention"},"event_id":"Ev08"}"#,
        "app_mention",
        "Ev08",
    ),
    ("slack", &[], r#"{"type":"app_rate_limited","event_id":"Ev09"}"#, "app_rate_limited", "Ev09"),
    (
        "shopify",
        &[("x-shopify-topic", "orders/create"), ("x-shopify-webhook-id", "b54557e4")],
        r#"{"id":820982911946154508}"#,
        "orders.create",
        "b54557e4",
    ),
    (
        "standard-webhooks",
        &[],
        r#"{"type":"contact.created","data":{}}"#,
        "contact.created",
        "msg_1",
    ),
];

#[test]
fn each_provider_is_understood_and_its_repeats_are_known() {
    run(async {
        for (preset, headers, body, event_type, id) in CASES {
            let source = source(preset);
            let expected = source.respond.clone();
            let host = Host::new(vec![source.clone()]);
            let request = signed(&source, headers, body.as_bytes());
            assert_eq!(host.send(&request).await.status, expected.status, "{preset}");
            let arrival = host.stand.last();
            assert_eq!(&*arrival.envelope.event_type, *event_type, "{preset}");
            assert_eq!((&*arrival.envelope.source, &*arrival.body), (*preset, body.as_bytes()));
            let duplicate = arrival.duplicate.unwrap();
            assert_eq!(&*duplicate.key, format!("id:{id}").as_bytes(), "{preset}");
            assert_eq!(duplicate.on_conflict, OnConflict::Store);

            assert_eq!(host.send(&request).await.status, expected.duplicate, "{preset}");
            assert_eq!(host.stand.arrivals().len(), 1);
        }
    });
}

#[test]
fn a_changed_byte_is_not_believed() {
    run(async {
        for (preset, headers, body, ..) in CASES {
            let source = source(preset);
            let host = Host::new(vec![source.clone()]);
            let mut request = signed(&source, headers, body.as_bytes());
            *request.last_mut().unwrap() = b' ';
            assert_eq!(host.send(&request).await.status, 401, "{preset}");
            let stranger = Source {
                secrets: vec![secret(
                    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
                    source.scheme.secret,
                )],
                ..source
            };
            let request = signed(&stranger, headers, body.as_bytes());
            assert_eq!(host.send(&request).await.status, 401, "{preset}");
            assert!(host.stand.arrivals().is_empty());
        }
    });
}

#[test]
fn a_provider_that_repeats_an_id_for_another_body_is_never_refused() {
    run(async {
        let source = source("github");
        let host = Host::new(vec![source.clone()]);
        let headers = [("x-github-event", "push"), ("x-github-delivery", "d1")];
        let first = host.send(signed(&source, &headers, b"{}")).await;
        let second = host.send(signed(&source, &headers, b"{\"n\":2}")).await;
        assert_eq!((first.status, second.status), (202, 202));
        assert_ne!(first.body, second.body);
        assert_eq!(host.stand.arrivals().len(), 2);
    });
}

#[test]
fn slack_reads_its_challenge_back_once_it_is_believed() {
    run(async {
        let source = source("slack");
        let host = Host::new(vec![source.clone()]);
        let body = br#"{"token":"x","challenge":"3eZbrw1a","type":"url_verification"}"#;
        let answered = host.send(signed(&source, &[], body)).await;
        assert_eq!((answered.status, &*answered.body), (200, "3eZbrw1a"));
        assert_eq!(answered.header("content-type"), Some("text/plain"));
        assert_eq!(answered.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(host.post("/in/slack", &[], body).await.status, 401);
        let long = format!(r#"{{"type":"url_verification","challenge":"{}"}}"#, "x".repeat(2000));
        let answered = host.send(signed(&source, &[], long.as_bytes())).await;
        assert!(answered.body.is_empty(), "no more than a token is echoed");
    });
}

#[test]
fn of_the_headers_only_what_is_wanted_is_kept() {
    run(async {
        let keeping = Source {
            path: "/hooks/{Shop}/orders/{x-kind}".into(),
            headers: vec!["X-Wanted".into()],
            key: Some(KeyFrom::Header("x-wanted".into())),
            ..source("none")
        };
        let host = Host::new(vec![keeping]);
        let headers = [
            ("Content-Type", "application/x-thing"),
            ("CE-Subject", "s"),
            ("traceparent", "00-aa-bb-01"),
            ("x-wanted", "w"),
            ("x-other", "secret"),
            ("authorization", "secret"),
            ("cookie", "secret"),
            ("x-hub-signature-256", "secret"),
            ("user-agent", "secret"),
        ];
        let answered = host.post("/hooks/acme.example/orders/a%20b?x=y", &headers, b"{}").await;
        assert_eq!(answered.status, 202);
        let envelope = host.stand.last().envelope;
        let kept: Vec<_> = envelope.headers.iter().collect();
        let expected: [(&str, &[u8]); 6] = [
            ("content-type", b"application/x-thing"),
            ("ce-subject", b"s"),
            ("traceparent", b"00-aa-bb-01"),
            ("x-wanted", b"w"),
            ("shop", b"acme.example"),
            ("x-kind", b"a%20b"),
        ];
        assert_eq!(kept, expected);
        assert_eq!(envelope.key.as_deref(), Some("w"));
        for path in
            ["/hooks/a/orders", "/hooks/a/orders/", "/hooks//orders/b", "/hooks/a/orders/b/c"]
        {
            let answered = host.post(path, &[], b"").await;
            assert!(answered.body.starts_with("POST"), "the fallback has {path}");
        }
    });
}

#[test]
fn a_configuration_may_say_where_type_key_and_id_are() {
    run(async {
        let told = Source {
            event_type: Some(TypeFrom::parse("header:x-kind")),
            dedupe: Some(IdFrom::parse("query:id").unwrap()),
            key: Some(KeyFrom::Path("customer.id".into())),
            ..source("none")
        };
        let host = Host::new(vec![told]);
        let body = br#"{"customer":{"id":17}}"#;
        let answered = host.post("/in/none?a=b&id=q-1", &[("x-kind", "a/b")], body).await;
        assert_eq!(answered.status, 202);
        let arrival = host.stand.last();
        assert_eq!(&*arrival.envelope.event_type, "a.b");
        assert_eq!(arrival.envelope.key.as_deref(), Some("17"));
        assert_eq!(&*arrival.duplicate.unwrap().key, b"id:q-1");
        host.post("/in/none", &[], b"{}").await;
        let arrival = host.stand.last();
        assert_eq!(&*arrival.envelope.event_type, "none", "the source's name stands in");
        assert_eq!((arrival.envelope.key, arrival.duplicate), (None, None));
    });
}

#[test]
fn a_stale_or_future_timestamp_is_not_believed() {
    run(async {
        for preset in ["stripe", "slack", "standard-webhooks"] {
            let source = source(preset);
            let request = signed(&source, &[], b"{}");
            for (offset, status) in [(300, source.respond.status), (301, 401)] {
                let host = Host::new(vec![source.clone()]);
                host.clock.advance(std::time::Duration::from_secs(offset));
                assert_eq!(host.send(&request).await.status, status, "{preset} {offset}");
            }
        }
    });
}

#[test]
fn tables_that_could_not_work_are_refused() {
    let with = |change: fn(&mut Source)| {
        let mut source = source("none");
        change(&mut source);
        SourceTable::new(vec![source]).err()
    };
    for change in [
        (|s| s.path = "in/x".into()) as fn(&mut Source),
        |s| s.path = "/in/x y".into(),
        |s| s.path = "/in/x?y".into(),
        |s| s.path = "/in/../x".into(),
        |s| s.path = String::new(),
    ] {
        assert!(matches!(with(change), Some(BadTable::BadPath(..))));
    }
    for change in [
        (|s| s.path = "/".into()) as fn(&mut Source),
        |s| s.path = "/v1/events".into(),
        |s| s.path = "/api/v1/app".into(),
        |s| s.path = "/metrics".into(),
    ] {
        assert!(matches!(with(change), Some(BadTable::TakenPath(..))));
    }
    // They would take `/livez` and `/v1/key` too.
    for change in [(|s| s.path = "/{a}".into()) as fn(&mut Source), |s| s.path = "/{a}/{b}".into()]
    {
        assert!(matches!(with(change), Some(BadTable::OpenPath(..))));
    }
    for change in [
        (|s| s.headers = vec!["Authorization".into()]) as fn(&mut Source),
        |s| s.headers = vec!["cookie".into()],
        |s| s.headers = vec!["not a name".into()],
        |s| s.path = "/in/{host}".into(),
        |s| s.path = "/in/{}".into(),
        |s| {
            s.scheme = signature::Scheme::preset("github").unwrap();
            s.headers = vec!["X-Hub-Signature-256".into()];
        },
    ] {
        assert!(matches!(with(change), Some(BadTable::BadHeader(..))));
    }
    assert!(matches!(with(|s| s.respond.status = 302), Some(BadTable::BadStatus(..))));
    assert!(matches!(with(|s| s.body_bytes_max = 26 << 20), Some(BadTable::BodyTooLarge(_))));
    assert_eq!(with(|_| {}), None);
    let at = |path: &str| Source { path: path.into(), ..source("none") };
    for (one, other, is_shared) in [
        ("/a", "/a", true),
        ("/in/{a}/x", "/in/{b}/x", true),
        ("/in/{a}/x", "/in/{a}/y", false),
        ("/a", "/A", false),
    ] {
        let table = SourceTable::new(vec![at(one), at(other)]);
        assert_eq!(matches!(table, Err(BadTable::SharedPath(..))), is_shared, "{one} {other}");
    }
}

#[test]
fn an_exact_path_wins_over_a_pattern() {
    run(async {
        let at = |name: &str, path: &str| Source {
            name: name.into(),
            path: path.into(),
            ..source("none")
        };
        let host = Host::new(vec![at("any", "/in/{x}"), at("exact", "/in/exact")]);
        for (path, name) in [("/in/exact", "exact"), ("/in/other", "any")] {
            host.send(post(path, &[], SECRET.as_bytes())).await;
            assert_eq!(&*host.stand.last().envelope.source, name);
        }
    });
}
