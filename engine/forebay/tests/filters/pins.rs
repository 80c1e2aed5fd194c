//! Endpoints that pin a version of a filter.

use crate::canaries::plan_of;
use crate::engine::{run, shutdown};
use crate::receiver::Receiver;
use crate::request::{ADMIN, ask, open};
use crate::swaps::stamping;
use crate::{get, grow_old, kept, publish, push};
use forebay::Engine;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;

const VERSIONS: &str = "/v1/filter/f/version";

async fn make(at: SocketAddr, receiver: &Receiver, filter: &str) {
    let endpoint = json!({ "url": receiver.url(), "filters": [filter] });
    let (status, made) = ask(at, ADMIN, "POST", "/api/v1/app/default/endpoint", endpoint).await;
    assert_eq!((status, &made["filters"]), (201, &json!([filter])), "{made}");
}

fn bodies(receiver: &Receiver) -> Vec<String> {
    receiver.seen().iter().map(|seen| seen.body_text()).collect()
}

#[test]
fn one_runs_its_version_whatever_is_in_force_and_its_module_outlives_restarts() {
    let data = tempfile::tempdir().unwrap();
    let (pinned, other) = (Receiver::start(|_| 200), Receiver::start(|_| 200));
    run(async {
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        let first = push(at, VERSIONS, &stamping(1)).await;
        make(at, &pinned, &format!("f@{}", first["module"].as_str().unwrap())).await;
        make(at, &other, "f").await;
        let mut newest = Value::Null;
        for number in 2..=19 {
            newest = push(at, VERSIONS, &stamping(number)).await;
        }
        publish(&engine, &["a"]).await;
        pinned.wait_for(1).await;
        other.wait_for(1).await;
        assert_eq!(
            (bodies(&pinned), bodies(&other)),
            (vec!["0001".to_owned()], vec!["0019".to_owned()])
        );
        shutdown(engine).await;

        grow_old(data.path());
        let engine = open(data.path());
        let at = engine.addr().unwrap();
        // Those of the one in force, of the sixteen before it, and of the one that is pinned.
        assert_eq!(kept(data.path()).1, 2 * 18, "each with its compiled form");
        let trial = json!({ "module": first["module"], "canary": 99 });
        assert_eq!(ask(at, ADMIN, "PUT", "/v1/filter/f/candidate", trial).await.0, 201);
        let back = format!("{VERSIONS}/{}/restore", newest["version"].as_str().unwrap());
        assert_eq!(ask(at, ADMIN, "POST", &back, json!(null)).await.0, 200);
        push(at, VERSIONS, &stamping(20)).await;
        publish(&engine, &["b"]).await;
        pinned.wait_for(2).await;
        other.wait_for(2).await;
        assert_eq!((&*bodies(&pinned)[1], &*bodies(&other)[1]), ("0001", "0020"));
        shutdown(engine).await;
    });
}

#[test]
fn one_of_a_file_keeps_what_the_file_has_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("forebay.toml"), folder.path().join("data"));
    for number in 1..=3 {
        fs::write(folder.path().join(format!("{number}.wasm")), stamping(number)).unwrap();
    }
    let receiver = Receiver::start(|_| 200);
    let url = receiver.url();
    let write = |number: usize, filter: &str| {
        let text = format!(
            "data = {data:?}\n[delivery]\nallow_networks = [\"127.0.0.0/8\"]\n\
             [[filter]]\nname = \"f\"\nmodule = \"{number}.wasm\"\n\
             [[endpoint]]\nname = \"e\"\nurl = \"{url}\"\nfilters = [\"{filter}\"]\n\
             secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n"
        );
        fs::write(&file, text).unwrap();
        plan_of(&file).unwrap()
    };
    fs::create_dir(&data).unwrap();
    run(async {
        let engine = Engine::open(write(1, "f")).unwrap();
        let first = get(engine.addr().unwrap(), "/v1/filter/f").await;
        let pin = format!("f@{}", &first["module"].as_str().unwrap()[..12]);
        assert!(engine.apply(&write(2, &pin)).await.unwrap() > 0);
        publish(&engine, &["a"]).await;
        receiver.wait_for(1).await;
        shutdown(engine).await;

        let engine = Engine::open(write(3, &pin)).unwrap();
        publish(&engine, &["b"]).await;
        receiver.wait_for(2).await;
        assert_eq!(bodies(&receiver), ["0001", "0001"]);
        shutdown(engine).await;

        fs::remove_dir_all(&data).unwrap();
        fs::create_dir(&data).unwrap();
        let refused = Engine::open(write(3, &pin)).map(drop).unwrap_err().to_string();
        assert!(refused.contains("no version of filter `f` begins with"), "{refused}");
    });
}
