use crate::node::{Node, key, request};

/// Every route, with what it answers to whoever bears the key.
fn routes(event: &str) -> Vec<(&'static str, String, u16)> {
    vec![
        ("GET", "/".into(), 200),
        ("GET", "/livez".into(), 200),
        ("GET", "/readyz".into(), 200),
        ("GET", "/metrics".into(), 200),
        ("POST", "/v1/admin/reload".into(), 200),
        ("GET", "/v1/dead-letter/".into(), 200),
        ("GET", "/v1/dead-letter/dl_1-0-0-0".into(), 404),
        ("POST", "/v1/dead-letter/dl_1-0-0-0/redrive".into(), 202),
        ("POST", "/v1/dead-letter/dl_1-0-0-0/purge".into(), 204),
        ("GET", format!("/v1/explain/{event}"), 200),
    ]
}

/// What a request may bear in place of the key, and is none.
fn wrong_keys(node: &Node) -> Vec<Vec<String>> {
    let key = &node.key;
    let line = |value: &str| vec![format!("authorization: {value}")];
    vec![
        vec![],
        line(""),
        line("Bearer"),
        line("Bearer "),
        line(key),
        line(&format!("Basic {key}")),
        line(&format!("Bearer {}", &key[..key.len() - 1])),
        line(&format!("Bearer {key}x")),
        line(&format!("Bearer {}", key.to_uppercase())),
        line("Bearer fbk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        vec![node.bearer(), node.bearer()],
        vec![format!("x-api-key: {key}")],
        vec![format!("cookie: key={key}")],
    ]
}

fn matrix(is_loopback: bool) {
    let mut node = Node::new();
    node.is_loopback = is_loopback;
    let event = node.publish("order.paid", "{}").to_string();
    for (method, path, status) in routes(&event) {
        let is_open = match &*path {
            "/" | "/livez" | "/readyz" => true,
            "/metrics" => is_loopback,
            _ => false,
        };
        let wrong = wrong_keys(&node);
        let requests: Vec<String> = wrong
            .iter()
            .map(|lines| request(method, &path, &lines.iter().map(|l| &**l).collect::<Vec<_>>()))
            .collect();
        for (reply, lines) in node.ask(&requests).iter().zip(&wrong) {
            let expected = if is_open { status } else { 401 };
            assert_eq!(reply.status, expected, "{method} {path} with {lines:?}");
            assert!(!reply.body.contains(&node.key));
            if !is_open {
                assert_eq!(reply.headers["www-authenticate"], "Bearer realm=\"forebay\"");
                assert_eq!(reply.headers["content-type"], "application/problem+json");
            }
        }
        assert!(node.commands.given.borrow().is_empty(), "{method} {path} did something");
        let reply = node.one(request(method, &path, &[&node.bearer()]));
        assert_eq!(reply.status, status, "{method} {path} with the key: {}", reply.body);
        node.commands.given.borrow_mut().clear();
    }
}

#[test]
fn on_loopback_every_route_asks_for_the_key_it_needs() {
    matrix(true);
}

#[test]
fn elsewhere_the_metrics_need_the_key_too() {
    matrix(false);
}

#[test]
fn the_scheme_is_read_as_http_says() {
    let node = Node::new();
    let bearer = format!("authorization: bEARER  {}", node.key);
    assert_eq!(node.one(request("GET", "/v1/dead-letter", &[&bearer])).status, 200);
}

#[test]
fn a_page_from_elsewhere_reads_nothing_through_a_name_of_its_own() {
    let mut node = Node::new();
    let evil = "host: evil.example:8080";
    for path in ["/", "/metrics"] {
        let reply = node.one(request("GET", path, &[evil]));
        assert_eq!((reply.status, reply.json()["code"].as_str().unwrap()), (421, "host"), "{path}");
        for host in ["host: 127.0.0.1:1", "host: [::1]:1", "host: hooks.example.com"] {
            assert_eq!(node.one(request("GET", path, &[host])).status, 200, "{path} {host}");
        }
    }
    let scraper = node.one(request("GET", "/metrics", &[evil, &node.bearer()]));
    assert_eq!(scraper.status, 200, "whoever has the key is no page from elsewhere");
    node.is_loopback = false;
    assert_eq!(node.one(request("GET", "/", &[evil])).status, 200, "no rebinding to guard from");
}

#[test]
fn what_is_not_there_is_not_there_for_anyone() {
    let node = Node::new();
    for path in ["/x", "/v1", "/v1/explain/evt_1", "/v1/dead-letter/7", "/%2e%2e/metrics"] {
        let reply = node.one(request("GET", path, &[]));
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.headers["content-type"], "application/problem+json");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let node = Node::new();
    let with_key = |method, path| node.one(request(method, path, &[&node.bearer()]));
    for (method, path, allow) in [
        ("POST", "/metrics", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("OPTIONS", "/livez", "GET, HEAD"),
        ("TRACE", "/readyz", "GET, HEAD"),
        ("GET", "/v1/admin/reload", "POST"),
        ("PUT", "/v1/dead-letter/dl_1-0-0-0/purge", "POST"),
    ] {
        let reply = with_key(method, path);
        assert_eq!((reply.status, &*reply.headers["allow"]), (405, allow), "{method} {path}");
    }
    assert!(node.commands.given.borrow().is_empty());
    let head = with_key("HEAD", "/livez");
    assert_eq!((head.status, &*head.body), (200, ""));
}

#[test]
fn wrong_keys_shut_out_no_key_that_nobody_can_guess() {
    let mut node = Node::new();
    node.limits.failures_max = 3;
    let made = key(&mut node, control::Role::Reader(None), u64::MAX);
    let with = |token: &str| {
        request("GET", "/v1/dead-letter", &[&format!("authorization: Bearer {token}")])
    };
    let statuses = |node: &Node, own: &str| {
        let requests = [with("a"), with("b"), with("c"), with("d"), with(&made), with(own)];
        node.ask(&requests).iter().map(|reply| reply.status).collect::<Vec<_>>()
    };
    let own = node.key.clone();
    assert_eq!(statuses(&node, &own), [401, 401, 401, 429, 200, 200]);
    node.key = "sixteen-letters!".into();
    let own = node.key.clone();
    assert_eq!(statuses(&node, &own), [401, 401, 401, 429, 200, 429], "one that can be guessed");
}
