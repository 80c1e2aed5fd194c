use crate::api::path::{Captured, Matched, find};
use crate::api::query::Query;
use crate::api::{Access, Deed, Parameter, Principal, Role, Scope, Token, Verb, Whose};
use crate::api::{captures, operations, permits};
use event::TenantId;
use hyper::Method;
use std::collections::BTreeSet;

fn found(method: Method, path: &str) -> Option<(&'static str, Captured)> {
    match find(&method, path) {
        Matched::Operation(operation, captured) => Some((operation.id, captured)),
        _ => None,
    }
}

#[test]
fn only_whole_paths_are_found() {
    let id = |path| found(Method::GET, path).map(|(id, _)| id);
    assert_eq!(id("/"), Some("node.notice"));
    assert_eq!(id("/v1/dead-letter"), Some("dead-letter.list"));
    assert_eq!(id("/v1/dead-letter/"), Some("dead-letter.list"));
    assert_eq!(id("/v1/dead%2Dletter/dl%5f1-0-0-0"), Some("dead-letter.get"));
    for path in [
        "",
        "*",
        "//",
        "/metrics/x",
        "/v1",
        "/v1//dead-letter",
        "/v1/dead-letter//",
        "/v1/dead-letter/1",
        "/v1/explain/",
        "/v1/explain/evt_0",
        "/Metrics",
        "/v1/admin",
        "/metrics%",
        "/metrics%2",
        "/metrics%2f",
        "/v1%2fdead-letter",
        "/v1/dead-letter/dl_1-0-0-0%00",
        "/v1/dead-letter/%ff",
    ] {
        assert_eq!(id(path), None, "{path}");
    }
}

#[test]
fn captures_are_decoded_and_named() {
    let (_, captured) = found(Method::GET, "/v1/dead-letter/%64l_1-0-0-0").unwrap();
    assert_eq!(captured.named("letter_id"), "dl_1-0-0-0");
    assert_eq!(captured.app(), None);
}

#[test]
fn every_row_of_the_table_holds_together() {
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations() {
        let id = operation.id;
        assert!(ids.insert(id), "{id} is there twice");
        assert!(places.insert((operation.verb, operation.path)), "{id} is hidden by another");
        assert!(!operation.answers.is_empty() && !operation.summary.is_empty(), "{id}");
        let is_within = matches!(operation.scope, Scope::Tenant(_) | Scope::Portal(_));
        assert!(!is_within || operation.is_in_app(), "{id}: which application?");
        // Svix's, by which a consumer says what it has received.
        let is_receipt = id == "v1.message.poller.consumer-poll";
        let only_reads = operation.verb == Verb::Get && !is_receipt;
        assert!(!only_reads || !is_write(operation.scope), "{id} only reads");
        let example = captures(operation.path).fold(operation.path.to_owned(), |path, capture| {
            path.replace(&format!("{{{}}}", capture.name), capture.example)
        });
        let method = operation.verb.name().parse().unwrap();
        assert_eq!(found(method, &example).unwrap().0, id, "{example} leads elsewhere");
    }
}

fn is_write(scope: Scope) -> bool {
    matches!(scope, Scope::Tenant(Deed::Write) | Scope::Portal(Deed::Write))
}

#[test]
fn queries_hold_known_names_alone() {
    const KNOWN: &[Parameter] =
        &[Parameter::of::<u64>("limit", ""), Parameter::of::<String>("name", "")];
    let query = Query::of("name=a%20b&name=c+d&limit=7&", KNOWN).unwrap();
    assert_eq!(query.all("name").collect::<Vec<_>>(), ["a b", "c d"]);
    assert_eq!(query.number("limit", 1..=7), Ok(Some(7)));
    assert!(query.number("limit", 8..=9).is_err() && query.one("name").is_err());
    for bad in ["x=1", "limit=%zz", "Limit=1", "li%00mit=1"] {
        assert!(Query::of(bad, KNOWN).is_err(), "{bad}");
    }
    assert!(format!("{:?}", Query::of("x", KNOWN)).contains("there are `limit`, `name`"));
}

#[test]
fn a_token_has_one_form() {
    let token = |id: &str, secret: &str| format!("fbk_{id}_{secret}");
    let secret = "A".repeat(43);
    assert_eq!(Token::read(&token("0aZ4567890", &secret)).unwrap().id, "0aZ4567890");
    for bad in [
        token("0aZ456789", &secret),
        token("0aZ45678901", &secret),
        token("0aZ456789_", &secret),
        token("0aZ45678é", &secret),
        token("0aZ4567890", &secret[1..]),
        token("0aZ4567890", &format!("{secret}A")),
        token("0aZ4567890", &format!("{}=", &secret[1..])),
        format!("fbk_{secret}"),
        String::new(),
    ] {
        assert!(Token::read(&bad).is_none(), "{bad}");
    }
}

fn principal(role: Role) -> Principal {
    Principal { id: "key".into(), role }
}

/// What each role may, scope by scope: on its own application, on another, on the node.
#[test]
fn roles_may_what_their_row_says() {
    use Access::{Forbidden as F, Granted as G, Hidden as H, Unknown as U};
    let own = TenantId::new("own");
    let [read, write, reveal, transform] = Deed::ALL;
    let scopes = [
        Scope::Anyone,
        Scope::Keyed,
        Scope::Apps,
        Scope::Read,
        Scope::Admin,
        Scope::Tenant(read),
        Scope::Tenant(write),
        Scope::Portal(read),
        Scope::Portal(write),
        Scope::Portal(reveal),
        Scope::Publish,
        Scope::Portal(transform),
    ];
    let producer = Role::Producer { tenant: own.clone(), types: None };
    let rows = [
        (Role::Nobody, [G, U, U, U, U, U, U, U, U, U, U, U], [G, U, U, U, U, U, U, U, U, U, U, U]),
        (Role::Admin, [G; 12], [G; 12]),
        (
            Role::Manager(own.clone()),
            [G, G, G, F, F, G, G, G, G, G, G, G],
            [G, H, H, H, H, H, H, H, H, H, H, H],
        ),
        (producer, [G, G, F, F, F, F, F, F, F, F, G, F], [G, H, H, H, H, H, H, H, H, H, H, H]),
        (
            Role::Reader(None),
            [G, G, G, G, F, G, F, G, F, F, F, F],
            [G, G, G, G, F, G, F, G, F, F, F, F],
        ),
        (
            Role::Reader(Some(own.clone())),
            [G, G, G, F, F, G, F, G, F, F, F, F],
            [G, H, H, H, H, H, H, H, H, H, H, H],
        ),
        (
            Role::portal(own.clone()),
            [G, G, F, F, F, F, F, G, G, G, F, G],
            [G, H, H, H, H, H, H, H, H, H, H, H],
        ),
    ];
    let other = TenantId::new("other");
    for (role, at_home, elsewhere) in rows {
        let role = principal(role);
        for (scope, (here, there)) in scopes.into_iter().zip(at_home.into_iter().zip(elsewhere)) {
            let asked = format!("{role:?} {scope:?}");
            assert_eq!(permits(&role, scope, Whose::App(Some(&own))), here, "{asked}");
            let others = permits(&role, scope, Whose::App(Some(&other)));
            assert_eq!(others, there, "{asked} of another");
            assert_eq!(permits(&role, scope, Whose::App(None)), others, "{asked} of none");
        }
    }
}

#[test]
fn what_is_bound_to_an_application_does_nothing_to_the_node() {
    let own = TenantId::new("own");
    for role in [Role::Manager(own.clone()), Role::Reader(Some(own.clone())), Role::portal(own)] {
        let role = principal(role);
        assert_eq!(permits(&role, Scope::Keyed, Whose::Node), Access::Granted);
        for scope in [Scope::Read, Scope::Local, Scope::Admin, Scope::Tenant(Deed::Read)] {
            assert_eq!(permits(&role, scope, Whose::Node), Access::Forbidden, "{scope:?}");
        }
    }
}
