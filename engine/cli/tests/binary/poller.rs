use crate::resources::{Place, ask};
use crate::serve::Serving;
use serde_json::Value;

fn get(place: &Place, path: &str) -> Value {
    let answer = ask(&place.serving.url, "GET", path, "");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn ids(page: &Value) -> Vec<&str> {
    let all = page["data"].as_array().unwrap().iter();
    all.map(|message| message["id"].as_str().unwrap()).collect()
}

#[test]
fn a_consumer_goes_on_after_the_server_was_killed() {
    let mut place = Place::new();
    place.out("endpoint create --to poll: --uid sink --type order.*");
    let send = |place: &Place, event_type: &str| {
        place.out(&format!("send --type {event_type} --data {{}}")).trim().to_owned()
    };
    let sent = ["order.a", "user.new", "order.b", "order.c"].map(|name| send(&place, name));
    let consumer = "/api/v1/app/default/poller/sink/consumer/me?limit=1";
    let first = get(&place, consumer);
    assert_eq!(ids(&first), [&*sent[0]]);
    let behind = format!("{consumer}&iterator={}", first["iterator"].as_str().unwrap());
    assert_eq!(ids(&get(&place, &behind)), [&*sent[2]]);

    place.serving.kill();
    place.serving = Serving::start(&place.folder);
    let next = get(&place, consumer);
    assert_eq!((ids(&next), &next["done"]), (vec![&*sent[2]], &false.into()));
    let behind = format!("{consumer}&iterator={}", next["iterator"].as_str().unwrap());
    let last = get(&place, &behind);
    assert_eq!((ids(&last), &last["done"]), (vec![&*sent[3]], &true.into()));
    // Nothing was owed to it, so nothing was tried.
    assert_eq!(place.json("dlq ls")["data"], serde_json::json!([]));
    assert_eq!(place.json("stats")["total"]["matched"], 0);
}
