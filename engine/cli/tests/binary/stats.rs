use crate::nobody::nobody;
use crate::resources::Place;
use crate::serve::{Serving, receiver};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Asks until the counts are so, and answers what was told last.
fn until(place: &Place, line: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let told = place.json(line);
        if is_so(&told["total"]) || Instant::now() > end {
            return told;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_became_of_events_is_counted_over_a_restart() {
    let (hooks, received) = receiver();
    let mut place = Place::new();
    place.out(&format!("endpoint create --to {hooks} --uid all"));
    place.out(&format!("endpoint create --to {hooks} --uid large --where data.n>2"));
    place.out(&format!("endpoint create --to {} --uid dead --type order.*", nobody()));
    place.out("endpoint update dead --schedule 1ms");
    for n in 1..=4 {
        place.out(&format!("send --type order.paid --data {{\"n\":{n}}}"));
    }
    place.out("send --type user.new --data {\"n\":0}");
    for _ in 0..5 + 2 {
        received.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    let ended = |total: &Value| total["delivered"] == 7 && total["deadLetters"] == 4;
    let told = until(&place, "stats --last 1d --step 1h --by endpoint", ended);
    let total = &told["total"];
    let of = |counts: &Value| {
        ["accepted", "matched", "dropped", "delivered", "failedAttempts", "deadLetters"]
            .map(|name| counts[name].as_u64().unwrap())
    };
    assert_eq!(of(total), [5, 14, 3, 7, 8, 4]);
    let groups = told["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["lagEvents"].is_u64()), "{told}");
    let mut groups: Vec<_> =
        groups.iter().map(|group| (group["name"].clone(), of(group))).collect();
    groups.sort_by_key(|(name, _)| name.to_string());
    let wanted = [
        (json!("ep_1"), [0, 5, 0, 5, 0, 0]),
        (json!("ep_2"), [0, 5, 3, 2, 0, 0]),
        (json!("ep_3"), [0, 4, 0, 0, 8, 4]),
    ];
    assert_eq!(groups, wanted);
    assert_eq!(place.json("stats --type user.new")["total"]["accepted"], 1);
    let table = place.out("stats --last 1d --step 1h");
    assert!(
        table.contains("ACCEPTED") && table.contains('█') && table.contains("\nall "),
        "{table}"
    );
    let by_endpoint = place.out("stats --last 1d --step 1h --by endpoint");
    assert!(by_endpoint.contains("LAG S") && !table.contains("LAG"), "{by_endpoint}");
    place.run("stats --endpoint nothing").expect(1, "").says("no such endpoint");
    place.run("stats --app default --type other").expect(0, "").says("nothing was counted");
    place.run("stats --last soon").expect(2, "").says("30m");

    assert_eq!(place.serving.stop(), 0);
    place.serving = Serving::start(&place.folder);
    let again = place.json("stats --last 1d --step 1h");
    assert_eq!(of(&again["total"]), [5, 14, 3, 7, 8, 4]);
}
