//! A module is named by its digest, which is no secret.

use super::{OWN, THEIRS, World};
use crate::filters::push;
use crate::node::{Reply, request, with_body};
use control::Role;
use serde_json::json;

/// Every request that names a module, by a filter of this application's own.
fn naming(world: &World, module: &str) -> Vec<String> {
    let named = json!({ "module": module }).to_string();
    let tried = json!({ "filter": { "module": module } }).to_string();
    let path = format!("/v1/filter/{OWN}-filter");
    let ask = |verb: &str, path: &str, body: &str| with_body(verb, path, body, &[&world.bearer]);
    vec![
        ask("PUT", "/v1/filter/new", &named),
        ask("PUT", &path, &named),
        ask("PATCH", &path, &named),
        ask("PUT", &format!("{path}/candidate"), &named),
        ask("POST", &format!("{path}/dry-run"), &tried),
        ask("POST", "/v1/filter/none/dry-run", &tried),
    ]
}

fn told(replies: &[Reply]) -> Vec<(u16, &str)> {
    replies.iter().map(|reply| (reply.status, &*reply.body)).collect()
}

/// Of an upload that is kept alone, by this key.
fn staged(bearer: &str, module: &str) -> String {
    let length = format!("content-length: {}", module.len());
    let lines = [bearer, &*length, "content-type: application/wasm"];
    request("POST", "/v1/filter/new/version?stage=true", &lines) + module
}

#[test]
fn anothers_module_is_as_if_it_were_not_there() {
    let world = World::new(Role::Manager);
    let (node, theirs) = (&world.node, world.theirs.app());
    let there = |more: &str, module: &str| {
        let path = format!("/v1/filter/{THEIRS}-big/version?app={}{more}", theirs.as_str());
        let pushed = push(node, &path, module, &[]);
        assert!(matches!(pushed.status, 201 | 202), "{}", pushed.body);
        pushed.json()["module"].as_str().unwrap().to_owned()
    };
    let absent = node.ask(&naming(&world, &"0".repeat(64)));
    for module in [there("", "\0asm-in-force"), there("&stage=true", "\0asm-staged")] {
        let replies = node.ask(&naming(&world, &module));
        assert_eq!(told(&replies), told(&absent));
        assert!(replies.iter().all(|reply| reply.status == 422), "{:?}", told(&replies));
        // The operator may.
        let named = json!({ "module": module }).to_string();
        let path = format!("/v1/filter/operators?app={}", world.own.app().as_str());
        assert!(node.send("PUT", &path, &named, &[]).status < 202);
        // Then it is the application's too.
        let replies = node.ask(&naming(&world, &module));
        assert!(replies.iter().all(|reply| reply.status < 300), "{:?}", told(&replies));
    }
}

#[test]
fn an_application_names_what_it_brought() {
    let world = World::new(Role::Manager);
    let bring = staged(&world.bearer, "\0asm-own");
    let module = world.node.one(bring.clone()).json()["module"].as_str().unwrap().to_owned();
    // Each `ask` is a start of its own, and a start forgets what no filter is made of.
    let replies = world.node.ask(&naming(&world, &module));
    assert!(replies.iter().all(|reply| reply.status == 422), "{:?}", told(&replies));
    let requests: Vec<String> = [bring].into_iter().chain(naming(&world, &module)).collect();
    let replies = world.node.ask(&requests);
    assert!(replies.iter().all(|reply| reply.status < 300), "{:?}", told(&replies));
    let gone = request("DELETE", "/v1/filter/new", &[&world.bearer]);
    let again = naming(&world, &module);
    let replies = world.node.ask(&[&[gone][..], &again].concat());
    assert!(replies.iter().all(|reply| reply.status < 300), "{:?}", told(&replies));
}
