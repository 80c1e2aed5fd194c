use crate::node::{Node, Reply, key, request, tenant};
use control::{Access, Operation, Principal, Role, Scope, Whose, captures, operations, permits};
use event::TenantId;

/// The roles that there are, with those bound to an application bound to `default`.
fn roles() -> Vec<Role> {
    vec![
        Role::Admin,
        Role::Manager(tenant()),
        Role::Producer { tenant: tenant(), types: None },
        Role::Reader(None),
        Role::Reader(Some(tenant())),
        Role::portal(tenant()),
    ]
}

/// A request for an operation of this application that has what it takes, but maybe the body.
fn ask(operation: &Operation, app: &str, key: &str) -> String {
    let path = captures(operation.path).fold(operation.path.to_owned(), |path, capture| {
        let value = if capture.name == "app_id" { app } else { capture.example };
        path.replace(&format!("{{{}}}", capture.name), value)
    });
    let path = match operation.query.iter().any(|parameter| parameter.name == "app") {
        true => format!("{path}?app={app}"),
        false => path,
    };
    // A stream that goes on would not come to its end.
    let path = if operation.id == "tail" { format!("{path}&follow=false") } else { path };
    let lines = match key {
        "" => vec![],
        key => vec![format!("authorization: Bearer {key}")],
    };
    let lines: Vec<&str> = lines.iter().map(|line| &**line).collect();
    request(operation.verb.name(), &path, &lines)
}

/// On a listener that others reach, so that nothing is open but what says so.
fn node() -> Node {
    let mut node = Node::new();
    node.is_loopback = false;
    node
}

fn is_open(operation: &Operation) -> bool {
    matches!(operation.scope, Scope::Anyone | Scope::Page)
}

#[test]
fn without_a_key_nothing_is_told_that_needs_one() {
    let mut node = node();
    let expired = key(&mut node, Role::Admin, 0);
    let unknown = format!("fbk_AAAAAAAAAA_{}", "A".repeat(43));
    let closed: Vec<_> = operations().filter(|operation| !is_open(operation)).collect();
    assert!(closed.len() >= 6);
    for bad in ["", "x", &*expired, &*unknown] {
        let requests: Vec<String> = closed.iter().map(|row| ask(row, "default", bad)).collect();
        for (row, reply) in closed.iter().zip(node.ask(&requests)) {
            assert_eq!(reply.status, 401, "{} with `{bad}`", row.id);
            assert!(reply.headers["www-authenticate"].starts_with("Bearer"), "{}", row.id);
            assert_eq!(reply.body, refused(&node, row, bad).body, "{}", row.id);
        }
    }
    assert!(node.commands.given.borrow().is_empty());
}

/// The same for an application that there is not: nobody is told which there are.
fn refused(node: &Node, operation: &Operation, key: &str) -> Reply {
    node.one(ask(operation, "nowhere", key))
}

#[test]
fn every_role_gets_what_the_table_says() {
    let mut node = node();
    for role in roles() {
        let bearer = key(&mut node, role.clone(), u64::MAX);
        let principal = Principal { id: "key".into(), role };
        for app in ["default", "other", "nowhere"] {
            let rows: Vec<_> =
                operations().filter(|row| app == "default" || row.is_in_app()).collect();
            let requests: Vec<String> = rows.iter().map(|row| ask(row, app, &bearer)).collect();
            for (row, reply) in rows.iter().zip(node.ask(&requests)) {
                let tenant = (app != "nowhere").then(|| TenantId::new(app));
                let whose = match row.is_in_app() {
                    true => Whose::App(tenant.as_ref()),
                    false => Whose::Node,
                };
                let access = permits(&principal, row.scope, whose);
                judge(access, &reply, &format!("{} {:?} {app}", row.id, principal.role));
            }
        }
    }
}

fn judge(access: Access, reply: &Reply, asked: &str) {
    let told = format!("{asked}: {} {}", reply.status, reply.body);
    match access {
        Access::Granted => assert!(!matches!(reply.status, 401 | 403 | 405 | 429), "{told}"),
        Access::Forbidden => assert_eq!(reply.status, 403, "{told}"),
        Access::Hidden => assert_eq!(reply.status, 404, "{told}"),
        Access::Unknown => panic!("{asked}: the key is known"),
    }
}
